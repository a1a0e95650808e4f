//! What is the same for every running node, whichever file it was started with? From the first word to the last.
//!
//! ```text
//!   machine ─> loop ─> ports answer ─> READY=1 … SIGTERM … STOPPING=1 ─> flight record
//! ```

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use sd_notify::NotifyState;
use sentinel::{Announcement, Sentinel};
use tokio::signal::unix::{SignalKind, signal};
use view::Epoch;

use crate::disk::Keep;
use crate::failure::Failure;
use crate::feeds::Feeds;
use crate::history::{History, Memory};
use crate::link::Ways;
use crate::node_loop::{Node, NodeLoop, Parts};
use crate::outside::{self, Outside};
use crate::reload::{Origin, Reloader};
use crate::status::Source;
use crate::traffic::Traffic;
use crate::{admin, control, recorder, serve, tls};

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
    pub(crate) outside: outside::Plan,
    pub(crate) traffic: Traffic,
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

impl Life {
    /// Lives until a signal ends it.
    pub(crate) fn live(self) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Failure::host(format!("cannot start the event loop: {e}")))?;
        runtime.block_on(self.run())
    }

    async fn run(self) -> Result<(), Failure> {
        let Self {
            name,
            machine,
            ways,
            keep,
            memory,
            ask_at,
            flights,
            records_its_end,
            origin,
            tell,
            feeds,
            outside,
            traffic,
            doors,
            port,
            summary,
        } = self;
        let recorder = recorder::Shared::new(Mutex::default());
        recorder::write_on_panic(recorder.clone(), flights.clone());
        let parts = Parts { machine, recorder, ways, keep, flights, tell, feeds: feeds.clone() };
        let (mut node_loop, node) =
            NodeLoop::new(parts).map_err(|e| Failure::host(format!("cannot start the disk's thread: {e}")))?;
        let history = History::open(node.clone(), memory.as_ref(), ask_at);
        tokio::spawn(history.clone().keep(traffic.clone(), memory));
        let outside = Outside::start(outside, &feeds);
        let source = Source { name, node: node.clone(), traffic, feeds, outside, history };
        let port = port(&node);
        let page = doors.admin.map(|listener| admin::start(listener, source.clone()));
        let reloader = origin.map(|origin| Reloader::new(origin, source.clone(), page));
        let doors = Doors { admin: None, ..doors };
        open(doors, &port, &source, reloader.clone())
            .map_err(|e| Failure::host(format!("cannot watch a listening socket: {e}")))?;
        let stop = signals(reloader).map_err(|e| Failure::host(format!("cannot watch for signals: {e}")))?;
        notify(&[NotifyState::Ready, NotifyState::Status(&summary)]);
        tokio::select! {
            () = node_loop.run() => {}
            () = port.stop_asked() => tracing::warn!("User requested shutdown..."),
            signal = stop => tracing::info!("{signal}: stopping"),
        }
        notify(&[NotifyState::Stopping]);
        if records_its_end {
            match node.write_flight_record() {
                Ok(path) => tracing::info!("flight record: {}", path.display()),
                Err(e) => tracing::warn!("the flight record could not be written: {e}"),
            }
        }
        Ok(())
    }
}

/// Begins to answer on every port, beside the loop.
fn open(doors: Doors, port: &Arc<serve::Port>, source: &Source, reloader: Option<Reloader>) -> std::io::Result<()> {
    for listener in doors.sentinel {
        tokio::spawn(Arc::clone(port).run(tokio::net::TcpListener::from_std(listener)?));
    }
    for (listener, acceptor) in doors.encrypted {
        tokio::spawn(Arc::clone(port).run_tls(tokio::net::TcpListener::from_std(listener)?, acceptor));
    }
    if let Some((listener, path)) = doors.local {
        tokio::spawn(Arc::clone(port).run_unix(tokio::net::UnixListener::from_std(listener)?, path));
    }
    if let Some(listener) = doors.control {
        let source = source.clone();
        tokio::spawn(async move {
            if let Err(e) = (control::Server { source, reloader }).run(listener).await {
                tracing::error!("the control socket is gone: {e}; everything else goes on");
            }
        });
    }
    Ok(())
}

/// Takes up the file at each SIGHUP. Ends when the node shall stop, with the signal's name.
fn signals(reloader: Option<Reloader>) -> std::io::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Not handled, it would end the node without a word.
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return "SIGTERM",
                _ = interrupt.recv() => return "SIGINT",
                _ = hangup.recv() => on_hangup(reloader.clone()),
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

/// Tells the service manager.
pub(crate) fn notify(states: &[NotifyState<'_>]) {
    // Without a service manager there is nobody to tell.
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("the service manager was not told: {e}");
    }
}
