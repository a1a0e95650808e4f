//! What is an address doing, and why? One sentence, and a picture of it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use vrrp::{Priority, Router, State};

use super::{Address, Mover};
use crate::config::Way;
use crate::node::{AddressReport, CheckReport, NeighborReport, RouterReport};

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
            let sessions: Vec<String> =
                peers.iter().map(|(name, _, peer)| format!("{name} {}", peer.explain())).collect();
            text.push_str(&format!("; {}", sessions.join("; ")));
        }
        text
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
            released: self.right.is_released(),
            rests_until: self.right.rests_until(),
            checks: self.right.proof.standings().map(CheckReport::new).collect(),
            neighbors,
            stats,
            router: router.map(|router| RouterReport::new(&router.stats())),
        }
    }
}

const LINGERS: &str =
    "is about to leave: its routes are withdrawn, and whoever is still led here is served for a moment";
