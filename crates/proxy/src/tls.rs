//! How do bytes pass through TLS?
//!
//! Over the same sockets as plain ones, with rustls' own buffers: it holds what is not yet a whole record, and what the kernel did not
//! take. Where configurations come from, and when they change, is the [`Source`]'s business: each handshake asks it.

use std::fmt;
use std::io::{self, Read as _, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

/// Where the configuration of the next handshake comes from.
pub struct Source<C>(Arc<dyn Fn() -> Arc<C> + Send + Sync>);

/// How clients are spoken with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTls {
    /// With which certificates, and of whom one is asked for.
    pub source: Source<ServerConfig>,
    /// How long a client may take to shake hands, from when it came.
    pub handshake_timeout: Duration,
}

/// How servers are spoken with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// Whom to believe, and what to show.
    pub source: Source<ClientConfig>,
    /// The name that every server has. `None`: its address.
    pub name: Option<ServerName<'static>>,
}

/// One side of a connection.
pub(crate) struct Tls {
    connection: Connection,
    /// The first byte that came: it tells whether the other side speaks TLS at all.
    first: Option<u8>,
    /// The other side has said its last.
    ended: bool,
}

impl<C> Source<C> {
    /// Asks `current` at each handshake: it should answer at once.
    pub fn new(current: impl Fn() -> Arc<C> + Send + Sync + 'static) -> Self {
        Self(Arc::new(current))
    }

    /// That of no other source, as long as this one is there.
    pub(crate) fn number(&self) -> usize {
        Arc::as_ptr(&self.0).cast::<()>() as usize
    }

    fn current(&self) -> Arc<C> {
        (self.0)()
    }
}

impl<C> Clone for Source<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> fmt::Debug for Source<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// The same source, not one that answers the same.
impl<C> PartialEq for Source<C> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<C> Eq for Source<C> {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("shaking", &self.is_shaking()).finish_non_exhaustive()
    }
}

impl Tls {
    /// Our side of a connection that a client made.
    pub(crate) fn with_client(tls: &ClientTls) -> io::Result<Self> {
        let connection = ServerConnection::new(tls.source.current()).map_err(io::Error::other)?;
        Ok(Self { connection: connection.into(), first: None, ended: false })
    }

    /// Our side of a connection that we made.
    pub(crate) fn with_server(tls: &ServerTls, at: std::net::IpAddr) -> io::Result<Self> {
        let name = tls.name.clone().unwrap_or_else(|| ServerName::IpAddress(at.into()));
        let connection = ClientConnection::new(tls.source.current(), name).map_err(io::Error::other)?;
        Ok(Self { connection: connection.into(), first: None, ended: false })
    }

    /// Takes what came over the wire, and appends what was said by it. How many bytes that is.
    ///
    /// # Errors
    /// It is no TLS, or the handshake fails. There may be an alert to send.
    pub(crate) fn receive(&mut self, mut wire: &[u8], into: &mut [u8]) -> io::Result<usize> {
        self.first = self.first.or_else(|| wire.first().copied());
        let mut filled = 0;
        while !wire.is_empty() && !self.ended {
            self.connection.read_tls(&mut wire)?;
            let state =
                self.connection.process_new_packets().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            self.ended = state.peer_has_closed();
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                // As much as came can be said by it: there is room.
                let n = self.connection.reader().read(&mut into[filled..])?;
                filled += n;
                left -= n.min(left);
            }
        }
        Ok(filled)
    }

    /// Takes bytes to be sent, as many as there is room for.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.writer().write(bytes)
    }

    /// Says that nothing more comes.
    pub(crate) fn say_end(&mut self) {
        self.connection.send_close_notify();
    }

    /// Sends what there is. False if the kernel took only a part of it.
    pub(crate) fn send(&mut self, wire: &mut impl Write) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(wire) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Whether something of what was said is not sent yet.
    pub(crate) fn has_unsent(&self) -> bool {
        self.connection.wants_write()
    }

    pub(crate) fn is_shaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether the other side has said that nothing more comes.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether what came first begins a handshake.
    pub(crate) fn is_spoken(&self) -> bool {
        self.first.is_none_or(|first| first == HANDSHAKE)
    }
}

/// The first byte of everybody who speaks TLS: the record of a handshake (RFC 8446 5.1). No request begins with it.
pub(crate) const HANDSHAKE: u8 = 0x16;
