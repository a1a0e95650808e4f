//! What is a server connection to its worker?

use std::net::SocketAddr;

use machine::Instant;
use session::Conn;
use session::lane::Lane;

use crate::edge::ServerTcp;
use crate::slots::Key;
use crate::stream::Stream;

/// One connection to a server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) stream: Stream,
    pub(crate) addr: SocketAddr,
    /// How long its silence is believed.
    pub(crate) patience: ServerTcp,
    pub(crate) owner: Owner,
    pub(crate) state: State,
    /// It is in the queue of those who are read.
    pub(crate) queued: bool,
    /// It is in the queue of those who are written.
    pub(crate) to_write: bool,
    /// When it is to be looked after, as the timers know it.
    pub(crate) due: Option<Instant>,
}

/// Whose requests go out on it, and who gets what comes in.
#[derive(Debug)]
pub(crate) enum Owner {
    /// One client alone, whose session knows it by this name.
    Client { key: Key, conn: Conn },
    /// Many clients.
    Lane(Box<Lane<Key>>),
    /// Nobody at present.
    Spare,
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
    pub(crate) const fn new(stream: Stream, addr: SocketAddr, patience: ServerTcp, owner: Owner) -> Self {
        let state = State::Connecting;
        Self { stream, addr, patience, owner, state, queued: false, to_write: false, due: None }
    }

    /// Whether bytes may be written to it at this moment.
    pub(crate) fn takes_bytes(&self) -> bool {
        self.state == State::Open && !self.stream.is_blocked()
    }

    pub(crate) fn lane(&mut self) -> Option<&mut Lane<Key>> {
        match &mut self.owner {
            Owner::Lane(lane) => Some(lane),
            _ => None,
        }
    }

    pub(crate) const fn is_lane(&self) -> bool {
        matches!(self.owner, Owner::Lane(_))
    }
}
