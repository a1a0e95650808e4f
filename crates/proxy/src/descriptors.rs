//! May clients take one more descriptor of this process?
//!
//! A process has one table of them for everything. Where clients could fill it, nobody could write a vote to the disk any more, answer another
//! node or an operator: the group would have no failover because it has many clients. The kernel gives the lowest number that is free
//! (open(2)), so a high number says how full the table is, and costs no system call.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

/// The first number that no client may have.
static CLIENTS: AtomicI32 = AtomicI32::new(i32::MAX);
/// The first number that no connection to a server may have on behalf of clients: some more, for clients that are in already.
static SERVERS: AtomicI32 = AtomicI32::new(i32::MAX);

/// Says which numbers clients, and connections to servers on their behalf, may have: those below. For the whole process; without it, all.
pub fn keep_below(clients: i32, servers: i32) {
    CLIENTS.store(clients, Relaxed);
    SERVERS.store(servers, Relaxed);
}

/// Whether a client may come in with this socket.
pub(crate) fn has_room(client: &impl AsRawFd) -> bool {
    is_below(client, &CLIENTS)
}

/// A socket to a server, if it may be had.
pub(crate) fn keep<S: AsRawFd>(server: S) -> io::Result<S> {
    match is_below(&server, &SERVERS) {
        true => Ok(server),
        false => Err(io::Error::other("all descriptors that clients may have are taken")),
    }
}

fn is_below(socket: &impl AsRawFd, bound: &AtomicI32) -> bool {
    socket.as_raw_fd() < bound.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    // With bounds of its own: those of the process are other tests', too.
    #[test]
    fn numbers_from_the_bound_on_are_refused() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let number = socket.as_raw_fd();
        assert!(has_room(&socket), "nothing was said");
        assert!(is_below(&socket, &AtomicI32::new(number + 1)));
        assert!(!is_below(&socket, &AtomicI32::new(number)));
    }
}
