//! What is a server connection to its worker?

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use machine::Instant;
use session::Conn;
use session::lane::Lane;

use crate::crowd::Permit;
use crate::edge::{Edge, Peer};
use crate::proxy_protocol::{self, Header};
use crate::slots::Key;
use crate::socket;
use crate::stream::{Got, Stream};
use crate::tls::Tls;

/// One connection to a server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) stream: Stream,
    pub(crate) addr: SocketAddr,
    /// What was said about such connections.
    pub(crate) edge: Arc<Edge>,
    /// For whom it is made, if that is to be told.
    header: Option<Box<Header>>,
    pub(crate) owner: Owner,
    pub(crate) state: State,
    /// Until something has come from it.
    pub(crate) permit: Option<Permit>,
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
    /// It is made, and shakes hands.
    Shaking,
    /// It carries bytes.
    Open,
    /// Writing failed. Reading tells what the server said before it went.
    Deaf,
    /// It has ended, and it is not known yet what follows from that.
    Ended,
}

impl Server {
    pub(crate) const fn new(stream: Stream, addr: SocketAddr, edge: Arc<Edge>, owner: Owner) -> Self {
        let state = State::Connecting;
        Self { stream, addr, edge, header: None, owner, state, permit: None, queued: false, to_write: false, due: None }
    }

    /// It is for this client: that is told where it has to be.
    pub(crate) fn on_behalf_of(mut self, peer: Peer, client: &Stream) -> Self {
        if self.edge.send_proxy.is_some() {
            let header = match (peer, client.tcp().and_then(|socket| socket.local_addr().ok())) {
                (Peer::Inet(source), Some(destination)) => Header::Inet { source, destination },
                // A balancer came by a UNIX socket and told for whom: that was at no port.
                (Peer::Inet(_), None) => Header::Unknown,
                (Peer::Unix, _) => Header::Unix,
            };
            self.header = Some(Box::new(header));
        }
        self
    }

    /// It is made. It is told for whom, and hands are shaken, if that is to be; otherwise it is open.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        let Some(socket) = self.stream.tcp() else { return Ok(()) };
        socket::tune_server(socket, self.edge.server_tcp)?;
        if let (Some(said), Some(version)) = (self.header.take(), self.edge.send_proxy) {
            let mut header = Vec::new();
            proxy_protocol::encode(&said, version, &mut header);
            // The kernel takes the first bytes of a connection whole.
            if self.stream.write_wire(&header)? < header.len() {
                return Err(io::Error::other("no room for a PROXY protocol header"));
            }
        }
        self.state = State::Open;
        if let Some(tls) = &self.edge.server_tls {
            self.state = State::Shaking;
            self.stream.begin_tls(Tls::with_server(tls, self.addr.ip())?)?;
        }
        Ok(())
    }

    /// Goes on with shaking hands, until it is open. How many bytes the server said with the end of it, unasked: they are in the scratch.
    pub(crate) fn shake(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        let mut said = 0;
        while self.state == State::Shaking && self.stream.is_readable() {
            said = match self.stream.read(scratch)? {
                Got::Bytes(said) => said,
                Got::End => return Err(io::ErrorKind::UnexpectedEof.into()),
                Got::Nothing => 0,
            };
            if !self.stream.tls().is_some_and(Tls::is_shaking) {
                self.state = State::Open;
            }
        }
        Ok(said)
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
