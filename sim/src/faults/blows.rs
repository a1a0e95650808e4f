//! How each fault begins, and whom it hits: aimed at who matters, because chance alone would hardly ever hit it.

use std::time::Duration;

use sentinel::Request;

use super::recovery::Recovery;
use super::{Kind, Moment};
use crate::busy::Busy;
use crate::ground::{Happening, Who};
use crate::node::Member;
use crate::options::pick;
use crate::place::Place;
use crate::redis::{Finds, Life};
use crate::world::{World, group_name};

impl World {
    /// Somebody stumbled over the tripwire: a moment later it is hit.
    pub(crate) fn ambush(&mut self, node: usize) {
        let rng = &mut self.schedule.rng;
        let wait = if rng.chance(500) { Duration::ZERO } else { rng.jitter(Duration::from_millis(5)) };
        let moment = std::mem::take(&mut self.ground.tripwire).at;
        let what = if moment == Some(Moment::Pauses) {
            // While writes are held it is the servers that matter.
            Happening::BreakHold { looks: LOOKS }
        } else {
            Happening::Hit { node }
        };
        self.ground.after(wait, what);
    }

    /// Who holds writes for a switchover, or who catches up meanwhile, fails.
    pub(crate) fn break_hold(&mut self, looks: u32) {
        if self.core.is_some() {
            return;
        }
        let Some(holds) = self.servers.iter().find(|s| s.is_up() && s.paused_until.is_some()).map(|s| s.place) else {
            // The order to hold is on its way.
            if looks > 0 {
                self.ground.after(LOOK, Happening::BreakHold { looks: looks - 1 });
            }
            return;
        };
        self.ground.coverage.mark("fault: a hold was broken");
        let place = if self.schedule.rng.chance(600) { holds } else { self.some_server() };
        if self.schedule.rng.chance(600) {
            self.kill_a_server(Kind::ServerKill, place);
        } else {
            self.hang(Kind::ServerHang, place);
        }
    }

    /// The ambush strikes.
    pub(crate) fn hit(&mut self, node: usize) {
        let place = Place::Node(node);
        if self.core.is_some() || self.life(place) != Life::Up {
            return;
        }
        self.ground.coverage.mark("fault: a leader was hit");
        match self.schedule.rng.below(4) {
            0 | 1 => self.hang(Kind::Ambush, place),
            2 => self.cut_off(Kind::Ambush, &[place]),
            _ => self.kill_a_node(Kind::Ambush, place),
        }
    }

    pub(super) fn kill_a_server(&mut self, kind: Kind, place: Place) {
        if self.life(place) != Life::Up {
            return;
        }
        self.tell(kind, &[place]);
        self.kill(place, if kind == Kind::HostGone { Life::HostGone } else { Life::Dead });
        let finds = match kind {
            Kind::ServerKillEmpty => Finds::Nothing,
            Kind::ServerKillOlder => Finds::Older,
            _ => Finds::Data,
        };
        self.recover_later(Recovery::Start(place, finds));
    }

    pub(super) fn kill_a_node(&mut self, kind: Kind, place: Place) {
        if self.life(place) == Life::Up {
            self.tell(kind, &[place]);
            self.kill(place, Life::Dead);
            self.recover_later(Recovery::Start(place, Finds::Data));
        }
    }

    /// A restart by a supervisor: the process is back at once, its data are not.
    pub(super) fn reload_a_server(&mut self) {
        let place = self.some_server();
        if self.life(place) != Life::Up {
            return;
        }
        self.tell(Kind::ServerReloads, &[place]);
        self.kill(place, Life::Dead);
        let wait = Duration::from_millis(1) + self.schedule.rng.jitter(Duration::from_millis(400));
        self.schedule.under_way += 1;
        self.ground.after(wait, Happening::Recover(Recovery::Start(place, Finds::DataSlowly)));
    }

    pub(super) fn run_a_script(&mut self) {
        let place = self.some_server();
        let Place::Server(i) = place else { return };
        let rng = &mut self.schedule.rng;
        let mute = Duration::from_millis(100) + rng.jitter(Duration::from_secs(3));
        let busy = Busy { mute_until: self.ground.now + mute, has_written: rng.chance(400) };
        if self.life(place) != Life::Up || self.servers[i].busy.is_some() {
            return;
        }
        self.tell(Kind::Script, &[place]);
        self.servers[i].begin_script(&mut self.ground, busy);
        self.ground.after(mute, Happening::Threshold { server: i });
        self.recover_later(Recovery::ScriptEnds(i));
    }

    /// By as much as a host sleeps, or a hypervisor corrects.
    pub(super) fn let_a_clock_leap(&mut self) {
        let place = self.some_node();
        let Place::Node(i) = place else { return };
        let most = pick(&mut self.schedule.rng, &[500, 1_500, 5_000, 60_000]);
        let by = Duration::from_millis(1) + self.schedule.rng.jitter(Duration::from_millis(most));
        if self.life(place) == Life::Up {
            self.tell(Kind::ClockLeaps, &[place]);
            self.nodes[i].leap(&mut self.ground, by);
        }
    }

    pub(super) fn reset_some(&mut self) {
        let place = self.some_place();
        self.tell(Kind::Resets, &[place]);
        for (conn, _) in self.ground.net.of(place) {
            if self.schedule.rng.chance(500) {
                self.reset(conn);
            }
        }
    }

    /// Who leads, or is the one to try first, and a master: both fail in one of the ways in which a host does.
    pub(super) fn strike_master_and_leader(&mut self) {
        let masters: Vec<Place> = self.servers.iter().filter(|s| s.master.is_none()).map(|s| s.place).collect();
        let up = self.nodes.iter().filter(|n| n.is_up());
        let first = up.min_by_key(|n| n.config.id.clone()).map(|n| n.place());
        let leader = if self.schedule.rng.chance(500) { first } else { Some(self.some_node()) };
        let (Some(node), false) = (leader, masters.is_empty()) else { return };
        let server = pick(&mut self.schedule.rng, &masters);
        self.ground.coverage.mark("two at once: a master and a node that would lead");
        match self.schedule.rng.below(3) {
            0 => {
                self.hang(Kind::MasterAndLeader, server);
                self.hang(Kind::MasterAndLeader, node);
            }
            1 => self.cut_off(Kind::MasterAndLeader, &[node, server]),
            _ => {
                self.kill_a_server(Kind::MasterAndLeader, server);
                self.kill_a_node(Kind::MasterAndLeader, node);
            }
        }
    }

    /// Two of the world's kinds, a few milliseconds apart.
    pub(super) fn strike_twice(&mut self) {
        let kinds: Vec<Kind> = self.options.faults.iter().copied().filter(|k| k.is_one()).collect();
        if kinds.is_empty() {
            return;
        }
        let (first, second) = (pick(&mut self.schedule.rng, &kinds), pick(&mut self.schedule.rng, &kinds));
        let apart = self.schedule.rng.jitter(Duration::from_millis(5));
        self.ground.coverage.mark("two at once: faults of any kind");
        self.inflict(first);
        self.ground.after(apart, Happening::Inflict(second));
    }

    pub(super) fn hang(&mut self, kind: Kind, place: Place) {
        if self.life(place) == Life::Up {
            self.tell(kind, &[place]);
            self.freeze(place);
            self.recover_later(Recovery::Thaw(place));
        }
    }

    pub(super) fn cut_off(&mut self, kind: Kind, inside: &[Place]) {
        let mut paths = Vec::new();
        for &a in inside {
            for b in self.places().into_iter().filter(|b| !inside.contains(b)) {
                paths.push((a, b));
                paths.push((b, a));
            }
        }
        self.cut_all(kind, inside, paths);
    }

    pub(super) fn cut_all(&mut self, kind: Kind, about: &[Place], paths: Vec<(Place, Place)>) {
        self.tell(kind, about);
        for (from, to) in &paths {
            self.cut(*from, *to);
        }
        self.recover_later(Recovery::Heal(paths));
    }

    pub(super) fn spoil_a_disk(&mut self, kind: Kind) {
        let place = self.some_node();
        let Place::Node(node) = place else { return };
        self.tell(kind, &[place]);
        let disk = &mut self.nodes[node].disk;
        if kind == Kind::DiskSlow {
            disk.slow += 1;
            self.recover_later(Recovery::DiskFast(node));
        } else {
            disk.failing = if kind == Kind::DiskFull { 1_000 } else { 300 };
            self.recover_later(Recovery::DiskWorks(node));
        }
    }

    pub(super) fn switch_something(&mut self) {
        let Place::Node(node) = self.some_node() else { return };
        let rng = &mut self.schedule.rng;
        let group = usize::try_from(rng.below(self.options.groups.len() as u64)).unwrap_or_default();
        let in_group = self.servers.iter().filter(|s| s.group == group).map(|s| s.place.addr());
        let to = if rng.chance(500) { Some(pick(rng, &in_group.collect::<Vec<_>>())) } else { None };
        if self.nodes[node].is_up() {
            self.tell(Kind::Switchover, &[Place::Node(node)]);
            self.nodes[node].command(&mut self.ground, Request::Switchover { group: group_name(group), to });
        }
    }

    pub(super) fn tell(&mut self, kind: Kind, about: &[Place]) {
        self.ground.note(Who::World, || format!("--- {kind:?} {about:?}"));
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let nodes = (0..self.nodes.len()).map(Place::Node);
        let stocks = (0..self.stocks.len()).map(Place::Stock);
        nodes.chain((0..self.servers.len()).map(Place::Server)).chain(stocks).collect()
    }

    pub(super) fn some_place(&mut self) -> Place {
        if self.schedule.rng.chance(500) { self.some_voter() } else { self.some_server() }
    }

    /// A node, or a stock Sentinel.
    pub(super) fn some_voter(&mut self) -> Place {
        let (nodes, stocks) = (self.options.nodes as u64, self.stocks.len() as u64);
        if self.schedule.rng.below(nodes + stocks) < nodes {
            return self.some_node();
        }
        Place::Stock(usize::try_from(self.schedule.rng.below(stocks)).unwrap_or_default())
    }

    /// A node; often one that leads something at this moment.
    pub(super) fn some_node(&mut self) -> Place {
        let leads = |node: &&crate::node::Node| {
            node.report().is_some_and(|r| r.records.last().is_some_and(|r| r.outcome.is_none()))
        };
        let leading: Vec<usize> = self.nodes.iter().filter(leads).map(|n| n.index).collect();
        let rng = &mut self.schedule.rng;
        if !leading.is_empty() && rng.chance(600) {
            return Place::Node(pick(rng, &leading));
        }
        let here: Vec<usize> = self.nodes.iter().filter(|n| n.member == Member::Here).map(|n| n.index).collect();
        Place::Node(pick(rng, &here))
    }

    /// A server; often one that is a master.
    pub(super) fn some_server(&mut self) -> Place {
        let masters: Vec<Place> = self.servers.iter().filter(|s| s.master.is_none()).map(|s| s.place).collect();
        let rng = &mut self.schedule.rng;
        if !masters.is_empty() && rng.chance(500) {
            return pick(rng, &masters);
        }
        Place::Server(usize::try_from(rng.below(self.servers.len() as u64)).unwrap_or_default())
    }
}

/// How often, and how many times, it is looked whether a hold has begun.
const LOOK: Duration = Duration::from_micros(300);
const LOOKS: u32 = 200;
