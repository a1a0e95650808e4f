//! Nodes that come and go while everything else happens.

use std::time::Duration;

use sentinel::Request;

use super::Kind;
use crate::ground::Happening;
use crate::node::Member;
use crate::options::pick;
use crate::place::Place;
use crate::redis::{Finds, Life};
use crate::world::{World, group_name};

impl World {
    /// A new host, with an empty disk and an id of its own.
    pub(super) fn let_a_node_join(&mut self) {
        let Some(i) = self.nodes.iter().position(|n| n.member == Member::NotYet) else { return };
        self.tell(Kind::NodeJoins, &[Place::Node(i)]);
        self.ground.coverage.mark("members: a node joins");
        self.nodes[i].member = Member::Here;
        // Whoever sets it up writes down who is master now.
        for group in 0..self.options.groups.len() {
            let master = self.agreed(group).map(|(_, master)| master.addr());
            if let (Some(rules), Some(master)) = (self.nodes[i].config.groups.get_mut(&group_name(group)), master) {
                rules.master = master;
            }
        }
        self.start(Place::Node(i), Finds::Data);
    }

    /// A host is given back. Only where the others can still elect somebody: who takes more away than that has no group.
    pub(super) fn let_a_node_leave(&mut self) {
        let Place::Node(i) = self.some_node() else { return };
        let here = self.nodes.iter().filter(|n| n.member == Member::Here).count();
        let is_last = here <= 1 || here + self.stocks.len() <= self.votes_needed();
        if is_last || self.nodes[i].life != Life::Up || self.options.spares == 0 {
            return;
        }
        self.tell(Kind::NodeLeaves, &[Place::Node(i)]);
        self.ground.coverage.mark("members: a node leaves");
        self.kill(Place::Node(i), Life::Dead);
        self.nodes[i].member = Member::Gone;
        if self.schedule.rng.chance(600) {
            // One after the other: each is to meet the rest again before the next forgets them.
            let others: Vec<usize> = self.nodes.iter().filter(|n| n.member == Member::Here).map(|n| n.index).collect();
            let mut wait = Duration::ZERO;
            for node in others {
                wait += Duration::from_millis(pick(&mut self.schedule.rng, &[3_000, 4_000, 6_000]));
                self.ground.after(wait, Happening::Reset { node });
            }
        }
    }

    /// How many votes elect a leader, once everybody knows everybody that there ever was; or is told so by its file.
    pub(crate) fn votes_needed(&self) -> usize {
        let voters = self.nodes.iter().filter(|n| n.member != Member::NotYet).count() + self.stocks.len();
        (voters / 2 + 1).max(self.options.quorum as usize)
    }

    /// An operator resets a node that seems well: what it learned of the group, it learns anew.
    pub(crate) fn reset_node(&mut self, node: usize) {
        let is_well = self.nodes[node].views.values().all(|v| {
            let master = Place::at(v.master);
            v.phase == view::Phase::Steady && master.is_some_and(|m| self.life(m) == Life::Up)
        });
        if self.core.is_none() && self.nodes[node].is_up() && is_well {
            self.was_reset = true;
            self.nodes[node].command(&mut self.ground, Request::Reset { pattern: "*".into() });
        }
    }
}
