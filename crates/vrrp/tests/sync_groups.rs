//! Do hosts agree on one that holds the addresses of all links? Whole sync groups on two links that lose and cut, each world made by one
//! number.
//!
//! While anything may happen, a group moves as one. Once one link is whole: one host holds all (G1), with preemption the one with the
//! highest priority of those who may (G2), and when nothing more follows, nobody moves (G3).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use machine::{Instant, Machine, Rng};
use vrrp::config::Preempt;
use vrrp::{Advert, Cause, Config, Interval, Priority, State, SyncGroup, Version, Vrid, event, sync};

struct World {
    rng: Rng,
    now: Instant,
    groups: Vec<SyncGroup>,
    priorities: Vec<u8>,
    preempts: bool,
    is_up: Vec<bool>,
    /// `cut[link][from][to]`
    cut: Vec<Vec<Vec<bool>>>,
    lost: u64,
    coming: BTreeMap<(Instant, u64), (usize, usize, usize, Advert)>,
    sent: u64,
    moved: Instant,
    /// Packets take different times.
    delays: bool,
    course: Course,
}

/// What becomes of a world after its faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Both links are whole.
    Whole,
    /// One link stays cut between all. The other is enough.
    OneLinkCut,
    /// Both stay cut: breaks G1.
    BothLinksCut,
    /// Who has most right on one link has least on the other.
    Crossed,
    /// Every advertisement is heard with all the right there is short of an owner's: breaks G2.
    Flattery,
    /// One is told to stop and to start again and again: breaks G3.
    Restless,
}

impl World {
    fn of(seed: u64, course: Course) -> Self {
        let mut rng = Rng::new(seed);
        let n = 2 + index(&mut rng, 2);
        let preempts = rng.chance(600);
        let mut priorities: Vec<u8> = (0..n).map(|i| u8::try_from(60 * (i + 1)).expect("three hosts")).collect();
        let turned = index(&mut rng, n);
        priorities.rotate_left(turned);
        let groups = (0..n).map(|host| group(host, priorities[host], preempts, course)).collect();
        let cut = vec![vec![vec![false; n]; n]; LINKS];
        let (now, coming) = (Instant::START, BTreeMap::new());
        let is_up = vec![true; n];
        Self {
            rng,
            now,
            groups,
            priorities,
            preempts,
            is_up,
            cut,
            lost: 0,
            coming,
            sent: 0,
            moved: now,
            delays: true,
            course,
        }
    }

    fn tell(&mut self, host: usize, event: sync::Event) {
        if self.is_up[host] {
            let mut actions = Vec::new();
            machine::step(&mut self.groups[host], self.now, event, |action| actions.push(action));
            self.act(host, actions);
        }
    }

    fn act(&mut self, host: usize, actions: Vec<sync::Action>) {
        for action in actions {
            let sync::Action::Member { name, action } = action else {
                self.moved = self.now;
                continue;
            };
            let link: usize = name.parse().expect("links are numbers");
            if let event::Action::Send { advert, .. } = action {
                for to in (0..self.groups.len()).filter(|to| *to != host) {
                    if self.cut[link][host][to] || self.rng.chance(self.lost) {
                        continue;
                    }
                    self.sent += 1;
                    let at = self.now + if self.delays { self.rng.jitter(DELAY) } else { DELAY };
                    self.coming.insert((at, self.sent), (link, host, to, advert.clone()));
                }
            }
        }
        let states: Vec<State> = self.groups[host].members().map(|(_, router)| router.state()).collect();
        let active = states.iter().filter(|state| **state == State::Active).count();
        assert!(active == 0 || active == LINKS, "a group moves as one: {states:?}");
    }

    fn until(&mut self, end: Instant) {
        loop {
            let due = |host: &usize| Some((self.groups[*host].deadline().filter(|_| self.is_up[*host])?.0, *host));
            let wake = (0..self.groups.len()).filter_map(|host| due(&host)).min();
            let next = self.coming.keys().next().copied();
            match (wake, next) {
                (Some((at, host)), next) if at <= end && next.is_none_or(|(next, _)| at < next) => {
                    self.now = self.now.max(at);
                    let mut actions = Vec::new();
                    machine::wake(&mut self.groups[host], self.now, |action| actions.push(action));
                    self.act(host, actions);
                }
                (_, Some(key)) if key.0 <= end => {
                    self.now = self.now.max(key.0);
                    let (link, from, to, mut advert) = self.coming.remove(&key).expect("it was seen");
                    if self.course == Course::Flattery && self.groups[to].state() == State::Backup {
                        advert.priority = Priority(254);
                    }
                    let event = event::Event::Heard { from: address(link, from), to: [224, 0, 0, 18].into(), advert };
                    self.tell(to, member(link, event));
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn disturb(&mut self) {
        let (n, link) = (self.groups.len(), index(&mut self.rng, LINKS));
        let (a, b) = (index(&mut self.rng, n), index(&mut self.rng, n));
        match self.rng.below(9) {
            0 | 1 => self.cut[link][a][b] = a != b,
            2 => (self.cut[link][a][b], self.cut[link][b][a]) = (a != b, a != b),
            3 => self.cut[link].iter_mut().for_each(|row| row.fill(false)),
            4 => self.tell(a, member(link, fault())),
            5 => self.tell(a, member(link, event::Event::Allowed { cause: Cause::Link })),
            6 => self.is_up[a] = false,
            7 if !self.is_up[a] => {
                self.groups[a] = group(a, self.priorities[a], self.preempts, self.course);
                self.is_up[a] = true;
                self.tell(a, sync::Event::Startup);
            }
            7 => {}
            8 if self.rng.chance(500) => self.tell(a, sync::Event::Shutdown),
            _ => self.tell(a, sync::Event::Startup),
        }
    }

    fn heal(&mut self) {
        self.lost = 0;
        self.cut.iter_mut().flatten().for_each(|row| row.fill(false));
        let cut = match self.course {
            Course::OneLinkCut => 1,
            Course::BothLinksCut => LINKS,
            _ => 0,
        };
        self.cut[..cut].iter_mut().flatten().for_each(|row| row.fill(true));
    }

    /// G1, G2.
    fn at_rest(&self) -> Result<(), String> {
        let state = |host: usize| if self.is_up[host] { self.groups[host].state() } else { State::Initialize };
        let states: Vec<State> = (0..self.groups.len()).map(state).collect();
        let may = |host: &usize| matches!(states[*host], State::Backup | State::Active);
        let able: Vec<usize> = (0..states.len()).filter(may).collect();
        let holders: Vec<usize> = able.iter().copied().filter(|host| states[*host] == State::Active).collect();
        match holders.as_slice() {
            [] if able.is_empty() => Ok(()),
            [holder] => {
                let most = able.iter().map(|host| self.priorities[*host]).max();
                let is_best = Some(self.priorities[*holder]) == most;
                if is_best || !self.preempts || self.course == Course::Crossed {
                    Ok(())
                } else {
                    Err(format!("G2: {holder} holds: {states:?}"))
                }
            }
            _ => Err(format!("G1: {holders:?} hold: {states:?}")),
        }
    }
}

fn run(seed: u64, course: Course) -> Result<(), String> {
    let mut world = World::of(seed, course);
    for host in 0..world.groups.len() {
        world.tell(host, sync::Event::Startup);
    }
    world.lost = [0, 50, 300][index(&mut world.rng, 3)];
    for _ in 0..40 {
        let pause = world.rng.jitter(INTERVAL * 8);
        world.until(world.now + pause);
        world.disturb();
    }
    world.heal();
    for n in 0..6 {
        world.until(world.now + SETTLES);
        if course == Course::Restless {
            world.tell(0, sync::Event::Shutdown);
            world.tell(0, sync::Event::Startup);
        }
        if world.now.since(world.moved) < INTERVAL * 8 {
            return Err(format!("seed {seed}, rest {n}: G3: a group moved at {:?}", world.moved));
        }
        world.at_rest().map_err(|what| format!("seed {seed}, rest {n}: {what}"))?;
        // The links stay whole.
        let host = index(&mut world.rng, world.groups.len());
        let event = match n {
            0 | 3 => member(index(&mut world.rng, LINKS), fault()),
            1 => member(0, event::Event::Allowed { cause: Cause::Link }),
            2 => member(1, event::Event::Allowed { cause: Cause::Link }),
            4 => sync::Event::Shutdown,
            _ => sync::Event::Startup,
        };
        world.tell(host, event);
    }
    Ok(())
}

fn group(host: usize, priority: u8, preempts: bool, course: Course) -> SyncGroup {
    let member = |link: usize| {
        let mine = address(link, host);
        let config = Config::new(Version::V3, Vrid::new(7).expect("not zero"), mine, vec![address(link, 99)]);
        let preempt = if preempts { Preempt::AtOnce } else { Preempt::Never };
        let interval = Interval::from_duration(INTERVAL).expect("a tenth");
        let is_turned = course == Course::Crossed && link == 1;
        let priority = if is_turned { 250 - priority } else { priority };
        (link.to_string(), Config { priority: Priority(priority), preempt, interval, ..config })
    };
    SyncGroup::new((0..LINKS).map(member).collect(), Instant::START)
}

fn address(link: usize, host: usize) -> IpAddr {
    let byte = |n: usize| u8::try_from(n).expect("a small number");
    [10, byte(link), 0, byte(host + 1)].into()
}

fn member(link: usize, event: event::Event) -> sync::Event {
    sync::Event::Member { name: link.to_string(), event }
}

fn fault() -> event::Event {
    event::Event::Forbidden { cause: Cause::Link, why: "the interface is down".into() }
}

fn index(rng: &mut Rng, n: usize) -> usize {
    usize::try_from(rng.below(n as u64)).expect("below a small number")
}

fn broken(seeds: u64, course: Course) -> Vec<String> {
    (0..seeds).filter_map(|seed| run(seed, course).err()).collect()
}

#[test]
fn one_host_holds_the_addresses_of_all_links() {
    let broken = broken(500, Course::Whole);
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken[..broken.len().min(10)].join("\n"));
}

#[test]
fn one_whole_link_is_enough() {
    let broken = broken(200, Course::OneLinkCut);
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken[..broken.len().min(10)].join("\n"));
}

#[test]
fn where_the_links_name_different_hosts_one_of_them_holds_all() {
    let broken = broken(200, Course::Crossed);
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken[..broken.len().min(10)].join("\n"));
}

#[test]
fn two_that_send_each_other_away_do_not_do_so_for_ever() {
    // All starts at one moment and every packet takes as long: nothing but their addresses tells the hosts apart.
    let mut world = World::of(0, Course::Crossed);
    world.preempts = true;
    world.groups =
        [60, 190].into_iter().enumerate().map(|(host, own)| group(host, own, true, Course::Crossed)).collect();
    (world.is_up, world.delays) = (vec![true; 2], false);
    for host in 0..2 {
        world.tell(host, sync::Event::Startup);
    }
    world.until(Instant::START + SETTLES * 4);
    assert!(world.now.since(world.moved) > SETTLES, "a group moved at {:?}", world.moved);
    let active = world.groups.iter().filter(|group| group.state() == State::Active).count();
    assert_eq!(active, 1);
}

#[test]
fn what_is_broken_is_seen() {
    for (course, invariant) in [(Course::BothLinksCut, "G1"), (Course::Flattery, "G2"), (Course::Restless, "G3")] {
        let broken = broken(50, course);
        assert!(broken.iter().any(|what| what.contains(invariant)), "{invariant} is not checked: {broken:?}");
    }
}

const LINKS: usize = 2;
const INTERVAL: Duration = Duration::from_millis(100);
const DELAY: Duration = Duration::from_millis(10);
/// Several Active_Down_Intervals: one to miss a holder, one more after each way round.
const SETTLES: Duration = Duration::from_secs(5);
