//! Can there be such addresses? What must never reach the machine.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use vrrp::health::Rule;

use crate::config::{Address, Config, Follows, Way};

/// What cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misconfigured {
    /// The address, or sync group, that it is about.
    pub name: String,
    /// What is wrong with it, for people.
    pub what: String,
}

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

impl core::error::Error for Misconfigured {}

impl Config {
    /// Whether such addresses can be.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Misconfigured> {
        if self.addresses.len() > MAX_ADDRESSES {
            return wrong("addresses", format!("there are more than {MAX_ADDRESSES}"));
        }
        let mut owners: BTreeMap<(&str, IpAddr), &str> = BTreeMap::new();
        let mut sessions: BTreeMap<(SocketAddr, Option<IpAddr>), &str> = BTreeMap::new();
        let mut routers: BTreeMap<(&str, bool, u8), &str> = BTreeMap::new();
        for (name, address) in &self.addresses {
            address.check().or_else(|what| wrong(name, what))?;
            for placed in &address.held {
                if let Some(other) = owners.insert((&address.interface, placed.ip), name) {
                    return wrong(name, format!("{} is held by {other}, too", placed.ip));
                }
            }
            if let Way::Bgp { neighbors, .. } = &address.way {
                for neighbor in neighbors.values() {
                    if let Some(other) = sessions.insert((neighbor.remote, neighbor.local), name) {
                        let remote = neighbor.remote;
                        return wrong(name, format!("{remote} has a session for {other}, and keeps one with a host"));
                    }
                }
            }
            if let Way::Vrrp(vrrp) = &address.way {
                let number = vrrp.vrid.number();
                if let Some(other) = routers.insert((&address.interface, vrrp.primary.is_ipv4(), number), name) {
                    let interface = &address.interface;
                    return wrong(name, format!("the virtual router {number} on {interface} is that of {other}, too"));
                }
            }
        }
        self.check_groups()
    }

    fn check_groups(&self) -> Result<(), Misconfigured> {
        let mut seen = BTreeSet::new();
        for (group, members) in &self.groups {
            if members.is_empty() {
                return wrong(group, "a sync group has members".into());
            }
            for member in members {
                match self.addresses.get(member).map(|address| &address.way) {
                    Some(Way::Vrrp(_)) if seen.insert(member) => {}
                    Some(Way::Vrrp(_)) => return wrong(group, format!("{member} is in another sync group, too")),
                    Some(_) => {
                        return wrong(
                            group,
                            format!("{member} moves in another way than VRRP, which alone has sync groups"),
                        );
                    }
                    None => return wrong(group, format!("there is no address {member}")),
                }
            }
        }
        Ok(())
    }
}

fn wrong(name: &str, what: String) -> Result<(), Misconfigured> {
    Err(Misconfigured { name: name.into(), what })
}

impl Address {
    fn check(&self) -> Result<(), String> {
        let is_command = matches!(self.way, Way::Command { .. });
        let whole = |lifetime: Duration| lifetime >= Duration::from_secs(1) && lifetime.subsec_nanos() == 0;
        let seconds = |lifetime: Duration| lifetime.as_secs() <= u32::MAX.into();
        let ips: BTreeSet<IpAddr> = self.held.iter().map(|placed| placed.ip).collect();
        let rules = [
            (!self.interface.is_empty(), "it needs an interface"),
            (is_command || !self.held.is_empty(), "it holds no address: only a command can move something unnamed"),
            (self.held.len() <= MAX_HELD, "more addresses than can be told and asked for in time"),
            (ips.len() == self.held.len(), "an address is named twice"),
            (self.lifetime.is_none_or(|l| whole(l) && seconds(l)), "a lifetime has whole seconds, and at least one"),
            (self.checks.len() <= MAX_CHECKS, "more checks than anybody can read"),
            (self.checks.iter().all(|check| check.fall.max(check.rise) <= MAX_IN_A_ROW), "rise and fall go up to 1000"),
        ];
        if let Some((_, what)) = rules.into_iter().find(|(holds, _)| !holds) {
            return Err(what.into());
        }
        let names: BTreeSet<&String> = self.checks.iter().map(|check| &check.name).collect();
        if names.len() != self.checks.len() {
            return Err("two checks have one name".into());
        }
        self.check_proof()?;
        if matches!(&self.follows, Follows::Master { servers, .. } if servers.is_empty()) {
            return Err("it follows a master, and no server is on this host".into());
        }
        self.check_way(&ips)
    }

    fn check_proof(&self) -> Result<(), String> {
        let Some(proof) = &self.proof else { return Ok(()) };
        let Some(check) = self.checks.iter().find(|check| check.name == *proof) else {
            return Err(format!("there is no check {proof}, which should prove it"));
        };
        if check.rule != Rule::Veto {
            return Err(format!("the check {proof} proves that it may be here, so it needs a veto, not a weight"));
        }
        if self.proof_age.is_zero() {
            return Err("a proof needs some time to come".into());
        }
        Ok(())
    }

    fn check_way(&self, ips: &BTreeSet<IpAddr>) -> Result<(), String> {
        match &self.way {
            Way::Vrrp(vrrp) => {
                vrrp.check().map_err(|e| e.to_string())?;
                let routed: BTreeSet<IpAddr> = vrrp.addresses.iter().chain(&vrrp.also).copied().collect();
                if routed != *ips {
                    return Err("what its router advertises, and what is held with it, is not what is put".into());
                }
            }
            Way::Bgp { neighbors, .. } => {
                if neighbors.is_empty() || neighbors.len() > MAX_NEIGHBORS {
                    return Err(format!("it needs 1 to {MAX_NEIGHBORS} neighbours"));
                }
                for (name, neighbor) in neighbors {
                    if let Some(what) = neighbor.check().first() {
                        return Err(format!("the neighbour {name}: {what}"));
                    }
                }
            }
            Way::Command { check } if check.is_some_and(|every| every.is_zero()) => {
                return Err("there is no pause between two checks".into());
            }
            Way::View { announce } if announce.repeat > 0 && announce.gap.is_zero() => {
                return Err("announcements need a pause between them".into());
            }
            Way::Command { .. } | Way::View { .. } => {}
        }
        Ok(())
    }
}

/// Each looks at every event's consequences; hosts that were seen have up to forty.
const MAX_ADDRESSES: usize = 512;
/// As many as a virtual router may have (of IPv4), with some beside it.
const MAX_HELD: usize = 512;
const MAX_CHECKS: usize = 64;
/// A proof that is late counts as failed so many times at once.
const MAX_IN_A_ROW: u32 = 1_000;
/// Sessions of one address.
const MAX_NEIGHBORS: usize = 64;
