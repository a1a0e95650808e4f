//! How many nodes vote where nodes come and go? As many as its file tells a node, or as it has met: counted here from what the
//! network brought it, not from what its machine made of that.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sentinel::State;
use sentinel::hello::Hello;
use view::{Epoch, GroupName, RunId};

use crate::judge::Judge;
use crate::wiring::Attempt;

/// Whom each node has met.
#[derive(Default)]
pub(super) struct Members {
    /// Nobody comes or goes in most worlds: then all there are have to be counted.
    told: BTreeMap<usize, usize>,
    met: BTreeMap<(usize, GroupName), BTreeMap<SocketAddr, RunId>>,
    /// How many voters there were when a leader was elected. Who is met after that had no vote to give.
    at_election: BTreeMap<(usize, GroupName, Epoch), usize>,
}

impl Judge {
    /// Nodes come and go in this world; this one's file says that there are so many.
    pub(crate) fn told_members(&mut self, node: usize, n: usize) {
        self.members.told.insert(node, n);
    }

    /// A node starts with what its disk has.
    pub(super) fn remember_members(&mut self, node: usize, state: &State) {
        self.forget_members(node);
        for (group, state) in &state.groups {
            let met = state.peers.iter().map(|p| (p.addr, p.id.clone())).collect();
            self.members.met.insert((node, group.clone()), met);
        }
    }

    /// A node is told to forget whom it has met.
    pub(crate) fn forget_members(&mut self, node: usize) {
        self.members.met.retain(|(n, _), _| *n != node);
    }

    /// A hello reached a node.
    pub(crate) fn heard_hello(&mut self, node: usize, text: &str) {
        if !self.may_be_joined() {
            return;
        }
        let Ok(hello) = text.parse::<Hello>() else { return };
        if self.ids.get(node) != Some(&hello.id) {
            let met = self.members.met.entry((node, hello.group)).or_default();
            met.retain(|_, id| *id != hello.id);
            met.insert(hello.from, hello.id);
        }
    }

    /// Of how many votes a leader needs more than half.
    fn voters_for(&self, node: usize, group: &GroupName) -> usize {
        let Some(told) = self.members.told.get(&node) else { return self.ids.len() + self.stocks.len() };
        let met = self.members.met.get(&(node, group.clone())).map_or(0, BTreeMap::len);
        (*told).max(met + 1)
    }

    /// Whether nodes may join in this world.
    pub(super) fn may_be_joined(&self) -> bool {
        !self.members.told.is_empty()
    }

    /// A node was elected: by a majority of those that it has met by now.
    pub(crate) fn count_voters(&mut self, node: usize, group: &GroupName, epoch: Epoch) {
        let voters = self.voters_for(node, group);
        self.members.at_election.insert((node, group.clone(), epoch), voters);
    }

    /// Of how many votes more than half had to be for the leader of an attempt.
    pub(super) fn voters_of(&self, node: usize, attempt: &Attempt) -> usize {
        let key = (node, attempt.group.clone(), attempt.epoch);
        self.members.at_election.get(&key).copied().unwrap_or_else(|| self.voters_for(node, &attempt.group))
    }

    /// Whether a node that joined late has met anybody of a group, and anybody has met it.
    pub(crate) fn is_settled(&self, node: usize, group: &GroupName) -> bool {
        let Some(id) = self.ids.get(node) else { return false };
        let mut of_group = self.members.met.iter().filter(|((_, g), _)| g == group).map(|((n, _), met)| (*n, met));
        let is_known = of_group.clone().any(|(_, met)| met.values().any(|other| other == id));
        is_known && of_group.any(|(n, met)| n == node && !met.is_empty())
    }
}
