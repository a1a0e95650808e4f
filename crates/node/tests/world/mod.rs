//! Hosts that share an address, in a world that one number makes.

mod drive;
mod judge;
mod operate;
mod plan;
mod saboteur;
mod servers;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use machine::{Instant, Machine, Rng};
use node::config::Placed;
use node::{Event, Node};
use view::{Epoch, Phase, View};
use vrrp::{Advert, State};

use judge::{Course, Invariant, Judge, Routes, Sight};
use plan::{NAMES, Op, Plan};
use saboteur::Saboteur;
use seeds::Outcome;
use servers::{Line, Server, Toward};

/// These worlds.
pub(crate) enum Hosts {}

/// What there was to see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    came: u64,
    expired: u64,
    guarded: u64,
    conflicts: u64,
    put_back: u64,
    refused: u64,
    late: u64,
    sent_away: u64,
    rested: u64,
    announced: u64,
    withdrawn: u64,
    /// Sync groups that came.
    together: u64,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.came += other.came;
        self.expired += other.expired;
        self.guarded += other.guarded;
        self.conflicts += other.conflicts;
        self.put_back += other.put_back;
        self.refused += other.refused;
        self.late += other.late;
        self.sent_away += other.sent_away;
        self.rested += other.rested;
        self.announced += other.announced;
        self.withdrawn += other.withdrawn;
        self.together += other.together;
    }

    /// Enough of everything to prove something.
    pub(crate) fn is_much(&self) -> bool {
        let rare = [self.expired, self.guarded, self.conflicts, self.put_back, self.refused, self.late, self.sent_away];
        self.came > 500
            && rare.iter().all(|n| *n > 20)
            && [self.announced, self.withdrawn, self.together].iter().all(|n| *n > 100)
    }
}

impl seeds::Worlds for Hosts {
    type Invariant = Invariant;
    type Saboteur = Saboteur;
    type Seen = Seen;

    const NAME: &'static str = "node";
    const SABOTEURS: &'static [(Saboteur, Invariant)] = &Saboteur::ALL;
    // A route to an address that had gone; links of a group on which predecessors go one after the other; a thaw; an upgrade within the linger; the
    // member of a group that could not be put; one that somebody deleted while it lingered; a group that asks for
    // what a dead process has left; two standstills in a row.
    const BROKE_ONCE: &'static [u64] =
        &[22, 71, 100_399, 101_383, 101_651, 102_788, 220_511, 222_498, 309_852, 24_611_182_670_089];

    fn run(seed: u64, saboteur: Option<Saboteur>) -> Outcome<Invariant, Seen> {
        let mut world = World::new(Plan::of(seed), saboteur);
        world.run();
        Outcome { broken: world.judge.broken, seen: world.seen }
    }

    fn add(all: &mut Seen, one: Seen) {
        all.add(one);
    }
}

struct Host {
    /// `None`: the process is gone, or the whole host.
    node: Option<Node>,
    /// Which process this is: what is meant for an earlier one does not arrive.
    process: u64,
    is_dead: bool,
    frozen_until: Option<Instant>,
    /// When it last went on, and when before that.
    thawed: [Instant; 2],
    /// What came while it stood still.
    inbox: VecDeque<Event>,
    /// What is on its interface, and until when.
    kernel: BTreeMap<Placed, Instant>,
    refuses: bool,
    /// Of each link.
    has_link: [bool; 2],
    proxy_works: bool,
    released: bool,
    /// Of each address, as the next two.
    will: [Will; 2],
    state: [State; 2],
    tickled: [Option<Instant>; 2],
    view: Option<View>,
    result: Option<Instant>,
    proven: Instant,
    /// Since when it has been awake, with a link.
    sound: Instant,
}

/// What is to be taken off, and what is to be said.
type Will = (Vec<(String, Placed)>, Vec<vrrp::Action>);

impl Host {
    /// In which state that is what an event is about.
    fn state_for(&self, event: &Event) -> State {
        let link = if let Event::Router { address, .. } = event { plan::link_of(address) } else { 0 };
        self.state[link]
    }
}

/// Something on its way.
enum Coming {
    Packet { to: usize, link: usize, from: IpAddr, at: IpAddr, advert: Advert },
    Event { host: usize, process: u64, event: Event },
    View { host: usize, process: u64 },
    Removed { host: usize, process: u64, address: Placed },
    Thaw { host: usize, process: u64 },
    Guard { host: usize, process: u64 },
    Check { host: usize, process: u64 },
    Asked { by: usize, process: u64, ip: IpAddr },
    Announced { by: usize, ip: IpAddr },
    Promoted(usize),
    Attempt(Line),
    Flow(Line, Toward),
    Beat(Line),
    Op(Op),
}

struct World {
    plan: Plan,
    saboteur: Option<Saboteur>,
    rng: Rng,
    now: Instant,
    hosts: Vec<Host>,
    servers: Vec<Server>,
    /// On each link: whether what the first sends reaches the second.
    reaches: Vec<Vec<Vec<bool>>>,
    /// A stranger has the address.
    intruder: bool,
    /// What is true of the group.
    truth: View,
    /// Since when.
    published: Instant,
    coming: BTreeMap<(Instant, u64), Coming>,
    sent: u64,
    course: Course,
    judge: Judge,
    seen: Seen,
    traces: bool,
}

impl World {
    fn new(plan: Plan, saboteur: Option<Saboteur>) -> Self {
        let host = || Host {
            node: None,
            process: 0,
            is_dead: false,
            frozen_until: None,
            thawed: [Instant::START; 2],
            inbox: VecDeque::new(),
            kernel: BTreeMap::new(),
            refuses: false,
            has_link: [true; 2],
            proxy_works: true,
            released: false,
            will: Default::default(),
            state: [State::Initialize; 2],
            tickled: [None; 2],
            view: None,
            result: None,
            proven: Instant::START,
            sound: Instant::START,
        };
        let n = plan.configs.len();
        let truth = View {
            group: "cache".into(),
            epoch: Epoch(1),
            phase: Phase::Steady,
            master: plan::server(0),
            replicas: vec![],
        };
        let mut world = Self {
            saboteur,
            rng: Rng::new(!plan.seed),
            now: Instant::START,
            hosts: (0..n).map(|_| host()).collect(),
            servers: Self::make_servers(plan.kind.has_routes()),
            reaches: vec![vec![vec![true; n]; n]; plan.kind.links()],
            intruder: false,
            truth,
            published: Instant::START,
            coming: BTreeMap::new(),
            sent: 0,
            course: Course { whole: None, op: Instant::START, excused: Instant::START },
            judge: Judge::default(),
            seen: Seen::default(),
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
            self.begin(host, false);
        }
        self.until(Instant::START + self.plan.heal);
        self.heal();
        self.rest();
        for op in self.plan.calm.clone() {
            self.operate(op);
            self.rest();
        }
        (0..self.hosts.len()).for_each(|host| self.count(host));
    }

    /// Time enough for whatever follows, and then some in which nothing may.
    fn rest(&mut self) {
        let rest = self.plan.settles() + Duration::from_secs(1);
        // What stands still, or is replaced, ends within four seconds.
        self.until(self.now + rest + Duration::from_secs(4));
    }

    /// What happens, for the one seed that is looked at (`--trace`).
    fn trace(&self, line: impl FnOnce() -> String) {
        if self.traces {
            eprintln!("{:?} {}", self.now, line());
        }
    }

    fn comes(&mut self, at: Instant, coming: Coming) {
        self.sent += 1;
        self.coming.insert((at, self.sent), coming);
    }

    fn delay(&mut self) -> Duration {
        self.rng.jitter(self.plan.delay)
    }

    fn until(&mut self, end: Instant) {
        loop {
            let wake = (0..self.hosts.len()).filter_map(|host| Some((self.wakes_at(host)?, host))).min();
            let next = self.coming.keys().next().copied();
            let ends =
                self.hosts.iter().enumerate().filter_map(|(n, host)| Some((*host.kernel.values().min()?, n))).min();
            let all = [wake.map(|(at, _)| at), next.map(|(at, _)| at), ends.map(|(at, _)| at)];
            let Some(at) = all.into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            self.look();
            match (ends, next, wake) {
                (Some((when, host)), ..) if when == at => self.expire(host),
                (_, Some(key), _) if key.0 == at => self.arrives(key),
                (_, _, Some((_, host))) => self.wake(host),
                _ => unreachable!("one of them is next"),
            }
            self.look();
        }
        self.now = end;
        self.look();
    }

    fn wakes_at(&self, host: usize) -> Option<Instant> {
        let host = &self.hosts[host];
        let node = host.node.as_ref().filter(|_| host.frozen_until.is_none())?;
        let (at, timer) = node.deadline()?;
        self.saboteur.is_none_or(|saboteur| saboteur.wakes(timer)).then_some(at)
    }

    fn look(&mut self) {
        if (0..self.hosts.len()).any(|host| self.rests(host)) {
            // Nothing is at rest before that ends.
            self.course.op = self.now;
            self.seen.rested += 1;
        }
        for n in 0..self.hosts.len() {
            let sight = self.sight(n, 0);
            let host = &mut self.hosts[n];
            if !self.plan.kind.is_proven() && sight.is_awake && sight.has_view {
                host.proven = self.now;
            }
            if !sight.is_awake || !host.has_link[0] {
                host.sound = self.now;
            }
        }
        let of_link = |link| (0..self.hosts.len()).map(|host| self.sight(host, link)).collect();
        let sights: Vec<Vec<Sight>> = (0..self.plan.kind.links()).map(of_link).collect();
        let routes: Vec<Routes> =
            self.servers.iter().map(|server| (server.works, server.routes.iter().copied().collect())).collect();
        self.judge.look(&self.plan, self.now, self.course, &sights, &routes);
    }

    /// Its proof has failed too often as soon as the address had come.
    fn rests(&self, host: usize) -> bool {
        self.hosts[host].node.as_ref().is_some_and(|node| NAMES.iter().any(|name| node.rests_until(name).is_some()))
    }

    fn sight(&self, n: usize, link: usize) -> Sight {
        let host = &self.hosts[n];
        let is_awake = host.node.is_some() && host.frozen_until.is_none();
        let kind = self.plan.kind;
        let is_right = if kind.is_proven() { host.proxy_works } else { self.truth.writable() == Some(plan::server(n)) };
        // What is on none needs none; a sync group needs them all.
        let has_links = kind.has_routes() || host.has_link.iter().take(kind.links()).all(|has| *has);
        let rests = self.rests(n);
        let view = host.view.as_ref();
        Sight {
            holds: host.kernel.contains_key(&plan::held(link)),
            is_awake,
            may: is_awake && has_links && !host.released && is_right && !rests,
            has_view: view.is_some_and(|view| view.writable() == Some(plan::server(n))),
            result: host.result,
            proven: host.proven,
            sound: host.sound,
            state: host.state[link],
            will: (!host.will[link].0.is_empty(), !host.will[link].1.is_empty()),
        }
    }

    fn name(link: usize) -> String {
        NAMES[link].into()
    }

    /// Where the address of a link is put.
    fn interface(&self, link: usize) -> String {
        self.plan.configs[0].addresses[NAMES[link]].interface.clone()
    }
}
