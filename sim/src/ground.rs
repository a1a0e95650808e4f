//! What every part of the world stands on: the time, the agenda, the network, the judge and the history.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Instant, Rng};
use sentinel::Fault;
use view::{GroupName, RunId};

use crate::coverage::Coverage;
use crate::faults::{Kind, Recovery, Tripwire};
use crate::history::History;
use crate::invariants::Invariant;
use crate::judge::Judge;
use crate::network::{ConnId, Network, Packet, Side};
use crate::place::Place;
use crate::saboteur::Saboteur;

/// Something that will happen at a stated moment.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A packet reaches the other end of its path.
    Arrive { conn: ConnId, to: Side, seq: u64, packet: Packet },
    /// The kernel, or a router, gives up on a connection that was not answered.
    ConnectFails { conn: ConnId, fault: Fault },
    /// A node's timer fires.
    Wake { node: usize, life: u32 },
    /// A disk finished a write.
    DiskDone { node: usize, life: u32, seq: u64 },
    /// A node's address that goes with a master has left.
    Cleared { node: usize, life: u32, group: GroupName, nr: u64 },
    /// A stock Sentinel's timer.
    Tick { stock: usize, life: u32 },
    /// A server's own timer, ten times a second as in Redis.
    Cron { server: usize, life: u32 },
    /// A client has something to ask.
    Issue { client: usize },
    /// A client's session wants to be woken.
    ClientWake { client: usize, nr: u32 },
    /// The next fault of the schedule.
    Strike,
    /// The second of two faults.
    Inflict(Kind),
    /// An operator tells a node to forget whom and what it has met.
    Reset { node: usize },
    /// A server that runs a script begins to say so.
    Threshold { server: usize },
    /// A switchover's hold is broken.
    BreakHold { looks: u32 },
    /// An ambush strikes.
    Hit { node: usize },
    /// A fault ends.
    Recover(Recovery),
    /// Has the core converged?
    Look,
}

/// What every part of the world stands on.
pub struct Ground {
    /// The world's time. Nodes have clocks of their own that run a little apart from it.
    pub now: Instant,
    agenda: BTreeMap<(Instant, u64), Happening>,
    scheduled: u64,
    pub(crate) net: Network,
    /// Draws of everything that is neither a machine's own nor the fault schedule's.
    pub(crate) rng: Rng,
    pub(crate) history: History,
    /// Who looks at everything and knows what must not be.
    pub judge: Judge,
    /// What was reached.
    pub coverage: Coverage,
    pub(crate) sabotage: Option<Saboteur>,
    pub(crate) tripwire: Tripwire,
}

impl Ground {
    pub(crate) fn new(net: Network, rng: Rng, history: History, judge: Judge, sabotage: Option<Saboteur>) -> Self {
        Self {
            now: Instant::START,
            agenda: BTreeMap::new(),
            scheduled: 0,
            net,
            rng,
            history,
            judge,
            coverage: Coverage::default(),
            sabotage,
            tripwire: Tripwire::default(),
        }
    }

    /// Puts something on the agenda. What is due at the same moment happens in the order in which it was put there.
    pub(crate) fn at(&mut self, when: Instant, what: Happening) {
        self.scheduled += 1;
        self.agenda.insert((when.max(self.now), self.scheduled), what);
    }

    pub(crate) fn after(&mut self, wait: Duration, what: Happening) {
        self.at(self.now + wait, what);
    }

    /// The next thing that happens, not later than `until`; moves the time there.
    pub(crate) fn next(&mut self, until: Instant) -> Option<Happening> {
        let entry = self.agenda.first_entry()?;
        if entry.key().0 > until {
            return None;
        }
        self.now = entry.key().0;
        Some(entry.remove())
    }

    /// A duration between two bounds.
    pub(crate) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + self.rng.jitter(high.saturating_sub(low))
    }

    /// An id nobody else has.
    pub(crate) fn new_id(&mut self) -> RunId {
        new_id(&mut self.rng)
    }

    /// One line of history. The text is made only if somebody will read it.
    pub(crate) fn note(&mut self, who: impl Into<Who>, what: impl FnOnce() -> String) {
        if self.history.is_on() {
            self.history.push(self.now, who.into(), what());
        }
    }

    pub(crate) fn violate(&mut self, invariant: Invariant, what: impl Into<String>) {
        let what = what.into();
        self.note(Who::World, || format!("!!! {invariant:?} {what}"));
        self.judge.violate(self.now, invariant, what);
    }

    pub(crate) fn is_sabotaged_by(&self, saboteur: Saboteur) -> bool {
        self.sabotage == Some(saboteur)
    }

    /// A kernel does not try for ever to connect.
    pub(crate) fn connect_may_time_out(&mut self, conn: ConnId) {
        let patience = self.between(Duration::from_secs(3), Duration::from_secs(20));
        self.after(patience, Happening::ConnectFails { conn, fault: Fault::TimedOut });
    }

    /// Sends a packet from one side of a connection; it arrives after the path's latency, in order.
    pub(crate) fn send(&mut self, conn: ConnId, from: Side, packet: Packet) {
        self.send_slowly(conn, from, packet, Duration::ZERO);
    }

    /// Sends a packet that takes `extra` longer than the path's latency, and everything after it too.
    pub(crate) fn send_slowly(&mut self, conn: ConnId, from: Side, packet: Packet, extra: Duration) {
        let Some((when, seq)) = self.net.dispatch(self.now, conn, from, extra, &mut self.rng) else {
            return;
        };
        self.at(when, Happening::Arrive { conn, to: from.other(), seq, packet });
    }
}

pub(crate) fn new_id(rng: &mut Rng) -> RunId {
    let mut bits = [0; 20];
    for chunk in bits.chunks_mut(8) {
        let word = rng.next_u64().to_be_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
    RunId::from_bits(bits)
}

/// Whom a line of the history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The world as a whole: faults, phases, the judge.
    World,
    /// A node or a server.
    At(Place),
    /// A client.
    Client(usize),
}

impl From<Place> for Who {
    fn from(place: Place) -> Self {
        Self::At(place)
    }
}
