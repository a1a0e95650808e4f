//! The Sentinel protocol on our own port: for other nodes, for stock Sentinels, and for clients that ask a Sentinel who is master.
//!
//! | module | answers |
//! |---|---|
//! | [`client`] | how does one connection live? Bytes in, bytes out, messages in between |
//! | [`command`] | which command is answered by whom, and how is a wrong one refused? |
//! | [`subscription`] | which events does a client want to hear? |
//! | [`info`] | what does `INFO` say? |

mod client;
mod command;
mod info;
mod subscription;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::Instant;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use crate::node_loop::Node;

/// What all clients of the port share.
pub(crate) struct Port {
    node: Node,
    listen: SocketAddr,
    config_file: String,
    clients: Mutex<BTreeMap<u64, Known>>,
    last_id: AtomicU64,
    rejected: AtomicU64,
    commands: AtomicU64,
}

/// What `CLIENT LIST` tells of a client.
struct Known {
    addr: SocketAddr,
    since: Instant,
    name: String,
}

impl Port {
    pub(crate) fn new(node: Node, listen: SocketAddr, config_file: String) -> Arc<Self> {
        Arc::new(Self {
            node,
            listen,
            config_file,
            clients: Mutex::new(BTreeMap::new()),
            last_id: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            commands: AtomicU64::new(0),
        })
    }

    /// Serves for ever.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, addr)) => self.clone().welcome(stream, addr),
                Err(e) => {
                    tracing::warn!(
                        "the Sentinel port {} could not accept a connection: {e}; trying again",
                        self.listen
                    );
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    fn welcome(self: Arc<Self>, stream: TcpStream, addr: SocketAddr) {
        // An old connection whose other end vanished without a word is found by the kernel.
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let _ = stream.set_nodelay(true);
        if self.clients().len() >= MAX_CLIENTS {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            // Best effort, as in Redis: the connection is new, so its buffer is empty.
            let _ = stream.try_write(b"-ERR max number of clients reached\r\n");
            return;
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        self.clients().insert(id, Known { addr, since: host::clock::now(), name: String::new() });
        tokio::spawn(async move {
            let guest = Guest { port: self, id };
            if let Err(e) = client::live(&guest, stream).await {
                tracing::debug!(client = %addr, "Sentinel port: {e}");
            }
        });
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<u64, Known>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client's place in the list; it leaves the list when it goes.
struct Guest {
    port: Arc<Port>,
    id: u64,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.port.clients().remove(&self.id);
    }
}

/// Clients of the Sentinel port at a time. At the bound: Redis's own words, and the connection is closed.
const MAX_CLIENTS: usize = 4_096;
const KEEPALIVE: Duration = Duration::from_secs(300);
/// Out of descriptors: accepting again at once would only burn a processor.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
