//! A simulated node: a machine, its clock, its disk, and the loop that drives it as a real driver does.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machine::{Instant, Machine};
use sentinel::report::Report;
use sentinel::{Action, Config, Event, Reply, Request, State, Timer};
use view::{Epoch, GroupName, View};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::ground::{Ground, Happening};
use crate::line;
use crate::network::{ConnId, Packet, Side};
use crate::place::{Place, name_of};
use crate::redis::Life;
use crate::saboteur::Saboteur;
use crate::wiring::Wiring;
use crate::world::group_name;

/// What a node runs: the real machine, or a broken one around it.
pub(crate) trait Monitor: Machine<Event = Event, Action = Action, Timer = Timer> {
    /// How things stand.
    fn report(&self) -> Report;
}

impl Monitor for sentinel::Sentinel {
    fn report(&self) -> Report {
        Self::report(self)
    }
}

impl Machine for Box<dyn Monitor> {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, now: Instant, event: Event) {
        (**self).handle(now, event);
    }

    fn wake(&mut self, now: Instant) {
        (**self).wake(now);
    }

    fn poll(&mut self) -> Option<Action> {
        (**self).poll()
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        (**self).deadline()
    }
}

/// Makes the machine of a starting node.
pub(crate) type Birth = fn(Config, State, u64, Instant) -> Box<dyn Monitor>;

/// A simulated node.
pub(crate) struct Node {
    pub(crate) index: usize,
    pub(crate) config: Config,
    pub(crate) life: Life,
    /// Whether it is one of those that watch: some come later, some leave for good.
    pub(crate) member: Member,
    pub(crate) nr: u32,
    brain: Option<Box<dyn Monitor>>,
    pub(crate) clock: Clock,
    frozen_at: Instant,
    pub(crate) disk: Disk,
    /// How many of 1,000 wakes come late, by up to a tenth of a second.
    pub(crate) sluggish: u64,
    pub(crate) wiring: Wiring,
    pub(crate) views: BTreeMap<GroupName, View>,
    /// Requests that its clients' sessions hold, for the history.
    pub(crate) held: usize,
    /// Published in the last step: the world hands them to the clients.
    pub(crate) published: Vec<View>,
    /// What the operator was told.
    pub(crate) told: Vec<Reply>,
    wake_at: Option<Instant>,
    /// What came while it was frozen, in order.
    pub(crate) inbox: VecDeque<Mail>,
}

/// Whether a node is one of those that watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// It will be, perhaps.
    NotYet,
    /// It is, dead or alive.
    Here,
    /// It was.
    Gone,
}

/// Something that waits for a frozen process.
pub(crate) enum Mail {
    Packet(ConnId, Side, Packet),
    Disk(u64),
}

impl Node {
    pub(crate) fn new(index: usize, config: Config, clock: Clock, disk: Disk, sluggish: u64) -> Self {
        Self {
            index,
            config,
            life: Life::Dead,
            member: Member::Here,
            nr: 0,
            brain: None,
            clock,
            frozen_at: Instant::START,
            disk,
            sluggish,
            wiring: Wiring::default(),
            views: BTreeMap::new(),
            held: 0,
            published: Vec::new(),
            told: Vec::new(),
            wake_at: None,
            inbox: VecDeque::new(),
        }
    }

    pub(crate) const fn place(&self) -> Place {
        Place::Node(self.index)
    }

    pub(crate) const fn is_up(&self) -> bool {
        matches!(self.life, Life::Up)
    }

    /// Starts the process with what its disk has.
    pub(crate) fn start(&mut self, g: &mut Ground, birth: Birth) {
        self.nr += 1;
        self.life = Life::Up;
        let seed = g.rng.next_u64();
        let now = self.clock.read(g.now);
        g.note(self.place(), || "starts".into());
        let state = self.disk.read();
        g.judge.node_started(self.index, &state);
        self.brain = Some(birth(self.config.clone(), state, seed, now));
        self.drive(g, None);
    }

    /// The process is gone, with everything in it but its disk.
    pub(crate) fn die(&mut self, g: &mut Ground, life: Life) {
        self.life = life;
        self.nr += 1;
        self.brain = None;
        self.wiring = Wiring::default();
        self.views.clear();
        self.published.clear();
        self.inbox.clear();
        self.wake_at = None;
        if let Some(state) = self.disk.crash(&mut g.rng) {
            let checked = g.judge.became_durable(self.index, &state);
            g.check(checked);
        }
    }

    /// Stops it where it is.
    pub(crate) const fn freeze(&mut self, now: Instant) {
        self.life = Life::Frozen;
        self.frozen_at = now;
    }

    /// Its clock leaps ahead. What was due in between is due now, or after whatever comes first.
    pub(crate) fn leap(&mut self, g: &mut Ground, by: Duration) {
        self.clock.leap(by);
        self.expect_tilt(g);
        self.wake_at = None;
        self.set_alarm(g);
    }

    /// T1: who was stopped, or whose clock leapt, beyond what it waited for, distrusts itself first of all.
    fn expect_tilt(&self, g: &mut Ground) {
        let now = self.clock.read(g.now);
        if self.brain.as_ref().and_then(|b| b.deadline()).is_some_and(|(at, _)| now.since(at) > TILT_TRIGGER) {
            g.judge.expect_tilt(self.index);
        }
    }

    /// Lets it go on: what is due comes first, then what waited (the driver's loop compares clocks before sockets).
    pub(crate) fn thaw(&mut self, g: &mut Ground) {
        self.life = Life::Up;
        if g.is_sabotaged_by(Saboteur::ClockStandsStill) {
            self.clock.miss(g.now.since(self.frozen_at));
        }
        self.expect_tilt(g);
        self.wake(g);
    }

    /// Its timer fired, perhaps early: compares the clocks.
    pub(crate) fn wake(&mut self, g: &mut Ground) {
        self.wake_at = None;
        let now = self.clock.read(g.now);
        let due = self.brain.as_ref().and_then(|b| b.deadline()).is_some_and(|(at, _)| at <= now);
        if due { self.drive(g, None) } else { self.set_alarm(g) }
    }

    /// Hands one event, or the time, to the machine and does what it orders.
    pub(crate) fn drive(&mut self, g: &mut Ground, event: Option<Event>) {
        let now = self.clock.read(g.now);
        if self.brain.is_none() {
            return;
        }
        if let Some(event) = &event
            && g.history.wants(line::is_routine(event))
        {
            let text = format!("{:<100} {}", line::of_event(event), self.describe());
            g.note(self.place(), || text);
        }
        if let Some(Event::Heard { hello: text, .. } | Event::Requested { request: Request::Hello { text }, .. }) =
            &event
        {
            g.judge.heard_hello(self.index, text);
        }
        let mut actions = Vec::new();
        let act = |action| {
            actions.push(action);
            assert!(actions.len() < MAX_ACTIONS, "B1: one step orders without end");
        };
        if let Some(brain) = &mut self.brain {
            match event {
                Some(event) => machine::step(brain, now, event, act),
                None => machine::wake(brain, now, act),
            }
        }
        for action in actions {
            if g.history.wants(line::is_routine_action(&action)) {
                let text = format!("  > {}", line::of_action(&action));
                g.note(self.place(), || text);
            }
            self.act(g, action);
        }
        let checked = g.judge.stepped(self.index);
        g.check(checked);
        self.set_alarm(g);
    }

    fn set_alarm(&mut self, g: &mut Ground) {
        let Some((at, _)) = self.brain.as_ref().and_then(|b| b.deadline()) else {
            return;
        };
        let mut when = self.clock.moment(at).max(g.now);
        // An alarm that rings early is harmless: it compares the clocks and is set again.
        if self.wake_at.is_some_and(|set| set <= when) {
            return;
        }
        when += if g.rng.chance(self.sluggish) {
            g.rng.jitter(Duration::from_millis(100))
        } else {
            g.rng.jitter(Duration::from_micros(200))
        };
        self.wake_at = Some(when);
        g.at(when, Happening::Wake { node: self.index, life: self.nr });
    }

    /// The alarm set for this moment is the one that counts; others were overtaken.
    pub(crate) fn is_alarm(&self, now: Instant, life: u32) -> bool {
        self.nr == life && self.wake_at == Some(now)
    }

    pub(crate) fn report(&self) -> Option<Report> {
        self.brain.as_ref().map(|b| b.report())
    }

    /// The newest decision that it knows, or would know if it were started.
    pub(crate) fn knows(&self, group: usize) -> Option<(Epoch, Place)> {
        let name = group_name(group);
        if let Some(view) = self.views.get(&name) {
            return Some((view.epoch, Place::at(view.master)?));
        }
        let state = self.disk.read();
        let told = (Epoch::default(), self.config.groups.get(&name)?.master);
        let (epoch, master) = state.groups.get(&name).map_or(told, |g| (g.config_epoch, g.master));
        Some((epoch, Place::at(master)?))
    }

    /// What the machine says that it does about a group.
    pub(crate) fn explain(&self, group: &GroupName) -> String {
        let report = self.report();
        let group = report.iter().flat_map(|r| &r.groups).find(|g| g.name == *group);
        group.map_or_else(String::new, |g| g.explain.clone())
    }

    /// Phase, epoch, master and the step of a failover, for the history.
    pub(crate) fn describe(&self) -> String {
        let mut out = String::new();
        for view in self.views.values() {
            out += &format!("| {:?} e{} {} ", view.phase, view.epoch, name_of(view.master));
        }
        if self.held > 0 {
            out += &format!("| held {} ", self.held);
        }
        for record in self.report().iter().flat_map(|r| &r.records) {
            if let (None, Some(step)) = (&record.outcome, record.steps.last()) {
                out += &format!("| {:?} {:?} e{} ", record.cause, step.what, record.epoch);
            }
        }
        out
    }
}

/// A deadline that is missed by more than this is no delay of a busy host any more (`SENTINEL DEBUG` calls it `tilt-trigger`).
const TILT_TRIGGER: Duration = Duration::from_secs(1);

/// A step that orders more than this is taken for one that never ends.
const MAX_ACTIONS: usize = 10_000;
