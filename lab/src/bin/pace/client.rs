//! What does one connection do? Sends what it is given as far as the socket takes it, and reads what is there.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::replies::Replies;

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// What the socket has not taken yet, from `sent` on.
    out: Vec<u8>,
    sent: usize,
    /// Whether the socket is asked to tell when it takes more.
    pub(crate) waits_to_write: bool,
    replies: Replies,
    /// When each unanswered request was due, in order.
    pub(crate) owed: VecDeque<u64>,
}

impl Client {
    /// The buffer for requests; they leave with [`Client::flush`].
    pub(crate) const fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Sends what it can; whether all is sent.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.out.clear();
        self.sent = 0;
        Ok(true)
    }

    /// Reads once; how many replies ended. The socket tells again if there is more.
    pub(crate) fn read(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(scratch) {
            Ok(0) => Err(io::Error::other("the server closed a connection")),
            Ok(count) => self.replies.take(&scratch[..count]),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            Err(e) => Err(e),
        }
    }
}

/// Opens connections, and has one request answered on each: what a server keeps for a connection, it keeps from the first request on.
pub(crate) fn connect(addr: SocketAddr, count: usize) -> io::Result<Vec<Client>> {
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let from = clients.len();
        for _ in 0..(count - from).min(AT_ONCE) {
            let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            (&stream).write_all(b"*1\r\n$4\r\nPING\r\n")?;
            clients.push(Client {
                stream,
                out: Vec::new(),
                sent: 0,
                waits_to_write: false,
                replies: Replies::default(),
                owed: VecDeque::new(),
            });
        }
        for (n, client) in clients.iter().enumerate().skip(from) {
            let mut answer = [0; 7];
            let which = |e| io::Error::other(format!("PING on connection {} of {count}: {e}", n + 1));
            (&client.stream).read_exact(&mut answer).map_err(which)?;
            if answer != *b"+PONG\r\n" {
                return Err(which(io::Error::other(String::from_utf8_lossy(&answer).into_owned())));
            }
            client.stream.set_nonblocking(true)?;
        }
    }
    Ok(clients)
}

/// Connections that wait to be accepted: fewer than any server's backlog, beyond which the kernel makes them wait a second.
const AT_ONCE: usize = 128;
const PATIENCE: Duration = Duration::from_secs(10);
