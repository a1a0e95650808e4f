//! With whom does a session stand, and on what terms?

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::AS_TRANS;
use crate::route::Family;

/// A route server or router, and what both sides of the session must know. [`Neighbor::check`] says what is impossible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbor {
    /// Where it listens, as a rule on port [`PORT`].
    pub remote: SocketAddr,
    /// The address that we connect from; `None`: what the system chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<IpAddr>,
    /// Its AS number: another one in its OPEN ends the session.
    pub remote_as: u32,
    /// Ours.
    pub local_as: u32,
    /// Who we are among the speakers of our autonomous system. An address of this host by custom, any number but 0 by rule (RFC 6286).
    pub identifier: Ipv4Addr,
    /// The kinds of routes that may be told.
    pub families: BTreeSet<Family>,
    /// In seconds: after so long without a word the peer counts as gone, and we for it. 0: never; else at least 3. The lower one of
    /// both sides' counts, a third of it is the time between two KEEPALIVEs.
    pub hold_time: u16,
    /// How long an attempt to connect may take, and how long the pause after a refused one grows at most.
    #[serde(with = "machine::time::span")]
    pub connect_retry: Duration,
    /// How far away it may be. For the driver.
    pub ttl: Ttl,
    /// Whether segments are signed (TCP-MD5, RFC 2385). The driver has the password; a machine holds no secret (N9).
    #[serde(default)]
    pub md5: bool,
    /// The next hop of IPv4 routes where it is not the address of the session: it must be one of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hop4: Option<Ipv4Addr>,
    /// The same of IPv6 routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hop6: Option<Ipv6Addr>,
}

/// How far away the neighbour may be, in routers on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ttl {
    /// Our packets live for so many hops; 1: on this link. What comes may have come from anywhere.
    Hops(u8),
    /// RFC 5082: ours begin with 255, and what comes must not have come further than so many hops: nobody far away can forge it.
    Security(u8),
}

impl Ttl {
    /// What packets are sent with.
    #[must_use]
    pub const fn of_packets(self) -> u8 {
        match self {
            Self::Hops(hops) => hops,
            Self::Security(_) => 255,
        }
    }

    /// The lowest that a packet may arrive with; `None`: any.
    #[must_use]
    pub const fn least(self) -> Option<u8> {
        match self {
            Self::Hops(_) => None,
            // One hop away it arrives as it was sent.
            Self::Security(hops) => Some(255 - hops.saturating_sub(1)),
        }
    }
}

impl Neighbor {
    /// Terms that suit most neighbours on the same link: both families, hold time 90 s as RFC 4271 10 suggests, a new attempt after
    /// 5 s at the latest.
    #[must_use]
    pub fn new(remote: SocketAddr, remote_as: u32, local_as: u32, identifier: Ipv4Addr) -> Self {
        Self {
            remote,
            local: None,
            remote_as,
            local_as,
            identifier,
            families: Family::ALL.into(),
            hold_time: 90,
            connect_retry: Duration::from_secs(5),
            ttl: Ttl::Hops(1),
            md5: false,
            next_hop4: None,
            next_hop6: None,
        }
    }

    /// Whether it is in our own autonomous system (iBGP).
    #[must_use]
    pub const fn is_internal(&self) -> bool {
        self.remote_as == self.local_as
    }

    /// All that is impossible about it.
    #[must_use]
    pub fn check(&self) -> Vec<Misconfigured> {
        let to = self.remote.ip();
        let impossible = [
            (to.is_unspecified() || to.is_multicast() || self.remote.port() == 0, Misconfigured::Remote),
            (self.local.is_some_and(|local| local.is_ipv4() != to.is_ipv4()), Misconfigured::Local),
            (!is_as(self.remote_as), Misconfigured::As(self.remote_as)),
            (!is_as(self.local_as) && self.local_as != self.remote_as, Misconfigured::As(self.local_as)),
            (!is_identifier(self.identifier), Misconfigured::Identifier),
            (self.families.is_empty(), Misconfigured::Families),
            (matches!(self.hold_time, 1 | 2), Misconfigured::HoldTime(self.hold_time)),
            (!CONNECT_RETRY.contains(&self.connect_retry), Misconfigured::ConnectRetry),
            (matches!(self.ttl, Ttl::Hops(0) | Ttl::Security(0)), Misconfigured::Ttl),
        ];
        impossible.into_iter().filter(|(wrong, _)| *wrong).map(|(_, what)| what).collect()
    }
}

/// RFC 7607, 6793, 7300: 0, the stand-in for large numbers, and the last of either size are nobody's.
fn is_as(asn: u32) -> bool {
    !matches!(asn, 0 | 65_535 | u32::MAX) && asn != u32::from(AS_TRANS)
}

/// Any number but 0 by RFC 6286; but who knows only RFC 4271 takes nothing that cannot be the address of a host.
const fn is_identifier(identifier: Ipv4Addr) -> bool {
    !identifier.is_unspecified() && identifier.octets()[0] < 224
}

/// What is impossible about a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misconfigured {
    /// No session can be had with this address.
    Remote,
    /// The local address is of the other family.
    Local,
    /// The AS number is reserved.
    As(u32),
    /// The identifier is 0.0.0.0, or above every address of a host.
    Identifier,
    /// No family, so nothing to tell.
    Families,
    /// 1 or 2 seconds.
    HoldTime(u16),
    /// Outside of [`CONNECT_RETRY`].
    ConnectRetry,
    /// No hop at all.
    Ttl,
}

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote => f.write_str("the neighbour needs the address and the port of one host"),
            Self::Local => f.write_str("the local address and the neighbour's are of different families"),
            Self::As(asn) => write!(f, "{asn} is reserved: it is no autonomous system's number"),
            Self::Identifier => f.write_str("the identifier is no address of a host: take an IPv4 address of this one"),
            Self::Families => f.write_str("at least one family, IPv4 or IPv6"),
            Self::HoldTime(seconds) => write!(f, "a hold time of {seconds} s is too short: 0 (none) or at least 3 s"),
            Self::ConnectRetry => f.write_str("the time between two attempts to connect is from 1 s to 1 h"),
            Self::Ttl => f.write_str("a neighbour is at least one hop away"),
        }
    }
}

impl core::error::Error for Misconfigured {}

/// Where BGP speakers listen.
pub const PORT: u16 = 179;
/// Shorter would be a storm, longer an address that does not come back.
pub const CONNECT_RETRY: core::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
