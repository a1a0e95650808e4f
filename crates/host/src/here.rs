//! Is an address this host's?

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Whether what is sent to the address comes to this host. Nothing is sent for the question.
///
/// The kernel says from where it would speak to it: to an address of its own, from that very address. Whether the address can be *bound* says
/// less: with `net.ipv4.ip_nonlocal_bind = 1`, as hosts with HAProxy and Keepalived have it, any address can (Linux, ip-sysctl).
#[must_use]
pub fn is_here(ip: IpAddr) -> bool {
    // All of 127.0.0.0/8 is here, and spoken to from 127.0.0.1.
    ip.is_loopback() || source_towards(ip).is_ok_and(|source| source == ip)
}

fn source_towards(ip: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // A datagram's connection is a look at the routes; the port means nothing.
    socket.connect(SocketAddr::new(ip, DISCARD))?;
    Ok(socket.local_addr()?.ip())
}

/// RFC 863.
const DISCARD: u16 = 9;

#[cfg(test)]
mod tests {
    use super::is_here;

    #[test]
    fn loopback_is_here_and_documentation_is_not() {
        for (ip, expected) in
            [("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("192.0.2.1", false), ("2001:db8::1", false)]
        {
            assert_eq!(is_here(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
