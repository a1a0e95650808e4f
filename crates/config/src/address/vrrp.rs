//! An address that routers on the link agree about, as plain data.

use std::net::IpAddr;
use std::time::Duration;

use crate::address::{Held, OtherAddresses, Start, byte};
use crate::config::sure;
use crate::secret::Secret;
use crate::setting::Settings;

/// `[address.vrrp]`: routers on the link agree who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vrrp {
    /// The number of the virtual router, 1 to 255. With interface, family and version it is there once in a file.
    pub id: u8,
    /// 2 (IPv4 only) or 3.
    pub version: u8,
    /// 1 to 255.
    pub priority: u8,
    /// Hundredths of seconds up to 40.95 s in version 3, whole seconds up to 255 s in version 2.
    pub interval: Duration,
    /// Whether a holder with less right is sent away.
    pub preempt: Preempt,
    /// What it starts as.
    pub start: Start,
    /// Who else there is, of the family of what is held; may name this host, too. Empty: whoever listens to the multicast group.
    pub peers: Vec<IpAddr>,
    /// This host's own address on the link, of the family of what is held. `None`: the interface's first.
    pub from: Option<IpAddr>,
    /// 1 to 8 bytes; only with version 2.
    pub password: Option<Secret>,
    /// The checksum of version 3 over IPv4 leaves out the pseudo-header.
    pub checksum_as_v2: bool,
    /// The lowest TTL or hop limit that a packet may arrive with. Below 255 only with peers.
    pub least_hops: u8,
    /// Whether an advertisement of other addresses counts.
    pub other_addresses: OtherAddresses,
    /// What is held with it and never advertised, of any family.
    pub excluded: Vec<Held>,
}

/// Whether a holder with less right is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preempt {
    /// It is, as soon as it would be missed.
    AtOnce,
    /// It is, when it has been heard for this long; more than zero.
    After(Duration),
    /// It stays as long as it lives.
    Never,
}

impl Vrrp {
    pub(crate) fn build(table: &Settings) -> Self {
        Self {
            id: byte(sure(table, "id")),
            version: byte(sure(table, "version")),
            priority: byte(sure(table, "priority")),
            interval: interval(table).expect("has a default"),
            preempt: Preempt::build(table),
            start: sure(table, "start"),
            peers: table.get("peers").unwrap_or_default(),
            from: table.get("from"),
            password: table.get("password"),
            checksum_as_v2: sure(table, "checksum-as-v2"),
            least_hops: byte(sure(table, "least-hops")),
            other_addresses: sure(table, "other-addresses"),
            excluded: table.get("excluded").unwrap_or_default(),
        }
    }
}

impl Preempt {
    fn build(table: &Settings) -> Self {
        let delay: Duration = sure(table, "preempt-delay");
        match sure(table, "preempt") {
            false => Self::Never,
            true if delay.is_zero() => Self::AtOnce,
            true => Self::After(delay),
        }
    }
}

/// The interval: as written, or what is usual for the version. `None`: what is written is none.
pub(crate) fn interval(table: &Settings) -> Option<Duration> {
    if !table.lacks("interval") {
        return table.get("interval");
    }
    let version: u32 = table.get("version")?;
    Some(if version == 2 { INTERVAL_V2 } else { INTERVAL_V3 })
}

/// What every router of version 2 has if nobody says otherwise; all of them must have the same.
const INTERVAL_V2: Duration = Duration::from_secs(1);
/// Two thirds of a second after a host has died its addresses are elsewhere; in version 3 the others learn it from the holder.
const INTERVAL_V3: Duration = Duration::from_millis(200);
