//! What is announced: a prefix, and what is said about the way to it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kind of route that a session can carry (RFC 4760); unicast only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// IPv4 unicast.
    Ipv4,
    /// IPv6 unicast.
    Ipv6,
}

impl Family {
    /// Both, in the order in which they are sent.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The address family identifier.
    pub(crate) const fn afi(self) -> u16 {
        match self {
            Self::Ipv4 => 1,
            Self::Ipv6 => 2,
        }
    }

    /// The family of these two numbers, if it is one of ours.
    pub(crate) fn from_wire(afi: u16, safi: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.afi() == afi && safi == UNICAST)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// Addresses that begin with the same bits. Text form: `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    /// Every bit behind `length` is zero.
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// The prefix of this length that the address is in; `None` when it has not so many bits.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(address) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            _ => return None,
        };
        Some(Self { address, length })
    }

    /// The prefix that holds this address and no other: /32 or /128.
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        let length = if address.is_ipv4() { 32 } else { 128 };
        Self { address, length }
    }

    /// Its first address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits its addresses share.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Whether its addresses are of single hosts.
    pub(crate) const fn is_unicast(&self) -> bool {
        !self.address.is_multicast()
    }

    /// In which kind of route it travels.
    #[must_use]
    pub const fn family(&self) -> Family {
        if self.address.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Prefix {
    type Err = NotARoute;

    /// Reads `192.0.2.0/24`; bits behind the length are an error here, because whoever wrote them meant something else.
    fn from_str(text: &str) -> Result<Self, NotARoute> {
        let wrong = || NotARoute("an address, a slash and the number of bits, such as 192.0.2.1/32");
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix = Self::new(address, number(length).ok_or_else(wrong)?).ok_or_else(wrong)?;
        if prefix.address == address { Ok(prefix) } else { Err(NotARoute("a prefix with zeros behind its length")) }
    }
}

/// A tag on a route (RFC 1997), of which peers agree what it means. Text form: `65000:1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Community(pub u16, pub u16);

impl Community {
    /// RFC 8326: this route goes away soon, take another one if there is one.
    pub const GRACEFUL_SHUTDOWN: Self = Self(0xFFFF, 0);
    /// RFC 1997: not to be told to other autonomous systems.
    pub const NO_EXPORT: Self = Self(0xFFFF, 0xFF01);
    /// RFC 1997: not to be told to anybody.
    pub const NO_ADVERTISE: Self = Self(0xFFFF, 0xFF02);
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

impl FromStr for Community {
    type Err = NotARoute;

    fn from_str(text: &str) -> Result<Self, NotARoute> {
        let read = text.split_once(':').and_then(|(a, b)| Some(Self(number(a)?, number(b)?)));
        read.ok_or(NotARoute("a community of two numbers up to 65535, such as 65000:1"))
    }
}

/// A tag with room for four-octet AS numbers (RFC 8092). Text form: `65000:1:2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LargeCommunity(pub u32, pub u32, pub u32);

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.0, self.1, self.2)
    }
}

impl FromStr for LargeCommunity {
    type Err = NotARoute;

    fn from_str(text: &str) -> Result<Self, NotARoute> {
        let mut parts = text.split(':').map(number);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Some(a)), Some(Some(b)), Some(Some(c)), None) => Ok(Self(a, b, c)),
            _ => Err(NotARoute("a large community of three numbers, such as 65000:1:2")),
        }
    }
}

/// A number without sign; `str::parse` would take `+1`.
fn number<N: FromStr>(text: &str) -> Option<N> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// The text is not what it should be; says what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARoute(&'static str);

impl fmt::Display for NotARoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}

impl core::error::Error for NotARoute {}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(|e: NotARoute| D::Error::custom(format!("{e}, found `{text}`")))
            }
        }
    )*};
}

as_text!(Prefix, Community, LargeCommunity);

/// ORIGIN (RFC 4271 5.1.1): how the route came into BGP. Of equal ways the lower one wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Origin {
    /// It is of the network itself.
    Igp,
    /// From the protocol before BGP.
    Egp,
    /// By other means, as a static route is.
    #[default]
    Incomplete,
}

/// What is said about a route. The rest follows from the session: AS_PATH is our own number, NEXT_HOP is this host.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// How it came into BGP.
    pub origin: Origin,
    /// MULTI_EXIT_DISC: of several ways into one autonomous system the lowest is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub med: Option<u32>,
    /// LOCAL_PREF: the highest is taken. Sent inside of one autonomous system only (RFC 4271 5.1.5); 100 if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_pref: Option<u32>,
    /// How often our AS number stands in AS_PATH beside the first time, up to [`MAX_PREPEND`]: a longer path loses.
    pub prepend: u8,
    /// Up to [`MAX_COMMUNITIES`].
    pub communities: BTreeSet<Community>,
    /// Up to [`MAX_COMMUNITIES`].
    pub large_communities: BTreeSet<LargeCommunity>,
}

impl Attributes {
    /// Whether they fit into a message beside a route.
    pub(crate) fn fit(&self) -> bool {
        self.communities.len().max(self.large_communities.len()) <= MAX_COMMUNITIES && self.prepend <= MAX_PREPEND
    }
}

/// The routes that are wanted, or were told.
pub type Routes = BTreeMap<Prefix, Attributes>;

/// RFC 4760, subsequent address family: what is forwarded by destination alone.
pub(crate) const UNICAST: u8 = 1;
/// 64 of both kinds take 1,024 octets of a message's 4,096; nobody asks a client of a route server for more than a handful.
pub const MAX_COMMUNITIES: usize = 64;
/// Longer paths are dropped as accidents by many (the usual filter begins between 30 and 50).
pub const MAX_PREPEND: u8 = 24;
