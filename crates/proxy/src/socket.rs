//! Which options do sockets need, and why does binding fail?

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpSocket, TcpStream};

/// Connections that the kernel keeps for us while we are busy. The kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;
/// A peer whose host vanished is noticed after 60 + 3 * 10 s. Redis's own default is 300 s, HAProxy's none.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

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

/// What every connection needs, on both sides.
pub(crate) fn tune(stream: &TcpStream) -> io::Result<()> {
    // Requests and replies leave in batches of our making; the kernel must not wait for more.
    stream.set_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// A connection to a server.
pub(crate) async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = if addr.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    let stream = socket.connect(addr).await?;
    tune(&stream)?;
    Ok(stream)
}
