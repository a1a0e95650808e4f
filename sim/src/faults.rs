//! What fails, when and for how long: drawn from the seed while the world runs, so that it can aim at who matters.

use std::time::Duration;

use machine::Rng;
use sentinel::Request;

use crate::ground::{Happening, Who};
use crate::options::pick;
use crate::place::Place;
use crate::redis::Life;
use crate::world::{World, group_name};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9` of a server; it starts again with what its disk has.
    ServerKill,
    /// The same, but it starts again empty.
    ServerKillEmpty,
    /// `SIGSTOP` of a server: its kernel still accepts.
    ServerHang,
    /// A server's host is gone: silence.
    HostGone,
    /// `kill -9` of a node.
    NodeKill,
    /// `SIGSTOP` of a node, or a pause of its virtual machine.
    NodeFreeze,
    /// Packets from one place to another are lost.
    CutOneWay,
    /// Packets between two places are lost.
    CutBoth,
    /// A place is cut off from all others.
    Isolate,
    /// A node and a server are cut off from all others together: a room, a rack.
    Room,
    /// A path becomes slow.
    Slow,
    /// Connections are reset by something in between.
    Resets,
    /// A node's disk refuses writes.
    DiskFails,
    /// A node's disk becomes slow.
    DiskSlow,
    /// An operator wants another master.
    Switchover,
    /// A leader is stopped, killed or cut off at a chosen moment of its failover: chance alone would hardly ever hit it.
    Ambush,
}

/// A moment of a failover at which an ambush strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    Tries,
    Elected,
    Seals,
    Promotes,
    Promoted,
    Publishes,
}

impl Moment {
    const ALL: [Self; 6] = [Self::Tries, Self::Elected, Self::Seals, Self::Promotes, Self::Promoted, Self::Publishes];
}

/// A wire across a leader's way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tripwire {
    /// At which moment it is stretched.
    pub(crate) at: Option<Moment>,
    /// Who stumbled.
    pub(crate) hit: Option<usize>,
}

impl Tripwire {
    /// A node passes a moment.
    pub(crate) fn pass(&mut self, node: usize, moment: Moment) {
        if self.at == Some(moment) && self.hit.is_none() {
            self.hit = Some(node);
        }
    }
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::ServerKill,
        Self::ServerKillEmpty,
        Self::ServerHang,
        Self::HostGone,
        Self::NodeKill,
        Self::NodeFreeze,
        Self::CutOneWay,
        Self::CutBoth,
        Self::Isolate,
        Self::Room,
        Self::Slow,
        Self::Resets,
        Self::DiskFails,
        Self::DiskSlow,
        Self::Switchover,
        Self::Ambush,
    ];
}

/// How a fault ends.
#[derive(Clone, Debug)]
pub(crate) enum Recovery {
    Start(Place, bool),
    Thaw(Place),
    Heal(Vec<(Place, Place)>),
    Quicken(Place, Place),
    DiskWorks(usize),
    DiskFast(usize),
}

/// Draws the faults.
pub(crate) struct Schedule {
    rng: Rng,
    /// Faults that have not ended.
    under_way: u32,
}

/// More at once leaves nothing to observe.
const AT_ONCE: u32 = 4;

impl Schedule {
    pub(crate) const fn new(rng: Rng) -> Self {
        Self { rng, under_way: 0 }
    }
}

impl World {
    /// Begins the schedule.
    pub fn let_things_fail(&mut self) {
        if !self.options.faults.is_empty() {
            let pause = self.schedule.rng.jitter(self.options.fault_every * 2);
            self.ground.after(pause, Happening::Strike);
        }
    }

    /// One fault, and when the next comes: often alone, sometimes right upon another.
    pub(crate) fn strike(&mut self) {
        if self.core.is_some() {
            return;
        }
        let rng = &mut self.schedule.rng;
        let pause = if rng.chance(200) {
            rng.jitter(Duration::from_millis(300))
        } else {
            rng.jitter(self.options.fault_every * 2)
        };
        let kind = pick(rng, &self.options.faults);
        self.ground.after(pause, Happening::Strike);
        if self.schedule.under_way < AT_ONCE {
            self.inflict(kind);
        }
    }

    /// Makes something fail.
    pub fn inflict(&mut self, kind: Kind) {
        self.ground.coverage.mark(&format!("fault: {kind:?}"));
        match kind {
            Kind::ServerKill | Kind::ServerKillEmpty | Kind::HostGone => self.kill_a_server(kind),
            Kind::ServerHang => {
                let place = self.some_server();
                self.hang(kind, place);
            }
            Kind::NodeFreeze => {
                let place = self.some_node();
                self.hang(kind, place);
            }
            Kind::NodeKill => {
                let place = self.some_node();
                if self.life(place) == Life::Up {
                    self.tell(kind, &[place]);
                    self.kill(place, Life::Dead);
                    self.recover_later(Recovery::Start(place, true));
                }
            }
            Kind::CutOneWay | Kind::CutBoth => {
                let (a, b) = (self.some_place(), self.some_place());
                let mut paths = vec![(a, b)];
                if kind == Kind::CutBoth {
                    paths.push((b, a));
                }
                self.cut_all(kind, &[a, b], paths);
            }
            Kind::Isolate => {
                let place = self.some_place();
                self.cut_off(kind, &[place]);
            }
            Kind::Room => {
                let (node, server) = (self.some_node(), self.some_server());
                self.cut_off(kind, &[node, server]);
            }
            Kind::Slow => {
                let (a, b) = (self.some_place(), self.some_place());
                self.tell(kind, &[a, b]);
                self.ground.net.path_mut(a, b).slow += 1;
                self.recover_later(Recovery::Quicken(a, b));
            }
            Kind::Resets => {
                let place = self.some_place();
                self.tell(kind, &[place]);
                for (conn, _) in self.ground.net.of(place) {
                    if self.schedule.rng.chance(500) {
                        self.reset(conn);
                    }
                }
            }
            Kind::DiskFails | Kind::DiskSlow => self.spoil_a_disk(kind),
            Kind::Switchover => self.switch_something(),
            Kind::Ambush => {
                let moment = pick(&mut self.schedule.rng, &Moment::ALL);
                self.ground.note(Who::World, || format!("--- Ambush at {moment:?}"));
                self.ground.tripwire = Tripwire { at: Some(moment), hit: None };
            }
        }
    }

    /// Somebody stumbled over the tripwire: a moment later it is hit.
    pub(crate) fn ambush(&mut self, node: usize) {
        let rng = &mut self.schedule.rng;
        let wait = if rng.chance(500) { Duration::ZERO } else { rng.jitter(Duration::from_millis(5)) };
        self.ground.tripwire = Tripwire::default();
        self.ground.after(wait, Happening::Hit { node });
    }

    /// The ambush strikes.
    pub(crate) fn hit(&mut self, node: usize) {
        let place = Place::Node(node);
        if self.core.is_some() || self.life(place) != Life::Up {
            return;
        }
        self.ground.coverage.mark("fault: a leader was hit");
        match self.schedule.rng.below(3) {
            0 => self.hang(Kind::Ambush, place),
            1 => self.cut_off(Kind::Ambush, &[place]),
            _ => {
                self.tell(Kind::Ambush, &[place]);
                self.kill(place, Life::Dead);
                self.recover_later(Recovery::Start(place, true));
            }
        }
    }

    fn kill_a_server(&mut self, kind: Kind) {
        let place = self.some_server();
        if self.life(place) != Life::Up {
            return;
        }
        self.tell(kind, &[place]);
        self.kill(place, if kind == Kind::HostGone { Life::HostGone } else { Life::Dead });
        self.recover_later(Recovery::Start(place, kind != Kind::ServerKillEmpty));
    }

    fn hang(&mut self, kind: Kind, place: Place) {
        if self.life(place) == Life::Up {
            self.tell(kind, &[place]);
            self.freeze(place);
            self.recover_later(Recovery::Thaw(place));
        }
    }

    fn cut_off(&mut self, kind: Kind, inside: &[Place]) {
        let mut paths = Vec::new();
        for &a in inside {
            for b in self.places().into_iter().filter(|b| !inside.contains(b)) {
                paths.push((a, b));
                paths.push((b, a));
            }
        }
        self.cut_all(kind, inside, paths);
    }

    fn cut_all(&mut self, kind: Kind, about: &[Place], paths: Vec<(Place, Place)>) {
        self.tell(kind, about);
        for (from, to) in &paths {
            self.cut(*from, *to);
        }
        self.recover_later(Recovery::Heal(paths));
    }

    fn spoil_a_disk(&mut self, kind: Kind) {
        let place = self.some_node();
        let Place::Node(node) = place else { return };
        self.tell(kind, &[place]);
        let disk = &mut self.nodes[node].disk;
        if kind == Kind::DiskFails {
            disk.failing = pick(&mut self.schedule.rng, &[300, 1_000]);
            self.recover_later(Recovery::DiskWorks(node));
        } else {
            disk.slow += 1;
            self.recover_later(Recovery::DiskFast(node));
        }
    }

    fn switch_something(&mut self) {
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

    fn tell(&mut self, kind: Kind, about: &[Place]) {
        self.ground.note(Who::World, || format!("--- {kind:?} {about:?}"));
    }

    fn recover_later(&mut self, recovery: Recovery) {
        self.schedule.under_way += 1;
        // Long faults and short ones find different things; a short one is over before anybody agrees on it.
        let most = if self.schedule.rng.chance(300) { self.options.fault_lasts / 10 } else { self.options.fault_lasts };
        let wait = Duration::from_millis(5) + self.schedule.rng.jitter(most);
        self.ground.after(wait, Happening::Recover(recovery));
    }

    /// A fault ends; once faults have stopped for good, what is outside of the core stays as it is.
    pub(crate) fn recover(&mut self, recovery: Recovery) {
        self.schedule.under_way = self.schedule.under_way.saturating_sub(1);
        if self.core.is_some() {
            return;
        }
        self.ground.note(Who::World, || format!("--- end: {recovery:?}"));
        match recovery {
            Recovery::Start(place, with_data) => {
                if matches!(self.life(place), Life::Dead | Life::HostGone) {
                    self.start(place, with_data);
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
            Recovery::DiskWorks(node) => self.nodes[node].disk.failing = 0,
            Recovery::DiskFast(node) => {
                let disk = &mut self.nodes[node].disk;
                disk.slow = disk.slow.saturating_sub(1);
            }
        }
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let nodes = (0..self.nodes.len()).map(Place::Node);
        nodes.chain((0..self.servers.len()).map(Place::Server)).collect()
    }

    fn some_place(&mut self) -> Place {
        if self.schedule.rng.chance(500) { self.some_node() } else { self.some_server() }
    }

    /// A node; often one that leads something at this moment.
    fn some_node(&mut self) -> Place {
        let leads = |node: &&crate::node::Node| {
            node.report().is_some_and(|r| r.records.last().is_some_and(|r| r.outcome.is_none()))
        };
        let leading: Vec<usize> = self.nodes.iter().filter(leads).map(|n| n.index).collect();
        let rng = &mut self.schedule.rng;
        if !leading.is_empty() && rng.chance(600) {
            return Place::Node(pick(rng, &leading));
        }
        Place::Node(usize::try_from(rng.below(self.nodes.len() as u64)).unwrap_or_default())
    }

    /// A server; often one that is a master.
    fn some_server(&mut self) -> Place {
        let masters: Vec<Place> = self.servers.iter().filter(|s| s.master.is_none()).map(|s| s.place).collect();
        let rng = &mut self.schedule.rng;
        if !masters.is_empty() && rng.chance(500) {
            return pick(rng, &masters);
        }
        Place::Server(usize::try_from(rng.below(self.servers.len() as u64)).unwrap_or_default())
    }
}
