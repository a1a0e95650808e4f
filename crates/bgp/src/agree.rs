//! What do both sides agree on after their OPENs, and what is refused?

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use crate::event::{Unfit, Why};
use crate::message::{AS_TRANS, Capability, Notification, Open, Paths};
use crate::neighbor::Neighbor;
use crate::route::{Attributes, Family, Prefix};

/// The terms of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// After so long without a word the peer is gone; `None`: never.
    pub(crate) hold_time: Option<Duration>,
    pub(crate) paths: Paths,
    /// Where routes of each family lead to; a family that is missing was not agreed on or has no hop.
    hops: Hops,
    families: BTreeSet<Family>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Hops {
    ipv4: Option<IpAddr>,
    ipv6: Option<IpAddr>,
}

impl Agreed {
    /// The next hop of the route, or why it cannot be told.
    pub(crate) fn hop(&self, prefix: &Prefix, attributes: &Attributes) -> Result<IpAddr, Unfit> {
        let family = prefix.family();
        if !self.families.contains(&family) {
            return Err(Unfit::Family(family));
        }
        if !prefix.is_unicast() {
            return Err(Unfit::Multicast);
        }
        if !attributes.fit() {
            return Err(Unfit::Attributes);
        }
        self.hop_of(family).ok_or(Unfit::NextHop(family))
    }

    /// The next hop of a route that was told.
    pub(crate) const fn hop_of(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::Ipv4 => self.hops.ipv4,
            Family::Ipv6 => self.hops.ipv6,
        }
    }

    /// How long at most between two of our KEEPALIVEs (RFC 4271 4.4: a third).
    pub(crate) fn keepalive(&self) -> Option<Duration> {
        self.hold_time.map(|hold| hold / 3)
    }
}

/// Our own OPEN. `over`: the address that the connection has here. `plain`: without capabilities, for a peer that knows none.
pub(crate) fn open(neighbor: &Neighbor, over: IpAddr, plain: bool) -> Open {
    let mut capabilities = Vec::new();
    if !plain {
        capabilities.extend(neighbor.families.iter().map(|&family| Capability::Multiprotocol(family)));
        capabilities.push(Capability::RouteRefresh);
        if may_extend(neighbor, over) {
            capabilities.push(Capability::ExtendedNextHop);
        }
        capabilities.push(Capability::FourOctetAs(neighbor.local_as));
    }
    Open {
        my_as: u16::try_from(neighbor.local_as).unwrap_or(AS_TRANS),
        hold_time: neighbor.hold_time,
        identifier: neighbor.identifier,
        capabilities,
    }
}

/// IPv4 routes with an IPv6 next hop are needed where IPv4 is told over IPv6.
fn may_extend(neighbor: &Neighbor, over: IpAddr) -> bool {
    over.is_ipv6() && neighbor.families.contains(&Family::Ipv4)
}

/// The checks of RFC 4271 6.2, in its order, and what follows from both OPENs. Ours had capabilities if theirs has some.
pub(crate) fn agree(neighbor: &Neighbor, over: IpAddr, theirs: &Open) -> Result<Agreed, (Notification, Why)> {
    let found = theirs.asn();
    if found != neighbor.remote_as {
        return Err((Notification::BAD_PEER_AS, Why::WrongAs { expected: neighbor.remote_as, found }));
    }
    // RFC 6286 2.2: inside of one autonomous system two may not have the same.
    let is_ours = neighbor.is_internal() && theirs.identifier == neighbor.identifier;
    if theirs.identifier.is_unspecified() || is_ours {
        return Err((Notification::BAD_BGP_IDENTIFIER, Why::BadIdentifier { found: theirs.identifier }));
    }
    if matches!(theirs.hold_time, 1 | 2) {
        return Err((Notification::UNACCEPTABLE_HOLD_TIME, Why::BadHoldTime { found: theirs.hold_time }));
    }
    let families = families(neighbor, theirs);
    if families.is_empty() {
        let mut missing = Vec::new();
        neighbor.families.iter().for_each(|&family| Capability::Multiprotocol(family).write(&mut missing));
        return Err((Notification::unsupported_capability(missing), Why::NoFamily));
    }
    let extended = may_extend(neighbor, over) && theirs.has(&Capability::ExtendedNextHop);
    let hold_time = Duration::from_secs(u64::from(neighbor.hold_time.min(theirs.hold_time)));
    let four_octet_as = theirs.capabilities.iter().any(|c| matches!(c, Capability::FourOctetAs(_)));
    Ok(Agreed {
        hold_time: Some(hold_time).filter(|hold| !hold.is_zero()),
        paths: Paths { local_as: neighbor.local_as, internal: neighbor.is_internal(), four_octet_as },
        hops: hops(neighbor, over, extended),
        families,
    })
}

/// Those that both sides named. Who names none means IPv4, which is older than the capability.
fn families(neighbor: &Neighbor, theirs: &Open) -> BTreeSet<Family> {
    let named = theirs.capabilities.iter().filter_map(|capability| match capability {
        Capability::Multiprotocol(family) => Some(*family),
        _ => None,
    });
    let mut named: BTreeSet<Family> = named.collect();
    if !theirs.names_families() {
        named = [Family::Ipv4].into();
    }
    neighbor.families.intersection(&named).copied().collect()
}

/// This host, by an address of the family that the route's next hop must be of.
fn hops(neighbor: &Neighbor, over: IpAddr, extended: bool) -> Hops {
    // RFC 2545 3: a next hop is a global address; that of the link alone says nothing to who is further away.
    let own6 = match over {
        IpAddr::V6(address) if !address.is_unicast_link_local() => Some(over),
        _ => None,
    };
    let ipv6 = neighbor.next_hop6.map(IpAddr::V6).or(own6);
    let own4 = if over.is_ipv4() { Some(over) } else { ipv6.filter(|_| extended) };
    Hops { ipv4: neighbor.next_hop4.map(IpAddr::V4).or(own4), ipv6 }
}
