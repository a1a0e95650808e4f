//! Which TCP connections are there at an address, whoever serves them?
//!
//! The kernel lists them (`man 7 sock_diag`), filtered by itself: it tells only those at the address. Asking costs a walk through its
//! table, and some hundred nanoseconds for each that is told; nothing has to be known of the program that serves them. It can also be told
//! to break one (`SOCK_DESTROY`): its client is reset.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::message::{Refusal, Request, attribute, flags, ip};
use super::socket::Socket;
use crate::HostRefused;
use crate::clock::now;
use crate::refused::NO_ADMIN;

/// A connection of a client to this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    /// Where the client is connected to. IPv4 in its own form, also where an IPv6 socket serves it.
    pub at: SocketAddr,
    /// Where the client is.
    pub client: SocketAddr,
}

/// The kernel's list of connections.
#[derive(Debug)]
pub struct Connections(Socket);

/// As much of the list as was wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// In no order.
    pub connections: Vec<Connection>,
    /// So many more there are.
    pub more: usize,
}

impl Connections {
    /// A way to the kernel. No capability is needed.
    ///
    /// # Errors
    /// No descriptors are left, or the kernel has no such part.
    pub fn open() -> Result<Self, HostRefused> {
        Socket::open(libc::NETLINK_SOCK_DIAG)
            .map(Self)
            .map_err(|error| refused("ask the kernel for connections", error))
    }

    /// The connections at this address whose clients may wait for something; at most so many of them. Those of the host with itself are left
    /// out: they never move.
    ///
    /// # Errors
    /// The kernel does not answer, or has been built without this (`CONFIG_INET_DIAG`).
    pub fn at(&mut self, ip: IpAddr, most: usize) -> Result<Listed, HostRefused> {
        self.list(ip, STATES, most)
    }

    /// The same, and those whose clients may take themselves for connected, though this host has not heard their last word: for whoever has
    /// the address next.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn at_last(&mut self, ip: IpAddr, most: usize) -> Result<Listed, HostRefused> {
        self.list(ip, STATES | SYN_RECEIVED, most)
    }

    fn list(&mut self, ip: IpAddr, states: u32, most: usize) -> Result<Listed, HostRefused> {
        let mut listed = Listed::default();
        self.each(ip, states, |connection, _| match listed.connections.len() {
            _ if connection.client.ip() == ip => {}
            len if len < most => listed.connections.push(connection),
            _ => listed.more += 1,
        })?;
        Ok(listed)
    }

    /// Breaks all connections at this address, as far as there is time: their clients are reset. How many were.
    ///
    /// # Errors
    /// The kernel cannot do it (`CONFIG_INET_DIAG_DESTROY`), or the capability is missing.
    pub fn reset(&mut self, ip: IpAddr, patience: Duration) -> Result<usize, HostRefused> {
        let until = now() + patience;
        let mut there = Vec::new();
        self.each(ip, STATES, |_, told| there.extend(name(told)))?;
        let mut reset = 0;
        for body in there {
            match self.0.order(&Request { kind: SOCK_DESTROY, flags: flags(libc::NLM_F_ACK), body }) {
                Ok(()) => reset += 1,
                // It ended by itself.
                Err(refusal) if refusal.error.kind() == io::ErrorKind::NotFound => {}
                Err(refusal) => return Err(refused("break the connections at an address", refusal.error)),
            }
            if now() >= until {
                break;
            }
        }
        Ok(reset)
    }

    /// Each of them, with what the kernel told of it.
    fn each(&mut self, ip: IpAddr, states: u32, mut on: impl FnMut(Connection, &[u8])) -> Result<(), HostRefused> {
        let wanted = condition(ip);
        // A socket of IPv6 may serve IPv4, too.
        let families: &[libc::c_int] = if ip.is_ipv4() { &[libc::AF_INET, libc::AF_INET6] } else { &[libc::AF_INET6] };
        for family in families {
            let mut body = question(*family, states, &[0; ID]);
            attribute(&mut body, INET_DIAG_REQ_BYTECODE, &wanted);
            let request = Request { kind: SOCK_DIAG_BY_FAMILY, flags: flags(libc::NLM_F_DUMP), body };
            let told = self.0.each(&request, |kind, body| {
                if let (SOCK_DIAG_BY_FAMILY, Some(connection)) = (kind, connection(body)) {
                    on(connection, body);
                }
            });
            match told {
                Ok(_) => {}
                // A host without IPv6 has none.
                Err(Refusal { error, .. }) if error.kind() == io::ErrorKind::NotFound && *family != families[0] => {}
                Err(refusal) => return Err(refused("list the connections at an address", refusal.error)),
            }
        }
        Ok(())
    }
}

/// `struct inet_diag_req_v2` of linux/inet_diag.h.
fn question(family: libc::c_int, states: u32, id: &[u8]) -> Vec<u8> {
    let byte = |n: libc::c_int| u8::try_from(n).expect("families and protocols are small numbers");
    let mut body = vec![byte(family), byte(libc::IPPROTO_TCP), 0, 0];
    body.extend(states.to_ne_bytes());
    body.extend(id);
    body
}

/// A program for the kernel that lets pass what is at this address: one `struct inet_diag_bc_op` and its `struct inet_diag_hostcond`.
fn condition(ip: IpAddr) -> Vec<u8> {
    let (family, octets) = match ip {
        IpAddr::V4(ip) => (libc::AF_INET, ip.octets().to_vec()),
        IpAddr::V6(ip) => (libc::AF_INET6, ip.octets().to_vec()),
    };
    let len = 12 + u8::try_from(octets.len()).expect("4 or 16");
    let mut program = vec![INET_DIAG_BC_S_COND, len];
    // Where it is not so, the program is left beyond its end.
    program.extend((u16::from(len) + 4).to_ne_bytes());
    program.extend([u8::try_from(family).expect("2 or 10"), (len - 12) * 8, 0, 0]);
    // Any port.
    program.extend((-1_i32).to_ne_bytes());
    program.extend(octets);
    program
}

/// Of `struct inet_diag_msg`.
fn connection(told: &[u8]) -> Option<Connection> {
    let id = told.get(4..4 + ID)?;
    let width = if i32::from(told[0]) == libc::AF_INET { 4 } else { 16 };
    let end = |address: usize, port: usize| {
        let port = u16::from_be_bytes(*id.get(port..)?.first_chunk()?);
        Some(SocketAddr::new(ip(id.get(address..address + width)?)?.to_canonical(), port))
    };
    Some(Connection { at: end(4, 0)?, client: end(20, 2)? })
}

/// The words in which the kernel tells of one are the name of that one.
fn name(told: &[u8]) -> Option<Vec<u8>> {
    told.get(4..4 + ID).map(|id| question(told[0].into(), u32::MAX, id))
}

fn refused(what: &'static str, error: io::Error) -> HostRefused {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM) => NO_ADMIN,
        Some(libc::EOPNOTSUPP) => "This kernel was built without CONFIG_INET_DIAG_DESTROY",
        Some(libc::ENOENT | libc::EPROTONOSUPPORT) => {
            "This kernel was built without CONFIG_INET_DIAG, or `modprobe tcp_diag` is needed"
        }
        _ => "`ss -tn` asks the kernel the same question",
    };
    HostRefused::socket(what, "netlink", error, remedy)
}

/// Missing in the C library's list (linux/sock_diag.h, linux/inet_diag.h).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const INET_DIAG_REQ_BYTECODE: u16 = 1;
const INET_DIAG_BC_S_COND: u8 = 7;
/// Octets of `struct inet_diag_sockid`: ports, addresses, interface, cookie.
const ID: usize = 48;
/// ESTABLISHED, FIN_WAIT1 and CLOSE_WAIT, as bits (linux/tcp_states.h): whoever is connected so may wait for something from us. Who is in
/// another state has heard that we are through.
const STATES: u32 = 1 << 1 | 1 << 4 | 1 << 8;
/// SYN_RECV: this host has said yes, and has not heard that the client knows it.
const SYN_RECEIVED: u32 = 1 << 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_is_an_ipv4_client() {
        let mut body = vec![10, 1, 0, 0];
        body.extend(6379_u16.to_be_bytes());
        body.extend(4711_u16.to_be_bytes());
        for last in [7, 9] {
            body.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, last]);
        }
        body.extend([0; 12]);
        let (at, client) = ("192.0.2.7:6379".parse().unwrap(), "192.0.2.9:4711".parse().unwrap());
        assert_eq!(connection(&body), Some(Connection { at, client }));
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(body in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = connection(&body);
            let _ = name(&body);
        }
    }
}
