//! Which options do sockets need, and why does binding fail?

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tracing::{debug, warn};

use crate::descriptors;
use crate::edge::{ClientTcp, Endpoint, Patience, ServerTcp, UnixFile};

/// Connections that the kernel keeps for us while we are busy. The kernel cuts it to `net.core.somaxconn`.
pub(crate) const BACKLOG: u16 = 4_096;
/// A socket that is listening.
#[derive(Debug)]
pub enum ListeningSocket {
    /// At a port.
    Tcp(std::net::TcpListener),
    /// At a path.
    Unix(std::os::unix::net::UnixListener),
}

/// A listening socket. An address that the host does not hold yet is fine: it may arrive later, with a failover. `leaving`: sockets of
/// ours that will be closed when this one is there.
pub(crate) fn listen(at: &Endpoint, leaving: &[&ListeningSocket]) -> io::Result<ListeningSocket> {
    match at {
        Endpoint::Tcp(addr) => listen_tcp(*addr, leaving).map(ListeningSocket::Tcp),
        Endpoint::Unix(file) => listen_unix(file).map(ListeningSocket::Unix),
    }
}

fn listen_tcp(addr: SocketAddr, leaving: &[&ListeningSocket]) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_freebind_v6(true)?;
        // Each address is bound where it is named, and only there.
        socket.set_only_v6(true)?;
    } else {
        socket.set_freebind_v4(true)?;
    }
    listen_beside(&socket, addr, leaving)?;
    Ok(socket.into())
}

/// One address and all addresses are the same to the kernel as long as somebody listens at either, unless both say that they share
/// the port (socket(7), SO_REUSEPORT). Those who leave say so; if they stay after all, [`keep_ports`] is for them.
fn listen_beside(socket: &Socket, addr: SocketAddr, leaving: &[&ListeningSocket]) -> io::Result<()> {
    let leaving = leaving.iter().filter_map(|other| other.tcp());
    let beside: Vec<SockRef<'_>> = leaving.filter(|other| is_beside(other, addr)).map(SockRef::from).collect();
    if beside.is_empty() {
        socket.bind(&addr.into())?;
        return socket.listen(BACKLOG.into());
    }
    beside.iter().try_for_each(|other| other.set_reuse_port(true))?;
    socket.set_reuse_port(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG.into())?;
    // Another process of this user may not come between.
    socket.set_reuse_port(false)
}

/// They do not leave after all: nobody shares their ports.
pub(crate) fn keep_ports(sockets: &[&ListeningSocket]) {
    for socket in sockets.iter().filter_map(|socket| socket.tcp()) {
        if let Err(error) = SockRef::from(socket).set_reuse_port(false) {
            debug!(%error, "a port may be shared");
        }
    }
}

/// Whether it has the same port at another address.
fn is_beside(other: &std::net::TcpListener, addr: SocketAddr) -> bool {
    other.local_addr().is_ok_and(|own| own.port() == addr.port() && own.ip() != addr.ip())
}

/// The file has its owner and its rights before anybody can connect. One that a process left behind that is gone is replaced.
fn listen_unix(file: &UnixFile) -> io::Result<std::os::unix::net::UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let addr = SockAddr::unix(&file.path)?;
    if let Err(error) = socket.bind(&addr) {
        if error.kind() != io::ErrorKind::AddrInUse || !is_left_behind(&file.path) {
            return Err(error);
        }
        fs::remove_file(&file.path)?;
        socket.bind(&addr)?;
    }
    let prepared = give(file).and_then(|()| socket.listen(BACKLOG.into()));
    if let Err(error) = prepared {
        // Nobody can connect to it, and the next start would only have to clear it away.
        let _ = fs::remove_file(&file.path);
        return Err(error);
    }
    Ok(socket.into())
}

/// Makes the file whose it shall be.
pub(crate) fn give(file: &UnixFile) -> io::Result<()> {
    if (file.owner, file.group) != (None, None) {
        chown(&file.path, file.owner, file.group)?;
    }
    fs::set_permissions(&file.path, Permissions::from_mode(file.mode))
}

/// Whether it is a socket at which nobody listens.
fn is_left_behind(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    is_socket && knock(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Connects without waiting: somebody who listens may have hung, with as many in the queue as there may be.
fn knock(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// The file of a socket that this process made. It goes with the listener, unless it is somebody else's by then.
#[derive(Debug)]
pub(crate) struct OwnFile {
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
}

impl OwnFile {
    /// That of a listener whose socket was just made.
    pub(crate) fn of(at: &Endpoint) -> Option<Self> {
        let Endpoint::Unix(UnixFile { path, .. }) = at else { return None };
        Some(Self { path: path.clone(), id: id(path).ok()? })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Nobody listens there any more, or will not in a moment.
    pub(crate) fn remove(self) {
        if id(&self.path).is_ok_and(|id| id == self.id)
            && let Err(error) = fs::remove_file(&self.path)
        {
            warn!(path = %self.path.display(), %error, "the file of a socket stays; the next start takes its place");
        }
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|data| (data.dev(), data.ino()))
}

impl ListeningSocket {
    /// The same socket once more.
    ///
    /// # Errors
    /// What the kernel says, if it has no descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(socket) => socket.try_clone().map(Self::Tcp),
            Self::Unix(socket) => socket.try_clone().map(Self::Unix),
        }
    }

    const fn tcp(&self) -> Option<&std::net::TcpListener> {
        match self {
            Self::Tcp(socket) => Some(socket),
            Self::Unix(_) => None,
        }
    }

    /// Where it listens: of use when a port was chosen by the kernel.
    pub(crate) fn endpoint(&self, asked: &Endpoint) -> io::Result<Endpoint> {
        match self {
            Self::Tcp(socket) => socket.local_addr().map(Endpoint::Tcp),
            Self::Unix(_) => Ok(asked.clone()),
        }
    }
}

/// What the connections of clients need: on Linux they inherit it from the socket that they came in at.
pub(crate) fn tune_listener(socket: &ListeningSocket, clients: ClientTcp) -> io::Result<()> {
    match socket {
        ListeningSocket::Tcp(socket) => {
            socket.set_nonblocking(true)?;
            tune(SockRef::from(socket), clients.0)
        }
        ListeningSocket::Unix(socket) => socket.set_nonblocking(true),
    }
}

fn tune(socket: SockRef<'_>, patience: Patience) -> io::Result<()> {
    // Requests and replies leave in batches of our making; the kernel must not wait for more.
    socket.set_tcp_nodelay(true)?;
    let Patience { keepalive, interval, count, user_timeout } = patience;
    socket.set_tcp_user_timeout(Some(user_timeout))?;
    if keepalive.is_zero() {
        return socket.set_keepalive(false);
    }
    // The kernel counts seconds, and takes no zero for one.
    let whole = |time: Duration| Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0));
    let probes = TcpKeepalive::new().with_time(whole(keepalive)).with_interval(whole(interval)).with_retries(count);
    socket.set_tcp_keepalive(&probes)
}

/// Begins a connection to a server, if clients may have one more descriptor.
pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(addr).and_then(descriptors::keep)
}

/// What a connection to a server needs, once it is made.
pub(crate) fn tune_server(socket: &TcpStream, servers: ServerTcp) -> io::Result<()> {
    tune(SockRef::from(socket), servers.0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

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

    fn connected(clients: ClientTcp, servers: ServerTcp) -> (TcpStream, TcpStream) {
        let listening = listen(&SocketAddr::from(([127, 0, 0, 1], 0)).into(), &[]).unwrap();
        tune_listener(&listening, clients).unwrap();
        let ListeningSocket::Tcp(listener) = listening else { panic!("it was asked for a port") };
        let server = connect(listener.local_addr().unwrap()).unwrap();
        // On loopback the connection is made before `connect` returns.
        let client = TcpStream::from_std(listener.accept().unwrap().0);
        tune_server(&server, servers).unwrap();
        (client, server)
    }

    #[test]
    fn a_silent_server_is_asked_soon_and_a_silent_client_now_and_then() {
        let (client, server) = connected(ClientTcp::default(), ServerTcp::default());
        assert_eq!(patience(&server), (true, 5, 1, 3, Some(5)));
        assert_eq!(patience(&client), (true, 60, 10, 3, None));
        assert!(server.nodelay().unwrap() && client.nodelay().unwrap());
    }

    #[test]
    fn patience_is_what_was_said_in_whole_seconds() {
        let [keepalive, interval, user_timeout] = [1_500, 2_000, 7_000].map(Duration::from_millis);
        let said = Patience { keepalive, interval, count: 4, user_timeout };
        let never = Patience { keepalive: Duration::ZERO, user_timeout: Duration::ZERO, ..said };
        let (client, server) = connected(ClientTcp(said), ServerTcp(never));
        assert_eq!(patience(&client), (true, 2, 2, 4, Some(7)));
        let (asks, _, _, _, user_timeout) = patience(&server);
        assert_eq!((asks, user_timeout), (false, None));
    }

    #[test]
    fn one_who_listens_and_has_hung_is_not_waited_for() {
        let path = std::env::temp_dir().join(format!("standfast-hung-{}", std::process::id()));
        let addr = SockAddr::unix(&path).unwrap();
        let hung = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        hung.bind(&addr).unwrap();
        hung.listen(1).unwrap();
        let come = || {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.connect(&addr).ok().map(|()| socket)
        };
        let queue: Vec<Socket> = (0..100).map_while(|_| come()).collect();
        assert!(queue.len() < 100, "there is room for so many only");
        let (told, tells) = std::sync::mpsc::channel();
        let file = UnixFile { path: path.clone(), mode: 0o600, owner: None, group: None };
        std::thread::spawn(move || told.send(listen_unix(&file).unwrap_err().kind()));
        assert_eq!(tells.recv_timeout(Duration::from_secs(20)), Ok(io::ErrorKind::AddrInUse));
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_socket_has_its_rights_and_replaces_only_one_that_was_left_behind() {
        let path = std::env::temp_dir().join(format!("standfast-socket-{}", std::process::id()));
        let file = UnixFile { path: path.clone(), mode: 0o600, owner: None, group: None };
        let first = listen_unix(&file).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(listen_unix(&file).unwrap_err().kind(), io::ErrorKind::AddrInUse, "somebody listens");
        drop(first);
        let second = listen_unix(&UnixFile { mode: 0o666, ..file.clone() }).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
        UnixStream::connect(&path).unwrap();
        drop(second);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "somebody's").unwrap();
        assert_eq!(listen_unix(&file).unwrap_err().kind(), io::ErrorKind::AddrInUse, "that is no socket");
        fs::remove_file(&path).unwrap();
    }
}
