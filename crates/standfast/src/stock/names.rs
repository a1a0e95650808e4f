//! Which address does a host name mean?

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

/// The address of a host at the start, when nothing waits for us yet.
pub(super) fn find(host: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, port));
    }
    (host, port).to_socket_addrs().ok()?.next()
}
