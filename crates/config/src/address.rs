//! An address that moves between hosts, as plain data: what is held, what it follows, by which way it comes and goes.

mod bgp;
mod check;
mod command;
mod hooks;
mod vrrp;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::choice::Followed;
use crate::config::{Node, place, sure};
use crate::edge::Endpoint;
use crate::setting::Settings;
use crate::source::{Place, Source};

pub use self::bgp::{Bgp, Family, Lelastic, Neighbor, Ttl};
pub use self::check::{Check, Target};
pub use self::command::Command;
pub use self::hooks::{Notify, SyncGroup};
pub use self::vrrp::{Preempt, Vrrp};

pub(crate) use self::bgp::name as neighbor_name;
pub(crate) use self::vrrp::interval as vrrp_interval;
pub use crate::choice::{LelasticRole, OtherAddresses, RedisRole, RouteOrigin, Start};

/// `[[address]]`: what moves together, as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// 1 to 64 letters, digits, `.`, `-`, `_`. Unique.
    pub name: String,
    /// What is put on the interface; with VRRP it is also what is advertised, and all of one family. Empty only where a command moves it.
    pub held: Vec<Held>,
    /// Where it is put: at most 15 bytes.
    pub interface: String,
    /// What decides whether this host may have it.
    pub follows: Follows,
    /// How long the kernel keeps it without another word from us: whole seconds. `None`: until it is removed.
    pub lifetime: Option<Duration>,
    /// How long neighbours are asked whether somebody has it, before it is put there. `None`: they are not.
    pub ask_first: Option<Duration>,
    /// Where somebody else removes it, it is put back.
    pub put_back: bool,
    /// Those of one word move together; all of them have VRRP.
    pub sync_group: Option<String>,
    /// The Sentinel ports of the other hosts that may hold it, at least one. `None`: the other nodes of the groups.
    pub partners: Option<Vec<SocketAddr>>,
    /// How it comes to a host and goes.
    pub way: Way,
    /// How the link is told where it is: with VRRP, and where nothing moves it but `follows`.
    pub announce: Announce,
    /// What else has a say. Names are unique, and none is [`PROOF`].
    pub checks: Vec<Check>,
    /// What is run when its state changes.
    pub notify: Notify,
    /// Where `name` is written.
    pub defined_at: Place,
}

/// The check that [`Follows::Proxy`] is: no check of the file may have this name.
pub const PROOF: &str = "proxy";

/// An address with the network that it is in, as it is put on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The address: of one host.
    pub ip: IpAddr,
    /// Bits of the network's part, at least 1: 32 or 128 for the host alone.
    pub prefix: u8,
}

/// As it is written in the file, with the bits.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

/// What decides whether this host may have the address, beside its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follows {
    /// Requests must get through a listener of this host.
    Proxy(Proof),
    /// The agreed master of this group must be one of these servers of this host.
    Master {
        /// One of the groups.
        group: String,
        /// At least one.
        servers: Vec<SocketAddr>,
    },
    /// Nothing.
    Checks,
}

/// The proof that a listener serves: a client of our own comes in by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The listener: [`Config::listeners`](crate::Config::listeners) has one that listens there.
    pub listener: Endpoint,
    /// From one proof to the next.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// Good ones in a row that make it pass again; at least 1.
    pub rise: u32,
    /// Bad ones in a row that make it fail; at least 1.
    pub fall: u32,
    /// The key that is read.
    pub read: String,
    /// The key that is written, if one is.
    pub write: Option<String>,
}

/// How an address comes to a host and goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Routers on the link agree who holds it.
    Vrrp(Vrrp),
    /// It is held wherever it may be, and announced to route servers.
    Bgp(Bgp),
    /// Commands move it.
    Command(Command),
    /// It is held wherever it may be: `follows` decides alone.
    View,
}

/// `[address.announce]`: how the link is told where an address is, by gratuitous ARP or unsolicited neighbour advertisements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announce {
    /// How often after every reason to. 0: not at all.
    pub repeat: u8,
    /// The time between two of these; more than zero.
    pub gap: Duration,
    /// The time between two afterwards. Zero: none.
    pub refresh: Duration,
}

impl Address {
    /// Everything that is put on the interface: what is advertised, and what is not (`excluded`).
    #[must_use]
    pub fn all_held(&self) -> Vec<Held> {
        let excluded: &[Held] = if let Way::Vrrp(vrrp) = &self.way { &vrrp.excluded } else { &[] };
        self.held.iter().chain(excluded).copied().collect()
    }

    /// `listeners`: where those of the file listen, to find the one that proves an address that names none. `node`: who is no partner of
    /// its own.
    pub(crate) fn build(source: &Source, table: &Settings, listeners: &[Endpoint], node: &Node) -> Self {
        let (held, way) = (table.get::<Vec<Held>>("held").unwrap_or_default(), Way::build(table));
        let lifetime: Duration = sure(table, "lifetime");
        let ask_first: Duration = sure(table, "ask-first");
        Self {
            name: sure(table, "name"),
            interface: interface_of(table).expect("passed the checks with an interface"),
            follows: Follows::build(table, &held, listeners),
            held,
            lifetime: (!lifetime.is_zero()).then_some(lifetime),
            ask_first: (!ask_first.is_zero()).then_some(ask_first),
            put_back: sure(table, "put-back"),
            sync_group: table.get("sync-group"),
            partners: table.get("partners").map(|all| others(all, node.announce)),
            way,
            announce: Announce::build(&table.inner("announce")),
            checks: table.get::<Vec<Settings>>("check").unwrap_or_default().iter().map(Check::build).collect(),
            notify: Notify::build(&table.inner("notify")),
            defined_at: place(source, table, "name"),
        }
    }
}

/// One list for all hosts names this one, too.
fn others(mut partners: Vec<SocketAddr>, own: SocketAddr) -> Vec<SocketAddr> {
    partners.retain(|partner| *partner != own);
    partners
}

impl Follows {
    fn build(table: &Settings, held: &[Held], listeners: &[Endpoint]) -> Self {
        match sure(table, "follows") {
            Followed::Proxy => Self::Proxy(Proof {
                listener: proving(table, held, listeners).expect("passed the checks with a listener"),
                interval: sure(table, "interval"),
                timeout: sure(table, "timeout"),
                rise: sure(table, "rise"),
                fall: sure(table, "fall"),
                read: sure(table, "read"),
                write: table.get("write"),
            }),
            Followed::Master => Self::Master { group: sure(table, "group"), servers: sure(table, "servers") },
            Followed::Checks => Self::Checks,
        }
    }
}

/// The listener that proves an address: the one that it names, or the first that takes connections at it.
pub(crate) fn proving(table: &Settings, held: &[Held], listeners: &[Endpoint]) -> Option<Endpoint> {
    if !table.lacks("listener") {
        return table.get("listener");
    }
    listeners.iter().find(|listener| held.iter().any(|held| takes_at(listener, held.ip))).cloned()
}

/// Where it is put: as written, or `lo` where that can be left out. `None`: what is written is no name, or missing.
pub(crate) fn interface_of(table: &Settings) -> Option<String> {
    let may_lack = !table.lacks("bgp") || (!table.lacks("command") && table.lacks("held"));
    if may_lack && table.lacks("interface") { Some(LOOPBACK.to_owned()) } else { table.get("interface") }
}

/// Whether who connects to this address comes in by the listener.
fn takes_at(listener: &Endpoint, ip: IpAddr) -> bool {
    let Endpoint::Tcp(at) = listener else { return false };
    at.ip() == ip || (at.ip().is_unspecified() && at.is_ipv4() == ip.is_ipv4())
}

impl Way {
    fn build(table: &Settings) -> Self {
        if let Some(vrrp) = table.get::<Settings>("vrrp") {
            return Self::Vrrp(Vrrp::build(&vrrp));
        }
        if let Some(bgp) = table.get::<Settings>("bgp") {
            return Self::Bgp(Bgp::build(&bgp));
        }
        table.get::<Settings>("command").map_or(Self::View, |command| Self::Command(Command::build(&command)))
    }
}

impl Announce {
    fn build(table: &Settings) -> Self {
        Self { repeat: byte(sure(table, "repeat")), gap: sure(table, "gap"), refresh: sure(table, "refresh") }
    }
}

/// A number that its option bounds to a byte.
fn byte(number: u32) -> u8 {
    u8::try_from(number).expect("its option allows 255 at most")
}

/// Where an address is put that is announced to route servers and for no link.
pub(crate) const LOOPBACK: &str = "lo";
