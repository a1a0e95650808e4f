//! Hosts on a link, in a world that one number makes.

mod judge;
mod plan;
mod saboteur;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use machine::{Instant, Machine, Rng};
use vrrp::{Action, Advert, Cause, Datagram, Event, Router, State};

use judge::{Course, Invariant, Judge, Sight};
use plan::{Op, Plan};
use saboteur::Saboteur;
use seeds::Outcome;

/// These worlds.
pub(crate) enum Routers {}

/// What there was to see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    turns: u64,
    refused: u64,
    froze: u64,
    rivals: u64,
}

impl Seen {
    pub(crate) fn is_much(&self) -> bool {
        self.turns > 1_000 && self.refused > 100 && self.froze > 10 && self.rivals > 100
    }
}

impl seeds::Worlds for Routers {
    type Invariant = Invariant;
    type Saboteur = Saboteur;
    type Seen = Seen;

    const NAME: &'static str = "vrrp";
    // H2: a holder was waited for that had long gone, since its last word had overtaken the one before.
    const BROKE_ONCE: &'static [u64] = &[2_027_452];
    const SABOTEURS: &'static [(Saboteur, Invariant)] = &Saboteur::ALL;

    fn run(seed: u64, saboteur: Option<Saboteur>) -> Outcome<Invariant, Seen> {
        let mut world = World::new(Plan::of(seed), saboteur);
        world.run();
        let mut seen = Seen::default();
        for stats in world.hosts.iter().map(|host| host.router.stats()) {
            seen.turns += stats.became_active;
            seen.refused += stats.all_refused();
            seen.froze += stats.froze;
            seen.rivals += stats.rivals_heard;
        }
        Outcome { broken: world.judge.broken, seen }
    }

    fn add(all: &mut Seen, one: Seen) {
        all.turns += one.turns;
        all.refused += one.refused;
        all.froze += one.froze;
        all.rivals += one.rivals;
    }
}

struct Host {
    router: Router,
    is_up: bool,
    holds: bool,
    frozen_until: Option<Instant>,
    /// What came while it stood still.
    inbox: VecDeque<Event>,
    /// Its kernel refuses the addresses.
    refuses: bool,
    /// Whom the neighbour beside it believes to hold the addresses.
    known: Option<usize>,
}

/// Something on its way.
enum Coming {
    Packet { to: usize, from: IpAddr, at: IpAddr, bytes: Vec<u8> },
    Announcement { to: usize, from: usize },
    Thaw(usize),
    Op(Op),
}

struct World {
    plan: Plan,
    saboteur: Option<Saboteur>,
    rng: Rng,
    now: Instant,
    hosts: Vec<Host>,
    /// Whether what the first sends reaches the second.
    reaches: Vec<Vec<bool>>,
    coming: BTreeMap<(Instant, u64), Coming>,
    sent: u64,
    course: Course,
    judge: Judge,
    traces: bool,
}

impl World {
    fn new(plan: Plan, saboteur: Option<Saboteur>) -> Self {
        let mut told = plan.clone();
        if let Some(saboteur) = saboteur {
            saboteur.alter_plan(&mut told);
        }
        let host = |config: &vrrp::Config| Host {
            router: Router::new(config.clone(), Instant::START),
            is_up: true,
            holds: false,
            frozen_until: None,
            inbox: VecDeque::new(),
            refuses: false,
            known: None,
        };
        let n = plan.configs.len();
        let mut world = Self {
            saboteur,
            rng: Rng::new(!plan.seed),
            now: Instant::START,
            hosts: told.configs.iter().map(host).collect(),
            reaches: vec![vec![true; n]; n],
            coming: BTreeMap::new(),
            sent: 0,
            course: Course { whole: None, op: Instant::START },
            judge: Judge::default(),
            traces: seeds::are_traced(),
            plan,
        };
        for (at, op) in world.plan.faults.clone() {
            world.comes(Instant::START + at, Coming::Op(op));
        }
        world
    }

    fn run(&mut self) {
        for host in 0..self.hosts.len() {
            self.tell(host, Event::Startup);
        }
        self.until(Instant::START + self.plan.heal);
        self.heal();
        self.rest();
        for op in self.plan.calm.clone() {
            self.operate(op);
            self.rest();
        }
        let known: Vec<_> = self.hosts.iter().map(|host| host.known).collect();
        self.judge.neighbours(self.now, &known, &self.sights());
    }

    /// Time enough for whatever follows, and then some in which nothing may.
    fn rest(&mut self) {
        let rest = self.plan.settles() + self.plan.down();
        self.until(self.now + rest);
        if let Some(event) = self.saboteur.and_then(|saboteur| saboteur.adds(self.now, rest)) {
            self.tell(0, event);
        }
    }

    fn heal(&mut self) {
        for host in 0..self.hosts.len() {
            self.hosts[host].refuses = false;
            self.thaw(host);
            // Otherwise the next try may be minutes away.
            self.tell(host, Event::Allowed { cause: Cause::Address });
        }
        self.reaches.iter_mut().for_each(|row| row.fill(true));
        (self.plan.lost, self.plan.corrupted) = (0, 0);
        self.course = Course { whole: Some(self.now), op: self.now };
    }

    /// What happens, for the one seed that is looked at (`--trace`).
    fn trace(&self, line: impl FnOnce() -> String) {
        if self.traces {
            eprintln!("{:?} {}", self.now, line());
        }
    }

    fn until(&mut self, end: Instant) {
        loop {
            let wake = (0..self.hosts.len()).filter_map(|host| Some((self.wakes_at(host)?, host))).min();
            let next = self.coming.keys().next().copied();
            let at = wake.map(|(at, _)| at).into_iter().chain(next.map(|(at, _)| at)).min();
            let Some(at) = at.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            self.look();
            match next.filter(|(when, _)| wake.is_none_or(|(wake, _)| *when <= wake)) {
                Some(key) => self.arrives(key),
                None => self.wake(wake.expect("one of the two is next").1),
            }
            self.look();
        }
        self.now = end;
        self.look();
    }

    fn wakes_at(&self, host: usize) -> Option<Instant> {
        let host = &self.hosts[host];
        let is_awake = host.is_up && host.frozen_until.is_none();
        if !is_awake || !self.saboteur.is_none_or(|saboteur| saboteur.wakes(&host.router)) {
            return None;
        }
        host.router.deadline().map(|(at, _)| at)
    }

    fn look(&mut self) {
        let sights = self.sights();
        self.judge.look(&self.plan, self.now, self.course, &sights);
    }

    fn sights(&self) -> Vec<Sight> {
        let sight = |host: &Host| Sight {
            state: if host.is_up { host.router.state() } else { State::Initialize },
            holds: host.holds,
            is_awake: host.is_up && host.frozen_until.is_none(),
            priority: host.router.priority(),
        };
        self.hosts.iter().map(sight).collect()
    }

    // The drivers.

    fn wake(&mut self, host: usize) {
        let mut actions = Vec::new();
        machine::wake(&mut self.hosts[host].router, self.now, |action| actions.push(action));
        self.act(host, actions);
    }

    fn tell(&mut self, host: usize, event: Event) {
        let it = &mut self.hosts[host];
        if !it.is_up {
            return;
        }
        if it.frozen_until.is_some() {
            it.inbox.push_back(event);
            return;
        }
        let event = match self.saboteur {
            Some(saboteur) => saboteur.alter_event(&it.router, event),
            None => Some(event),
        };
        let Some(event) = event else { return };
        self.trace(|| format!("{host} {event:?}"));
        let it = &mut self.hosts[host];
        let mut actions = Vec::new();
        machine::step(&mut it.router, self.now, event, |action| actions.push(action));
        self.act(host, actions);
    }

    fn act(&mut self, host: usize, actions: Vec<Action>) {
        let actions = match self.saboteur {
            Some(saboteur) => saboteur.alter_actions(actions),
            None => actions,
        };
        let mut refused = false;
        for action in actions {
            self.trace(|| format!("{host}   > {action:?}"));
            match action {
                Action::Take { .. } => {
                    if std::mem::replace(&mut self.hosts[host].holds, true) {
                        self.judge.wrong_order(self.now, host, "take");
                    }
                    refused = self.hosts[host].refuses;
                }
                Action::Release { .. } => {
                    if !std::mem::replace(&mut self.hosts[host].holds, false) {
                        self.judge.wrong_order(self.now, host, "release");
                    }
                }
                Action::Send { to, advert } => self.send(host, to, &advert),
                Action::Announce { .. } => self.announce(host),
                Action::Changed { to, why, .. } => {
                    self.judge.changed(&self.plan, self.now, self.course, host, to, &why)
                }
                Action::Tell { .. } => {}
            }
        }
        if refused {
            self.tell(host, Event::NotTaken { why: "the kernel says no".into() });
        }
    }

    fn send(&mut self, host: usize, to: IpAddr, advert: &Advert) {
        let config = &self.plan.configs[host];
        // One advertisement goes to each peer; it was said once.
        if config.destinations().first() == Some(&to) {
            self.judge.said(&self.plan, self.now, host);
        }
        let from = self.plan.configs[host].primary;
        let bytes = self.plan.codec.encode(advert, from, to);
        for other in 0..self.hosts.len() {
            // Multicast comes back to its sender, as a raw socket has it that forgets to say otherwise.
            let is_for = to.is_multicast() || to == self.plan.configs[other].primary;
            if !is_for || !self.reaches[host][other] || self.rng.chance(self.plan.lost) {
                continue;
            }
            let mut bytes = bytes.clone();
            if self.rng.chance(self.plan.corrupted) {
                let bit = usize::try_from(self.rng.below(bytes.len() as u64 * 8)).expect("a short packet");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            let at = self.now + self.rng.jitter(self.plan.delay);
            self.comes(at, Coming::Packet { to: other, from, at: to, bytes });
        }
    }

    fn announce(&mut self, host: usize) {
        for other in 0..self.hosts.len() {
            if self.reaches[host][other] && !self.rng.chance(self.plan.lost) {
                let at = self.now + self.rng.jitter(self.plan.delay);
                self.comes(at, Coming::Announcement { to: other, from: host });
            }
        }
    }

    fn comes(&mut self, at: Instant, what: Coming) {
        self.sent += 1;
        self.coming.insert((at, self.sent), what);
    }

    fn arrives(&mut self, key: (Instant, u64)) {
        match self.coming.remove(&key).expect("it was seen") {
            Coming::Packet { to, from, at, bytes } => {
                let datagram = Datagram { from, to: at, hops: 255, payload: &bytes };
                let event = Event::received(&self.plan.codec, Ok(datagram));
                let is_better = self.meets(to, &event);
                self.tell(to, event);
                if let Some(is_better) = is_better {
                    let holds = self.hosts[to].holds;
                    self.judge.heard(&self.plan, self.now, to, (is_better, holds));
                }
            }
            Coming::Announcement { to, from } => self.hosts[to].known = Some(from),
            Coming::Thaw(host) if self.hosts[host].frozen_until.is_some_and(|until| until <= self.now) => {
                self.thaw(host)
            }
            Coming::Thaw(_) => {}
            Coming::Op(op) => self.operate(op),
        }
    }

    /// Whether this is another holder for one that is awake, and one with more right.
    fn meets(&self, host: usize, event: &Event) -> Option<bool> {
        let Event::Heard { from, advert, .. } = event else { return None };
        let Host { router, is_up: true, holds: true, frozen_until: None, .. } = &self.hosts[host] else { return None };
        let own = (router.priority(), self.plan.configs[host].primary);
        // What is multicast comes back.
        (*from != own.1).then(|| (advert.priority, *from) > own)
    }

    // What happens.

    fn operate(&mut self, op: Op) {
        self.trace(|| format!("{op:?}"));
        self.course.op = self.now;
        match op {
            Op::Cut { from, to } => self.reaches[from][to] = from == to,
            Op::Part { mask } => {
                for (a, row) in self.reaches.iter_mut().enumerate() {
                    for (b, reaches) in row.iter_mut().enumerate() {
                        *reaches = (mask >> a) & 1 == (mask >> b) & 1;
                    }
                }
                // What was on its way does not jump over the gap.
                let reaches = self.reaches.clone();
                let index = |address: IpAddr| self.plan.configs.iter().position(|c| c.primary == address);
                self.coming.retain(|_, coming| match coming {
                    Coming::Packet { to, from, .. } => index(*from).is_some_and(|from| reaches[from][*to]),
                    Coming::Announcement { to, from } => reaches[*from][*to],
                    _ => true,
                });
            }
            Op::Whole => self.reaches.iter_mut().for_each(|row| row.fill(true)),
            Op::Crash(host) => {
                let host = &mut self.hosts[host];
                (host.is_up, host.holds, host.frozen_until) = (false, false, None);
                host.inbox.clear();
            }
            Op::Restart(host) if !self.hosts[host].is_up => {
                let it = &mut self.hosts[host];
                it.router = Router::new(it.router.config().clone(), self.now);
                it.is_up = true;
                self.tell(host, Event::Startup);
            }
            Op::Restart(_) => {}
            Op::Stop(host) => self.tell(host, Event::Shutdown),
            Op::Start(host) => self.tell(host, Event::Startup),
            Op::Freeze(host, lasts) => self.freeze(host, lasts),
            Op::Forbid(host) => self.tell(host, Event::Forbidden { cause: Cause::Health, why: "a check fails".into() }),
            Op::Allow(host) => self.tell(host, Event::Allowed { cause: Cause::Health }),
            Op::Rank(host, priority) if !self.plan.configs[host].priority.is_owner() => {
                self.tell(host, Event::Ranked { priority: vrrp::Priority(priority) });
            }
            Op::Rank(..) => {}
            Op::Refuse(host, refuses) => self.hosts[host].refuses = refuses,
        }
    }

    fn freeze(&mut self, host: usize, lasts: Duration) {
        if self.hosts[host].is_up && self.hosts[host].frozen_until.is_none() {
            let until = self.now + lasts;
            self.hosts[host].frozen_until = Some(until);
            self.comes(until, Coming::Thaw(host));
        }
    }

    /// A driver looks at the clock first, and then at what came.
    fn thaw(&mut self, host: usize) {
        if self.hosts[host].frozen_until.take().is_none() {
            return;
        }
        if self.wakes_at(host).is_some_and(|at| at <= self.now) {
            self.wake(host);
        }
        for event in std::mem::take(&mut self.hosts[host].inbox) {
            self.tell(host, event);
        }
    }
}
