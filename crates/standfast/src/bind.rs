//! May we listen there? And if not: which line of the file asked for it, who holds the address, and what can one do?

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;

use config::{Config, Place};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::failure::Failure;
use crate::inherited::Inherited;

/// The node's own listening sockets; those of the proxy are the proxy's.
pub(crate) struct Sockets {
    /// The Sentinel protocol, where nodes vote on a group, or tell each other whom they serve at an address that moves.
    pub(crate) sentinel: Option<TcpListener>,
    /// The page, if there is one.
    pub(crate) admin: Option<TcpListener>,
}

impl Sockets {
    /// Binds them all, before anything is written or started.
    pub(crate) fn bind(config: &Config, inherited: &mut Inherited) -> Result<Self, Failure> {
        Ok(Self {
            sentinel: has_port(config).then(|| sentinel(config, inherited)).transpose()?,
            admin: config.admin.as_ref().map(|admin| page(config, admin, inherited, None)).transpose()?,
        })
    }
}

/// Whether there is a Sentinel port: nodes vote, or tell each other whom they serve at an address that both may hold.
pub(crate) fn has_port(config: &Config) -> bool {
    config.votes()
        || config.addresses.iter().any(|address| address.partners.as_ref().is_some_and(|partners| !partners.is_empty()))
}

fn sentinel(config: &Config, inherited: &mut Inherited) -> Result<TcpListener, Failure> {
    let node = &config.node;
    let bound = inherited.tcp(node.listen).map_or_else(|| listen(node.listen, BACKLOG, Families::Both), Ok);
    let what = "the Sentinel port, [node] listen,";
    bound.map_err(|e| refused(what, node.listen, &config.file_name, node.defined_at, &e))
}

/// Binds the page's address. `leaving`: where it is so far.
pub(crate) fn page(
    config: &Config,
    admin: &config::Admin,
    inherited: &mut Inherited,
    leaving: Option<OwnedFd>,
) -> Result<TcpListener, Failure> {
    let what = "the status page, [admin] listen,";
    let leaving = leaving.as_ref().map(SockRef::from).filter(|old| is_beside(old, admin.listen));
    let bound = inherited.tcp(admin.listen).map_or_else(
        || match &leaving {
            Some(old) => listen_beside(admin.listen, old),
            None => listen(admin.listen, BACKLOG, Families::Both),
        },
        Ok,
    );
    bound.map_err(|e| refused(what, admin.listen, &config.file_name, admin.defined_at, &e))
}

/// What `[::]` means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Families {
    /// Every address, IPv4 too.
    Both,
    /// IPv6 alone: who wants IPv4 says so.
    One,
}

/// A listening socket, ready for Tokio. With SO_REUSEADDR: a node that is killed and started again within milliseconds must get
/// its port back.
pub(crate) fn listen(addr: SocketAddr, backlog: i32, families: Families) -> io::Result<TcpListener> {
    let socket = prepared(addr, families)?;
    socket.bind(&addr.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn prepared(addr: SocketAddr, families: Families) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(families == Families::One)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The same beside a socket of ours that will be closed. One address and all addresses are the same to the kernel as long as somebody
/// listens at either, unless both say that they share the port (socket(7), SO_REUSEPORT): for this moment they do.
fn listen_beside(addr: SocketAddr, old: &SockRef<'_>) -> io::Result<TcpListener> {
    let socket = prepared(addr, Families::Both)?;
    old.set_reuse_port(true)?;
    let listening =
        socket.set_reuse_port(true).and_then(|()| socket.bind(&addr.into())).and_then(|()| socket.listen(BACKLOG));
    old.set_reuse_port(false)?;
    listening?;
    socket.set_reuse_port(false)?;
    Ok(socket.into())
}

/// Whether it has the same port at another address.
fn is_beside(old: &SockRef<'_>, addr: SocketAddr) -> bool {
    let own = old.local_addr().ok().and_then(|own| own.as_socket());
    own.is_some_and(|own| own.port() == addr.port() && own.ip() != addr.ip())
}

/// The message for an address that we did not get.
pub(crate) fn refused(what: &str, addr: SocketAddr, file: &str, place: Place, e: &io::Error) -> Failure {
    not_listening(&format!("{what} at {file}:{place}"), addr, e)
}

/// The same for one that no file asked for.
pub(crate) fn not_listening(what: &str, addr: SocketAddr, e: &io::Error) -> Failure {
    let advice = match e.kind() {
        io::ErrorKind::AddrInUse => {
            match holder(addr.port()) {
                Some((process, _)) if process == std::process::id() => format!(
                    "this process itself listens at port {} for something else. If that is to move away, take it out of the file and reload, \
                     then put this in and reload again; otherwise choose another port",
                    addr.port()
                ),
                Some((_, who)) => format!("{who} holds it: stop that one, or choose another port"),
                None => format!(
                    "another process (`ss -ltnp 'sport = :{}'` shows which) holds it: stop that one, or choose another port",
                    addr.port()
                ),
            }
        }
        io::ErrorKind::AddrNotAvailable => "this host does not have that address: `ip addr` shows those that it has".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a right: choose a higher one, or give CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=)".to_owned()
        }
        _ => "see that the address is right and that this host may use it".to_owned(),
    };
    Failure::host(format!("cannot listen on {addr} for {what}: {e}. Nothing was started. What to do: {advice}."))
}

/// The message for a UNIX socket that we did not get.
pub(crate) fn refused_path(what: &str, path: &Path, file: &str, place: Place, e: &io::Error) -> Failure {
    let advice = match e.kind() {
        io::ErrorKind::AddrInUse => {
            "another process listens there, or the path is no socket: stop that one, or choose another path"
        }
        io::ErrorKind::NotFound => "the directory does not exist: make it, or choose another path",
        io::ErrorKind::PermissionDenied => {
            "the user that runs Standfast must be allowed to write to the directory, and only root can give a file away: see `unix`"
        }
        _ => "see that the path is right and that this host may use it",
    };
    let path = path.display();
    Failure::host(format!(
        "cannot listen on unix:{path} for {what} at {file}:{place}: {e}. Nothing was started. What to do: {advice}."
    ))
}

/// Who listens on a TCP port, as far as this user may know: `redis-server (process 4711)`, and its number.
fn holder(port: u16) -> Option<(u32, String)> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listening(&fs::read_to_string(table).ok()?, port))?;
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut numbered = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let process = numbered.find(|process| has_open(&format!("/proc/{process}/fd"), &socket))?;
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some((process, format!("{} (process {process})", name.trim())))
}

fn has_open(descriptors: &str, socket: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(descriptors) else {
        return false;
    };
    descriptors.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == socket))
}

/// The inode of the socket that listens on `port`, from the kernel's table (proc_pid_net(5)): local address in the second column,
/// state in the fourth (0A: listening), inode in the tenth.
fn listening(table: &str, port: u16) -> Option<u64> {
    let port = format!("{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let local = columns.next()?;
        let state = columns.nth(1)?;
        let inode = columns.nth(5)?.parse().ok()?;
        (local.ends_with(&format!(":{port}")) && state == "0A").then_some(inode)
    })
}

/// Connections that the kernel keeps until they are accepted; Redis's own default.
const BACKLOG: i32 = 511;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_port_is_told_by_name_and_if_it_is_us_what_to_do() {
        let held = listen(SocketAddr::from(([127, 0, 0, 1], 0)), BACKLOG, Families::Both).unwrap();
        let addr = held.local_addr().unwrap();
        let e = listen(addr, BACKLOG, Families::Both).unwrap_err();
        let text = refused("a test", addr, "f.toml", Place { line: 3, column: 10 }, &e).to_string();
        assert!(text.contains("f.toml:3:10"), "{text}");
        assert!(text.contains("this process itself") && text.contains("reload again"), "{text}");
        let who = holder(addr.port()).unwrap();
        assert!(who.0 == std::process::id() && who.1.ends_with(&format!(" (process {})", who.0)), "{who:?}");
    }
}
