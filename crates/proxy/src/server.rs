//! What is a server connection to its worker?

use session::Conn;

use crate::slots::Key;
use crate::stream::Stream;

/// One connection to a server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) stream: Stream,
    pub(crate) owner: Owner,
    pub(crate) state: State,
    /// It is in the queue of those who are read.
    pub(crate) queued: bool,
}

/// Whose requests go out on it, and who gets what comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner {
    /// One client alone, whose session knows it by this name.
    Client { key: Key, conn: Conn },
}

/// How far a server connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is being made.
    Connecting,
    /// It carries bytes.
    Open,
    /// Writing failed. Reading tells what the server said before it went.
    Deaf,
}

impl Server {
    pub(crate) const fn new(stream: Stream, owner: Owner) -> Self {
        Self { stream, owner, state: State::Connecting, queued: false }
    }

    /// Whether bytes may be written to it at this moment.
    pub(crate) fn takes_bytes(&self) -> bool {
        self.state == State::Open && !self.stream.is_blocked()
    }

    /// Whether its owner knows it by this name.
    pub(crate) fn is_for(&self, name: Conn) -> bool {
        let Owner::Client { conn, .. } = self.owner;
        conn == name
    }
}
