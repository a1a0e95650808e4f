//! What did the operator say about a listener's edges: where it is, who may come in, and how long silence is believed?

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::gate::{Limits, Lists, Network};
use crate::proxy_protocol::Version;
use crate::tls::{ClientTls, ServerTls};

/// Where clients come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A port. The host need not hold the address yet.
    Tcp(SocketAddr),
    /// A UNIX socket.
    Unix(UnixFile),
}

/// The file of a UNIX socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its rights.
    pub mode: u32,
    /// Its owner, by number; `None`: whoever makes it.
    pub owner: Option<u32>,
    /// Its group, by number; `None`: that of whoever makes it.
    pub group: Option<u32>,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody on the net.
    Inet(SocketAddr),
    /// Somebody on this host.
    Unix,
}

/// What is understood of the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Requests are told apart.
    #[default]
    Redis,
    /// Nothing: they pass as they are.
    Tcp,
}

/// Everything about a listener that does not concern requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// What is understood of the bytes.
    pub mode: Mode,
    /// Who may come in.
    pub lists: Lists,
    /// How many may.
    pub limits: Limits,
    /// Who has to say for whom it connects, before anything else; at a UNIX socket everybody, if there is somebody.
    pub proxy_protocol_from: Vec<Network>,
    /// Clients speak TLS.
    pub tls: Option<ClientTls>,
    /// Servers speak TLS.
    pub server_tls: Option<ServerTls>,
    /// How servers are told for whom we connect.
    pub send_proxy: Option<Version>,
    /// How long a client may take to say anything, after it has shaken hands. Zero: as long as it likes.
    pub first_byte_timeout: Duration,
    /// How long neither it nor its server may say anything. Zero: as long as they like.
    pub idle_timeout: Duration,
    /// How long silent clients are believed in.
    pub client_tcp: ClientTcp,
    /// How long silent servers are believed in.
    pub server_tcp: ServerTcp,
}

/// How long the kernel believes in a silent peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Silence before it asks. Zero: it never does.
    pub keepalive: Duration,
    /// Between two questions; whole seconds.
    pub interval: Duration,
    /// Unanswered questions that end the connection.
    pub count: u32,
    /// How long what was sent may stay unacknowledged. Zero: as long as the kernel tries.
    pub user_timeout: Duration,
}

/// The patience with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTcp(pub Patience);

/// The patience with servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTcp(pub Patience);

impl Edge {
    /// Whether this peer has to say for whom it connects.
    #[must_use]
    pub fn expects_header(&self, peer: Peer) -> bool {
        match peer.ip() {
            Some(ip) => self.proxy_protocol_from.iter().any(|network| network.contains(ip)),
            None => !self.proxy_protocol_from.is_empty(),
        }
    }

    /// How servers are connected to, as bytes: the same for two edges only if connections by one are as good as by the other, as long as
    /// one of them is there.
    pub(crate) fn way(&self, connect_timeout: Duration) -> Vec<u8> {
        let Patience { keepalive, interval, count, user_timeout } = self.server_tcp.0;
        let name = self.server_tls.as_ref().and_then(|tls| tls.name.as_ref()).map(|name| name.to_str());
        let name = name.as_deref().unwrap_or_default();
        let source = self.server_tls.as_ref().map_or(0, |tls| tls.source.number());
        let mut way = Vec::new();
        for time in [keepalive, interval, user_timeout, connect_timeout] {
            way.extend(time.as_nanos().to_be_bytes());
        }
        way.extend(count.to_be_bytes());
        way.extend(source.to_be_bytes());
        way.extend(name.len().to_be_bytes());
        way.extend(name.as_bytes());
        way
    }
}

impl Endpoint {
    /// Its port, if it is one.
    #[must_use]
    pub const fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }

    /// Whether there can be only one socket for both, whatever the rights of its file.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(two)) => one == two,
            (Self::Unix(one), Self::Unix(two)) => one.path == two.path,
            _ => false,
        }
    }
}

impl Peer {
    /// Its address, if it has one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Inet(addr) => Some(addr.ip()),
            Self::Unix => None,
        }
    }
}

impl Default for ClientTcp {
    /// A client whose host vanished is noticed after 60 + 3 * 10 s: it costs us a descriptor, nobody waits. Redis's own default is
    /// 300 s, HAProxy's none.
    fn default() -> Self {
        let (keepalive, interval) = (Duration::from_secs(60), Duration::from_secs(10));
        Self(Patience { keepalive, interval, count: 3, user_timeout: Duration::ZERO })
    }
}

impl Default for ServerTcp {
    /// On a server connection a client waits. A host that vanished without a word and came back knows nothing of the connection, and
    /// a request whose reply was lost with it would wait for ever while the view names the same master: so whoever is silent is
    /// asked after 5 s and every second from then on. A returned host answers with a reset; one that stays away is given up a
    /// second later, by the user timeout. Ten thousand idle connections cost two thousand small packets a second.
    ///
    /// The user timeout: how long what was sent to a server may stay unacknowledged, by its kernel, not by Redis. Otherwise Linux sends it
    /// again for a quarter of an hour, at growing distances, and probes nothing meanwhile. The kernel counts a window that stays closed as
    /// well (measured: cut after 5.5 s): a server that reads nothing for so long, with more unread than its kernel takes, is cut off, too. By
    /// the default of `down-after` it is no master by then.
    fn default() -> Self {
        let (keepalive, interval) = (Duration::from_secs(5), Duration::from_secs(1));
        Self(Patience { keepalive, interval, count: 3, user_timeout: Duration::from_secs(5) })
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

/// `IP:port`, or `unix:` and the path.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(file) => write!(f, "unix:{}", file.path.display()),
        }
    }
}

/// `IP:port`, or `unix`.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => addr.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}
