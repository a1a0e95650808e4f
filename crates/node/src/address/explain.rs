//! What is an address doing, and why? One sentence, and a picture of it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use vrrp::{Priority, Router, State};

use super::{Address, Mover};
use crate::config::Way;
use crate::node::{AddressReport, CheckReport, NeighborReport, OddityReport, RouterReport};
use crate::peers::Peers;

impl Address {
    /// What it is doing and why, in one sentence.
    pub(crate) fn explain(&self, router: Option<&Router>) -> String {
        let mut text = match (self.state, router) {
            (State::Active, _) if self.lingers.is_some() => LINGERS.into(),
            (State::Active, _) => format!("is here: {}", self.why),
            (State::Fault, _) => format!("must not be here: {}", self.right.fault().as_ref().unwrap_or(&self.why)),
            (State::Backup, Some(router)) if self.right.waits().is_none() => router.explain(),
            (State::Backup, _) => format!("is not here: {}", self.standing(router, false).1),
            (State::Initialize, _) => format!("takes no part: {}", self.why),
        };
        if let Mover::Command(command, _) = &self.mover
            && let Some(failure) = command.last_failure().filter(|_| self.state != State::Active)
        {
            text.push_str(&format!("; its command failed last with: {failure}"));
        }
        if let Some(strange) = self.hold.strangers.iter().next().filter(|_| !self.hold.is_owner()) {
            let on = self.hold.interface();
            text.push_str(&format!("; {strange} stands on {on}, and not by an order of ours"));
        }
        if let Mover::Bgp(peers) = &self.mover {
            text.push_str(&announced(peers));
        }
        text
    }

    /// Packets and hosts with which something is wrong, seen from here.
    fn oddities(&self, router: Option<&Router>) -> Vec<OddityReport> {
        let packets = router.into_iter().flat_map(Router::oddities).map(|odd| {
            let from = odd.from.map_or_else(|| "somebody".into(), |from| format!("{from}"));
            let then = if odd.counted { "counts nevertheless" } else { "counts for nothing" };
            let what = format!("what {from} sends {then}: {}", odd.refused);
            OddityReport { what, times: odd.times, last: odd.last }
        });
        packets.chain(self.conflict.clone()).collect()
    }

    pub(crate) fn report(&self, router: Option<&Router>) -> AddressReport {
        let own = router.map(|router| router.config().primary);
        let holder = if self.state == State::Active { own } else { router.and_then(Router::holder).map(|(at, _)| at) };
        let neighbors = match &self.mover {
            Mover::Bgp(peers) => peers.iter().map(|(name, _, peer)| NeighborReport::new(name, peer)).collect(),
            Mover::Vrrp | Mover::View(_) | Mover::Command(..) => Vec::new(),
        };
        let way = match &self.config.way {
            Way::Vrrp(_) => "vrrp",
            Way::Bgp { .. } => "bgp",
            Way::Command { .. } => "command",
            Way::View { .. } => "view",
        };
        let mut stats = self.stats;
        stats.proofs_late = self.right.proof.late();
        AddressReport {
            name: self.name.clone(),
            interface: self.config.interface.clone(),
            held: self.config.held.clone(),
            way,
            state: self.state,
            since: self.since,
            why: self.why.clone(),
            explain: String::new(),
            here: self.hold.ips(),
            strange: self.hold.strangers.iter().collect(),
            priority: router.map_or(Priority::USUAL, Router::priority),
            holder,
            holder_priority: router.and_then(Router::holder).map(|(_, priority)| priority),
            released: self.right.is_released(),
            rests_until: self.right.rests_until(),
            checks: self.right.proof.standings().map(CheckReport::new).collect(),
            neighbors,
            oddities: self.oddities(router),
            stats,
            router: router.map(|router| RouterReport::new(&router.stats())),
        }
    }
}

/// Who is led here.
fn announced(peers: &Peers) -> String {
    let (all, told) = (peers.iter().count(), peers.iter().filter(|(_, _, peer)| peer.announces() > 0).count());
    let so = if told == 0 { ", so nobody is led here" } else { "" };
    format!("; announced to {told} of {all} neighbours{so}")
}

const LINGERS: &str =
    "is about to leave: its routes are withdrawn, and whoever is still led here is served for a moment";
