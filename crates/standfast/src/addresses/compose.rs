//! What do the `[[address]]` of the file mean for the machine that answers for them, and for those who speak for it?
//!
//! The machine is told no secret: passwords are in the [`Outfit`] of each address, which stays with the driver. What is to be looked at
//! and run stays with the file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use config::address::{self, Address, Bgp, Follows, Held, Ttl, Vrrp, Way};
use config::{Config, Secret};
use node::Placed;
use vrrp::health::{Check, Rule};
use vrrp::{Codec, Interval, Password, Priority, Version, Vrid};

/// All that the file says of addresses.
pub(crate) struct Told {
    /// What the machine is told; its `check` accepts it.
    pub(crate) node: node::Config,
    /// What it must not know, and the driver needs, for each address.
    pub(crate) outfits: BTreeMap<String, Outfit>,
}

/// What the driver needs to speak for an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outfit {
    /// How its router's packets are written and read. `None`: it has no router.
    pub(crate) codec: Option<Codec>,
    /// What segments to and from its neighbours are signed with, by the neighbour's name.
    pub(crate) passwords: BTreeMap<String, Secret>,
}

/// Composes it. `primary`: an interface's own address of a family (`true`: IPv6), asked where the file names none; where there is none, or
/// only one that moves, the router's own address is the unspecified one, and whoever drives it lets it not begin.
pub(crate) fn compose(config: &Config, primary: &dyn Fn(&str, bool) -> Option<IpAddr>) -> Told {
    let moving: BTreeSet<IpAddr> = config.addresses.iter().flat_map(Address::all_held).map(|held| held.ip).collect();
    let mut told = Told { node: node::Config::default(), outfits: BTreeMap::new() };
    for address in &config.addresses {
        let own = |is_v6| primary(&address.interface, is_v6).filter(|own| !moving.contains(own));
        told.node.addresses.insert(address.name.clone(), one(address, &own));
        told.outfits.insert(address.name.clone(), outfit(&address.way));
        if let Some(group) = &address.sync_group {
            told.node.groups.entry(group.clone()).or_default().insert(address.name.clone());
        }
    }
    told
}

fn one(address: &Address, own: &dyn Fn(bool) -> Option<IpAddr>) -> node::Address {
    let (proof, follows) = match &address.follows {
        Follows::Proxy(proof) => (Some(proof), node::Follows::Checks),
        Follows::Master { group, servers } => {
            (None, node::Follows::Master { group: group.as_str().into(), servers: servers.clone() })
        }
        Follows::Checks => (None, node::Follows::Checks),
    };
    let proving = proof.map(|proof| Check {
        name: address::PROOF.to_owned(),
        rule: Rule::Veto,
        rise: proof.rise,
        fall: proof.fall,
    });
    node::Address {
        interface: address.interface.clone(),
        held: address.all_held().into_iter().map(placed).collect(),
        lifetime: address.lifetime,
        follows,
        checks: proving.into_iter().chain(address.checks.iter().map(check)).collect(),
        proof: proof.map(|_| address::PROOF.to_owned()),
        // Whoever fails once is waited for again; silence for as long as all that counts is a failure, too.
        proof_age: proof.map_or(UNUSED, |proof| (proof.interval + proof.timeout) * proof.fall.max(2)),
        way: way(address, own),
        ask_first: address.ask_first,
        put_back: address.put_back,
        released: false,
    }
}

fn placed(held: Held) -> Placed {
    Placed { ip: held.ip, prefix: held.prefix }
}

fn check(check: &address::Check) -> Check {
    let rule = check.weight.map_or(Rule::Veto, Rule::Weight);
    Check { name: check.name.clone(), rule, rise: check.rise, fall: check.fall }
}

fn way(address: &Address, own: &dyn Fn(bool) -> Option<IpAddr>) -> node::Way {
    match &address.way {
        Way::Vrrp(vrrp) => node::Way::Vrrp(router(address, vrrp, own)),
        Way::Bgp(bgp) => {
            let (neighbors, routes) = (neighbors(bgp), routes(&address.held, bgp));
            node::Way::Bgp { neighbors, routes, linger: bgp.linger }
        }
        Way::Command(command) => node::Way::Command { check: command.check.as_ref().map(|_| command.interval) },
        Way::View => node::Way::View { announce: announce(address) },
    }
}

fn announce(address: &Address) -> vrrp::config::Announce {
    let announce = &address.announce;
    // Nobody listens on `lo`.
    let repeat = if address.interface == "lo" { 0 } else { announce.repeat };
    vrrp::config::Announce { repeat, gap: announce.gap, refresh: announce.refresh }
}

fn router(address: &Address, told: &Vrrp, own: &dyn Fn(bool) -> Option<IpAddr>) -> vrrp::Config {
    let is_v6 = address.held.first().is_some_and(|held| held.ip.is_ipv6());
    let nowhere = if is_v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let primary = told.from.or_else(|| own(is_v6)).unwrap_or(nowhere);
    let version = if told.version == 2 { Version::V2 } else { Version::V3 };
    let vrid = Vrid::new(told.id).expect("the file allows 1 to 255");
    let addresses = address.held.iter().map(|held| held.ip).collect();
    vrrp::Config {
        also: told.excluded.iter().map(|held| held.ip).collect(),
        priority: Priority(told.priority),
        interval: Interval::from_duration(told.interval).expect("the file allows hundredths of seconds"),
        // One list for all hosts is the easiest to keep.
        peers: told.peers.iter().copied().filter(|peer| *peer != primary).collect(),
        preempt: match told.preempt {
            address::Preempt::AtOnce => vrrp::config::Preempt::AtOnce,
            address::Preempt::After(delay) => vrrp::config::Preempt::After(delay),
            address::Preempt::Never => vrrp::config::Preempt::Never,
        },
        start: match told.start {
            address::Start::Backup => vrrp::config::StartAs::Backup,
            address::Start::Active => vrrp::config::StartAs::Active,
        },
        other_addresses: match told.other_addresses {
            address::OtherAddresses::Refuse => vrrp::config::OtherAddresses::Refuse,
            address::OtherAddresses::Count => vrrp::config::OtherAddresses::Count,
        },
        announce: announce(address),
        ..vrrp::Config::new(version, vrid, primary, addresses)
    }
}

/// Those of lelastic and the file's own; of one place the file's terms count.
fn neighbors(told: &Bgp) -> BTreeMap<String, bgp::Neighbor> {
    let known = |lelastic: &address::Lelastic| {
        let (local, next_hop4) = (lelastic.local.map(IpAddr::V6), lelastic.next_hop4);
        let servers = bgp::lelastic::neighbors(lelastic.dcid).expect("the file allows 2 to 9999");
        servers.map(|server| bgp::Neighbor { local, next_hop4, ..server })
    };
    let lelastic = told.lelastic.iter().flat_map(known);
    let lelastic = lelastic.filter(|known| told.neighbors.iter().all(|neighbor| neighbor.remote != known.remote));
    let named = lelastic.map(|neighbor| (neighbor.remote.ip().to_string(), neighbor));
    named.chain(told.neighbors.iter().map(|told| (told.name.clone(), neighbor(told)))).collect()
}

fn neighbor(told: &address::Neighbor) -> bgp::Neighbor {
    let family = |family: &address::Family| match family {
        address::Family::Ipv4 => bgp::Family::Ipv4,
        address::Family::Ipv6 => bgp::Family::Ipv6,
    };
    bgp::Neighbor {
        local: told.local,
        families: told.families.iter().map(family).collect(),
        hold_time: u16::try_from(told.hold_time.as_secs()).expect("the file allows 65535 s"),
        connect_retry: told.connect_retry,
        ttl: match told.ttl {
            Ttl::Hops(hops) => bgp::Ttl::Hops(hops),
            Ttl::Security(hops) => bgp::Ttl::Security(hops),
        },
        md5: told.password.is_some(),
        next_hop4: told.next_hop4,
        next_hop6: told.next_hop6,
        ..bgp::Neighbor::new(told.remote, told.remote_as, told.local_as, told.identifier)
    }
}

fn routes(held: &[Held], told: &Bgp) -> bgp::Routes {
    let own = |held: &Held| match told.lelastic {
        Some(lelastic) => {
            bgp::lelastic::prefix(held.ip, if lelastic.send56 { SEND56 } else { bgp::lelastic::USUAL_BITS })
        }
        None => bgp::Prefix::host(held.ip),
    };
    let prefixes: Vec<bgp::Prefix> = if told.prefixes.is_empty() {
        held.iter().map(own).collect()
    } else {
        told.prefixes.iter().filter_map(|network| bgp::Prefix::new(network.ip, network.bits)).collect()
    };
    let attributes = attributes(told);
    prefixes.into_iter().map(|prefix| (prefix, attributes.clone())).collect()
}

fn attributes(told: &Bgp) -> bgp::Attributes {
    let role = told.lelastic.map(|lelastic| match lelastic.role {
        address::LelasticRole::Primary => bgp::lelastic::Role::Primary,
        address::LelasticRole::Secondary => bgp::lelastic::Role::Secondary,
    });
    let base = role.map_or_else(bgp::Attributes::default, bgp::lelastic::attributes);
    let communities = told.communities.iter().map(|(a, b)| bgp::Community(*a, *b));
    bgp::Attributes {
        origin: match told.origin {
            address::RouteOrigin::Igp => bgp::Origin::Igp,
            address::RouteOrigin::Egp => bgp::Origin::Egp,
            address::RouteOrigin::Incomplete => bgp::Origin::Incomplete,
        },
        med: told.med,
        local_pref: told.local_pref,
        prepend: told.prepend,
        communities: base.communities.into_iter().chain(communities).collect(),
        large_communities: told.large_communities.iter().map(|(a, b, c)| bgp::LargeCommunity(*a, *b, *c)).collect(),
    }
}

fn outfit(way: &Way) -> Outfit {
    match way {
        Way::Vrrp(vrrp) => Outfit { codec: Some(codec(vrrp)), passwords: BTreeMap::new() },
        Way::Bgp(bgp) => {
            let password = |told: &address::Neighbor| Some((told.name.clone(), told.password.clone()?));
            Outfit { codec: None, passwords: bgp.neighbors.iter().filter_map(password).collect() }
        }
        Way::Command(_) | Way::View => Outfit::default(),
    }
}

/// What becomes of BGP sessions whose terms, the password among them, are others by now: a line each, for who has the file taken up.
pub(crate) fn sessions_begun_anew(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    for address in &new.addresses {
        let before = old.addresses.iter().find(|old| old.name == address.name).map(|old| &old.way);
        let (Some(Way::Bgp(before)), Way::Bgp(now)) = (before, &address.way) else { continue };
        let name = &address.name;
        if before.lelastic.is_some() && now.lelastic.is_some() && before.lelastic != now.lelastic {
            lines.push(format!(
                "address {name}: the sessions with lelastic's route servers begin anew if their terms have changed"
            ));
        }
        let same = |one: &&address::Neighbor| before.neighbors.iter().find(|old| old.name == one.name);
        for neighbor in now.neighbors.iter().filter(|one| same(one).is_some_and(|old| old != *one)) {
            lines.push(format!("address {name}: the session with {} begins anew, on its new terms", neighbor.name));
        }
    }
    lines
}

fn codec(told: &Vrrp) -> Codec {
    let codec = match told.version {
        2 => Codec::v2(told.password.as_ref().and_then(|password| Password::new(password.reveal().as_bytes()))),
        _ if told.checksum_as_v2 => Codec::v3_checksum_as_v2(),
        _ => Codec::v3(),
    };
    codec.with_least_hops(told.least_hops)
}

/// What lelastic announces around an IPv6 address with `-send56`.
const SEND56: u8 = 56;
/// Where nothing proves an address, nothing can be too old.
const UNUSED: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
