//! How is the proxy started, seen and stopped?

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use machine::Instant;
use session::Rules;
use tokio::sync::{mpsc, watch};
use view::View;

use crate::closing::ClosingLog;
use crate::counters::{Counters, ListenerStats, ProxyStats};
use crate::listener::{Acceptor, Door, MAX_HANDED};
use crate::socket;
use crate::worker::{Errand, Line};

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
    /// Where to listen. The host need not hold the address yet.
    pub addr: SocketAddr,
    /// A socket that is listening already, taken over from another process. `None`: one is made.
    pub socket: Option<std::net::TcpListener>,
    /// What its clients are owed.
    pub rules: Rules,
    /// The truth about its group. When its source is gone, the last view stays.
    pub view: watch::Receiver<Arc<View>>,
}

/// The host did not let the proxy begin.
#[derive(Debug)]
pub struct StartFailed {
    /// What was tried, so that "could not ..." can stand before it.
    pub what: &'static str,
    /// The listener and its address, if it was about one.
    pub listener: Option<(String, SocketAddr)>,
    /// What the kernel answered.
    pub source: io::Error,
}

/// A running proxy. It ends when it is stopped or dropped; dropping cuts its clients off.
#[derive(Debug)]
pub struct Proxy {
    listeners: Vec<Listening>,
    loads: Vec<Arc<AtomicUsize>>,
    stop: watch::Sender<Option<Duration>>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Listening {
    name: String,
    addr: SocketAddr,
    counters: Vec<Arc<Counters>>,
}

/// Workers that make sense; more is a slip of the finger.
const MAX_WORKERS: usize = 256;

impl Proxy {
    /// Binds all listeners, then starts the workers.
    ///
    /// # Errors
    /// [`StartFailed`] if an address cannot be bound or a thread cannot be made. Nothing is left running then.
    pub fn start(config: ProxyConfig, listeners: Vec<Listener>) -> Result<Self, StartFailed> {
        let workers = config.workers.unwrap_or_else(auto_workers).clamp(1, MAX_WORKERS);
        let (stop, stopped) = watch::channel(None);
        let mut listening = Vec::new();
        let mut sockets = Vec::new();
        let mut shared = Vec::new();
        for listener in listeners {
            let Listener { name, addr, socket, rules, view } = listener;
            let failed = |what, source| StartFailed { what, listener: Some((name.clone(), addr)), source };
            let socket = match socket {
                Some(socket) => socket,
                None => socket::listen(addr).map_err(|e| failed("listen", e))?,
            };
            socket.set_nonblocking(true).map_err(|e| failed("listen", e))?;
            let addr = socket.local_addr().map_err(|e| failed("listen", e))?;
            let counters: Vec<_> = (0..workers).map(|_| Arc::new(Counters::default())).collect();
            sockets.push(socket);
            let closings = Arc::new(ClosingLog::new(view.borrow().group.clone(), config.clock));
            shared.push((Arc::new(rules), view, closings));
            listening.push(Listening { name, addr, counters });
        }

        let mut doors = Vec::new();
        let mut desks = Vec::new();
        for _ in 0..workers {
            let (handed, desk) = mpsc::channel(MAX_HANDED);
            doors.push(Door { handed, load: Arc::default() });
            desks.push(desk);
        }
        let tickets = Arc::new(AtomicU64::new(0));
        let mut acceptors: Vec<_> = sockets
            .into_iter()
            .enumerate()
            .map(|(i, socket)| Acceptor {
                name: listening[i].name.clone(),
                listener: i,
                socket,
                doors: doors.clone(),
                max_clients: config.max_clients,
                counters: listening[i].counters[0].clone(),
                tickets: tickets.clone(),
                clock: config.clock,
            })
            .collect();

        let mut proxy = Self {
            loads: doors.iter().map(|d| d.load.clone()).collect(),
            listeners: listening,
            stop,
            threads: Vec::new(),
        };
        for (n, handed) in desks.into_iter().enumerate() {
            let lines = shared.iter().zip(&proxy.listeners).map(|((rules, view, closings), l)| Line {
                rules: rules.clone(),
                view: view.clone(),
                counters: l.counters[n].clone(),
                closings: closings.clone(),
            });
            let errand = Errand {
                clock: config.clock,
                lines: lines.collect(),
                handed,
                load: proxy.loads[n].clone(),
                stop: stopped.clone(),
                acceptors: std::mem::take(&mut acceptors),
            };
            proxy.start_worker(n, errand)?;
        }
        Ok(proxy)
    }

    fn start_worker(&mut self, n: usize, errand: Errand) -> Result<(), StartFailed> {
        let failed = |source| StartFailed { what: "start a worker thread", listener: None, source };
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("worker-{n}"))
            .spawn(move || errand.run(&ready))
            .map_err(failed)?;
        self.threads.push(thread);
        is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("it ended at once"))).map_err(failed)
    }

    /// Where it listens, in the order in which the listeners were given: of use when a port was chosen by the kernel.
    #[must_use]
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|l| l.addr).collect()
    }

    /// What it has done and is doing. Costs a few loads per worker and listener.
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
            listeners: self.listeners.iter().map(sum).collect(),
            workers: self.loads.iter().map(|l| l.load(Relaxed)).collect(),
        }
    }

    /// Accepts no more clients, lets sessions that are owed something have it until the deadline, and returns when all
    /// threads have ended. Blocks; the listening sockets are closed at once.
    pub fn stop(mut self, deadline: Duration) {
        self.end(deadline);
    }

    fn end(&mut self, deadline: Duration) {
        self.stop.send_replace(Some(deadline));
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

fn auto_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get() / 2)
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
