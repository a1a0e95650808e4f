//! How is the state saved? On a thread of its own, because an fsync can take a second, and a node that stands still for a second would
//! be taken for dead by the others.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use host::HostRefused;
use sentinel::{Config, Event, State};
use tokio::sync::mpsc;

use crate::node_loop::Input;

/// Where a node keeps what must survive a restart.
pub(crate) trait Keep: Send + 'static {
    /// Writes it, and waits until it is durable. `config` is what the machine is told at that moment, with all changes by command.
    ///
    /// # Errors
    /// When it is not, or not surely, on the disk.
    fn keep(&self, config: &Config, state: &State) -> Result<(), HostRefused>;
}

/// Nowhere: nobody votes, so nothing has to survive.
pub(crate) struct Nowhere;

impl Keep for Nowhere {
    fn keep(&self, _: &Config, _: &State) -> Result<(), HostRefused> {
        Ok(())
    }
}

/// What shall be written.
pub(crate) struct Order {
    pub(crate) seq: u64,
    pub(crate) config: Config,
    pub(crate) state: State,
}

/// Where saves go. Dropping it ends the thread, and with it its hold of the place, after the save that is under way.
pub(crate) struct Disk {
    saves: SyncSender<Order>,
}

impl Disk {
    /// Takes the place where the state is kept.
    pub(crate) fn start(keep: Box<dyn Keep>, inbox: mpsc::Sender<Input>) -> std::io::Result<Self> {
        let (saves, orders) = sync_channel::<Order>(MAX_WAITING);
        thread::Builder::new().name("disk".to_owned()).spawn(move || {
            for Order { seq, config, state } in orders {
                let event = match keep.keep(&config, &state) {
                    Ok(()) => Event::Saved { seq },
                    Err(e) => {
                        tracing::error!(
                            seq,
                            "{e}. No vote is given and no failover led until it can be saved; trying again"
                        );
                        Event::SaveFailed { seq }
                    }
                };
                if inbox.blocking_send(Input::Happened(event)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { saves })
    }

    /// Orders a save; what becomes of it is an event. Whether it was taken: not when too many are under way, which the machine
    /// never does.
    #[must_use]
    pub(crate) fn save(&self, order: Order) -> bool {
        self.saves.try_send(order).is_ok()
    }
}

/// The machine has one save under way at a time.
const MAX_WAITING: usize = 2;
