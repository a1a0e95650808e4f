//! What was this host told about its addresses? No secret is in it: passwords of VRRP and BGP, and the commands themselves, are with the
//! driver.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;
use core::time::Duration;

use bgp::Neighbor;
use bgp::route::Routes;
use machine::time::span;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use view::GroupName;
use vrrp::health::Check;

/// All addresses that this host may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// By the name that the operator gave.
    pub addresses: BTreeMap<String, Address>,
    /// Sync groups: the names of addresses that move together, all of them by VRRP. An address is in one at most.
    #[serde(default)]
    pub groups: BTreeMap<String, BTreeSet<String>>,
}

impl Config {
    /// How long this host may stand still before its addresses should be taken off it: after the last advertisement that was heard, others
    /// take over in three intervals, and the last one may be an interval old. Not sooner than a busy host may make a thread wait.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let intervals = self.addresses.values().filter_map(|address| match &address.way {
            Way::Vrrp(config) => Some(config.interval.duration()),
            _ => None,
        });
        let shortest = intervals.min().map_or(MOST_PATIENCE, |interval| interval * 2);
        shortest.clamp(LEAST_PATIENCE, MOST_PATIENCE)
    }
}

/// One `[[address]]`: what moves together, as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Where it is put.
    pub interface: String,
    /// What is put there; may be empty where a command moves it.
    pub held: Vec<Placed>,
    /// How long the kernel keeps it without another word from us: whole seconds, at least one. `None`: until it is removed.
    #[serde(default, with = "some_span", skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Duration>,
    /// What it follows.
    #[serde(default)]
    pub follows: Follows,
    /// What else has a say.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The check whose every pass is the proof that the address may stay: it refreshes the lifetime. `None`: being awake is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// How old the last result of the proof may be. After that it counts as failed.
    #[serde(with = "span")]
    pub proof_age: Duration,
    /// How it comes here and goes.
    pub way: Way,
    /// How long neighbours are asked whether somebody has it, before it is put there. `None`: they are not.
    #[serde(default, with = "some_span", skip_serializing_if = "Option::is_none")]
    pub ask_first: Option<Duration>,
    /// Where somebody else removes it, it is put back; else that is only said.
    #[serde(default = "yes")]
    pub put_back: bool,
    /// The operator wanted it not to be here, before the last restart.
    #[serde(default)]
    pub released: bool,
}

/// What an address follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Follows {
    /// Its checks alone. That a request went through this host's own listener is one of them (`proof`).
    #[default]
    Checks,
    /// The agreed master of this group must be one of these servers of this host, and its promotion confirmed.
    Master {
        /// Which group.
        group: GroupName,
        /// This host's servers.
        servers: Vec<SocketAddr>,
    },
}

/// How an address comes to a host and goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// Routers on the link agree who holds it. Its `announce` is also how neighbours are told.
    Vrrp(vrrp::Config),
    /// It is held wherever it may be, and announced to route servers.
    Bgp {
        /// The neighbours by name.
        neighbors: BTreeMap<String, Neighbor>,
        /// What is told to them.
        routes: Routes,
        /// How long it stays, and is served, after its routes were withdrawn in order: routers need a moment to lead clients elsewhere.
        #[serde(default, with = "span", skip_serializing_if = "Duration::is_zero")]
        linger: Duration,
    },
    /// A command moves it: it is ours when `Job::Up` has succeeded.
    Command {
        /// How often `Job::Check` says whether it is still here. `None`: there is no such command.
        #[serde(default, with = "some_span", skip_serializing_if = "Option::is_none")]
        check: Option<Duration>,
    },
    /// It is held wherever it may be: `follows` decides alone.
    View {
        /// How neighbours are told.
        announce: vrrp::config::Announce,
    },
}

/// A command of an operator that moves an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Job {
    /// Bring it here.
    Up,
    /// Take it from here.
    Down,
    /// Is it here? Success: it is.
    Check,
}

/// An address with the network that it is in, as it is put on an interface. Text form: `10.20.1.130/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placed {
    /// The address.
    pub ip: IpAddr,
    /// Bits of the network's part: 32 or 128 for the host alone.
    pub prefix: u8,
}

impl Placed {
    /// The address alone, in no network.
    #[must_use]
    pub const fn host(ip: IpAddr) -> Self {
        Self { ip, prefix: most(ip) }
    }
}

const fn most(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl FromStr for Placed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected an address and the bits of its network, such as 10.0.0.9/24";
        let (ip, prefix) = text.split_once('/').ok_or(FORM)?;
        let (ip, prefix): (IpAddr, u8) = (ip.parse().map_err(|_| FORM)?, prefix.parse().map_err(|_| FORM)?);
        if prefix <= most(ip) { Ok(Self { ip, prefix }) } else { Err(FORM) }
    }
}

impl Serialize for Placed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Placed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

const fn yes() -> bool {
    true
}

/// Longer than a busy host's scheduler, a disk or the kernel's lock of its network makes a thread wait; shorter than any lifetime.
const MOST_PATIENCE: Duration = Duration::from_millis(300);
/// With less, a host that is merely busy would lose its addresses for a moment.
const LEAST_PATIENCE: Duration = Duration::from_millis(100);

/// An optional duration as stories write it: `2s`.
mod some_span {
    use core::time::Duration;

    use machine::time::span;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Span(#[serde(with = "span")] Duration);

    #[expect(clippy::ref_option, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        span.map(Span).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Span>::deserialize(from)?.map(|Span(span)| span))
    }
}
