//! Which TCP connections are there at an address, whoever serves them?
//!
//! The kernel lists them (`man 7 sock_diag`), filtered by itself: it tells only those at the address. Asking costs a walk through its
//! table, and some hundred nanoseconds for each that is told; nothing has to be known of the program that serves them. It can also be told
//! to break one (`SOCK_DESTROY`): its client is reset.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::message::{Request, attribute, flags, ip};
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

/// Connections at addresses, as the kernel names them.
#[derive(Clone, Debug)]
pub struct Breakable {
    ips: Vec<IpAddr>,
    names: Vec<Vec<u8>>,
}

impl Breakable {
    /// Those that nobody has heard the last word of end by themselves.
    fn take(&mut self, told: &[u8]) {
        let is_whole = told.get(1).is_some_and(|state| STATES & 1_u32.checked_shl((*state).into()).unwrap_or(0) != 0);
        self.names.extend(name(told).filter(|_| is_whole));
    }
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

    /// The connections at each of these addresses whose clients may wait for something; at most so many of them at each. Those of the host with
    /// itself are left out: they never move. However many addresses these are, the kernel walks through its table once.
    ///
    /// # Errors
    /// The kernel does not answer, or has been built without this (`CONFIG_INET_DIAG`).
    pub fn at(&mut self, ips: &[IpAddr], most: usize) -> Result<BTreeMap<IpAddr, Listed>, HostRefused> {
        self.list(ips, STATES, most)
    }

    /// The same, and those whose clients may take themselves for connected, though this host has not heard their last word: for whoever has
    /// the addresses next. With that, what of it [`reset`](Self::reset) breaks.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn at_last(
        &mut self,
        ips: &[IpAddr],
        most: usize,
    ) -> Result<(BTreeMap<IpAddr, Listed>, Breakable), HostRefused> {
        let mut there = Breakable { ips: ips.to_vec(), names: Vec::new() };
        let listed = self.list_with(ips, STATES | SYN_RECEIVED, most, |told| there.take(told))?;
        Ok((listed, there))
    }

    fn list(&mut self, ips: &[IpAddr], states: u32, most: usize) -> Result<BTreeMap<IpAddr, Listed>, HostRefused> {
        self.list_with(ips, states, most, |_| ())
    }

    fn list_with(
        &mut self,
        ips: &[IpAddr],
        states: u32,
        most: usize,
        mut on: impl FnMut(&[u8]),
    ) -> Result<BTreeMap<IpAddr, Listed>, HostRefused> {
        let mut all: BTreeMap<IpAddr, Listed> = ips.iter().map(|ip| (*ip, Listed::default())).collect();
        self.each(ips, states, |connection, told| {
            on(told);
            let ip = connection.at.ip();
            let Some(listed) = all.get_mut(&ip).filter(|_| connection.client.ip() != ip) else { return };
            if listed.connections.len() < most {
                listed.connections.push(connection);
            } else {
                listed.more += 1;
            }
        })?;
        Ok(all)
    }

    /// Breaks these, which were there, as far as they still are and there is time: their clients are reset. How many were.
    ///
    /// # Errors
    /// The kernel cannot do it (`CONFIG_INET_DIAG_DESTROY`), or the capability is missing.
    pub fn reset(&mut self, there: Breakable, patience: Duration) -> Result<usize, HostRefused> {
        let until = now() + patience;
        let mut left = there;
        if left.names.len() > FEW {
            // As a rule most have ended since: those that have not are sooner found than each is asked for.
            left.names.clear();
            let Breakable { ips, names } = &mut left;
            self.each(ips, STATES, |_, told| names.extend(name(told)))?;
        }
        let mut reset = 0;
        for body in left.names {
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
    fn each(&mut self, ips: &[IpAddr], states: u32, mut on: impl FnMut(Connection, &[u8])) -> Result<(), HostRefused> {
        for some in ips.chunks(MAX_CONDITIONS) {
            // Both families in one walk, which is dear: a socket of IPv6 may serve IPv4, too. The question of before 2012 can say so.
            let mut body = vec![0; 4 + ID];
            body.extend(states.to_ne_bytes());
            body.extend([0; 4]);
            attribute(&mut body, INET_DIAG_REQ_BYTECODE, &condition(some));
            let request = Request { kind: TCPDIAG_GETSOCK, flags: flags(libc::NLM_F_DUMP), body };
            let told = self.0.each(&request, |kind, body| {
                if let (TCPDIAG_GETSOCK, Some(connection)) = (kind, connection(body)) {
                    on(connection, body);
                }
            });
            told.map_err(|refusal| refused("list the connections at an address", refusal.error))?;
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

/// A program for the kernel that lets pass what is at one of these addresses: for each a `struct inet_diag_bc_op` and its `struct
/// inet_diag_hostcond`, and a jump to the end.
fn condition(ips: &[IpAddr]) -> Vec<u8> {
    let all: usize = ips.iter().map(|ip| JUMP + asked_of(*ip)).sum();
    let mut program = Vec::with_capacity(all);
    for ip in ips {
        let (family, octets) = match ip {
            IpAddr::V4(ip) => (libc::AF_INET, ip.octets().to_vec()),
            IpAddr::V6(ip) => (libc::AF_INET6, ip.octets().to_vec()),
        };
        let len = asked_of(*ip);
        // Where it is so, the jump comes; where it is not, what is behind that: at the last, a place beyond the end, from where nothing passes.
        let is_last = program.len() + len + JUMP == all;
        program.extend(instruction(INET_DIAG_BC_S_COND, len, len + JUMP + if is_last { 4 } else { 0 }));
        let bits = u8::try_from(octets.len() * 8).expect("32 or 128");
        program.extend([u8::try_from(family).expect("2 or 10"), bits, 0, 0]);
        // Any port.
        program.extend((-1_i32).to_ne_bytes());
        program.extend(octets);
        program.extend(instruction(INET_DIAG_BC_JMP, JUMP, all - program.len()));
    }
    program
}

fn instruction(code: u8, yes: usize, no: usize) -> [u8; JUMP] {
    let yes = u8::try_from(yes).expect("what is asked of one address is short");
    let [high, low] = u16::try_from(no).expect("a program of so many conditions is shorter than that").to_ne_bytes();
    [code, yes, high, low]
}

/// Octets of the condition for an address.
const fn asked_of(ip: IpAddr) -> usize {
    JUMP + 8 + if ip.is_ipv4() { 4 } else { 16 }
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
const TCPDIAG_GETSOCK: u16 = 18;
const SOCK_DESTROY: u16 = 21;
const INET_DIAG_REQ_BYTECODE: u16 = 1;
const INET_DIAG_BC_JMP: u8 = 1;
const INET_DIAG_BC_S_COND: u8 = 7;
/// So many are asked for each by its name; a walk through the table of a big host takes as long.
const FEW: usize = 512;
/// Octets of an instruction without what it asks.
const JUMP: usize = 4;
/// Addresses that are asked for at once: the program has no more than 64 KiB, and each socket of the host is compared with each of them.
const MAX_CONDITIONS: usize = 512;
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
