//! Do several virtual routers move together? A sync group is Active in all of its members or in none (Keepalived: `vrrp_sync_group`).
//!
//! | what happens to one member | what the others do |
//! |---|---|
//! | it would become Active | it waits until all the others are or would be, too; then all become Active at once |
//! | it hears somebody with more right | the others release and resign, so that whoever took from one takes all |
//! | it must not hold its addresses | neither must the others, until no member has a reason of its own |
//!
//! Waiting prefers to stay: a host that has lost one link to the holder, and still hears it on another, leaves it alone.
//!
//! All members of a group should have the same order of hosts, on every link and at equal health. Where one link names one host and another
//! link the other, one of them holds all links, and which one is chance (`router::grouped`, `turn`).

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use machine::{Instant, Machine, soonest};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::event::{self, Cause, State, Timer};
use crate::router::Router;

/// The machine.
#[derive(Clone, Debug)]
pub struct SyncGroup {
    members: Vec<Member>,
    state: State,
    /// Events of members that there are not.
    stray: u64,
    actions: VecDeque<Action>,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    router: Router,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// All members are to take part from here on.
    Startup,
    /// All are to go.
    Shutdown,
    /// Something happened to one.
    Member {
        /// Its name.
        name: String,
        /// What.
        event: event::Event,
    },
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// By, or about, one member.
    Member {
        /// Its name.
        name: String,
        /// What.
        action: event::Action,
    },
    /// The group has changed its state: it is Active when all are, in Fault when one is, else in Backup.
    Changed {
        /// What it was.
        from: State,
        /// What it is.
        to: State,
    },
}

/// When the group wants to be woken: when one of its members does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberTimer {
    /// Which member, counted from 0 in the order of construction.
    pub member: usize,
    /// What for.
    pub timer: Timer,
}

impl SyncGroup {
    /// A group of these members, by name, not yet started.
    ///
    /// # Panics
    /// When there are none, a name is there twice, or [`Config::check`] refuses one.
    #[must_use]
    pub fn new(members: Vec<(String, Config)>, now: Instant) -> Self {
        assert!(!members.is_empty(), "a sync group has members");
        let mut names: Vec<&String> = members.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "members of a sync group have different names");
        let member = |(name, config)| Member { name, router: Router::new(config, now).grouped() };
        Self {
            members: members.into_iter().map(member).collect(),
            state: State::Initialize,
            stray: 0,
            actions: VecDeque::new(),
        }
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// A member is called otherwise from now on.
    pub fn rename(&mut self, before: &str, after: &str) {
        if let Some(member) = self.members.iter_mut().find(|member| member.name == before) {
            member.name = after.into();
        }
    }

    /// Its members with their names.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Router)> {
        self.members.iter().map(|member| (member.name.as_str(), &member.router))
    }

    /// How many events were about members that there are not.
    #[must_use]
    pub const fn stray(&self) -> u64 {
        self.stray
    }

    /// What it is doing and why: a sentence for each member.
    #[must_use]
    pub fn explain(&self) -> String {
        let each: Vec<String> = self.members().map(|(name, router)| format!("{name}: {}", router.explain())).collect();
        format!("{}; {}", self.state, each.join("; "))
    }

    fn tell_all(&mut self, now: Instant, event: &event::Event) {
        for member in &mut self.members {
            member.router.handle(now, event.clone());
        }
    }

    /// What follows for all from what happened to one.
    fn settle(&mut self, now: Instant) {
        self.share_faults(now);
        self.follow_the_one_that_lost(now);
        let all_may = self.members.iter().all(|m| m.router.state() == State::Active || m.router.is_waiting_for_group());
        if all_may {
            for member in &mut self.members {
                member.router.become_active_in_group(now);
            }
        }
        self.collect();
    }

    /// Each is told of the reasons of the others, also where it has one of its own: then it stays when that is gone.
    fn share_faults(&mut self, now: Instant) {
        let faults: Vec<Option<String>> =
            self.members.iter().map(|m| m.router.own_fault().map(|why| format!("{}: {why}", m.name))).collect();
        for (n, member) in self.members.iter_mut().enumerate() {
            let others = faults.iter().enumerate().filter(|(other, _)| *other != n);
            let why = others.filter_map(|(_, fault)| fault.as_ref()).next();
            match (why, member.router.is_forbidden_by_group()) {
                (Some(why), false) => {
                    let event = event::Event::Forbidden { cause: Cause::Group, why: why.clone() };
                    member.router.handle(now, event);
                }
                (None, true) => member.router.handle(now, event::Event::Allowed { cause: Cause::Group }),
                _ => {}
            }
        }
    }

    /// Between two events all are Active or none: who is not, while another is, has just lost its addresses.
    fn follow_the_one_that_lost(&mut self, now: Instant) {
        let lost = self.members.iter().find(|member| member.router.state() != State::Active);
        let Some(name) = lost.map(|member| member.name.clone()) else { return };
        for member in &mut self.members {
            member.router.yield_with_group(now, &name);
        }
    }

    fn collect(&mut self) {
        for member in &mut self.members {
            while let Some(action) = member.router.poll() {
                self.actions.push_back(Action::Member { name: member.name.clone(), action });
            }
        }
        let is = |state: State| move |member: &Member| member.router.state() == state;
        let to = match () {
            () if self.members.iter().all(is(State::Initialize)) => State::Initialize,
            () if self.members.iter().any(is(State::Fault)) => State::Fault,
            () if self.members.iter().all(is(State::Active)) => State::Active,
            () => State::Backup,
        };
        if to != self.state {
            self.actions.push_back(Action::Changed { from: self.state, to });
            self.state = to;
        }
    }
}

impl Machine for SyncGroup {
    type Event = Event;
    type Action = Action;
    type Timer = MemberTimer;

    fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Startup => self.tell_all(now, &event::Event::Startup),
            Event::Shutdown => self.tell_all(now, &event::Event::Shutdown),
            Event::Member { name, event } => match self.members.iter_mut().find(|member| member.name == name) {
                Some(member) => member.router.handle(now, event),
                None => self.stray += 1,
            },
        }
        self.settle(now);
    }

    fn wake(&mut self, now: Instant) {
        for member in &mut self.members {
            member.router.wake(now);
        }
        self.settle(now);
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, MemberTimer)> {
        let each = self
            .members
            .iter()
            .enumerate()
            .map(|(member, m)| m.router.deadline().map(|(at, timer)| (at, MemberTimer { member, timer })));
        each.fold(None, soonest)
    }
}
