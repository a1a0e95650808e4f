//! How is the state saved? On a thread of its own, because an fsync can take a second, and a node that stands still for a second would
//! be taken for dead by the others.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use host::Store;
use sentinel::{Event, State};
use tokio::sync::mpsc;

use crate::identity;
use crate::node_loop::Input;

/// Where saves go. Dropping it ends the thread, and with it the lock on the state directory, after the save that is under way.
pub(crate) struct Disk {
    saves: SyncSender<(u64, State)>,
}

impl Disk {
    /// Takes the state directory.
    pub(crate) fn start(store: Store, inbox: mpsc::Sender<Input>) -> std::io::Result<Self> {
        let (saves, orders) = sync_channel::<(u64, State)>(MAX_WAITING);
        thread::Builder::new().name("disk".to_owned()).spawn(move || {
            for (seq, state) in orders {
                let event = match identity::save(&store, &state) {
                    Ok(()) => Event::Saved { seq },
                    Err(e) => {
                        tracing::error!(
                            seq,
                            "{e} No vote is given and no failover led until it can be saved; trying again"
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
    pub(crate) fn save(&self, seq: u64, state: State) -> bool {
        self.saves.try_send((seq, state)).is_ok()
    }
}

/// The machine has one save under way at a time.
const MAX_WAITING: usize = 2;
