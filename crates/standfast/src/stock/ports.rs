//! Where does a Sentinel listen? On every address that `bind` names, on the port that `port` names.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use config::sentinel_conf::Server;

use crate::bind::{Families, listen};

/// Binds them all, or says which one cannot be had.
pub(super) fn bind(server: &Server, port: u16) -> Result<Vec<TcpListener>, String> {
    if port == 0 {
        return Ok(Vec::new());
    }
    let mut listeners = Vec::new();
    for word in &server.bind {
        // One that begins with a dash is welcome and not needed: IPv6 where there is none.
        let (word, optional) = word.strip_prefix('-').map_or((word.as_str(), false), |word| (word, true));
        let backlog = i32::try_from(server.tcp_backlog).unwrap_or(i32::MAX);
        match addr(word).map(|ip| listen(SocketAddr::new(ip, port), backlog, Families::One)) {
            Some(Ok(listener)) => listeners.push(listener),
            Some(Err(e)) if optional && is_missing(&e) => {}
            Some(Err(e)) => return Err(format!("{word}:{port}: bind: {}", said(&e))),
            None if optional => {}
            None => return Err(format!("{word}:{port}: Name or service not known")),
        }
    }
    Ok(listeners)
}

/// The socket file of `unixsocket`, if one is wanted: in the place of the one that an earlier life left.
pub(super) fn bind_local(server: &Server) -> Result<Option<(UnixListener, PathBuf)>, String> {
    let Some(path) = server.unixsocket.as_ref().map(PathBuf::from) else { return Ok(None) };
    // Never a file of somebody's: a wrong path must not cost data.
    if fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket()) {
        let _ = fs::remove_file(&path);
    }
    let bound = UnixListener::bind(&path).and_then(|listener| {
        if server.unixsocketperm != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(server.unixsocketperm))?;
        }
        listener.set_nonblocking(true).map(|()| listener)
    });
    match bound {
        Ok(listener) => Ok(Some((listener, path))),
        Err(e) => Err(format!("{}: {}", path.display(), said(&e))),
    }
}

fn addr(word: &str) -> Option<IpAddr> {
    match word {
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        "::*" => Some(Ipv6Addr::UNSPECIFIED.into()),
        word => (word, 0).to_socket_addrs().ok()?.next().map(|addr| addr.ip()),
    }
}

/// Whether this host does not have the address or its family.
fn is_missing(e: &io::Error) -> bool {
    // No family, no such protocol here: io::ErrorKind has no name for them.
    const EAFNOSUPPORT: i32 = 97;
    const EPROTONOSUPPORT: i32 = 93;
    e.kind() == io::ErrorKind::AddrNotAvailable || matches!(e.raw_os_error(), Some(EAFNOSUPPORT | EPROTONOSUPPORT))
}

/// The kernel's words without the number that Rust adds: `Address already in use`.
pub(super) fn said(e: &io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
