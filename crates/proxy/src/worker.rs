//! What does one thread own, and how does it end?

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use machine::Instant;
use session::{Rules, Spare};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::spawn_local;
use tracing::debug;
use view::View;

use crate::client::Client;
use crate::closing::ClosingLog;
use crate::counters::Counters;
use crate::feed::Feed;
use crate::listener::Acceptor;
use crate::socket;

/// Bytes that are read at once. A large value passes in pieces of this size; small requests of a deep pipeline come in one.
const SCRATCH: usize = 64 * 1024;

/// What the clients of one thread share. Nothing of it is seen by other threads, but for the counters.
pub(crate) struct Worker {
    pub(crate) clock: fn() -> Instant,
    pub(crate) scratch: RefCell<Vec<u8>>,
    pub(crate) spare: RefCell<Spare>,
    /// One for each listener.
    pub(crate) desks: Vec<Desk>,
    load: Arc<AtomicUsize>,
    /// Told when a client went: the end of the worker waits for the last one.
    went: Notify,
}

/// What one listener is on one thread.
pub(crate) struct Desk {
    pub(crate) feed: Rc<Feed>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) closings: Arc<ClosingLog>,
}

/// A client that was accepted, on its way to its worker.
pub(crate) struct Handed {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) listener: usize,
    pub(crate) ticket: u64,
}

/// What a worker needs to know of a listener.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) rules: Arc<Rules>,
    pub(crate) view: watch::Receiver<Arc<View>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) closings: Arc<ClosingLog>,
}

/// What the thread is given at its start.
pub(crate) struct Errand {
    pub(crate) clock: fn() -> Instant,
    pub(crate) lines: Vec<Line>,
    pub(crate) handed: mpsc::Receiver<Handed>,
    pub(crate) load: Arc<AtomicUsize>,
    pub(crate) stop: watch::Receiver<Option<Duration>>,
    /// Only one worker accepts.
    pub(crate) acceptors: Vec<Acceptor>,
}

/// A runtime for one thread. Made before the thread, so that a refusal of the kernel is told to whoever starts the proxy.
fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

impl Errand {
    /// Lives on its own thread until it is told to stop and its clients are gone. `ready` hears whether it began.
    pub(crate) fn run(self, ready: &std::sync::mpsc::Sender<io::Result<()>>) {
        match runtime() {
            Ok(runtime) => {
                // Whoever starts us waits for this; if it does not any more, the stop is on its way.
                let _ = ready.send(Ok(()));
                runtime.block_on(self.work());
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        }
    }

    async fn work(self) {
        let Self { clock, lines, mut handed, load, mut stop, acceptors } = self;
        let mut desks = Vec::with_capacity(lines.len());
        for Line { rules, view, counters, closings } in lines {
            let feed = Rc::new(Feed::new(rules, view.borrow().clone()));
            let follower = feed.clone();
            spawn_local(async move { follower.follow(view).await });
            let log = closings.clone();
            spawn_local(async move { log.tell().await });
            desks.push(Desk { feed, counters, closings });
        }
        let worker = Rc::new(Worker {
            clock,
            scratch: RefCell::new(vec![0; SCRATCH]),
            spare: RefCell::new(Spare::new()),
            desks,
            load,
            went: Notify::new(),
        });
        let accepting: Vec<_> = acceptors.into_iter().map(|acceptor| spawn_local(acceptor.accept())).collect();
        let deadline = loop {
            tokio::select! {
                Some(client) = handed.recv() => worker.clone().on_handed(client),
                // The proxy is told to stop, or is gone.
                stopped = stop.wait_for(Option::is_some) => {
                    break stopped.ok().and_then(|d| *d).unwrap_or_default();
                }
            }
        };
        for task in accepting {
            task.abort();
        }
        handed.close();
        while let Ok(client) = handed.try_recv() {
            drop(client);
            worker.client_went();
        }
        worker.drain(deadline).await;
    }
}

impl Worker {
    fn on_handed(self: Rc<Self>, client: Handed) {
        let Handed { socket, peer, listener, ticket } = client;
        let socket = TcpStream::from_std(socket).and_then(|s| socket::tune_client(&s).map(|()| s));
        match socket {
            Ok(socket) => {
                spawn_local(Client::new(self, listener, socket, peer, ticket));
            }
            // It went before it came.
            Err(error) => {
                debug!(%peer, %error, "client lost");
                self.client_went();
            }
        }
    }

    pub(crate) fn client_went(&self) {
        self.load.fetch_sub(1, Relaxed);
        self.went.notify_one();
    }

    /// Idle sessions end at once, others when they have what they are owed, the rest at the deadline.
    async fn drain(&self, deadline: Duration) {
        for desk in &self.desks {
            desk.feed.drain();
        }
        let all_gone = async {
            while self.load.load(Relaxed) > 0 {
                self.went.notified().await;
            }
        };
        if tokio::time::timeout(deadline, all_gone).await.is_err() {
            debug!(clients = self.load.load(Relaxed), "clients cut at the deadline");
        }
    }
}
