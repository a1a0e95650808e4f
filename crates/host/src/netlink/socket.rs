//! How do questions get to the kernel, and answers back?

use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};

use super::message::{Frame, Header, Message, Refusal, Request};

/// One socket. It is used by one thread, and asks one thing at a time.
#[derive(Debug)]
pub(super) struct Socket {
    socket: socket2::Socket,
    /// Of the last question.
    sequence: u32,
    buffer: Box<[u8]>,
}

/// The kernel answers within microseconds; one that does not within this has another trouble.
const PATIENCE: Duration = Duration::from_secs(1);
/// The kernel writes lists in pieces of at most this (`man 7 netlink`).
const PIECE: usize = 32 * 1024;
/// A list that changes while it is told is asked for anew, so often.
const TRIES: u32 = 8;
/// Answers to earlier questions that are passed over.
const MAX_STALE: u32 = 1_000;

impl Socket {
    /// To the part of the kernel of this number (`NETLINK_*`).
    pub(super) fn open(part: libc::c_int) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(Protocol::from(part)))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let opened = Self { socket, sequence: 0, buffer: vec![0; PIECE].into_boxed_slice() };
        opened.bind()?;
        // The kernel says in words what is wrong. An older one cannot.
        let _ = opened.set(libc::NETLINK_EXT_ACK, 1);
        Ok(opened)
    }

    /// Gets a port of the kernel's choice: who has none is not told anything.
    #[expect(unsafe_code, reason = "bind")]
    fn bind(&self) -> io::Result<()> {
        let len = libc::socklen_t::try_from(size_of::<libc::sockaddr_nl>()).expect("it is twelve");
        // SAFETY: man 7 netlink: an address of this family is a plain structure, for which zeros are valid values.
        let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        address.nl_family = libc::sa_family_t::try_from(libc::AF_NETLINK).expect("it is 16");
        // SAFETY: man 2 bind: it reads `len` bytes at the pointer, which is to a structure of that size that lives as long as the
        // call; the descriptor is open as long as `self`.
        let bound = unsafe { libc::bind(self.socket.as_raw_fd(), (&raw const address).cast(), len) };
        if bound == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Hears of changes of this kind, too (`RTNLGRP_*`).
    pub(super) fn join(&self, group: libc::c_uint) -> io::Result<()> {
        self.set(libc::NETLINK_ADD_MEMBERSHIP, group.cast_signed())
    }

    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        self.socket.set_nonblocking(true)
    }

    #[expect(unsafe_code, reason = "setsockopt")]
    fn set(&self, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
        let len = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("it is four");
        // SAFETY: man 2 setsockopt: it reads `len` bytes at the pointer, which is to an integer of that size that lives as long as
        // the call; the descriptor is open as long as `self`.
        let set = unsafe {
            libc::setsockopt(self.socket.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const value).cast(), len)
        };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Does what is asked.
    pub(super) fn order(&mut self, request: &Request) -> Result<(), Refusal> {
        self.each(request, |_, _| ()).map(drop)
    }

    /// All that there is of what is asked for.
    pub(super) fn list(&mut self, request: &Request) -> Result<Vec<Message>, Refusal> {
        for _ in 0..TRIES {
            let mut list = Vec::new();
            if self.each(request, |kind, body| list.push(Message::of(kind, body)))? {
                return Ok(list);
            }
        }
        Err(io::Error::other("what is listed changes faster than it can be read").into())
    }

    /// Asks, and hands on all that is answered, by its kind, until the answer is complete. False: what is listed has changed meanwhile.
    pub(super) fn each(&mut self, request: &Request, mut on: impl FnMut(u16, &[u8])) -> Result<bool, Refusal> {
        self.ask(request)?;
        let mut changed = false;
        let mut stale = 0;
        while stale < MAX_STALE {
            let len = (&self.socket).read(&mut self.buffer)?;
            for frame in Frame::all(&self.buffer[..len]) {
                if frame.header.sequence != self.sequence {
                    stale += 1;
                    continue;
                }
                changed |= frame.header.is_interrupted;
                match frame.done() {
                    Some(done) => return done.into_result().map(|()| !changed),
                    None => on(frame.kind, frame.body),
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the kernel answers everything but the question").into())
    }

    fn ask(&mut self, request: &Request) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = request.bytes(self.sequence);
        let sent = self.socket.send(&bytes)?;
        if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// What came without a question.
    pub(super) fn hear(&mut self) -> io::Result<impl Iterator<Item = (Header, Message)>> {
        let len = (&self.socket).read(&mut self.buffer)?;
        Ok(Message::all(&self.buffer[..len]))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
