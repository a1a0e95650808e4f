//! How does a client whose server is gone learn of it at once?
//!
//! A client that waits for an answer sends nothing, and hears nothing from a host that is gone: it would wait for as long as its
//! keepalive or its patience lasts. So whoever takes over an address says something, in the name of each connection that the old
//! holder served: an acknowledgement of nothing (RFC 9293 3.10.7.4). The client's kernel answers such a one with where it stands;
//! that answer reaches a host that knows of no such connection, and is reset.
//!
//! ```text
//!   new holder ── ACK, in the old one's name ──> client's kernel
//!   new holder <── "I stand at ..." ──────────── client's kernel
//!   new holder ── RST ─────────────────────────> client: the connection is reset
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::HostRefused;
use crate::checksum::checksum;
use crate::refused::NO_RAW;

/// Says something in the name of connections that this host does not have.
#[derive(Debug)]
pub struct Tickler {
    v4: Socket,
    v6: Socket,
}

const TCP: u8 = 6;
const ACK: u8 = 0x10;
/// A header without options, in words of 32 bits, in the upper half of its byte.
const LENGTH: u8 = 5 << 4;

impl Tickler {
    /// A way to send segments.
    ///
    /// # Errors
    /// The capability is missing.
    pub fn open() -> Result<Self, HostRefused> {
        let opened = || -> io::Result<Self> {
            // Of this protocol nothing comes in, and headers are ours (man 7 raw).
            let raw = Some(Protocol::from(libc::IPPROTO_RAW));
            let (v4, v6) = (Socket::new(Domain::IPV4, Type::RAW, raw)?, Socket::new(Domain::IPV6, Type::RAW, raw)?);
            v4.set_nonblocking(true)?;
            v6.set_nonblocking(true)?;
            Ok(Self { v4, v6 })
        };
        opened().map_err(|error| refused("send segments in the name of connections that were taken over", "all", error))
    }

    /// Makes the client of this connection find out whether it still exists. `at`: the address that it is connected to, which is on
    /// this host by now. Both of one family.
    ///
    /// # Errors
    /// There is no way to the client.
    pub fn tickle(&self, at: SocketAddr, client: SocketAddr) -> Result<(), HostRefused> {
        let (socket, packet) = match (at.ip(), client.ip()) {
            (IpAddr::V4(_), IpAddr::V4(_)) => (&self.v4, packet(at, client)),
            (IpAddr::V6(_), IpAddr::V6(_)) => (&self.v6, packet(at, client)),
            _ => return Ok(()),
        };
        // A raw socket has no ports.
        let to = SockAddr::from(SocketAddr::new(client.ip(), 0));
        let sent = socket.send_to(&packet, &to);
        sent.map(drop)
            .map_err(|error| refused("tell a client that its connection was taken over", &client.to_string(), error))
    }
}

/// The whole packet.
fn packet(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut segment = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    // Where it stands is not known; any number will do that is not by chance the right one.
    segment.extend([0; 8]);
    segment.extend([LENGTH, ACK, 0, 0, 0, 0, 0, 0]);
    let len = u16::try_from(segment.len()).expect("it is twenty");
    let addresses = [octets(from.ip()), octets(to.ip())].concat();
    let sum = checksum(&[&addresses, &[0, TCP], &len.to_be_bytes(), &segment]);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    let mut packet = match from.ip() {
        // The kernel fills in length and checksum.
        IpAddr::V4(_) => vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, TCP, 0, 0],
        IpAddr::V6(_) => [&[0x60, 0, 0, 0][..], &len.to_be_bytes(), &[TCP, 64]].concat(),
    };
    packet.extend(addresses);
    packet.extend(segment);
    packet
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn refused(what: &'static str, whom: &str, error: io::Error) -> HostRefused {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM) => NO_RAW,
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH) => "`ip route get` shows whether there is a way",
        _ => "The client learns of it when it next sends something",
    };
    HostRefused::socket(what, whom, error, remedy)
}
