//! What if anything happens at any moment? Events of every sort in any order, for addresses of every way, with reloads in between: what is on
//! interfaces is what guards were told, states follow each other, of commands one runs at a time, and the end comes.

mod course;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use course::Course;
use machine::{Instant, Machine, Rng};
use node::{Action, Event, Node, Placed};
use vrrp::{Priority, State};

/// What was ordered so far, for those rules that hold after every step.
#[derive(Default)]
struct Books {
    on: BTreeSet<(String, Placed)>,
    wills: BTreeMap<String, Vec<(String, Placed)>>,
    says: BTreeSet<String>,
    states: BTreeMap<String, State>,
    running: BTreeMap<String, u64>,
    conns: BTreeMap<(String, String), u64>,
    /// How many routes a neighbour has from us.
    told: BTreeMap<(String, String), usize>,
    announced: usize,
    renamed: usize,
    ended: bool,
}

impl Books {
    fn enter(&mut self, action: Action) {
        assert!(!self.ended, "after the end nothing is ordered: {action:?}");
        match action {
            Action::Put { interface, address, .. } => {
                let is_willed = self.wills.values().flatten().any(|willed| *willed == (interface.clone(), address));
                assert!(is_willed, "A5: {address} is put before its guard knows of it");
                self.on.insert((interface, address));
            }
            Action::Remove { interface, address } => {
                let held = (interface, address);
                let owner =
                    self.wills.iter().find(|(_, will)| will.contains(&held) && will.len() == 1).map(|(name, _)| name);
                let told = |owner: &String| self.told.iter().any(|((of, _), told)| of == owner && *told > 0);
                assert!(!owner.is_some_and(told), "{address} is removed before its route is withdrawn");
                self.on.remove(&held);
            }
            Action::Will { address, remove, say } => {
                if say.is_empty() {
                    self.says.remove(&address);
                } else {
                    self.says.insert(address.clone());
                }
                self.wills.insert(address, remove);
            }
            Action::Changed { address, from, to, why, .. } => {
                let before = self.states.insert(address, to).unwrap_or_default();
                assert_eq!(before, from);
                assert!(from != to && !why.is_empty());
            }
            Action::Run { address, nr, .. } => {
                assert!(self.running.insert(address, nr).is_none(), "of one address one command runs at a time");
            }
            Action::Peer { address, neighbor, action: bgp::Action::Connect { conn, .. } } => {
                let last = self.conns.insert((address, neighbor), conn.0).unwrap_or(0);
                assert!(conn.0 > last, "no two connections with a neighbour have one number");
            }
            Action::Peer { address, neighbor, action: bgp::Action::Told { announced, withdrawn } } => {
                self.announced += announced;
                let will = self.wills.get(&address).map_or(&[][..], Vec::as_slice);
                assert!(announced == 0 || will.iter().any(|held| self.on.contains(held)), "announced before it is put");
                let told = self.told.entry((address, neighbor)).or_default();
                *told = (*told + announced).checked_sub(withdrawn).expect("what was told is taken back, and no more");
            }
            Action::Peer { address, neighbor, action: bgp::Action::StateChanged { to, .. } } => {
                if to == bgp::State::Idle {
                    self.told.remove(&(address, neighbor));
                }
            }
            Action::Router { action, .. } => {
                assert!(matches!(action, vrrp::Action::Send { .. } | vrrp::Action::Tell { .. }), "{action:?}");
            }
            Action::Ended => self.ended = true,
            Action::Ask { .. }
            | Action::Announce { .. }
            | Action::Tickle { .. }
            | Action::Cut { .. }
            | Action::Peer { .. }
            | Action::GroupChanged { .. }
            | Action::Tell { .. } => {}
        }
    }

    /// Whoever keeps something for an address keeps it under its new name.
    fn rename(&mut self, before: &str, after: &str) {
        let Self { states, running, conns, told, .. } = self;
        states.remove(before).map(|state| states.insert(after.into(), state));
        running.remove(before).map(|nr| running.insert(after.into(), nr));
        let of = |(address, neighbor): (String, String)| {
            (if address == before { after.to_owned() } else { address }, neighbor)
        };
        *conns = std::mem::take(conns).into_iter().map(|(session, conn)| (of(session), conn)).collect();
        *told = std::mem::take(told).into_iter().map(|(session, told)| (of(session), told)).collect();
    }

    fn agree(&self, node: &Node) {
        let willed: BTreeSet<(String, Placed)> = self.wills.values().flatten().cloned().collect();
        let unknown: Vec<_> = self.on.difference(&willed).collect();
        assert!(unknown.is_empty(), "A5: {unknown:?} is on an interface, and no guard knows");
        let report = node.report();
        for address in &report.addresses {
            let name = &address.name;
            assert_eq!(address.state, self.states.get(name).copied().unwrap_or_default(), "{name}");
            let told: usize = self.told.iter().filter(|((of, _), _)| of == name).map(|(_, told)| told).sum();
            assert!(told == 0 || address.state == State::Active, "B4: {name} is announced, and not here");
            let will = self.wills.get(name).map_or(&[][..], Vec::as_slice);
            match address.state {
                State::Active => {
                    let is_willed = |held: &Placed| will.iter().any(|(_, willed)| willed == held);
                    // Of an owner's own addresses none is to be removed.
                    let is_own = |held: &Placed| address.strange.iter().any(|strange| strange.ip == held.ip);
                    let is_owner = address.priority == Priority::OWNER;
                    let is_known = |held: &Placed| is_willed(held) || is_owner && is_own(held);
                    assert!(address.held.iter().all(is_known), "A5: {name} is here, and so is all of it");
                    assert_eq!(self.says.contains(name), address.way == "vrrp", "A5: {name}");
                }
                State::Initialize | State::Fault => {
                    assert!(will.is_empty(), "A5: {name} must not be here: {address:?}");
                }
                State::Backup => {}
            }
            assert!(!address.explain.is_empty() && !address.why.is_empty());
        }
        for (name, state) in &self.states {
            let is_there = report.addresses.iter().any(|address| address.name == *name);
            assert!(is_there || *state == State::Initialize, "{name} is gone, and was not said to be");
        }
    }
}

struct World {
    node: Node,
    now: Instant,
    books: Books,
    trace: Vec<String>,
}

impl World {
    fn tell(&mut self, event: Event) {
        self.trace.push(format!("{:?} {event:?}", self.now));
        if let Event::Configured { config } = &event {
            for (before, after) in self.node.renames(config) {
                self.books.rename(&before, &after);
                self.books.renamed += 1;
            }
        }
        let mut orders = Vec::new();
        machine::step(&mut self.node, self.now, event, |action| orders.push(action));
        self.enter(orders);
    }

    fn wake(&mut self) {
        let mut orders = Vec::new();
        machine::wake(&mut self.node, self.now, |action| orders.push(action));
        self.enter(orders);
    }

    fn enter(&mut self, orders: Vec<Action>) {
        assert!(orders.len() < 500, "one step orders {} things", orders.len());
        // Another configuration puts what is in another network before it removes it from the one before.
        let is_reload = self.trace.last().is_some_and(|line| line.contains("Configured {"));
        let is_put = |order: &&Action| matches!(order, Action::Put { .. });
        for (n, put) in orders.iter().enumerate().filter(|(_, order)| !is_reload && is_put(order)) {
            let Action::Put { interface, address, .. } = put else { continue };
            let back = Action::Remove { interface: interface.clone(), address: *address };
            assert!(!orders[n..].contains(&back), "{address} is put for a moment: {orders:?}");
        }
        for action in orders {
            self.trace.push(format!("      > {action:?}"));
            self.books.enter(action);
        }
        if !self.books.ended {
            self.books.agree(&self.node);
        }
    }

    /// Wakes it as it wants until then, or lets it stand still.
    fn until(&mut self, end: Instant, is_awake: bool) {
        let mut wakes = 0;
        while let Some((at, timer)) = self.node.deadline().filter(|(at, _)| is_awake && *at <= end) {
            self.now = self.now.max(at);
            self.wake();
            wakes += 1;
            assert!(wakes < 20_000, "it wants to be woken without end, last for {timer:?}");
        }
        self.now = end;
        self.wake();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let from = self.trace.len().saturating_sub(60);
            eprintln!("{}", self.trace[from..].join("\n"));
        }
    }
}

#[test]
fn it_keeps_its_word_whatever_happens() {
    let (mut ran, mut announced, mut renamed) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let course = Course::new(&mut rng);
        let node = Node::new(course.config(&mut rng), seed, Instant::START);
        let mut world =
            World { node, now: Instant::START, books: Books::default(), trace: vec![format!("seed {seed}")] };
        let startup = course.startup(&mut rng);
        if let Event::Startup { left, .. } = &startup {
            let held = world.node.config().addresses.values().flat_map(|address| &address.held);
            let ours: BTreeSet<_> = held.map(|held| held.ip).collect();
            world.books.on.extend(left.iter().filter(|(_, left)| ours.contains(&left.ip)).cloned());
        }
        world.tell(startup);
        for _ in 0..EVENTS {
            let pause = Duration::from_millis([0, 1, 20, 200, 2_000][course::below(&mut rng, 5)]);
            let end = world.now + rng.jitter(pause);
            world.until(end, rng.chance(950));
            if let Some(event) = course.event(&mut rng, &world.books.running, &world.books.conns) {
                if let Event::Ran { address, nr, .. } = &event
                    && world.books.running.get(address) == Some(nr)
                {
                    world.books.running.remove(address);
                    ran += 1;
                }
                world.tell(event);
            }
        }
        world.tell(Event::Shutdown);
        let end = world.now + Duration::from_secs(61);
        world.until(end, true);
        assert!(world.books.ended && world.node.has_ended(), "seed {seed}: the end has not come");
        assert!(world.books.on.is_empty(), "seed {seed}: {:?} is left", world.books.on);
        announced += world.books.announced;
        renamed += world.books.renamed;
        assert!(world.books.wills.values().all(Vec::is_empty), "seed {seed}: the guard has something to do");
    }
    // Courses in which nothing happens prove nothing.
    let enough = ran > 100 && announced > 50 && renamed > 50;
    assert!(enough, "commands ran: {ran}; routes were announced: {announced}; addresses were renamed: {renamed}");
}

const SEEDS: u64 = 200;
const EVENTS: u64 = 150;
