//! How does this host hold its addresses? The driver of [`node::Node`], on a thread of its own: neither a slow page nor a slow script may
//! delay an advertisement.
//!
//! ```text
//!   checks, commands ──┐
//!   VRRP packets (ports) ──┤                                 ┌─ Put, Remove, Announce, Ask ─> links, asking
//!   BGP (sessions) ────────┼─> inbox ─> driver ─> node::Node ┼─ Router, Peer ─> ports, sessions
//!   views of groups ───────┤              ▲                  ├─ Run, Changed ─> checks     Tickle, Cut ─> clients
//!   links, addresses ──────┘   orders ────┘                  └─ Tell ─> log                Will ─> guard
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`driver`] | how are events brought to the machine, and its orders carried out? |
//! | [`batch`] | in which order are many orders carried out? |
//! | [`compose`] | what does the file mean for the machine, and for its driver? |
//! | [`concerns`] | which clients, sockets and groups do they concern? |
//! | [`links`] | what of the host's links and addresses does the machine hear? |
//! | [`seen`] | how often did the kernel not tell, and how often was an interface away? |
//! | [`ports`] | how do VRRP's packets come and go? |
//! | [`mouths`] | by which sockets do routers speak and hear? |
//! | [`sessions`] | how do BGP sessions get their connections? |
//! | [`asking`] | has somebody on the link an address that is to come here? |
//! | [`claims`] | does another host say that it has one that is here? |
//! | [`ear`] | how does the event loop wait for a raw socket? |
//! | [`views`] | how does it hear who is master? |
//! | [`wills`] | what is the guard to do on the links as they are? |
//! | [`memory`] | what did an operator want before the last restart? |
//! | [`status`] | how do they stand, for people and programs? |
//! | [`telling`] | how is it logged? |

mod asking;
mod batch;
mod claims;
mod compose;
mod concerns;
mod driver;
mod ear;
mod links;
mod memory;
mod mouths;
mod ports;
mod seen;
mod sessions;
mod status;
mod telling;
mod views;
mod wills;

use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::Config;
use host::Store;
use node::Placed;
use node::event::Wish;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use view::GroupName;

use crate::clients::{self, Clients};
use crate::failure::Failure;
use crate::feeds::Feeds;
use crate::upgrade::Legacy;
use crate::{log, recorder};
pub(crate) use compose::sessions_begun_anew;
use driver::{Driver, Needs};
use memory::Memory;
pub(crate) use status::{AddressStatus, AddressesStatus};

/// What the rest of the program knows of the addresses. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Addresses(Arc<Inner>);

struct Inner {
    feeds: Feeds,
    clients: Clients,
    /// What those need who know of clients elsewhere.
    needs: clients::Needs,
    memory: Memory,
    recorder: recorder::Shared,
    events: mpsc::Sender<node::Event>,
    place: Mutex<Place>,
}

/// Where a driver is.
enum Place {
    /// Nowhere yet: the file had no addresses since the start.
    Empty { inbox: mpsc::Receiver<node::Event> },
    /// On a thread, which takes orders.
    Driven(mpsc::Sender<Order>),
    /// It could not begin.
    Broken,
}

/// What the driver is asked for from outside.
enum Order {
    /// The file says something else. Answered by what is called otherwise, as before and now.
    Configure { config: Box<Config>, done: oneshot::Sender<Vec<(String, String)>> },
    /// How do the addresses stand?
    Report(oneshot::Sender<AddressesStatus>),
    /// An operator wants something of an address. `false`: there is none of this name.
    Wish { address: String, wish: Wish, known: oneshot::Sender<bool> },
    /// Is nothing here any more that follows this group? Answered when it is so.
    HasLeft { group: GroupName, left: oneshot::Sender<()> },
    /// Is this address not here any more? Answered when it is so, or when nobody wants it away any more.
    IsAway { address: String, away: oneshot::Sender<()> },
    /// The process whose place we took has left.
    BeAlone,
    /// Give everything up in order, and end.
    Stop(oneshot::Sender<()>),
    /// End, and leave everything as it is: another process goes on with it.
    Leave(oneshot::Sender<()>),
}

/// What became of an operator's wish.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wished {
    /// Why the next start will not know of it, if it will not.
    pub(crate) forgets: Option<String>,
}

impl Addresses {
    /// None yet. `store`: where wishes survive a restart.
    pub(crate) fn new(feeds: Feeds, clients: Clients, needs: clients::Needs, store: Option<Arc<Store>>) -> Self {
        let (events, inbox) = mpsc::channel(MAX_INBOX);
        let (memory, place) = (Memory::of(store), Mutex::new(Place::Empty { inbox }));
        let recorder = recorder::Shared::default();
        recorder::write_on_panic(recorder.clone(), needs.node.flights().to_owned(), recorder::ADDRESSES);
        Self(Arc::new(Inner { feeds, clients, needs, memory, recorder, events, place }))
    }

    /// What an operator released that the disk does not know of: for who takes our place.
    pub(crate) fn forgotten_at_the_end(&self) -> Option<BTreeSet<String>> {
        self.0.memory.forgotten_at_the_end()
    }

    /// Holds those of the file, from here on. `legacy`: of another process of this host, which held them until now and lets us go on.
    ///
    /// # Errors
    /// This host does not let us see its links. Nothing is held.
    pub(crate) fn start(&self, config: &Config, legacy: Option<Legacy>) -> Result<(), Failure> {
        if config.addresses.is_empty() {
            return Ok(());
        }
        if let Some(released) = legacy.as_ref().and_then(|legacy| legacy.released.clone()) {
            // What that process had no disk for. Waits for ours.
            self.0.memory.inherit(released);
        }
        let mut place = self.place();
        let (orders, ordered) = mpsc::channel(MAX_ORDERS);
        let inbox = match std::mem::replace(&mut *place, Place::Broken) {
            Place::Empty { inbox } => inbox,
            Place::Broken => {
                return Err(Failure::host(
                    "the addresses could not be held when that was tried first: restart the node",
                ));
            }
            other => {
                *place = other;
                return Ok(());
            }
        };
        let told = self.0.clients.start(self.0.needs.clone(), self.0.events.clone());
        told.map_err(|e| Failure::host(format!("cannot start the thread that tells other nodes of clients: {e}")))?;
        let needs = Needs {
            config: config.clone(),
            feeds: self.0.feeds.clone(),
            clients: self.0.clients.clone(),
            memory: self.0.memory.clone(),
            recorder: self.0.recorder.clone(),
            handed: legacy.map(|legacy| legacy.held),
            events: self.0.events.clone(),
            inbox,
            ordered,
        };
        let (begun, beginning) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("addresses".to_owned()).spawn(move || live(needs, &begun));
        thread.map_err(|e| Failure::host(format!("cannot start the thread of addresses: {e}")))?;
        beginning.recv().unwrap_or_else(|_| Err(Failure::host("the thread of addresses ended at its start")))?;
        *place = Place::Driven(orders);
        Ok(())
    }

    /// Holds what the file says by now; what does not change stays without a gap.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(crate) async fn configure(&self, config: &Config) -> Result<Vec<(String, String)>, Failure> {
        let Some(orders) = self.orders() else { return self.start(config, None).map(|()| Vec::new()) };
        let (done, answer) = oneshot::channel();
        let sent = orders.send(Order::Configure { config: Box::new(config.clone()), done }).await;
        match (sent, answer.await) {
            (Ok(()), Ok(renames)) => Ok(renames),
            _ => Err(Failure::host("the thread of addresses has ended: restart the node")),
        }
    }

    /// How they stand. `None`: there are none.
    pub(crate) async fn report(&self) -> Option<AddressesStatus> {
        let (to, answer) = oneshot::channel();
        self.orders()?.send(Order::Report(to)).await.ok()?;
        timeout(PATIENCE, answer).await.ok()?.ok()
    }

    /// What of them is on interfaces by our order, or is this host's own and counts.
    pub(crate) async fn held(&self) -> Vec<(String, Placed)> {
        let addresses = self.report().await.unwrap_or_default().addresses.into_values();
        let of = |AddressStatus { interface, held, here, .. }: AddressStatus| {
            let held = held.into_iter().filter_map(|held| held.parse::<Placed>().ok());
            held.filter(move |held| here.contains(&held.ip))
                .map(move |held| (interface.clone(), held))
                .collect::<Vec<_>>()
        };
        addresses.flat_map(of).collect()
    }

    /// Writes what happened to them, and what was done. `None`: nothing did.
    pub(crate) fn write_flight_record(&self) -> Option<io::Result<PathBuf>> {
        let Inner { recorder, needs, .. } = &*self.0;
        let is_empty = recorder.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        (!is_empty).then(|| recorder::write(recorder, needs.node.flights(), recorder::ADDRESSES))
    }

    /// Waits until no address that follows the master of this group is on this host, as of all views that were published before. At once
    /// where none follows it. Whoever waits sets a bound to it: a command may take its time.
    pub(crate) fn has_left(&self, group: &GroupName) -> impl Future<Output = ()> + Send + use<> {
        let (orders, group) = (self.orders(), group.clone());
        async move {
            let (left, answer) = oneshot::channel();
            let Some(orders) = orders else { return };
            if orders.send(Order::HasLeft { group, left }).await.is_ok() {
                // A driver that has ended holds nothing, or another process does.
                let _ = answer.await;
            }
        }
    }

    /// Does what an operator wants of an address. Waits for the disk, and until what was released has left. The refusal is for people.
    pub(crate) async fn wish(&self, address: &str, wish: Wish) -> Result<Wished, String> {
        let unknown = || format!("this node has no address {address}: `standfast address` shows those that it has");
        let orders = self.orders().ok_or_else(unknown)?;
        let (known, answer) = oneshot::channel();
        let stopping = || "the node is stopping".to_owned();
        let order = Order::Wish { address: address.to_owned(), wish, known };
        let (away, gone) = oneshot::channel();
        let asked = Order::IsAway { address: address.to_owned(), away };
        orders.send(order).await.map_err(|_| stopping())?;
        if !answer.await.map_err(|_| stopping())? {
            return Err(unknown());
        }
        let (memory, address) = (self.0.memory.clone(), address.to_owned());
        let kept = tokio::task::spawn_blocking(move || memory.keep(&address, wish)).await;
        if wish == Wish::Release && orders.send(asked).await.is_ok() {
            // What lingers for longer than that was given another `linger` meanwhile. It leaves, and nobody needs to wait for it.
            let _ = timeout(LINGERING, gone).await;
        }
        Ok(Wished { forgets: kept.unwrap_or_else(|e| Err(e.to_string())).err() })
    }

    /// What is known of clients elsewhere.
    pub(crate) fn clients(&self) -> Option<clients::ClientsStatus> {
        self.0.clients.status()
    }

    /// The process that handed over to us has left them, or will within a moment.
    pub(crate) async fn be_alone(&self) {
        if let Some(orders) = self.orders() {
            // Its driver may have ended.
            let _ = orders.send(Order::BeAlone).await;
        }
    }

    /// Gives everything up in order: what was to be told to routers, neighbours and hooks was told then. Not for longer than
    /// [`STOPPING`].
    pub(crate) async fn stop(&self) {
        let Some(orders) = self.orders() else { return };
        let (done, answer) = oneshot::channel();
        if orders.send(Order::Stop(done)).await.is_ok() && timeout(STOPPING, answer).await.is_err() {
            tracing::error!(
                "the addresses could not be given up within {} s (does a `down` command hang?): going without that. The kernel takes them \
                 off when their lifetime is over",
                STOPPING.as_secs()
            );
        }
    }

    /// Ends, and leaves everything as it is: another process of this host goes on with it.
    pub(crate) async fn leave(&self) {
        let Some(orders) = self.orders() else { return };
        let (done, answer) = oneshot::channel();
        if orders.send(Order::Leave(done)).await.is_ok() {
            let _ = timeout(PATIENCE, answer).await;
        }
    }

    fn orders(&self) -> Option<mpsc::Sender<Order>> {
        if let Place::Driven(orders) = &*self.place() { Some(orders.clone()) } else { None }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of the driver's thread. How it began is told.
fn live(needs: Needs, begun: &std::sync::mpsc::Sender<Result<(), Failure>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let driven = runtime.map_err(|e| Failure::host(format!("cannot start the event loop of addresses: {e}")));
    let driven = driven.and_then(|runtime| {
        let driver = {
            let _inside = runtime.enter();
            Driver::begin(needs).map_err(|refused| Failure::host(format!("{refused}. No address is held")))?
        };
        Ok((runtime, driver))
    });
    let (told, driven) = match driven {
        Ok(driven) => (Ok(()), Some(driven)),
        Err(failure) => (Err(failure), None),
    };
    // Who waits for this lives.
    let _ = begun.send(told);
    let Some((runtime, driver)) = driven else { return };
    let run = AssertUnwindSafe(|| runtime.block_on(driver.run()));
    if catch_unwind(run).is_err() {
        // The guard takes the addresses away. A node that goes on would never hold one again, and nobody would notice.
        tracing::error!(
            "a bug ended the thread of addresses: the process ends with it. Whoever supervises it starts it anew"
        );
        log::flush();
        std::process::exit(PANICKED);
    }
}

/// What a Rust program ends with that panics.
const PANICKED: i32 = 101;
/// Events that wait for the driver. At the bound who brings them waits, and then the kernel's buffers do.
const MAX_INBOX: usize = 1_024;
/// Operators, reloads and looks of the page that wait for the driver.
const MAX_ORDERS: usize = 64;
/// How long a driver may take that is alive: it answers within a turn of its loop.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long what was released may stay: as long as the file lets it linger at most, and a moment.
const LINGERING: Duration = Duration::from_secs(12);
/// How long giving up may take: the machine waits for `down` commands for a minute; service managers wait for ninety seconds.
const STOPPING: Duration = Duration::from_secs(65);
