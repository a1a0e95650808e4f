//! An address that is announced to route servers, as plain data.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::address::{LelasticRole, RouteOrigin, byte};
use crate::config::sure;
use crate::edge::Network;
use crate::secret::Secret;
use crate::setting::Settings;

/// `[address.bgp]`: the address is held wherever it may be, and announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bgp {
    /// The route servers of a data centre, as lelastic knows them. `None`: only those of `neighbors`, which has some then.
    pub lelastic: Option<Lelastic>,
    /// Further ones. Each of their names is there once.
    pub neighbors: Vec<Neighbor>,
    /// What is announced. Empty: each address that is held, alone; with lelastic, IPv6 by the network around it.
    pub prefixes: Vec<Network>,
    /// ORIGIN.
    pub origin: RouteOrigin,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// At most 64, beside that of lelastic.
    pub communities: Vec<(u16, u16)>,
    /// At most 64.
    pub large_communities: Vec<(u32, u32, u32)>,
    /// How often our AS number stands in AS_PATH beside the first time; at most 24.
    pub prepend: u8,
    /// How long it is served after it was withdrawn in order; at most 10 s.
    pub linger: Duration,
}

/// `[address.bgp.lelastic]`: what lelastic is told on its command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lelastic {
    /// `-dcid`: 2 to 9999.
    pub dcid: u16,
    /// `-primary` or `-secondary`.
    pub role: LelasticRole,
    /// `-send56`.
    pub send56: bool,
    /// The address that we connect from.
    pub local: Option<Ipv6Addr>,
    /// The next hop of IPv4 routes where it is not the address of the session.
    pub next_hop4: Option<Ipv4Addr>,
}

/// `[[address.bgp.neighbor]]`: a route server or router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// As it is called in messages: as written, or its address.
    pub name: String,
    /// Where it listens.
    pub remote: SocketAddr,
    /// The address that we connect from, of the family of `remote`.
    pub local: Option<IpAddr>,
    /// Its AS number: none that is reserved.
    pub remote_as: u32,
    /// Ours: none that is reserved.
    pub local_as: u32,
    /// Who we are among the speakers of our autonomous system.
    pub identifier: Ipv4Addr,
    /// At least one, each once.
    pub families: Vec<Family>,
    /// Whole seconds: zero, or at least 3 s.
    pub hold_time: Duration,
    /// 1 s to 1 h.
    pub connect_retry: Duration,
    /// How far away it may be.
    pub ttl: Ttl,
    /// TCP-MD5; at most 80 bytes.
    pub password: Option<Secret>,
    /// The next hop of IPv4 routes where it is not the address of the session.
    pub next_hop4: Option<Ipv4Addr>,
    /// The same of IPv6 routes.
    pub next_hop6: Option<Ipv6Addr>,
}

/// A kind of route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 unicast.
    Ipv4,
    /// IPv6 unicast.
    Ipv6,
}

/// How far away a neighbour may be, in hops; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Our packets live for so many.
    Hops(u8),
    /// RFC 5082: what comes must not have come further.
    Security(u8),
}

impl Family {
    /// The words that a file may contain.
    pub const WORDS: &'static [&'static str] = &["ipv4", "ipv6"];
}

impl Bgp {
    pub(crate) fn build(table: &Settings) -> Self {
        let pair = |n: &Vec<u32>| (narrow(n[0]), narrow(n[1]));
        let triple = |n: &Vec<u32>| (n[0], n[1], n[2]);
        let list = |key| table.get::<Vec<Vec<u32>>>(key).unwrap_or_default();
        Self {
            lelastic: table.get::<Settings>("lelastic").as_ref().map(Lelastic::build),
            neighbors: table.get::<Vec<Settings>>("neighbor").unwrap_or_default().iter().map(Neighbor::build).collect(),
            prefixes: table.get("prefixes").unwrap_or_default(),
            origin: sure(table, "origin"),
            med: table.get("med"),
            local_pref: table.get("local-pref"),
            communities: list("communities").iter().map(pair).collect(),
            large_communities: list("large-communities").iter().map(triple).collect(),
            prepend: byte(sure(table, "prepend")),
            linger: sure(table, "linger"),
        }
    }
}

impl Lelastic {
    fn build(table: &Settings) -> Self {
        Self {
            dcid: narrow(sure(table, "dcid")),
            role: sure(table, "role"),
            send56: sure(table, "send56"),
            local: v6(table, "local"),
            next_hop4: v4(table, "next-hop4"),
        }
    }
}

impl Neighbor {
    fn build(table: &Settings) -> Self {
        Self {
            name: name(table).expect("has an address"),
            remote: sure(table, "remote"),
            local: table.get("local"),
            remote_as: sure(table, "remote-as"),
            local_as: sure(table, "local-as"),
            identifier: v4(table, "identifier").expect("is required"),
            families: sure::<Vec<String>>(table, "families").iter().map(|word| Family::from_word(word)).collect(),
            hold_time: sure(table, "hold-time"),
            connect_retry: sure(table, "connect-retry"),
            ttl: table
                .get("ttl-security")
                .map_or_else(|| Ttl::Hops(byte(sure(table, "ttl"))), |n| Ttl::Security(byte(n))),
            password: table.get("password"),
            next_hop4: v4(table, "next-hop4"),
            next_hop6: v6(table, "next-hop6"),
        }
    }
}

/// What a neighbour is called: as written, or its address, without BGP's own port.
pub(crate) fn name(table: &Settings) -> Option<String> {
    if !table.lacks("name") {
        return table.get("name");
    }
    let remote: SocketAddr = table.get("remote")?;
    Some(if remote.port() == PORT { remote.ip().to_string() } else { remote.to_string() })
}

impl Family {
    fn from_word(word: &str) -> Self {
        if word == "ipv4" { Self::Ipv4 } else { Self::Ipv6 }
    }
}

fn v4(table: &Settings, key: &str) -> Option<Ipv4Addr> {
    match table.get(key) {
        Some(IpAddr::V4(ip)) => Some(ip),
        _ => None,
    }
}

fn v6(table: &Settings, key: &str) -> Option<Ipv6Addr> {
    match table.get(key) {
        Some(IpAddr::V6(ip)) => Some(ip),
        _ => None,
    }
}

/// A number that its option bounds to two bytes.
fn narrow(number: u32) -> u16 {
    u16::try_from(number).expect("its option allows 65535 at most")
}

/// Where BGP speakers listen.
pub(crate) const PORT: u16 = 179;
