//! Who hears at once that somebody has come? Whoever lists clients for other hosts: should this one be gone a moment later, they must know.
//!
//! The kernel has such a list for all programs, but asking for it costs the more the longer it is. What is told here is of this proxy alone, and
//! at most early: whoever hears of it asks the kernel all the same.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use crate::edge::Peer;
use crate::post::Order;
use crate::proxy::Proxy;
use crate::stream::Socket;

/// A client that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Where it is connected to.
    pub at: SocketAddr,
    /// Where it is.
    pub client: SocketAddr,
}

/// Who is told, of those who come to these addresses.
#[derive(Clone, Debug)]
pub(crate) struct Herald {
    ips: Arc<[IpAddr]>,
    told: Sender<Arrival>,
}

impl Proxy {
    /// Tells of each client that comes to these addresses from now on, and of no others. What finds no room in the channel is not told.
    /// False: the worker that accepts is too far behind to be told so.
    #[must_use]
    pub fn tell_of_arrivals(&self, ips: &[IpAddr], told: &Sender<Arrival>) -> bool {
        let herald = (!ips.is_empty()).then(|| Herald { ips: ips.into(), told: told.clone() });
        self.doors.first().is_none_or(|door| door.try_order(Order::Herald(herald)))
    }
}

impl Herald {
    /// Somebody has come in.
    pub(crate) fn announce(&self, socket: &Socket, peer: Peer) {
        let (Socket::Tcp(socket), Peer::Inet(client)) = (socket, peer) else { return };
        let Ok(at) = socket.local_addr() else { return };
        let [at, client] = [at, client].map(|end| SocketAddr::new(end.ip().to_canonical(), end.port()));
        if self.ips.contains(&at.ip()) {
            // Nobody waits for whoever is behind: then the kernel's list tells of this one, too.
            let _ = self.told.try_send(Arrival { at, client });
        }
    }
}
