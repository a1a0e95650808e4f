//! What was a virtual router told, and is that possible?

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use machine::time::span;
use serde::{Deserialize, Serialize};

use crate::advert::{Interval, MAX_CENTIS_V3, Priority, Vrid, limit};
use crate::ip::{MULTICAST_V4, MULTICAST_V6};

/// One virtual router, as this host takes part in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which version its packets have.
    pub version: Version,
    /// Its number on the link.
    pub vrid: Vrid,
    /// This host's own address on the link: what packets are sent from, and what decides between equal priorities.
    pub primary: IpAddr,
    /// What is advertised and held, of the family of `primary`. Of IPv6 the first should be link-local (RFC 9568 5.2.9): some routers insist.
    pub addresses: Vec<IpAddr>,
    /// What is held with them and never advertised, of any family (Keepalived: `virtual_ipaddress_excluded`).
    #[serde(default)]
    pub also: Vec<IpAddr>,
    /// How much right this host has to them, before health counts.
    #[serde(default = "usual_priority")]
    pub priority: Priority,
    /// The time between two advertisements. In version 3 a backup takes over that of the holder.
    #[serde(default = "usual_interval")]
    pub interval: Interval,
    /// Who else there is. Empty: whoever listens to the multicast group.
    #[serde(default)]
    pub peers: Vec<IpAddr>,
    /// Whether a holder with less right is sent away.
    #[serde(default)]
    pub preempt: Preempt,
    /// What it starts as.
    #[serde(default)]
    pub start: StartAs,
    /// Whether an advertisement of other addresses counts.
    #[serde(default)]
    pub other_addresses: OtherAddresses,
    /// How the network is told where the addresses are.
    #[serde(default)]
    pub announce: Announce,
}

/// The version of the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// RFC 3768: IPv4, whole seconds, the interval must be equal everywhere.
    V2,
    /// RFC 9568: both families, hundredths of seconds, the interval is learnt.
    V3,
}

/// Whether a holder with less right is sent away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preempt {
    /// It is, as soon as it would be missed.
    #[default]
    AtOnce,
    /// It is, when it has been heard for this long.
    After(#[serde(with = "span")] Duration),
    /// It stays as long as it lives. The owner of the addresses preempts nevertheless (RFC 9568 6.1).
    Never,
}

/// What a router starts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartAs {
    /// It waits until a holder would have been missed.
    #[default]
    Backup,
    /// It waits for two advertisements only: a holder that lives is heard by then (Keepalived: `state MASTER`).
    Active,
}

/// What is done with an advertisement of other addresses than ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OtherAddresses {
    /// It counts for nothing, unless its sender owns what it advertises (RFC 3768 7.1; Keepalived too): two virtual routers that were given
    /// one number by mistake serve both.
    #[default]
    Refuse,
    /// It is counted, and taken for what it is (RFC 9568 7.1; Keepalived: `skip_check_adv_addr`): for a change host by host.
    Count,
}

/// How the network is told where the addresses are: by gratuitous ARP, or unsolicited neighbour advertisements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announce {
    /// How often after every reason to.
    pub repeat: u8,
    /// The time between two of these.
    #[serde(with = "span")]
    pub gap: Duration,
    /// The time between two afterwards; zero: none.
    #[serde(with = "span")]
    pub refresh: Duration,
}

impl Default for Announce {
    fn default() -> Self {
        Self { repeat: 5, gap: Duration::from_secs(1), refresh: Duration::from_secs(60) }
    }
}

impl Config {
    /// A router with what is usual for everything that can be left out.
    #[must_use]
    pub fn new(version: Version, vrid: Vrid, primary: IpAddr, addresses: Vec<IpAddr>) -> Self {
        Self {
            version,
            vrid,
            primary,
            addresses,
            also: Vec::new(),
            priority: Priority::USUAL,
            interval: Interval::USUAL,
            peers: Vec::new(),
            preempt: Preempt::default(),
            start: StartAs::default(),
            other_addresses: OtherAddresses::default(),
            announce: Announce::default(),
        }
    }

    /// Where advertisements go to: each peer, or the multicast group.
    #[must_use]
    pub fn destinations(&self) -> Vec<IpAddr> {
        if self.peers.is_empty() { [self.group()].into() } else { self.peers.clone() }
    }

    /// The multicast group of the family.
    #[must_use]
    pub const fn group(&self) -> IpAddr {
        match self.primary {
            IpAddr::V4(_) => IpAddr::V4(MULTICAST_V4),
            IpAddr::V6(_) => IpAddr::V6(MULTICAST_V6),
        }
    }

    /// Everything that is held.
    pub(crate) fn held(&self) -> Vec<IpAddr> {
        self.addresses.iter().chain(&self.also).copied().collect()
    }

    /// Whether such a router can be.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Misconfigured> {
        let is_v4 = self.primary.is_ipv4();
        let most = limit(self.primary);
        let mut all = self.held();
        all.sort_unstable();
        match self.version {
            Version::V2 if !is_v4 => return Err(Misconfigured::Version2IsIpv4),
            Version::V2 if self.interval.seconds().is_none() => return Err(Misconfigured::WholeSeconds),
            Version::V3 if self.interval.centis() > MAX_CENTIS_V3 => return Err(Misconfigured::IntervalTooLong),
            _ => {}
        }
        if self.priority.is_resignation() {
            return Err(Misconfigured::NoPriority);
        }
        if self.addresses.is_empty() || self.addresses.len() > most {
            return Err(Misconfigured::HowMany { most });
        }
        if let Some(&other) = self.addresses.iter().chain(&self.peers).find(|a| a.is_ipv4() != is_v4) {
            return Err(Misconfigured::Family(other));
        }
        if let Some(&twice) = all.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| &pair[0]) {
            return Err(Misconfigured::Twice(twice));
        }
        if self.peers.len() > MAX_PEERS {
            return Err(Misconfigured::TooManyPeers);
        }
        if self.peers.contains(&self.primary) {
            return Err(Misconfigured::PeerIsSelf);
        }
        if self.announce.repeat > 0 && self.announce.gap.is_zero() {
            return Err(Misconfigured::NoGap);
        }
        Ok(())
    }
}

/// Why there can be no such router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misconfigured {
    /// Version 2 has no IPv6.
    Version2IsIpv4,
    /// Version 2 has no fractions of seconds.
    WholeSeconds,
    /// Version 3 has twelve bits for the interval.
    IntervalTooLong,
    /// Priority 0 says that a router goes.
    NoPriority,
    /// No address, or more than fit into a packet.
    HowMany {
        /// How many fit.
        most: usize,
    },
    /// An address or peer of another family than the host's own address.
    Family(IpAddr),
    /// An address is named twice.
    Twice(IpAddr),
    /// More peers than a copy each can be sent to in time.
    TooManyPeers,
    /// The host's own address is among the peers.
    PeerIsSelf,
    /// Announcements without a pause between them.
    NoGap,
}

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version2IsIpv4 => f.write_str("VRRP version 2 knows IPv4 only: IPv6 needs version 3"),
            Self::WholeSeconds => {
                f.write_str("VRRP version 2 counts its interval in whole seconds: version 3 has fractions")
            }
            Self::IntervalTooLong => f.write_str("the longest interval of VRRP version 3 is 40.95 s"),
            Self::NoPriority => f.write_str("a priority is 1 to 255: 0 says that a router goes"),
            Self::HowMany { most } => write!(f, "a virtual router has 1 to {most} addresses"),
            Self::Family(other) => write!(f, "{other} is of another family than the host's own address"),
            Self::Twice(address) => write!(f, "{address} is named twice"),
            Self::TooManyPeers => write!(f, "there are more than {MAX_PEERS} peers"),
            Self::PeerIsSelf => f.write_str("the host's own address is among its peers"),
            Self::NoGap => f.write_str("announcements need a pause between them"),
        }
    }
}

impl core::error::Error for Misconfigured {}

const fn usual_priority() -> Priority {
    Priority::USUAL
}

const fn usual_interval() -> Interval {
    Interval::USUAL
}

/// Each gets a packet of its own at every interval, which may be 10 ms.
const MAX_PEERS: usize = 64;
