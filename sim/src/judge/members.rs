//! How many nodes vote where nodes come and go? As many as its file tells a node, or as it has met: counted here from what the
//! network brought it, not from what its machine made of that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use sentinel::State;
use sentinel::hello::Hello;
use view::{GroupName, RunId};

use crate::judge::Judge;

/// Whom each node has met.
#[derive(Default)]
pub(super) struct Members {
    /// Nobody comes or goes in most worlds: then all there are have to be counted.
    told: BTreeMap<usize, usize>,
    met: BTreeMap<(usize, GroupName), BTreeMap<SocketAddr, RunId>>,
    joined: BTreeSet<usize>,
}

impl Judge {
    /// Nodes come and go in this world; this one's file says that there are so many.
    pub(crate) fn told_members(&mut self, node: usize, n: usize) {
        self.members.told.insert(node, n);
    }

    /// A node starts with what its disk has.
    pub(super) fn remember_members(&mut self, node: usize, state: &State) {
        self.members.joined.insert(node);
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
        if self.members.told.is_empty() {
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
    pub(super) fn voters_for(&self, node: usize, group: &GroupName) -> usize {
        let Some(told) = self.members.told.get(&node) else { return self.ids.len() + self.stocks.len() };
        let met = self.members.met.get(&(node, group.clone())).map_or(0, BTreeMap::len);
        (*told).max(met + 1)
    }

    /// How many of ours there have ever been.
    pub(crate) fn ever_joined(&self) -> usize {
        self.members.joined.len()
    }
}
