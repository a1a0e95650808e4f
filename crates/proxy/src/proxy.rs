//! How is the proxy started, seen and stopped?

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use machine::Instant;
use session::Rules;
use tokio::sync::watch;
use view::View;

use crate::change::{Bound, Listening, Open};
use crate::counters::{ListenerStats, ProxyStats};
use crate::edge::{Edge, Endpoint};
use crate::feed::Follower;
use crate::kill::Book;
use crate::listener::Entrance;
use crate::post::{Door, Order};
use crate::socket::ListeningSocket;
use crate::worker::{Errand, Worker};

/// What concerns the proxy as a whole.
#[derive(Clone, Copy, Debug)]
pub struct ProxyConfig {
    /// Threads that move bytes; `None`: half of the processors, at least one. Few busy threads batch better than many idle
    /// ones, and Redis itself needs a processor.
    pub workers: Option<usize>,
    /// Clients of all listeners together. Whoever comes then is told so, as Redis tells it.
    pub max_clients: usize,
    /// The clock that the whole process measures by.
    pub clock: fn() -> Instant,
}

/// Where clients come in.
#[derive(Debug)]
pub struct Listener {
    /// What it is called in logs and numbers.
    pub name: String,
    /// Where to listen.
    pub addr: Endpoint,
    /// A socket that is listening already, taken over from another process. `None`: one is made.
    pub socket: Option<ListeningSocket>,
    /// What its clients are owed.
    pub rules: Rules,
    /// Who may come in, and how.
    pub edge: Edge,
    /// The truth about its group. When its source is gone, the last view stays.
    pub view: watch::Receiver<Arc<View>>,
}

/// The host did not let the proxy begin.
#[derive(Debug)]
pub struct StartFailed {
    /// What was tried, so that "could not ..." can stand before it.
    pub what: &'static str,
    /// The listener and its address, if it was about one.
    pub listener: Option<(String, Endpoint)>,
    /// What the kernel answered.
    pub source: io::Error,
}

/// A running proxy. It ends when it is stopped or dropped; dropping cuts its clients off.
#[derive(Debug)]
pub struct Proxy {
    pub(crate) clock: fn() -> Instant,
    pub(crate) open: Mutex<Open>,
    pub(crate) doors: Vec<Door>,
    pub(crate) follower: Follower,
    threads: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// Binds all listeners, then starts the workers.
    ///
    /// # Errors
    /// [`StartFailed`] if an address cannot be bound or a thread cannot be made. Nothing is left running then.
    pub fn start(config: ProxyConfig, listeners: Vec<Listener>) -> Result<Self, StartFailed> {
        let failed = |source| StartFailed { what: "start a worker thread", listener: None, source };
        let bound: Vec<_> =
            listeners.into_iter().map(|listener| Bound::new(listener, &[])).collect::<Result<_, _>>()?;
        let workers = config.workers.unwrap_or_else(auto_workers).clamp(1, MAX_WORKERS);
        let mut errands = Vec::with_capacity(workers);
        let mut doors = Vec::with_capacity(workers);
        let book = Book::default();
        for _ in 0..workers {
            let (errand, door) = Errand::new(config.clock, book.clone()).map_err(failed)?;
            errands.push(errand);
            doors.push(door);
        }
        errands[0].entrance = Entrance::new(doors.clone(), config.max_clients);
        let follower = Follower::start(doors.clone()).map_err(failed)?;
        let mut proxy = Self { clock: config.clock, open: Mutex::default(), doors, follower, threads: Vec::new() };
        for (n, errand) in errands.into_iter().enumerate() {
            let thread = std::thread::Builder::new()
                .name(format!("worker-{n}"))
                .spawn(move || Worker::new(errand).run())
                .map_err(failed)?;
            proxy.threads.push(thread);
        }
        proxy.open_all(bound);
        Ok(proxy)
    }

    /// The ports at which it listens, in the order in which the listeners were given: of use when one was chosen by the kernel.
    #[must_use]
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.open().listeners.iter().filter_map(|l| l.addr.tcp()).collect()
    }

    /// What it has done and is doing. Costs a few loads per worker and listener. A listener that is gone is not told of, but
    /// its last clients are in the numbers of the workers.
    #[must_use]
    pub fn stats(&self) -> ProxyStats {
        let sum = |listening: &Listening| {
            let mut stats = ListenerStats::new(&listening.name);
            for counters in &listening.counters {
                counters.add_to(&mut stats);
            }
            stats
        };
        ProxyStats {
            listeners: self.open().listeners.iter().map(sum).collect(),
            workers: self.doors.iter().map(|d| d.load.load(Relaxed)).collect(),
            kept: self.doors.iter().map(|d| d.kept.load(Relaxed)).collect(),
        }
    }

    /// Accepts no more clients, lets sessions that are owed something have it until the deadline, and returns when all
    /// threads have ended. Blocks; the listening sockets are closed at once.
    pub fn stop(mut self, deadline: Duration) {
        self.end(deadline);
    }

    fn end(&mut self, deadline: Duration) {
        self.remove_files();
        for door in &self.doors {
            door.order(Order::Stop(deadline));
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

impl fmt::Display for StartFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, listener, source } = self;
        match listener {
            Some((name, addr)) => {
                write!(f, "listener '{name}' could not {what} on {addr}: {source}. {}", remedy(source))
            }
            None => write!(f, "the proxy could not {what}: {source}. {}", remedy(source)),
        }
    }
}

impl Error for StartFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// What usually helps.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "Another process listens there: `ss -ltnp` shows which.",
        io::ErrorKind::PermissionDenied => "Ports below 1024 need the capability CAP_NET_BIND_SERVICE.",
        io::ErrorKind::AddrNotAvailable => "Is the address well-formed for this host?",
        _ => "Are there enough file descriptors and threads (ulimit -n, ulimit -u)?",
    }
}

fn auto_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get() / 2)
}

/// Workers that make sense; more is a slip of the finger.
const MAX_WORKERS: usize = 256;
