//! Which options do sockets need, and why does binding fail?

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Connections that the kernel keeps for us while we are busy. The kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;
/// A client whose host vanished is noticed after 60 + 3 * 10 s: it costs us a descriptor, nobody waits. Redis's own default is
/// 300 s, HAProxy's none.
const CLIENT_PROBES: Probes = Probes { idle: Duration::from_secs(60), interval: Duration::from_secs(10), count: 3 };
/// On a server connection a client waits. A host that vanished without a word and came back knows nothing of the connection, and
/// a request whose reply was lost with it would wait for ever while the view names the same master: so whoever is silent is
/// asked after 5 s and every second from then on. A returned host answers with a reset; one that stays away is given up a
/// second later ([`UNACKNOWLEDGED`]). Ten thousand idle connections cost two thousand small packets a second.
const SERVER_PROBES: Probes = Probes { idle: Duration::from_secs(5), interval: Duration::from_secs(1), count: 3 };
/// How long what was sent to a server may stay unacknowledged, by its kernel, not by Redis. Otherwise Linux sends it again for a
/// quarter of an hour, at growing distances, and probes nothing meanwhile. The kernel counts a window that stays closed as well
/// (measured: cut after 5.5 s): a server that reads nothing for so long, with more unread than its kernel takes, is cut off,
/// too. By the default of `down-after` it is no master by then.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// When the kernel asks a silent peer whether it is there.
struct Probes {
    idle: Duration,
    interval: Duration,
    count: u32,
}

/// A listening socket. An address that the host does not hold yet is fine: it may arrive later, with a failover.
pub(crate) fn listen(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_freebind_v6(true)?;
        // Each address is bound where it is named, and only there.
        socket.set_only_v6(true)?;
    } else {
        socket.set_freebind_v4(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What the connections of clients need: on Linux they inherit it from the socket that they came in at.
pub(crate) fn tune_listener(socket: &std::net::TcpListener) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    tune(SockRef::from(socket), &CLIENT_PROBES)
}

fn tune(socket: SockRef<'_>, probes: &Probes) -> io::Result<()> {
    // Requests and replies leave in batches of our making; the kernel must not wait for more.
    socket.set_tcp_nodelay(true)?;
    let Probes { idle, interval, count } = *probes;
    let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(count);
    socket.set_tcp_keepalive(&keepalive)
}

/// Begins a connection to a server.
pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(addr)
}

/// What a connection to a server needs, once it is made.
pub(crate) fn tune_server(socket: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    tune(socket, &SERVER_PROBES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel says that it will do: seconds of idleness, between probes, and until it gives up.
    fn patience(stream: &TcpStream) -> (bool, u64, u64, u32, Option<u64>) {
        let socket = SockRef::from(stream);
        (
            socket.keepalive().unwrap(),
            socket.tcp_keepalive_time().unwrap().as_secs(),
            socket.tcp_keepalive_interval().unwrap().as_secs(),
            socket.tcp_keepalive_retries().unwrap(),
            socket.tcp_user_timeout().unwrap().filter(|t| !t.is_zero()).map(|t| t.as_secs()),
        )
    }

    #[test]
    fn a_silent_server_is_asked_soon_and_a_silent_client_now_and_then() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = listen(any).unwrap();
        tune_listener(&listener).unwrap();
        let server = connect(listener.local_addr().unwrap()).unwrap();
        // On loopback the connection is made before `connect` returns.
        let client = TcpStream::from_std(listener.accept().unwrap().0);
        tune_server(&server).unwrap();
        assert_eq!(patience(&server), (true, 5, 1, 3, Some(5)));
        assert_eq!(patience(&client), (true, 60, 10, 3, None));
        assert!(server.nodelay().unwrap() && client.nodelay().unwrap());
    }
}
