//! How and when a fault ends.

use std::time::Duration;

use crate::ground::{Happening, Who};
use crate::node::Member;
use crate::place::Place;
use crate::redis::{Finds, Life};
use crate::world::World;

/// How a fault ends.
#[derive(Clone, Debug)]
pub(crate) enum Recovery {
    Start(Place, Finds),
    Thaw(Place),
    Heal(Vec<(Place, Place)>),
    Quicken(Place, Place),
    ScriptEnds(usize),
    DiskWorks(usize),
    DiskFast(usize),
}

impl World {
    pub(super) fn recover_later(&mut self, recovery: Recovery) {
        self.schedule.under_way += 1;
        // Long faults and short ones find different things; a short one is over before anybody agrees on it.
        let most = if self.schedule.rng.chance(300) { self.options.fault_lasts / 10 } else { self.options.fault_lasts };
        let wait = Duration::from_millis(5) + self.schedule.rng.jitter(most);
        self.ground.after(wait, Happening::Recover(recovery));
    }

    fn has_left(&self, place: Place) -> bool {
        matches!(place, Place::Node(i) if self.nodes[i].member != Member::Here)
    }

    /// A fault ends; once faults have stopped for good, what is outside of the core stays as it is.
    pub(crate) fn recover(&mut self, recovery: Recovery) {
        self.schedule.under_way = self.schedule.under_way.saturating_sub(1);
        if self.core.is_some() {
            return;
        }
        self.ground.note(Who::World, || format!("--- end: {recovery:?}"));
        match recovery {
            Recovery::Start(place, finds) => {
                if matches!(self.life(place), Life::Dead | Life::HostGone) && !self.has_left(place) {
                    self.start(place, finds);
                }
            }
            Recovery::Thaw(place) => {
                if self.life(place) == Life::Frozen {
                    self.thaw(place);
                }
            }
            Recovery::Heal(paths) => {
                for (from, to) in paths {
                    self.heal(from, to);
                }
            }
            Recovery::Quicken(from, to) => {
                let path = self.ground.net.path_mut(from, to);
                path.slow = path.slow.saturating_sub(1);
            }
            Recovery::ScriptEnds(server) => self.servers[server].end_script(&mut self.ground),
            Recovery::DiskWorks(node) => self.nodes[node].disk.failing = 0,
            Recovery::DiskFast(node) => {
                let disk = &mut self.nodes[node].disk;
                disk.slow = disk.slow.saturating_sub(1);
            }
        }
    }
}
