//! The whole answer of a host: what happened, and which of its inner machines deals with it?
//!
//! ```text
//!   New ──Startup──> Running ──Shutdown──> Ending (everything given up in order) ──> Ended
//! ```
//!
//! After every event what follows is done until nothing follows any more: each address looks at what forbids it (`right`), its router is
//! told, the router's orders reach the interface (`hold`), and only then states are compared and told.

mod configure;
mod rename;
mod report;
mod touched;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use machine::{Instant, Machine, Rng, soonest};
use view::GroupName;
use vrrp::State;

use crate::address::Address;
use crate::config::{Config, Placed};
use crate::event::{Action, Event, Found, Timer};
use crate::right::Views;
use crate::team::Team;
use touched::Touched;

pub(crate) use rename::rename_in;
pub use report::{AddressReport, CheckReport, GroupReport, NeighborReport, OddityReport, Report, RouterReport};

/// The machine.
#[derive(Clone, Debug)]
pub struct Node {
    config: Config,
    now: Instant,
    rng: Rng,
    stage: Stage,
    addresses: BTreeMap<String, Address>,
    teams: Vec<Team>,
    /// What was last said of sync groups whose addresses are about to get new routers.
    said: BTreeMap<String, State>,
    views: Views,
    /// What is wrong with which interface.
    links: BTreeMap<String, String>,
    /// The greatest number that a connection of an address had that is gone: one that comes in its place counts on from there.
    conns: u64,
    /// Which addresses are looked at until nothing follows any more.
    touched: Touched,
    /// Events about addresses that there are not.
    stray: u64,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Running,
    Ending { since: Instant },
    Ended,
}

impl Node {
    /// A host that takes no part yet.
    ///
    /// # Panics
    /// When [`Config::check`] refuses the configuration.
    #[must_use]
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        assert!(config.check().is_ok(), "the configuration was checked: {:?}", config.check());
        let mut node = Self {
            config: Config::default(),
            now,
            rng: Rng::new(seed),
            stage: Stage::New,
            addresses: BTreeMap::new(),
            teams: Vec::new(),
            said: BTreeMap::new(),
            views: Views::new(),
            links: BTreeMap::new(),
            conns: 0,
            touched: Touched::All,
            stray: 0,
            actions: VecDeque::new(),
        };
        node.on_configured(config);
        node
    }

    /// What it was told.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Whether nothing is left to be done, after a shutdown.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Whether nothing that follows the master of this group is here: neither on an interface by our order nor about to be put there, nor, as
    /// far as is known, where a command brought it.
    #[must_use]
    pub fn has_left(&self, group: &GroupName) -> bool {
        self.addresses.values().all(|address| !address.follows(group) || address.is_gone())
    }

    /// Whether it has anything to do with an address of this name: also when that is not configured any more, until it has given it up.
    #[must_use]
    pub fn knows(&self, address: &str) -> bool {
        self.addresses.contains_key(address)
    }

    /// `handed`: what the process before us held, if one has handed over.
    fn on_startup(&mut self, left: Vec<(String, Placed)>, found: Vec<Found>, handed: Option<&[(String, Placed)]>) {
        if self.stage != Stage::New {
            self.stray += 1;
            return;
        }
        self.stage = Stage::Running;
        let mut out = Vec::new();
        for (interface, address) in left {
            // What we are told nothing of is another Standfast's.
            let is_known = self.addresses.values().any(|held| held.hold.item(address.ip).is_some());
            let owner = self.addresses.values_mut().find(|held| held.hold.owns(&interface, address));
            match owner.filter(|_| handed.is_some()) {
                Some(owner) => owner.adopt(self.now, address),
                None if is_known => out.push(Action::Remove { interface, address }),
                None => {}
            }
        }
        for Found { interface, address, lasts } in found {
            let holds =
                |held: &&mut Address| held.hold.interface() == interface && held.hold.item(address.ip).is_some();
            if let Some(owner) = self.addresses.values_mut().find(holds) {
                owner.on_found_at_start(self.now, address, lasts, handed, &mut out);
            }
        }
        for address in self.addresses.values_mut() {
            address.start(self.now, &mut out);
        }
        self.actions.extend(out);
        self.look();
        self.start_teams();
    }

    /// Teams that have not yet begun. Whoever held before claims at once: its addresses never left.
    fn start_teams(&mut self) {
        if self.stage != Stage::Running {
            return;
        }
        // What a router has to know before it starts.
        self.settle_once();
        let (addresses, now) = (&self.addresses, self.now);
        for team in self.teams.iter_mut().filter(|team| !team.is_started) {
            team.start(now);
            if team.members.iter().any(|member| addresses[member].is_adopted()) {
                for member in team.members.clone() {
                    team.tell(now, &member, vrrp::Event::Claimed);
                }
            }
        }
    }

    fn on_shutdown(&mut self) {
        match self.stage {
            Stage::New => self.addresses.clear(),
            Stage::Running => {}
            Stage::Ending { .. } | Stage::Ended => return,
        }
        self.stage = Stage::Ending { since: self.now };
        self.teams.iter_mut().for_each(|team| team.stop(self.now));
        self.addresses.values_mut().for_each(|address| address.leave(None, "stopped"));
    }

    /// The address of this name, if there is one.
    fn with(&mut self, name: &str, then: impl FnOnce(&mut Address, Instant, &mut Vec<Action>)) {
        let mut out = Vec::new();
        match self.addresses.get_mut(name) {
            Some(address) => then(address, self.now, &mut out),
            None => self.stray += 1,
        }
        self.actions.extend(out);
    }

    /// Every address on this interface.
    fn with_those_on(&mut self, interface: &str, then: impl Fn(&mut Address, Instant, &mut Vec<Action>)) {
        if self.stage == Stage::New {
            // What is there is told at the start once more, and whose it is.
            return;
        }
        let mut out = Vec::new();
        for address in self.addresses.values_mut().filter(|address| address.hold.interface() == interface) {
            then(address, self.now, &mut out);
        }
        self.actions.extend(out);
    }

    fn on_link(&mut self, interface: String, fault: Option<String>) {
        match fault {
            None => {
                self.links.remove(&interface);
            }
            Some(fault) if self.links.len() < MAX_LINKS || self.links.contains_key(&interface) => {
                let why = format!("the interface {interface}: {fault}");
                self.links.insert(interface, why);
            }
            Some(_) => self.stray += 1,
        }
    }

    fn on_viewed(&mut self, view: view::View) {
        if self.views.len() < MAX_GROUPS || self.views.contains_key(&view.group) {
            self.views.insert(view.group.clone(), view);
        } else {
            self.stray += 1;
        }
    }

    // What follows.

    /// A wake that comes late is this host's own standstill. The kernel or the guard may have ended what was not renewed, and neither a view
    /// of before nor a router that has not looked at the clock must put it back: another host may have it by now.
    fn look_at_clock(&mut self, now: Instant) {
        let due = self.deadline().map_or(now, |(at, _)| at);
        self.now = self.now.max(now);
        let lasted = self.now.since(due);
        if lasted > STANDSTILL {
            self.touched = Touched::All;
            self.addresses.values_mut().for_each(|address| address.right.doubt(self.now, lasted));
            self.wake_teams();
        }
    }

    /// Routers first: what they release is not to be renewed any more.
    fn wake_teams(&mut self) {
        let mut out = Vec::new();
        for team in self.teams.iter_mut().filter(|team| self.touched.has_team(&team.members)) {
            team.wake(self.now);
            for (member, action) in team.drain() {
                if let Some(address) = self.addresses.get_mut(&member) {
                    address.on_router(self.now, action, &mut out);
                }
            }
        }
        self.actions.extend(out);
    }

    /// What time alone has changed in what forbids addresses.
    fn look(&mut self) {
        for address in self.addresses.iter_mut().filter(|(name, _)| self.touched.has(name)).map(|(_, address)| address)
        {
            let interface = address.config().interface.clone();
            address.right.look(self.now, &interface, &self.links, &self.views);
        }
    }

    /// Everything that follows, until nothing does.
    fn settle(&mut self) {
        self.look();
        let mut turns = 0;
        while self.settle_once() {
            turns += 1;
            assert!(turns < MAX_TURNS, "B1: addresses and their routers do not come to an end with each other");
        }
        self.end_adoptions();
        self.note();
        if self.drop_left() {
            // What was given up has a successor, which has not yet looked at anything.
            self.touched = Touched::All;
            self.start_teams();
            return self.settle();
        }
        self.end_if_done();
    }

    /// Whether a router was told anything, or ordered anything.
    fn settle_once(&mut self) -> bool {
        let mut moved = false;
        let mut out = Vec::new();
        for (_, address) in self.addresses.iter_mut().filter(|(name, _)| self.touched.has(name)) {
            address.brief();
        }
        for team in self.teams.iter_mut().filter(|team| self.touched.has_team(&team.members)) {
            for member in &team.members.clone() {
                let news = self.addresses.get_mut(member).map(Address::take_news).unwrap_or_default();
                for event in news {
                    team.tell(self.now, member, event);
                    moved = true;
                }
            }
            for (member, action) in team.drain() {
                moved = true;
                if let Some(address) = self.addresses.get_mut(&member) {
                    address.on_router(self.now, action, &mut out);
                }
            }
        }
        // After its router, and those of its sync group: what they give up is not renewed.
        for (_, address) in self.addresses.iter_mut().filter(|(name, _)| self.touched.has(name)) {
            address.settle(self.now, &mut out);
        }
        self.actions.extend(out);
        moved
    }

    /// Routers that began in the place of others have spoken by now.
    fn end_adoptions(&mut self) {
        let mut out = Vec::new();
        for team in self.teams.iter().filter(|team| team.is_started && self.touched.has_team(&team.members)) {
            for member in &team.members {
                let is_active = team.router(member).is_some_and(|router| router.state() == State::Active);
                if let Some(address) = self.addresses.get_mut(member) {
                    address.end_adoption(self.now, is_active, &mut out);
                }
            }
        }
        self.actions.extend(out);
    }

    /// Compares states, and tells what is new of them and of the guard's orders.
    fn note(&mut self) {
        let mut out = Vec::new();
        for team in self.teams.iter().filter(|team| self.touched.has_team(&team.members)) {
            for member in &team.members {
                if let Some(address) = self.addresses.get_mut(member) {
                    address.forget_not_taken(team.router(member));
                }
            }
        }
        for (name, address) in self.addresses.iter_mut().filter(|(name, _)| self.touched.has(name)) {
            address.go_round(self.now, &mut out);
            address.renew_will(&mut out);
            if !address.is_vrrp() {
                address.note(self.now, None, false, &mut out);
            } else if address.is_leaving() && !self.teams.iter().any(|team| team.members.contains(name)) {
                address.note(self.now, None, true, &mut out);
            }
        }
        for team in self.teams.iter_mut().filter(|team| self.touched.has_team(&team.members)) {
            let fault = team.members.iter().any(|m| self.addresses.get(m).is_some_and(Address::has_fault));
            let mut states = Vec::new();
            for member in &team.members {
                let Some(address) = self.addresses.get_mut(member) else { continue };
                address.note(self.now, team.router(member), fault, &mut out);
                states.push(address.state());
            }
            out.extend(team.note(&states));
        }
        self.end_groups(&mut out);
        self.actions.extend(out);
    }

    /// Addresses that have given everything up are gone, or another one. Whether there is a new one.
    fn drop_left(&mut self) -> bool {
        let left: Vec<String> = self
            .addresses
            .iter()
            .filter(|(_, address)| address.left().is_some())
            .map(|(name, _)| name.clone())
            .collect();
        let mut is_new = false;
        for name in left {
            let Some(old) = self.addresses.remove(&name) else { continue };
            self.conns = self.conns.max(old.conns());
            let next = old.left().and_then(|leaving| leaving.next.clone());
            if let Some(why) = old.gave_up() {
                let text =
                    format!("the command to give it back has failed too often, last with: {why}. See where it is.");
                self.actions.push_back(Action::Tell { address: name.clone(), is_bad: true, text });
            }
            if let Some(next) = next.filter(|_| self.stage == Stage::Running) {
                is_new = true;
                self.add(&name, next);
            }
        }
        if is_new {
            self.form_teams();
        }
        is_new
    }

    fn end_if_done(&mut self) {
        let Stage::Ending { since } = self.stage else { return };
        let is_over = self.now.since(since) >= ENDING;
        if is_over {
            for name in self.addresses.keys() {
                let text =
                    format!("it could not be given up within {ENDING:?}, and is left as it is. See where it is.");
                self.actions.push_back(Action::Tell { address: name.clone(), is_bad: true, text });
            }
        }
        if is_over || self.addresses.is_empty() {
            self.stage = Stage::Ended;
            self.addresses.clear();
            self.teams.clear();
            self.actions.push_back(Action::Ended);
        }
    }
}

impl Machine for Node {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, now: Instant, event: Event) {
        self.touched = self.touched_by(&event);
        self.look_at_clock(now);
        // What is due is due before whatever came late.
        self.look();
        match event {
            _ if self.stage == Stage::Ended => self.stray += 1,
            Event::Startup { left, found, handed_over, handed } => {
                self.on_startup(left, found, handed_over.then_some(&handed[..]));
            }
            Event::Shutdown => self.on_shutdown(),
            Event::Configured { .. } if matches!(self.stage, Stage::Ending { .. }) => self.stray += 1,
            Event::Configured { config } => self.on_configured(*config),
            Event::Checked { address, check, failed } => {
                self.with(&address, |it, now, out| it.on_checked(now, &check, failed, out));
            }
            Event::Viewed { view } => self.on_viewed(view),
            Event::Voted { group } => {
                self.addresses.values_mut().filter(|it| it.follows(&group)).for_each(|it| it.right.presume_no_more());
            }
            Event::Link { interface, fault } => self.on_link(interface, fault),
            Event::Listed { interface, there } => {
                self.with_those_on(&interface, |it, now, out| it.on_listed(now, &there, out));
            }
            Event::Gone { interface, address } => {
                self.with_those_on(&interface, |it, now, out| it.on_gone(now, address, out));
            }
            Event::Found { interface, address } => {
                self.with_those_on(&interface, |it, now, out| it.on_found(now, address, out));
            }
            Event::NotPut { interface, address, why } => {
                self.with_those_on(&interface, |it, now, out| it.on_not_put(now, address, &why, out));
            }
            Event::Elsewhere { interface, ip, by } => {
                self.with_those_on(&interface, |it, now, out| it.on_elsewhere(now, ip, &by, out));
            }
            Event::Router { address, event } => self.with(&address, |it, _, _| it.on_heard(event)),
            Event::Peer { address, neighbor, event } => {
                self.with(&address, |it, now, out| it.on_peer(now, &neighbor, event, out));
            }
            Event::Rekeyed { address, neighbor } => {
                self.with(&address, |it, now, out| it.on_rekeyed(now, &neighbor, out));
            }
            Event::Ran { address, nr, end } => self.with(&address, |it, now, out| it.on_ran(now, nr, end, out)),
            Event::PartnerLost { address, .. } => self.with(&address, |it, now, _| it.on_partner_lost(now)),
            Event::Wished { address, wish } => self.with(&address, |it, _, _| it.on_wished(wish)),
        }
        self.settle();
    }

    fn wake(&mut self, now: Instant) {
        self.touched = self.due(now);
        self.look_at_clock(now);
        self.look();
        self.wake_teams();
        let mut out = Vec::new();
        for (_, address) in self.addresses.iter_mut().filter(|(name, _)| self.touched.has(name)) {
            address.wake(self.now, &mut out);
        }
        self.actions.extend(out);
        self.settle();
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        let addresses = self.addresses.values().map(|address| address.deadline(self.now)).fold(None, soonest);
        let routers = self.teams.iter().map(|team| team.deadline().map(|(at, timer)| (at, Timer::Router(timer))));
        let ending = match self.stage {
            Stage::Ending { since } => Some((since + ENDING, Timer::Command)),
            Stage::New | Stage::Running | Stage::Ended => None,
        };
        routers.fold(soonest(addresses, ending), soonest)
    }
}

/// Interfaces whose faults are known: more than a host has. Of further ones nothing is known, and they count as well.
const MAX_LINKS: usize = 4_096;
/// Groups whose views are known: those that addresses follow, at most one each. Of further ones nothing is known, and nobody follows them.
const MAX_GROUPS: usize = 4_096;
/// In how many turns addresses and routers come to an end with each other: each router changes its state a few times in one step at most.
const MAX_TURNS: usize = 1_000;
/// How late a wake has to be to be a standstill: less than the guard's patience and any failover. A busy host that is taken for one renews
/// nothing for a moment, which is much shorter than a lifetime.
const STANDSTILL: Duration = Duration::from_millis(100);
/// How long giving everything up may take: commands and the pauses between them. Then what is left is left, and said.
const ENDING: Duration = Duration::from_secs(60);
