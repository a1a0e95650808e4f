//! What is there to see? A picture of all addresses for the page and the command line, in plain data.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use bgp::Peer;
use machine::Instant;
use serde::Serialize;
use vrrp::health::Rule;
use vrrp::{Priority, State};

use super::Node;
use crate::config::Placed;
use crate::stats::Stats;

/// All of it, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// By name.
    pub addresses: Vec<AddressReport>,
    /// By name.
    pub groups: Vec<GroupReport>,
    /// Events about what there is not.
    pub stray: u64,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressReport {
    /// As the operator named it.
    pub name: String,
    /// Where it is put.
    pub interface: String,
    /// What is put there.
    pub held: Vec<Placed>,
    /// How it moves: `vrrp`, `bgp`, `command` or `view`.
    pub way: &'static str,
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// Why.
    pub why: String,
    /// What it is doing, in one sentence.
    pub explain: String,
    /// What of it is on the interface by our order, as of now.
    pub here: Vec<IpAddr>,
    /// What of it is there, and not by our order.
    pub strange: Vec<Placed>,
    /// How much right this host has (VRRP; else the usual one).
    pub priority: Priority,
    /// Who holds it, as far as is known: this host's own address on the link, or that of the last one that was heard.
    pub holder: Option<IpAddr>,
    /// How much right that one has, as it said (VRRP).
    pub holder_priority: Option<Priority>,
    /// An operator has released it.
    pub released: bool,
    /// Until when this host does not take it, because its proof fails as soon as the address has come.
    pub rests_until: Option<Instant>,
    /// Its checks.
    pub checks: Vec<CheckReport>,
    /// Its BGP sessions.
    pub neighbors: Vec<NeighborReport>,
    /// Packets and hosts with which something is wrong, as when two hosts were told different things. Each kind once, bounded by their number.
    pub oddities: Vec<OddityReport>,
    /// Its counters.
    pub stats: Stats,
    /// Those of its router, under the names of RFC 6527.
    pub router: Option<RouterReport>,
}

/// One check of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Its name.
    pub name: String,
    /// It is the one that proves that the address may be here.
    pub is_proof: bool,
    /// What it counts for; `None`: a veto.
    pub weight: Option<i16>,
    /// `None`: nothing was heard of it yet.
    pub passes: Option<bool>,
    /// Why its last result was a failure, if it was.
    pub why: Option<String>,
}

/// One BGP session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NeighborReport {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: bgp::State,
    /// What it is doing, in one sentence.
    pub explain: String,
    /// How many routes it has from us as of now.
    pub announces: usize,
    /// Its counters.
    pub stats: bgp::Stats,
}

/// What was seen of one kind of what should not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OddityReport {
    /// Who does what, as of the last time.
    pub what: String,
    /// How often.
    pub times: u64,
    /// The last time.
    pub last: Instant,
}

/// The counters of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RouterReport {
    /// How often it became Active.
    pub became_active: u64,
    /// Advertisements that counted.
    pub adverts_received: u64,
    /// Advertisements said.
    pub adverts_sent: u64,
    /// Resignations heard.
    pub resignations_received: u64,
    /// Resignations said.
    pub resignations_sent: u64,
    /// Packets that counted for nothing.
    pub refused: u64,
    /// Others that held the addresses, too.
    pub rivals_heard: u64,
    /// Holders that were sent away and did not say in time that they had gone.
    pub left_silently: u64,
    /// How often this host woke too late to trust its own silence.
    pub froze: u64,
}

/// One sync group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupReport {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// The addresses in it.
    pub members: Vec<String>,
}

impl Node {
    /// What is there to see.
    #[must_use]
    pub fn report(&self) -> Report {
        let group = |team: &crate::team::Team| {
            let name = team.group.clone()?;
            Some(GroupReport { name, state: team.state(), members: team.members.iter().cloned().collect() })
        };
        let addresses = self.addresses.iter().map(|(name, address)| {
            let router = self.teams.iter().find_map(|team| team.router(name));
            let mut report = address.report(router);
            report.explain = self.explain_one(name).unwrap_or_default();
            report
        });
        Report {
            addresses: addresses.collect(),
            groups: self.teams.iter().filter_map(group).collect(),
            stray: self.stray,
        }
    }

    /// Until when this host does not take an address, because its proof fails as soon as it has come.
    #[must_use]
    pub fn rests_until(&self, address: &str) -> Option<Instant> {
        self.addresses.get(address)?.right.rests_until()
    }

    /// What it is doing and why: a sentence for each address.
    #[must_use]
    pub fn explain(&self) -> String {
        let each = self.addresses.keys().filter_map(|name| Some(format!("{name}: {}", self.explain_one(name)?)));
        let all: Vec<String> = each.collect();
        if all.is_empty() { "holds no addresses".into() } else { all.join("; ") }
    }

    fn explain_one(&self, name: &str) -> Option<String> {
        let router = self.teams.iter().find_map(|team| team.router(name));
        Some(self.addresses.get(name)?.explain(router))
    }
}

impl CheckReport {
    pub(crate) fn new(
        (check, is_proof, passes, why): (&vrrp::health::Check, bool, Option<bool>, Option<&String>),
    ) -> Self {
        let weight = if let Rule::Weight(weight) = check.rule { Some(weight) } else { None };
        Self { name: check.name.clone(), is_proof, weight, passes, why: why.cloned() }
    }
}

impl NeighborReport {
    pub(crate) fn new(name: &str, peer: &Peer) -> Self {
        // Most neighbours are named by their address, which is not to be read twice.
        let explain = peer.explain();
        let whose = explain.strip_prefix(name).and_then(|rest| rest.split_once(": ")).map(|(_, what)| what.to_string());
        let (state, announces, stats) = (peer.state(), peer.announces(), peer.stats());
        Self { name: name.to_string(), state, explain: whose.unwrap_or(explain), announces, stats }
    }
}

impl RouterReport {
    pub(crate) fn new(stats: &vrrp::Stats) -> Self {
        Self {
            became_active: stats.became_active,
            adverts_received: stats.adverts_received,
            adverts_sent: stats.adverts_sent,
            resignations_received: stats.resignations_received,
            resignations_sent: stats.resignations_sent,
            refused: stats.all_refused(),
            rivals_heard: stats.rivals_heard,
            left_silently: stats.left_silently,
            froze: stats.froze,
        }
    }
}
