//! What is the same for every running node, whichever file it was started with? From the first word to the last.
//!
//! ```text
//!   machine ─> loop ─> ports answer ─> addresses ─> READY=1 … SIGTERM … STOPPING=1 ─> addresses leave ─> flight record
//!                                                           … upgrade … ─> clients drain
//! ```

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use host::Store;
use sd_notify::NotifyState;
use sentinel::{Announcement, Sentinel};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use view::Epoch;

use crate::addresses::Addresses;
use crate::clients::{self, Clients};
use crate::disk::Keep;
use crate::failure::Failure;
use crate::feeds::Feeds;
use crate::history::{History, Memory};
use crate::link::Ways;
use crate::node_loop::{Node, NodeLoop, Parts};
use crate::outside::{Outside, Plan};
use crate::reload::{Origin, Reloader};
use crate::status::Source;
use crate::traffic::Traffic;
use crate::upgrade::{Goods, Order, Predecessor, Upgrader};
use crate::{admin, control, identity, recorder, serve, tls, upgrade};

/// A node that is about to live.
pub(crate) struct Life {
    /// What it is called.
    pub(crate) name: String,
    pub(crate) machine: Sentinel,
    pub(crate) ways: Ways,
    /// Where its state goes.
    pub(crate) keep: Box<dyn Keep>,
    /// Where failovers are remembered over a restart, if anywhere.
    pub(crate) memory: Option<Memory>,
    /// The control socket, where an operator has to name it because no file of ours does.
    pub(crate) ask_at: Option<PathBuf>,
    /// The directory for flight records.
    pub(crate) flights: PathBuf,
    /// Whether one is written at the end, too.
    pub(crate) records_its_end: bool,
    /// Its file and what that said, if it is ours: what is needed to take it up anew.
    pub(crate) origin: Option<Origin>,
    /// How an event is logged.
    pub(crate) tell: fn(&Announcement, Epoch),
    pub(crate) feeds: Feeds,
    /// The groups that nodes do not vote on.
    pub(crate) outside: Plan,
    pub(crate) traffic: Traffic,
    /// Whom other nodes tell which clients they serve, as the Sentinel port knows it.
    pub(crate) clients: Clients,
    pub(crate) doors: Doors,
    /// Makes the Sentinel port out of the node that lives.
    pub(crate) port: OpenPort,
    /// What the service manager is told once all of it works.
    pub(crate) summary: String,
}

/// How the Sentinel port is made.
pub(crate) type OpenPort = Box<dyn FnOnce(&Node) -> Arc<serve::Port>>;

/// Where it listens, already bound.
pub(crate) struct Doors {
    /// The Sentinel protocol.
    pub(crate) sentinel: Vec<TcpListener>,
    /// The same, encrypted.
    pub(crate) encrypted: Vec<(TcpListener, tls::Acceptor)>,
    /// The same for this host's programs, through a file.
    pub(crate) local: Option<(UnixListener, PathBuf)>,
    /// The page, if there is one.
    pub(crate) admin: Option<TcpListener>,
    /// The control socket, if it could be made.
    pub(crate) control: Option<UnixListener>,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Somebody ended it.
    Stopped,
    /// Another process has taken its place, with all sockets: what is on the disk is that one's.
    Replaced,
}

impl Life {
    /// Lives until a signal ends it, or another process takes its place. `predecessor`: the one whose place this one takes, which waits
    /// for a word.
    pub(crate) fn live(self, predecessor: Option<Predecessor>) -> Result<End, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Failure::host(format!("cannot start the event loop: {e}")))?;
        runtime.block_on(self.run(predecessor))
    }

    async fn run(self, predecessor: Option<Predecessor>) -> Result<End, Failure> {
        let Self { name, machine, ways, keep, memory, ask_at, flights, records_its_end, .. } = self;
        let Self { origin, tell, feeds, outside, traffic, clients, doors, port, summary, .. } = self;
        let recorder = recorder::Shared::new(Mutex::default());
        recorder::write_on_panic(recorder.clone(), flights.clone(), recorder::FLIGHT);
        let to_partners = ways.clone();
        let parts = Parts { machine, recorder, ways, keep, flights, tell, feeds: feeds.clone() };
        let (mut node_loop, node) =
            NodeLoop::new(parts).map_err(|e| Failure::host(format!("cannot start the disk's thread: {e}")))?;
        let history = History::open(node.clone(), memory.as_ref(), ask_at);
        tokio::spawn(history.clone().keep(traffic.clone(), memory));
        let outside = Outside::start(outside, &feeds);
        let (config, store) = origin.as_ref().map(|o| (o.config.clone(), o.store.clone())).unzip();
        let needs =
            clients::Needs { name: name.clone(), node: node.clone(), ways: to_partners, traffic: traffic.clone() };
        let addresses = Addresses::new(feeds.clone(), clients, needs, store.flatten());
        node_loop.tie(addresses.clone());
        let source =
            Source { name, node: node.clone(), traffic, feeds, outside, history, addresses: addresses.clone() };
        let port = port(&node);
        let (mut house, mut orders) = House::new(doors, port.clone(), source.clone(), origin);
        house.open().map_err(|e| Failure::host(format!("cannot watch a listening socket: {e}")))?;
        let stop = signals(house.operator.clone());
        let mut stop = pin!(stop.map_err(|e| Failure::host(format!("cannot watch for signals: {e}")))?);
        if let Some(config) = &config {
            addresses.start(config, predecessor.as_ref().map(Predecessor::legacy))?;
        }
        notify(&[NotifyState::Ready, NotifyState::Status(&summary)]);
        if let Some(predecessor) = predecessor {
            predecessor.done(&source.traffic);
            tokio::spawn(be_alone(addresses.clone()));
        }
        let left = loop {
            tokio::select! {
                () = node_loop.run() => break None,
                () = port.stop_asked() => {
                    tracing::warn!("User requested shutdown...");
                    break None;
                }
                signal = &mut stop => {
                    tracing::info!("{signal}: stopping");
                    break None;
                }
                Some(order) = orders.recv() => {
                    let left = house.hand_over(order, &mut node_loop).await?;
                    if left.is_some() {
                        break left;
                    }
                }
            }
        };
        if let Some(left) = left {
            // Until this moment both held them.
            addresses.leave().await;
            drop(node_loop);
            port.close_all();
            left.drain(&source, stop).await;
            return Ok(End::Replaced);
        }
        notify(&[NotifyState::Stopping]);
        // Before anything that stands behind them ends.
        tokio::select! {
            () = addresses.stop() => {}
            () = node_loop.run() => {}
        }
        if records_its_end {
            write_flight_records(&node, &addresses);
        }
        Ok(End::Stopped)
    }
}

/// The process that handed over to us leaves its addresses as soon as it knows that all is done.
async fn be_alone(addresses: Addresses) {
    tokio::time::sleep(LEAVING).await;
    addresses.be_alone().await;
}

fn write_flight_records(node: &Node, addresses: &Addresses) {
    for written in [Some(node.write_flight_record()), addresses.write_flight_record()].into_iter().flatten() {
        match written {
            Ok(path) => tracing::info!("flight record: {}", path.display()),
            Err(e) => tracing::warn!("the flight record could not be written: {e}"),
        }
    }
}

/// Everything that lets somebody in: opened, and closed while another process tries to take our place.
struct House {
    doors: Doors,
    port: Arc<serve::Port>,
    source: Source,
    page: admin::Page,
    operator: Operator,
    /// Where the state is read from if the machine has to begin anew.
    store: Option<Arc<Store>>,
    open: Vec<AbortHandle>,
}

impl House {
    /// Orders to hand over come to the receiver; none where the node lives on no file of ours.
    fn new(
        mut doors: Doors,
        port: Arc<serve::Port>,
        source: Source,
        origin: Option<Origin>,
    ) -> (Self, mpsc::Receiver<Order>) {
        let page = admin::Page::default();
        page.set(doors.admin.take());
        let store = origin.as_ref().and_then(|origin| origin.store.clone());
        let (orders, taken) = mpsc::channel(1);
        let operator = origin.map_or_else(Operator::default, |origin| {
            let reloader = Reloader::new(origin, source.clone(), page.clone());
            Operator { upgrader: Some(Upgrader::new(orders, reloader.clone())), reloader: Some(reloader) }
        });
        (Self { doors, port, source, page, operator, store, open: Vec::new() }, taken)
    }

    /// Begins to answer on every port, beside the loop.
    fn open(&mut self) -> std::io::Result<()> {
        let Doors { sentinel, encrypted, local, control, .. } = &self.doors;
        let port = || Arc::clone(&self.port);
        for listener in sentinel {
            let listener = tokio::net::TcpListener::from_std(listener.try_clone()?)?;
            self.open.push(tokio::spawn(port().run(listener)).abort_handle());
        }
        for (listener, acceptor) in encrypted {
            let listener = tokio::net::TcpListener::from_std(listener.try_clone()?)?;
            self.open.push(tokio::spawn(port().run_tls(listener, acceptor.clone())).abort_handle());
        }
        if let Some((listener, path)) = local {
            let listener = tokio::net::UnixListener::from_std(listener.try_clone()?)?;
            self.open.push(tokio::spawn(port().run_unix(listener, path.clone())).abort_handle());
        }
        if let Some(listener) = control {
            let listener = listener.try_clone()?;
            let server = control::Server { source: self.source.clone(), operator: self.operator.clone() };
            let serving = tokio::spawn(async move {
                if let Err(e) = server.run(listener).await {
                    tracing::error!("the control socket is gone: {e}; everything else goes on");
                }
            });
            self.open.push(serving.abort_handle());
        }
        self.page.open(&self.source);
        Ok(())
    }

    /// Lets nobody in. Who comes waits in the kernel's queues, for us or for another process.
    fn close(&mut self) {
        self.open.drain(..).for_each(|task| task.abort());
        self.page.close();
    }

    /// The lock, and copies of all listening sockets.
    fn goods(&self) -> std::io::Result<Goods> {
        let lock = self.store.as_ref().map(|store| store.lock().try_clone()).transpose()?;
        let mut sockets = Vec::new();
        for listener in &self.doors.sentinel {
            sockets.push(listener.try_clone()?.into());
        }
        if let Some(listener) = &self.doors.control {
            sockets.push(listener.try_clone()?.into());
        }
        sockets.extend(self.page.socket()?);
        sockets.extend(self.source.traffic.sockets()?);
        Ok(Goods { lock: lock.map(OwnedFd::from), sockets })
    }

    /// What another program needs for our place, or the place itself. `None`: we go on.
    ///
    /// # Errors
    /// When we cannot go on either.
    async fn hand_over(&mut self, order: Order, node_loop: &mut NodeLoop) -> Result<Option<upgrade::Left>, Failure> {
        let begun = match order {
            Order::Lend(answer) => {
                // Who asked may have gone away.
                let _ = answer.send(self.goods());
                return Ok(None);
            }
            Order::Begin(begun) => begun,
        };
        self.close();
        let left = if node_loop.pause().await {
            let left = begun.begin(&self.source).await;
            if left.is_none() {
                let state = self.store.as_ref().map(|store| identity::state(store)).transpose()?;
                node_loop.restart(state.unwrap_or_default());
            }
            left
        } else {
            begun.give_up("the disk was too slow: what was to be saved was not saved in time");
            None
        };
        if left.is_some() && self.doors.control.is_some() {
            // The other process tells of these groups, too.
            self.source.outside.apply(Plan::default(), &self.source.feeds);
        }
        if left.is_none() {
            self.open().map_err(|e| Failure::host(format!("cannot watch a listening socket: {e}")))?;
        }
        Ok(left)
    }
}

/// What an operator can have done, by the control socket and by signals. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Operator {
    /// `None`: the node lives on no file of ours.
    pub(crate) reloader: Option<Reloader>,
    pub(crate) upgrader: Option<Upgrader>,
}

/// Takes up the file at each SIGHUP, and lets the program of the disk take our place at SIGUSR2. Ends when the node shall stop, with the
/// signal's name.
fn signals(operator: Operator) -> std::io::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Not handled, these would end the node without a word.
    let mut hangup = signal(SignalKind::hangup())?;
    let mut upgrade = signal(SignalKind::user_defined2())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return "SIGTERM",
                _ = interrupt.recv() => return "SIGINT",
                _ = hangup.recv() => on_hangup(operator.reloader.clone()),
                _ = upgrade.recv() => on_upgrade(operator.upgrader.clone()),
            }
        }
    })
}

fn on_hangup(reloader: Option<Reloader>) {
    match reloader {
        // Beside the watch for signals: the node can be ended meanwhile.
        Some(reloader) => drop(tokio::spawn(async move {
            // The log has it.
            let _ = reloader.reload("SIGHUP").await;
        })),
        None => tracing::info!("SIGHUP: the file is read at the start only; commands change it"),
    }
}

fn on_upgrade(upgrader: Option<Upgrader>) {
    match upgrader {
        Some(upgrader) => drop(tokio::spawn(async move {
            // The log has it.
            let _ = upgrader.upgrade(None, "SIGUSR2").await;
        })),
        None => tracing::info!("SIGUSR2: only a node that lives on a file of ours hands over to another process"),
    }
}

/// Tells the service manager.
pub(crate) fn notify(states: &[NotifyState<'_>]) {
    // Without a service manager there is nobody to tell.
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("the service manager was not told: {e}");
    }
}

/// How long a process takes to leave its addresses to us once it knows that all is done.
const LEAVING: std::time::Duration = std::time::Duration::from_millis(50);
