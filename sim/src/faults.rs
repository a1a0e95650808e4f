//! What fails, when and for how long: drawn from the seed while the world runs, so that it can aim at who matters.

use std::time::Duration;

use machine::Rng;

use crate::ground::{Happening, Who};
use crate::options::pick;
use crate::world::World;

mod blows;
mod members;
mod recovery;

pub(crate) use recovery::Recovery;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9` of a server; it starts again with what its disk has.
    ServerKill,
    /// The same, but it starts at once, and reads its data for seconds: `-LOADING`.
    ServerReloads,
    /// The same, but it starts again with an older snapshot.
    ServerKillOlder,
    /// The same, but it starts again empty.
    ServerKillEmpty,
    /// `SIGSTOP` of a server: its kernel still accepts.
    ServerHang,
    /// A script keeps a server busy: silence, then `-BUSY`.
    Script,
    /// A server's host is gone: silence.
    HostGone,
    /// `kill -9` of a node.
    NodeKill,
    /// `SIGSTOP` of a node, or a pause of its virtual machine.
    NodeFreeze,
    /// A node's clock leaps ahead.
    ClockLeaps,
    /// Packets from one place to another are lost.
    CutOneWay,
    /// Packets between two places are lost.
    CutBoth,
    /// A place is cut off from all others.
    Isolate,
    /// A node and a server are cut off from all others together: a room, a rack.
    Room,
    /// A path becomes slow, by hundreds of milliseconds, in one direction.
    Slow,
    /// Connections are reset by something in between.
    Resets,
    /// A node's disk refuses some writes.
    DiskFails,
    /// A node's disk is full: it refuses all of them.
    DiskFull,
    /// A node's disk becomes slow.
    DiskSlow,
    /// An operator wants another master.
    Switchover,
    /// A leader is stopped, killed or cut off at a chosen moment of its failover: chance alone would hardly ever hit it.
    Ambush,
    /// A master and the node that would lead its failover fail together: they share a host.
    MasterAndLeader,
    /// Two other faults begin within milliseconds.
    TwoAtOnce,
    /// A node that nobody knew joins: by its hellos.
    NodeJoins,
    /// A node leaves for good; an operator may then tell the others to forget it.
    NodeLeaves,
}

/// A moment of a failover at which an ambush strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    Tries,
    Elected,
    Pauses,
    Seals,
    Promotes,
    Promoted,
    Publishes,
}

impl Moment {
    /// The most between an election and its promotion: who sleeps there may do what is no longer its to do.
    const AIMED_AT: [Self; 13] = [
        Self::Tries,
        Self::Elected,
        Self::Elected,
        Self::Elected,
        Self::Pauses,
        Self::Pauses,
        Self::Pauses,
        Self::Seals,
        Self::Seals,
        Self::Seals,
        Self::Promotes,
        Self::Promoted,
        Self::Publishes,
    ];
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
    pub const ALL: [Self; 25] = [
        Self::ServerKill,
        Self::ServerReloads,
        Self::ServerKillOlder,
        Self::ServerKillEmpty,
        Self::ServerHang,
        Self::Script,
        Self::HostGone,
        Self::NodeKill,
        Self::NodeFreeze,
        Self::ClockLeaps,
        Self::CutOneWay,
        Self::CutBoth,
        Self::Isolate,
        Self::Room,
        Self::Slow,
        Self::Resets,
        Self::DiskFails,
        Self::DiskFull,
        Self::DiskSlow,
        Self::Switchover,
        Self::Ambush,
        Self::MasterAndLeader,
        Self::TwoAtOnce,
        Self::NodeJoins,
        Self::NodeLeaves,
    ];

    /// Kinds of which one is begun together with another.
    const fn is_one(self) -> bool {
        !matches!(self, Self::TwoAtOnce | Self::Ambush | Self::Switchover)
    }
}

/// Draws the faults.
pub(crate) struct Schedule {
    pub(super) rng: Rng,
    /// Faults that have not ended.
    pub(super) under_way: u32,
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
        if self.core.is_some() {
            return;
        }
        self.ground.coverage.mark(&format!("fault: {kind:?}"));
        match kind {
            Kind::ServerKill | Kind::ServerKillEmpty | Kind::ServerKillOlder | Kind::HostGone => {
                let place = self.some_server();
                self.kill_a_server(kind, place);
            }
            Kind::ServerReloads => self.reload_a_server(),
            Kind::Script => self.run_a_script(),
            Kind::ServerHang => {
                let place = self.some_server();
                self.hang(kind, place);
            }
            Kind::NodeFreeze => {
                let place = self.some_voter();
                self.hang(kind, place);
            }
            Kind::NodeKill => {
                let place = self.some_voter();
                self.kill_a_node(kind, place);
            }
            Kind::ClockLeaps => self.let_a_clock_leap(),
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
                let (node, server) = (self.some_voter(), self.some_server());
                self.cut_off(kind, &[node, server]);
            }
            Kind::Slow => {
                let (a, b) = (self.some_place(), self.some_place());
                self.tell(kind, &[a, b]);
                self.ground.net.path_mut(a, b).slow += 1;
                self.recover_later(Recovery::Quicken(a, b));
            }
            Kind::Resets => self.reset_some(),
            Kind::DiskFails | Kind::DiskFull | Kind::DiskSlow => self.spoil_a_disk(kind),
            Kind::Switchover => self.switch_something(),
            Kind::Ambush => {
                let rng = &mut self.schedule.rng;
                let is_planned = self.options.faults.first() == Some(&Kind::Switchover) && rng.chance(700);
                let moment = if is_planned { Moment::Pauses } else { pick(rng, &Moment::AIMED_AT) };
                self.ground.note(Who::World, || format!("--- Ambush at {moment:?}"));
                self.ground.tripwire = Tripwire { at: Some(moment), hit: None };
            }
            Kind::MasterAndLeader => self.strike_master_and_leader(),
            Kind::TwoAtOnce => self.strike_twice(),
            Kind::NodeJoins => self.let_a_node_join(),
            Kind::NodeLeaves => self.let_a_node_leave(),
        }
    }
}
