//! How do the addresses stand, for people and programs? One document for the table, the page and the JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use machine::Instant;
use node::Report;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vrrp::State;

use super::seen::KernelStatus;
use super::telling::word;

/// All of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AddressesStatus {
    /// By name.
    pub(crate) addresses: BTreeMap<String, AddressStatus>,
    /// By name: those that move together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sync_groups: BTreeMap<String, SyncGroup>,
    /// What the kernel did not tell, and which interfaces went away.
    #[serde(default)]
    pub(crate) kernel: KernelStatus,
}

/// One address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AddressStatus {
    /// `active`, `backup`, `fault` or `initialize`.
    pub(crate) state: String,
    /// In Keepalived's word.
    pub(crate) keepalived: String,
    /// For how long, in milliseconds.
    pub(crate) since_ms: u64,
    /// Why it is in this state.
    pub(crate) why: String,
    /// What it is doing, in one sentence.
    pub(crate) explain: String,
    /// `vrrp`, `bgp`, `command` or `view`.
    pub(crate) way: String,
    pub(crate) interface: String,
    /// What moves.
    pub(crate) held: Vec<String>,
    /// What of it is on the interface, by our order.
    pub(crate) here: Vec<IpAddr>,
    /// What of it is there, and not by our order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) strange: Vec<String>,
    /// How much right this host has (VRRP).
    pub(crate) priority: u8,
    /// Who holds it, as far as is known.
    pub(crate) holder: Option<IpAddr>,
    /// How much right that one has, as it said last (VRRP).
    #[serde(default)]
    pub(crate) holder_priority: Option<u8>,
    /// An operator wants it not to be here.
    pub(crate) released: bool,
    /// For how long this host does not take it, in milliseconds: its proof failed again and again as soon as the address had come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rests_ms: Option<u64>,
    pub(crate) checks: Vec<CheckStatus>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) neighbors: Vec<NeighborStatus>,
    /// What should not be, of other hosts of the link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) oddities: Vec<OddityStatus>,
    /// Counters.
    pub(crate) stats: Value,
    /// Counters of VRRP, under the names of RFC 6527.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) router: Value,
}

/// What has a say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CheckStatus {
    pub(crate) name: String,
    /// It is the one that proves that the address may be here.
    pub(crate) is_proof: bool,
    /// What it counts for; absent: while it fails, the address must not be here.
    pub(crate) weight: Option<i16>,
    /// Absent: nothing was heard of it yet.
    pub(crate) passes: Option<bool>,
    /// Why its last result was a failure, if it was.
    pub(crate) why: Option<String>,
}

/// A BGP session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NeighborStatus {
    pub(crate) name: String,
    /// As RFC 4271 names it.
    pub(crate) state: String,
    pub(crate) explain: String,
    /// How many routes it has from us.
    #[serde(default)]
    pub(crate) announces: usize,
    pub(crate) stats: Value,
}

/// One kind of what should not be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OddityStatus {
    pub(crate) what: String,
    pub(crate) times: u64,
    /// How long ago the last one was, in milliseconds.
    pub(crate) last_ms: u64,
}

/// Addresses that move together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SyncGroup {
    pub(crate) state: String,
    pub(crate) members: BTreeSet<String>,
}

impl AddressesStatus {
    /// What the machine reports, as of now.
    pub(super) fn of(report: Report, kernel: KernelStatus, now: Instant) -> Self {
        let addresses =
            report.addresses.into_iter().map(|address| (address.name.clone(), AddressStatus::of(address, now)));
        let group = |group: node::node::GroupReport| {
            let members = group.members.into_iter().collect();
            (group.name, SyncGroup { state: word(group.state).to_owned(), members })
        };
        Self { addresses: addresses.collect(), sync_groups: report.groups.into_iter().map(group).collect(), kernel }
    }
}

impl AddressStatus {
    fn of(report: node::node::AddressReport, now: Instant) -> Self {
        let check = |check: node::node::CheckReport| CheckStatus {
            name: check.name,
            is_proof: check.is_proof,
            weight: check.weight,
            passes: check.passes,
            why: check.why,
        };
        let neighbor = |neighbor: node::node::NeighborReport| NeighborStatus {
            name: neighbor.name,
            state: format!("{:?}", neighbor.state),
            explain: neighbor.explain,
            announces: neighbor.announces,
            stats: plain(&neighbor.stats),
        };
        let oddity = |odd: node::node::OddityReport| OddityStatus {
            what: odd.what,
            times: odd.times,
            last_ms: ms(now.since(odd.last)),
        };
        Self {
            state: word(report.state).to_owned(),
            keepalived: keepalived(report.state).to_owned(),
            since_ms: ms(now.since(report.since)),
            why: report.why,
            explain: report.explain,
            way: report.way.to_owned(),
            interface: report.interface,
            held: report.held.iter().map(ToString::to_string).collect(),
            here: report.here,
            strange: report.strange.iter().map(ToString::to_string).collect(),
            priority: report.priority.0,
            holder: report.holder,
            holder_priority: report.holder_priority.map(|priority| priority.0),
            released: report.released,
            rests_ms: report.rests_until.map(|until| u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX)),
            checks: report.checks.into_iter().map(check).collect(),
            neighbors: report.neighbors.into_iter().map(neighbor).collect(),
            oddities: report.oddities.into_iter().map(oddity).collect(),
            stats: plain(&report.stats),
            router: report.router.map_or(Value::Null, |router| plain(&router)),
        }
    }

    /// Who holds it, for people.
    pub(crate) fn holder(&self) -> String {
        match (self.state.as_str(), self.holder) {
            ("active", _) => "this host".to_owned(),
            (_, Some(holder)) => holder.to_string(),
            (_, None) => "-".to_owned(),
        }
    }

    /// How many neighbours have routes from us, of how many, where some are to have them.
    pub(crate) fn announced(&self) -> Option<(usize, usize)> {
        let told = self.neighbors.iter().filter(|neighbor| neighbor.announces > 0).count();
        (self.state == "active" && !self.neighbors.is_empty()).then_some((told, self.neighbors.len()))
    }

    /// The checks that fail, or were not heard of, with why.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = String> {
        self.checks.iter().filter_map(|check| match (check.passes, &check.why) {
            (Some(true), _) => None,
            (Some(false), Some(why)) => Some(format!("check {}: {why}", check.name)),
            (Some(false), None) => Some(format!("check {}: fails", check.name)),
            (None, _) => Some(format!("check {}: no result yet", check.name)),
        })
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Plain numbers have a JSON form.
fn plain(stats: &impl Serialize) -> Value {
    serde_json::to_value(stats).unwrap_or_default()
}

/// What Keepalived calls the state.
const fn keepalived(state: State) -> &'static str {
    match state {
        State::Initialize => "STOP",
        State::Fault => "FAULT",
        State::Backup => "BACKUP",
        State::Active => "MASTER",
    }
}
