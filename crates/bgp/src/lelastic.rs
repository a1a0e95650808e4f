//! What are the terms of the route servers that lelastic talks to? Scenario A's facts, as a pure function.
//!
//! Each data centre has four route servers, reached over IPv6, which carry both families. An address is on two hosts: the
//! primary and the secondary both announce it, and a community says which is which.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::neighbor::{Neighbor, PORT, Ttl};
use crate::route::{Attributes, Community, Family, Origin, Prefix};

/// What lelastic is told with `-primary` or `-secondary`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The host that is taken while it announces.
    Primary,
    /// The host that is taken when the primary does not.
    Secondary,
}

/// The four route servers of a data centre; `None` when there is none of this number.
#[must_use]
pub fn neighbors(dcid: u16) -> Option<[Neighbor; 4]> {
    // The number is written into the address as it is read by people: 18 is the group `18`, not `12`.
    let group = u16::from_str_radix(&alloc::format!("{dcid}"), 16).ok().filter(|_| dcid > 1)?;
    Some([1, 2, 3, 4].map(|n| {
        let server = Ipv6Addr::new(INFRASTRUCTURE[0], INFRASTRUCTURE[1], group, 0x34, 0, 0, 0, n);
        Neighbor {
            hold_time: 9,
            connect_retry: Duration::from_secs(5),
            ttl: Ttl::Hops(16),
            families: Family::ALL.into(),
            ..Neighbor::new(SocketAddr::new(IpAddr::V6(server), PORT), REMOTE_AS, LOCAL_AS, IDENTIFIER)
        }
    }))
}

/// What is said about each route.
#[must_use]
pub fn attributes(role: Role) -> Attributes {
    let community = match role {
        Role::Primary => PRIMARY,
        Role::Secondary => SECONDARY,
    };
    Attributes { origin: Origin::Incomplete, communities: [community].into(), ..Attributes::default() }
}

/// How an address is announced: IPv4 alone, IPv6 as the network around it, of `bits` (64, or 56 with `-send56`).
#[must_use]
pub fn prefix(address: IpAddr, bits: u8) -> Prefix {
    match address {
        IpAddr::V4(_) => Prefix::host(address),
        IpAddr::V6(_) => Prefix::new(address, bits).unwrap_or_else(|| Prefix::host(address)),
    }
}

/// The first two groups of every route server's address.
const INFRASTRUCTURE: [u16; 2] = [0x2600, 0x3c0f];
const LOCAL_AS: u32 = 65_001;
const REMOTE_AS: u32 = 65_000;
/// Every lelastic says the same. Route servers that know it so need not be told another one.
const IDENTIFIER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PRIMARY: Community = Community(65_000, 1);
const SECONDARY: Community = Community(65_000, 2);
/// What lelastic announces of an IPv6 address without `-send56`.
pub const USUAL_BITS: u8 = 64;
