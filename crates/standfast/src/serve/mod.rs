//! The Sentinel protocol on our own port: for other nodes, for stock Sentinels, and for clients that ask a Sentinel who is master.
//!
//! | module | answers |
//! |---|---|
//! | [`rules`] | what was the port told? |
//! | [`client`] | how does one connection live? Bytes in, bytes out, messages in between |
//! | [`guest`] | who is connected? |
//! | [`command`] | which command is answered by whom, and who is refused? |
//! | [`table`], [`describe`] | which commands are there, and what does `COMMAND` say of them? |
//! | [`refusal`] | how is a request refused? |
//! | [`login`], [`acl`] | who is this, and what may they do? |
//! | [`connection`] | what does `CLIENT` do? |
//! | [`subscription`] | which events does a client want to hear? |
//! | [`info`] | what does `INFO` say? |
//! | [`sentinel`], [`setting`] | what does `SENTINEL` answer, and what does it change? |

mod acl;
mod client;
mod command;
mod connection;
mod describe;
mod guest;
mod info;
mod login;
mod refusal;
pub(crate) mod rules;
mod sentinel;
mod setting;
mod subscription;
mod table;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::Instant;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Notify;

use crate::node_loop::Node;
use crate::{descriptors, tls};
use acl::log::AclLog;
use acl::users::DEFAULT;
pub(crate) use acl::users::Users;
use guest::{Guest, Known};
use rules::Rules;

/// What all clients of the port share.
pub(crate) struct Port {
    node: Node,
    listen: SocketAddr,
    config_file: String,
    rules: Rules,
    /// Of this run of the port, as `INFO` tells it.
    run_id: String,
    since: Instant,
    users: Mutex<Users>,
    acl_log: Mutex<AclLog>,
    clients: Mutex<BTreeMap<u64, Known>>,
    last_id: AtomicU64,
    /// Until when, and whether for everything (`CLIENT PAUSE`).
    paused: Mutex<Option<(Instant, bool)>>,
    /// Rung when the pause is over.
    resumed: Notify,
    /// What `SENTINEL SIMULATE-FAILURE` set: 1 after an election, 2 after a promotion.
    failures: AtomicU64,
    /// Rung when somebody asked the process to end.
    stop: Notify,
    counters: Counters,
}

/// What `INFO` counts.
#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    rejected: AtomicU64,
    commands: AtomicU64,
    errors: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Port {
    pub(crate) fn new(node: Node, listen: SocketAddr, config_file: String, rules: Rules, users: Users) -> Arc<Self> {
        Arc::new(Self {
            node,
            listen,
            config_file,
            rules,
            run_id: acl::user::hex(&host::random::node_id()),
            since: host::clock::now(),
            users: Mutex::new(users),
            acl_log: Mutex::default(),
            clients: Mutex::default(),
            last_id: AtomicU64::new(0),
            paused: Mutex::default(),
            resumed: Notify::new(),
            failures: AtomicU64::new(0),
            stop: Notify::new(),
            counters: Counters::default(),
        })
    }

    /// Serves for ever.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, addr)) => self.clone().welcome(stream, addr, None),
                Err(e) => self.could_not_accept(&e).await,
            }
        }
    }

    /// Serves TLS for ever, on a port of its own.
    pub(crate) async fn run_tls(self: Arc<Self>, listener: TcpListener, acceptor: tls::Acceptor) {
        loop {
            match listener.accept().await {
                Ok((stream, addr)) => self.clone().welcome(stream, addr, Some(acceptor.clone())),
                Err(e) => self.could_not_accept(&e).await,
            }
        }
    }

    /// Serves for ever whoever may open a file of this host (`unixsocket`).
    pub(crate) async fn run_unix(self: Arc<Self>, listener: UnixListener, path: PathBuf) {
        // As Redis tells such a client's address.
        let name = format!("{}:0", path.display());
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let known = |open| Known::local(name.clone(), stream.as_raw_fd(), DEFAULT, open);
                    match self.admit(stream.as_raw_fd(), true, known) {
                        Ok(guest) => live(guest, async { Ok(stream) }),
                        Err(refusal) => drop(stream.try_write(refusal)),
                    }
                }
                Err(e) => self.could_not_accept(&e).await,
            }
        }
    }

    /// Ends when a client asked the process to end (`SHUTDOWN`).
    pub(crate) async fn stop_asked(&self) {
        self.stop.notified().await;
    }

    /// Closes all connections as soon as they have been answered.
    pub(crate) fn close_all(&self) {
        self.close_where(|_| true);
    }

    /// The users as lines of a file: `user default on nopass ~* &* +@all`.
    pub(crate) fn user_lines(&self) -> Vec<String> {
        self.users().lines().collect()
    }

    async fn could_not_accept(&self, e: &io::Error) {
        tracing::warn!("the Sentinel port {} could not accept a connection: {e}; trying again", self.listen);
        tokio::time::sleep(ACCEPT_RETRY).await;
    }

    fn welcome(self: Arc<Self>, stream: TcpStream, addr: SocketAddr, tls: Option<tls::Acceptor>) {
        if let Some(after) = self.rules.keepalive {
            // An old connection whose other end vanished without a word is found by the kernel.
            let keepalive = TcpKeepalive::new().with_time(after).with_interval((after / 3).max(Duration::from_secs(1)));
            let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        }
        let _ = stream.set_nodelay(true);
        let laddr = stream.local_addr().unwrap_or(self.listen);
        let known = |open| Known::new(addr.to_string(), laddr.to_string(), stream.as_raw_fd(), DEFAULT, open);
        match (self.admit(stream.as_raw_fd(), is_loopback(addr.ip()), known), tls) {
            (Ok(guest), None) => live(guest, async { Ok(stream) }),
            (Ok(guest), Some(acceptor)) => live(guest, async move { acceptor.accept(stream).await }),
            // Best effort, as in Redis: the connection is new, so its buffer is empty.
            (Err(refusal), _) => drop(stream.try_write(refusal)),
        }
    }

    /// A place in the list for a connection, or what it is told before it is closed.
    fn admit(
        self: &Arc<Self>,
        socket: RawFd,
        is_local: bool,
        known: impl FnOnce(bool) -> Known,
    ) -> Result<Guest, &'static [u8]> {
        self.counters.connections.fetch_add(1, Ordering::Relaxed);
        let open = self.users().get(DEFAULT).is_some_and(acl::user::User::is_open);
        let refusal = if self.clients().len() >= self.rules.max_clients || !descriptors::has_room(socket) {
            Some(TOO_MANY)
        } else if self.rules.protected_mode && open && !is_local {
            Some(PROTECTED)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.counters.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(refusal);
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        self.clients().insert(id, known(open));
        Ok(Guest { port: Arc::clone(self), id })
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<u64, Known>> {
        lock(&self.clients)
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        lock(&self.users)
    }

    fn acl_log(&self) -> MutexGuard<'_, AclLog> {
        lock(&self.acl_log)
    }

    /// Closes the connections that fit, as soon as they have been answered; returns how many.
    fn close_where(&self, fits: impl Fn(&Known) -> bool) -> usize {
        let clients = self.clients();
        let closed = clients.values().filter(|known| fits(known));
        closed.map(|known| known.bell.notify_one()).count()
    }
}

/// A task for a connection, once its stream can be used.
fn live<S>(guest: Guest, stream: impl Future<Output = io::Result<S>> + Send + 'static)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let ended = match stream.await {
            Ok(stream) => client::live(&guest, stream).await,
            Err(e) => Err(e),
        };
        if let Err(e) = ended {
            tracing::debug!(client = guest.known(|known| known.addr.clone()), "Sentinel port: {e}");
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Out of descriptors: accepting again at once would only burn a processor.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";
const PROTECTED: &[u8] =
    b"-DENIED this port is in protected mode and has no password: only clients of its own host are served. Set \
requirepass, give the default user a password, or say `protected-mode no`.\r\n";
