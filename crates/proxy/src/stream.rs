//! What is known of a socket between two events of the kernel?
//!
//! The kernel tells of a change once (edge-triggered). So each socket remembers that there may be something to read, until a
//! read was shorter than it could have been, and that the kernel took less than it was offered, until it says that there is
//! room. All bytes of clients and servers pass through here.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use mio::event::{Event, Source};
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry};
use socket2::SockRef;
use tracing::debug;

use crate::slots::Whose;
use crate::tls::Tls;

/// Bytes that are read from the wire at once where they are encrypted: a whole record (RFC 8446 5.2), so that large values come in few
/// pieces.
pub(crate) const WIRE: usize = (1 << 14) + 256 + 5;

/// A socket, and what is known of it.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    /// There may be something to read.
    readable: bool,
    /// The other side will send no more. The kernel has said so, and will not say it again after the last bytes are read.
    last: bool,
    /// The kernel took less than it was offered.
    blocked: bool,
    /// What is said on it is encrypted.
    tls: Option<Box<Tls>>,
}

/// What carries the bytes.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(socket) => socket.as_raw_fd(),
            Self::Unix(socket) => socket.as_raw_fd(),
        }
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Bytes(usize),
    /// For now. The kernel will tell.
    Nothing,
    /// The other side sends no more.
    End,
}

impl Stream {
    pub(crate) const fn new(socket: Socket) -> Self {
        Self { socket, readable: false, last: false, blocked: false, tls: None }
    }

    /// From now on the kernel tells what happens to it.
    pub(crate) fn register(&mut self, registry: &Registry, whose: Whose) -> io::Result<()> {
        // Both from the start. Of TCP sockets the kernel reports room only after it had none; of UNIX sockets whenever the other
        // side reads, which is noted and forgotten.
        let interests = Interest::READABLE | Interest::WRITABLE;
        match &mut self.socket {
            Socket::Tcp(socket) => socket.register(registry, whose.token(), interests),
            Socket::Unix(socket) => socket.register(registry, whose.token(), interests),
        }
    }

    /// The kernel has told something. False if nothing follows from it.
    pub(crate) fn note(&mut self, event: &Event) -> bool {
        let before = (self.readable, self.last, self.blocked);
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.readable = true;
        }
        if event.is_read_closed() || event.is_error() {
            self.last = true;
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            self.blocked = false;
            // An error is met again by whoever reads or writes.
            let _ = self.flush();
        }
        before != (self.readable, self.last, self.blocked)
    }

    /// Whether reading may bring something.
    pub(crate) const fn is_readable(&self) -> bool {
        self.readable
    }

    /// Whether writing is of no use until the kernel says so.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Reading will tell what is the matter.
    pub(crate) const fn look(&mut self) {
        self.readable = true;
    }

    /// What is said from now on is encrypted.
    pub(crate) fn begin_tls(&mut self, tls: Tls) -> io::Result<()> {
        self.tls = Some(Box::new(tls));
        self.flush()
    }

    /// How the bytes are encrypted, if they are.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_deref()
    }

    /// Whether bytes that were taken by [`Self::write`] are still here.
    pub(crate) fn has_unsent(&self) -> bool {
        self.tls().is_some_and(Tls::has_unsent)
    }

    /// Tells the other side that nothing more comes, where there are words for that.
    pub(crate) fn farewell(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.say_end();
            let _ = self.flush();
        }
    }

    /// Reads once. Whether there is more, [`Self::is_readable`] knows. Into at least twice [`WIRE`].
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<Got> {
        if self.tls.is_none() {
            return self.read_wire(into);
        }
        let (said, wire) = into.split_at_mut(into.len() - WIRE);
        match self.read_wire(wire)? {
            Got::Bytes(n) => self.decrypt(&wire[..n], said),
            Got::Nothing if self.tls().is_some_and(Tls::has_ended) => Ok(Got::End),
            other => Ok(other),
        }
    }

    /// What the other side said by these bytes that came over the wire.
    pub(crate) fn decrypt(&mut self, wire: &[u8], into: &mut [u8]) -> io::Result<Got> {
        let Some(tls) = &mut self.tls else { return Ok(Got::Nothing) };
        let said = tls.receive(wire, into);
        let ended = tls.has_ended();
        // Answers of a handshake, or why it fails.
        let flushed = self.flush();
        match said? {
            0 if ended => Ok(Got::End),
            n => {
                flushed?;
                self.readable |= ended;
                Ok(if n == 0 { Got::Nothing } else { Got::Bytes(n) })
            }
        }
    }

    /// Sends what is encrypted already.
    fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = self.tls.as_mut().filter(|tls| tls.has_unsent()) else { return Ok(()) };
        let sent = match &mut self.socket {
            Socket::Tcp(socket) => tls.send(socket),
            Socket::Unix(socket) => tls.send(socket),
        };
        self.blocked = !sent?;
        Ok(())
    }

    /// Whether there is more to reading and writing than handing bytes over.
    pub(crate) const fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads once what comes over the wire: into the room behind the end of a buffer.
    pub(crate) fn read_behind(&mut self, buffer: &mut Vec<u8>) -> io::Result<Got> {
        let room = buffer.capacity() - buffer.len();
        let read = loop {
            let into = rustix::buffer::spare_capacity(&mut *buffer);
            let read = match &self.socket {
                Socket::Tcp(socket) => rustix::io::read(socket, into),
                Socket::Unix(socket) => rustix::io::read(socket, into),
            };
            match read {
                Err(rustix::io::Errno::INTR) => {}
                read => break read.map_err(io::Error::from),
            }
        };
        self.note_read(room, read)
    }

    /// What follows from one reading into so much room.
    fn note_read(&mut self, room: usize, read: io::Result<usize>) -> io::Result<Got> {
        match read {
            Ok(0) => Ok(Got::End),
            Ok(n) => {
                // What comes after a short read is a new event, but for an end that was told with these bytes.
                self.readable = n == room || self.last;
                Ok(Got::Bytes(n))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(Got::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads once what comes over the wire.
    pub(crate) fn read_wire(&mut self, into: &mut [u8]) -> io::Result<Got> {
        let read = loop {
            let read = match &mut self.socket {
                Socket::Tcp(socket) => socket.read(into),
                Socket::Unix(socket) => socket.read(into),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.note_read(into.len(), read)
    }

    /// Writes once and says how much the kernel took. If that is less than all, it is [blocked](Self::is_blocked).
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(tls) = &mut self.tls {
            let mut said = tls.say(bytes)?;
            self.flush()?;
            // It takes so much at a time; what the kernel took has left its room.
            while said < bytes.len() && !self.blocked {
                let Some(tls) = &mut self.tls else { break };
                said += tls.say(&bytes[said..])?;
                self.flush()?;
            }
            return Ok(said);
        }
        self.write_wire(bytes)
    }

    /// Writes once, past any encryption.
    pub(crate) fn write_wire(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let written = match &mut self.socket {
                Socket::Tcp(socket) => socket.write(bytes),
                Socket::Unix(socket) => socket.write(bytes),
            };
            match written {
                Ok(n) => {
                    self.blocked = n < bytes.len();
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// From now on the kernel tells another one.
    pub(crate) fn reregister(&mut self, registry: &Registry, whose: Whose) -> io::Result<()> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        match &mut self.socket {
            Socket::Tcp(socket) => socket.reregister(registry, whose.token(), interests),
            Socket::Unix(socket) => socket.reregister(registry, whose.token(), interests),
        }
    }

    /// How a connection that was begun came out. `None`: it is not made yet.
    pub(crate) fn made(&self) -> Option<io::Result<()>> {
        let Some(socket) = self.tcp() else { return Some(Ok(())) };
        match socket.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Some(Err(error)),
        }
        match socket.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Has the kernel cut the connection when it is closed, in place of ending it: whoever is on the other side learns of it at once,
    /// whatever is still under way.
    pub(crate) fn reset_when_closed(&self) {
        let Some(socket) = self.tcp() else { return };
        if let Err(error) = SockRef::from(socket).set_linger(Some(Duration::ZERO)) {
            debug!(%error, "ended in place of cut");
        }
    }

    /// Whether the other side came to one of these addresses.
    pub(crate) fn is_at(&self, ips: &[IpAddr]) -> bool {
        let at = self.tcp().and_then(|socket| socket.local_addr().ok());
        at.is_some_and(|at| ips.contains(&at.ip().to_canonical()))
    }

    /// The socket under it.
    pub(crate) const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The socket under it, for its options, where it has some.
    pub(crate) const fn tcp(&self) -> Option<&TcpStream> {
        match &self.socket {
            Socket::Tcp(socket) => Some(socket),
            Socket::Unix(_) => None,
        }
    }
}
