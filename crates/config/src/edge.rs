//! What a listener's edges are, as plain data: addresses and networks, certificates, limits, sockets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::choice::{ClientCertificates, MinVersion};
use crate::config::sure;
use crate::setting::Settings;

/// Where clients come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A port. The address may be a wildcard.
    Tcp(SocketAddr),
    /// A UNIX socket: absolute, and short enough for the kernel.
    Unix(PathBuf),
}

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The first address: no bit is set after the first `bits`.
    pub ip: IpAddr,
    /// How many bits count; at most 32 or 128.
    pub bits: u8,
}

/// `[listener.tls]`: clients speak TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// What is shown to clients that name no host, or one that nothing else is for.
    pub certificate: Certificate,
    /// What is shown to those that name a host.
    pub named: Vec<Named>,
    /// Who signs the certificates of clients. There if they are asked for one.
    pub ca: Option<PathBuf>,
    /// Whether they are.
    pub client_certificates: ClientCertificates,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
    /// How long the handshake may take.
    pub handshake_timeout: Duration,
}

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// It and those above it, in PEM.
    pub cert: PathBuf,
    /// The key to it.
    pub key: PathBuf,
}

/// `[[listener.tls.sni]]`: a certificate for some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// In small letters; the first label may be `*`. No name is there twice in a listener.
    pub names: Vec<String>,
    /// What is shown to a client that names one of them.
    pub certificate: Certificate,
}

/// `[group.server-tls]`: the group's servers speak TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// Who signs the certificates of servers.
    pub ca: PathBuf,
    /// What we show to a server that asks.
    pub certificate: Option<Certificate>,
    /// The name that every server's certificate must hold. `None`: whoever the authority signed is believed.
    pub name: Option<String>,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
}

/// `[listener.limits]`: how many clients there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// At a time, beside the limit of the whole proxy.
    pub max_clients: Option<u32>,
    /// At a time, of one address.
    pub max_clients_per_address: Option<u32>,
    /// Per second, with a burst of one second's worth.
    pub max_new_per_second: Option<u32>,
    /// Per second and address, with a burst of one second's worth.
    pub max_new_per_second_per_address: Option<u32>,
}

/// `[listener.client-tcp]`, `[listener.server-tcp]`: how long the kernel believes in a silent peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Silence before the first probe. Zero: none is sent.
    pub keepalive: Duration,
    /// Between two probes.
    pub keepalive_interval: Duration,
    /// Unanswered probes that end the connection.
    pub keepalive_count: u32,
    /// How long what was sent may stay unacknowledged. Zero: as long as the kernel tries.
    pub user_timeout: Duration,
}

/// `[listener.unix]`: whose the socket's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixFile {
    /// The rights of the file.
    pub mode: u16,
    /// Its owner, if it is not to be ours.
    pub user: Option<String>,
    /// Its group, if it is not to be ours.
    pub group: Option<String>,
}

impl Endpoint {
    /// The address of a port.
    #[must_use]
    pub const fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }
}

/// As it is written in the file.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Network {
    /// The network of so many bits that an address is in.
    pub(crate) fn new(ip: IpAddr, bits: u8) -> Self {
        let ip = match ip {
            IpAddr::V4(ip) => {
                IpAddr::V4(Ipv4Addr::from_bits(first(u128::from(ip.to_bits()), 32 - bits.min(32)) as u32))
            }
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(first(ip.to_bits(), 128 - bits.min(128)))),
        };
        Self { ip, bits }
    }
}

/// Without its last bits.
fn first(address: u128, last: u8) -> u128 {
    let last = u32::from(last);
    address.checked_shr(last).map_or(0, |kept| kept << last)
}

/// An address alone if all bits count.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.ip.is_ipv4() { 32 } else { 128 };
        if self.bits == most { self.ip.fmt(f) } else { write!(f, "{}/{}", self.ip, self.bits) }
    }
}

impl Tls {
    pub(crate) fn build(table: &Settings) -> Self {
        let named = |table: &Settings| Named { names: sure(table, "names"), certificate: Certificate::build(table) };
        Self {
            certificate: Certificate::build(table),
            named: table.get::<Vec<Settings>>("sni").unwrap_or_default().iter().map(named).collect(),
            ca: table.get("ca"),
            client_certificates: sure(table, "client-certificates"),
            min_version: sure(table, "min-version"),
            handshake_timeout: sure(table, "handshake-timeout"),
        }
    }
}

impl Certificate {
    fn build(table: &Settings) -> Self {
        Self { cert: sure(table, "cert"), key: sure(table, "key") }
    }
}

impl ServerTls {
    pub(crate) fn build(table: &Settings) -> Self {
        Self {
            ca: sure(table, "ca"),
            certificate: (!table.lacks("cert")).then(|| Certificate::build(table)),
            name: table.get("name"),
            min_version: sure(table, "min-version"),
        }
    }
}

impl Limits {
    pub(crate) fn build(table: &Settings) -> Self {
        Self {
            max_clients: table.get("max-clients"),
            max_clients_per_address: table.get("max-clients-per-address"),
            max_new_per_second: table.get("max-new-per-second"),
            max_new_per_second_per_address: table.get("max-new-per-second-per-address"),
        }
    }
}

impl Tcp {
    pub(crate) fn build(table: &Settings) -> Self {
        Self {
            keepalive: sure(table, "keepalive"),
            keepalive_interval: sure(table, "keepalive-interval"),
            keepalive_count: sure(table, "keepalive-count"),
            user_timeout: sure(table, "user-timeout"),
        }
    }
}

impl UnixFile {
    pub(crate) fn build(table: &Settings) -> Self {
        Self { mode: sure(table, "mode"), user: table.get("user"), group: table.get("group") }
    }
}
