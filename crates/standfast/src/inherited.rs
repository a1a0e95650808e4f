//! What was this process started with? Sockets that somebody else bound: systemd (socket activation), or the node whose place we take, which
//! also lends the lock of the state directory and a line to talk.
//!
//! ```text
//!   STANDFAST_HANDOVER="pid=4711 talk=7 lock=8 sockets=9,10,11"    from the node before us
//!   LISTEN_PID=... LISTEN_FDS=2                                    from systemd: 3, 4
//! ```
//!
//! A socket serves whatever of the file has its address; what nothing of the file is for is closed.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use host::inherit;
use socket2::{Domain, Socket};

use crate::failure::Failure;

/// The variable that the node before us sets.
pub(crate) const VARIABLE: &str = "STANDFAST_HANDOVER";

/// What was inherited and is not used yet.
#[derive(Default)]
pub(crate) struct Inherited {
    tcp: Vec<TcpListener>,
    unix: Vec<UnixListener>,
    /// From the node whose place we take.
    pub(crate) handover: Option<Handover>,
}

/// What a node lends to the one that takes its place, beside its sockets.
pub(crate) struct Handover {
    pub(crate) talk: UnixStream,
    /// `None`: it keeps no state.
    pub(crate) lock: Option<File>,
}

impl Inherited {
    /// Takes all of it. Call it once, before any descriptor is opened.
    pub(crate) fn take() -> Result<Self, Failure> {
        let broken = |e: &dyn std::fmt::Display| {
            Failure::host(format!(
                "the sockets that this process was started with cannot be used: {e}. Nothing was started"
            ))
        };
        let mut inherited = Self::default();
        let from_manager: Vec<RawFd> = sd_notify::listen_fds().map_err(|e| broken(&e))?.collect();
        for number in from_manager {
            inherited.keep(inherit::from_parent(number).map_err(|e| broken(&e))?).map_err(|e| broken(&e))?;
        }
        let Some(words) = std::env::var(VARIABLE).ok().and_then(|text| Words::read(&text)) else {
            return Ok(inherited);
        };
        // A script of that node, or what it starts, has the variable and none of the descriptors.
        if words.pid != std::os::unix::process::parent_id() {
            return Ok(inherited);
        }
        let take = |number| inherit::from_parent(number).map_err(|e| broken(&e));
        let lock = words.lock.map(take).transpose()?.map(File::from);
        inherited.handover = Some(Handover { talk: take(words.talk)?.into(), lock });
        for number in words.sockets {
            inherited.keep(take(number)?).map_err(|e| broken(&e))?;
        }
        Ok(inherited)
    }

    fn keep(&mut self, fd: OwnedFd) -> std::io::Result<()> {
        let socket = Socket::from(fd);
        socket.set_nonblocking(true)?;
        if socket.domain()? == Domain::UNIX {
            self.unix.push(OwnedFd::from(socket).into());
        } else {
            self.tcp.push(socket.into());
        }
        Ok(())
    }

    /// The socket that listens at this address, if there is one.
    pub(crate) fn tcp(&mut self, addr: SocketAddr) -> Option<TcpListener> {
        let at = self.tcp.iter().position(|socket| socket.local_addr().is_ok_and(|own| own == addr))?;
        Some(self.tcp.swap_remove(at))
    }

    /// Whether there is one.
    pub(crate) fn has_tcp(&self, addr: SocketAddr) -> bool {
        self.tcp.iter().any(|socket| socket.local_addr().is_ok_and(|own| own == addr))
    }

    /// The socket that listens at this path, if there is one.
    pub(crate) fn unix(&mut self, path: &Path) -> Option<UnixListener> {
        let is_there = |socket: &UnixListener| socket.local_addr().is_ok_and(|own| own.as_pathname() == Some(path));
        let at = self.unix.iter().position(is_there)?;
        Some(self.unix.swap_remove(at))
    }
}

/// The variable's content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// Who sets it.
    pub(crate) pid: u32,
    pub(crate) talk: RawFd,
    pub(crate) lock: Option<RawFd>,
    pub(crate) sockets: Vec<RawFd>,
}

impl Words {
    pub(crate) fn write(&self) -> String {
        let Self { pid, talk, lock, sockets } = self;
        let sockets: Vec<String> = sockets.iter().map(ToString::to_string).collect();
        let lock = lock.map_or_else(String::new, |lock| lock.to_string());
        format!("pid={pid} talk={talk} lock={lock} sockets={}", sockets.join(","))
    }

    fn read(text: &str) -> Option<Self> {
        let word = |name: &str| text.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let sockets = word("sockets")?.split(',').filter(|number| !number.is_empty()).map(|number| number.parse().ok());
        Some(Self {
            pid: word("pid")?.parse().ok()?,
            talk: word("talk")?.parse().ok()?,
            lock: match word("lock")? {
                "" => None,
                number => Some(number.parse().ok()?),
            },
            sockets: sockets.collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (lock, sockets) in [(Some(8), vec![]), (None, vec![9]), (Some(8), vec![9, 10, 11])] {
            let words = Words { pid: 4711, talk: 7, lock, sockets };
            assert_eq!(Words::read(&words.write()), Some(words));
        }
        for nonsense in ["", "pid=1", "pid=1 talk=2 lock=x sockets=", "pid=1 talk=2 lock=3 sockets=4,y"] {
            assert_eq!(Words::read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_socket_serves_what_has_its_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let mut inherited = Inherited::default();
        inherited.keep(listener.into()).unwrap();
        assert!(inherited.tcp(SocketAddr::from(([127, 0, 0, 2], addr.port()))).is_none());
        assert!(inherited.tcp(addr).is_some());
        assert!(inherited.tcp(addr).is_none(), "once");
    }
}
