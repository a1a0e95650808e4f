//! How do clients come in, and how many?
//!
//! One task accepts for each listener and hands each client to the worker that has the fewest. The kernel's own spreading
//! (SO_REUSEPORT) goes by hash, and a few long-lived pools hash badly.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use machine::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::counters::Counters;
use crate::worker::Handed;

/// What a client gets that is one too many: Redis's own words, so that client libraries know them.
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";
/// How long accepting rests when this process or the host has no descriptor or memory left.
const REST: Duration = Duration::from_millis(100);
/// How often that is logged.
const LOG_EVERY: Duration = Duration::from_secs(1);
/// Clients on their way to one worker. A worker that is so far behind must not be given more: they wait in the kernel.
pub(crate) const MAX_HANDED: usize = 256;

/// Where a worker is reached, and how many clients it has.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) handed: mpsc::Sender<Handed>,
    pub(crate) load: Arc<AtomicUsize>,
}

/// The accepting side of a listener.
pub(crate) struct Acceptor {
    pub(crate) name: String,
    pub(crate) listener: usize,
    pub(crate) socket: std::net::TcpListener,
    pub(crate) doors: Vec<Door>,
    pub(crate) max_clients: usize,
    pub(crate) counters: Arc<Counters>,
    pub(crate) tickets: Arc<AtomicU64>,
    pub(crate) clock: fn() -> Instant,
}

impl Acceptor {
    /// Accepts until the task is dropped.
    pub(crate) async fn accept(self) {
        let socket = match self.socket.try_clone().and_then(TcpListener::from_std) {
            Ok(socket) => socket,
            Err(error) => {
                warn!(listener = %self.name, %error, "cannot accept");
                return;
            }
        };
        let mut logged: Option<Instant> = None;
        loop {
            match socket.accept().await {
                Ok((client, peer)) => self.on_client(client, peer).await,
                Err(error) if is_of_one_client(&error) => debug!(listener = %self.name, %error, "client lost"),
                Err(error) => {
                    let now = (self.clock)();
                    if logged.is_none_or(|at| now - at >= LOG_EVERY) {
                        warn!(listener = %self.name, %error, "cannot accept; clients wait");
                        logged = Some(now);
                    }
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    async fn on_client(&self, client: TcpStream, peer: SocketAddr) {
        let clients: usize = self.doors.iter().map(|d| d.load.load(Relaxed)).sum();
        if clients >= self.max_clients {
            self.counters.turned_away();
            debug!(listener = %self.name, %peer, clients, "too many clients");
            // A fresh socket's buffer takes one line; whoever does not read it is told by the end of stream.
            let _ = client.try_write(TOO_MANY);
            return;
        }
        let Some(door) = self.doors.iter().min_by_key(|d| d.load.load(Relaxed)) else { return };
        let socket = match client.into_std() {
            Ok(socket) => socket,
            Err(error) => {
                debug!(listener = %self.name, %peer, %error, "client lost");
                return;
            }
        };
        door.load.fetch_add(1, Relaxed);
        let handed = Handed { socket, peer, listener: self.listener, ticket: self.tickets.fetch_add(1, Relaxed) };
        if door.handed.send(handed).await.is_err() {
            // The worker has ended: so does the proxy.
            door.load.fetch_sub(1, Relaxed);
        }
    }
}

/// Whether the error is one client's and accepting can go on at once (accept(2), "Error handling").
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
