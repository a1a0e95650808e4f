//! A client that keeps what it hears as raw bytes, and knows where one reply ends. It shares no code with the program under test.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::real::PATIENCE;

/// What came of waiting for a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Reply(Vec<u8>),
    /// The connection ended; these bytes came before, and are no whole reply.
    End(Vec<u8>),
    /// Neither within the patience.
    Nothing(Vec<u8>),
}

pub struct Wire {
    socket: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    pub fn to(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { socket, unread: Vec::new() }
    }

    /// Sends from a thread of its own while replies are read elsewhere: neither side waits for the other for ever.
    pub fn sends(&self) -> TcpStream {
        self.socket.try_clone().unwrap()
    }

    /// Sends in pieces of so many bytes. A peer that is gone is seen when it is read.
    pub fn send(&self, bytes: &[u8], piece: usize) {
        let mut socket = &self.socket;
        for part in bytes.chunks(piece) {
            if socket.write_all(part).is_err() {
                return;
            }
        }
    }

    /// The next whole reply.
    pub fn hear(&mut self) -> Heard {
        let mut wanted = 0;
        loop {
            // Looking again after each piece of a large reply would take for ever.
            if self.unread.len() >= wanted {
                match reply_len(&self.unread) {
                    Ok(len) => {
                        let rest = self.unread.split_off(len);
                        return Heard::Reply(std::mem::replace(&mut self.unread, rest));
                    }
                    Err(least) => wanted = least,
                }
            }
            match self.read() {
                Some(true) => {}
                Some(false) => return Heard::End(std::mem::take(&mut self.unread)),
                None => return Heard::Nothing(std::mem::take(&mut self.unread)),
            }
        }
    }

    /// Everything until the end of the connection.
    pub fn rest(&mut self) -> Heard {
        loop {
            match self.read() {
                Some(true) => {}
                Some(false) => return Heard::End(std::mem::take(&mut self.unread)),
                None => return Heard::Nothing(std::mem::take(&mut self.unread)),
            }
        }
    }

    /// True: something came; false: the end; `None`: neither.
    fn read(&mut self) -> Option<bool> {
        let mut piece = [0; 64 << 10];
        match self.socket.read(&mut piece) {
            Ok(0) => Some(false),
            Ok(n) => {
                self.unread.extend_from_slice(&piece[..n]);
                Some(true)
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(_) => Some(false),
        }
    }
}

/// How long the first reply in `bytes` is, or how many bytes there must be at least before one can know.
pub fn reply_len(bytes: &[u8]) -> Result<usize, usize> {
    let mut at = 0;
    let mut left = 1_u64;
    while left > 0 {
        let line = bytes[at.min(bytes.len())..].windows(2).position(|w| w == b"\r\n");
        let end = at + line.ok_or(bytes.len() + 1)? + 2;
        let number = || std::str::from_utf8(&bytes[at + 1..end - 2]).ok()?.parse::<i64>().ok();
        let count = || number().map_or(0, |n| u64::try_from(n).unwrap_or(0));
        left -= 1;
        match bytes[at] {
            b'$' | b'=' | b'!' if number().is_some_and(|n| n >= 0) => {
                at = end + usize::try_from(count()).unwrap() + 2;
            }
            b'*' | b'~' | b'>' => {
                left += count();
                at = end;
            }
            b'%' => {
                left += count() * 2;
                at = end;
            }
            // An attribute stands before the reply that it is about.
            b'|' => {
                left += count() * 2 + 1;
                at = end;
            }
            _ => at = end,
        }
        if at > bytes.len() {
            return Err(at);
        }
    }
    Ok(at)
}

/// Words as an array of bulk strings.
pub fn frame<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::real::frame(&mut out, words);
    out
}
