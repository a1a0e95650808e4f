//! The routers of addresses that move by VRRP: one alone, or those of a sync group together.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use machine::{Instant, Machine};
use vrrp::{Action, Event, Router, State, SyncGroup, Timer, sync};

use crate::node::rename_in;

/// Routers that move together.
#[derive(Clone, Debug)]
pub(crate) struct Team {
    /// Its name; `None`: one router alone, which is no group.
    pub(crate) group: Option<String>,
    /// The addresses in it.
    pub(crate) members: BTreeSet<String>,
    routers: Routers,
    pub(crate) is_started: bool,
    /// What was last said of the group.
    state: State,
}

#[derive(Clone, Debug)]
enum Routers {
    Alone(Box<Router>),
    Together(SyncGroup),
}

impl Team {
    /// `said`: what was last said of the group, if other routers were it before these.
    pub(crate) fn new(
        group: Option<String>,
        members: Vec<(String, vrrp::Config)>,
        said: Option<State>,
        now: Instant,
    ) -> Self {
        let names = members.iter().map(|(name, _)| name.clone()).collect();
        let routers = match (&group, members) {
            (None, mut one) if one.len() == 1 => Routers::Alone(Box::new(Router::new(one.remove(0).1, now))),
            (_, members) => Routers::Together(SyncGroup::new(members, now)),
        };
        Self { group, members: names, routers, is_started: false, state: said.unwrap_or(State::Initialize) }
    }

    /// A member of it is called otherwise.
    pub(crate) fn rename(&mut self, before: &str, after: &str) {
        rename_in(&mut self.members, before, after);
        if let Routers::Together(group) = &mut self.routers {
            group.rename(before, after);
        }
    }

    pub(crate) fn start(&mut self, now: Instant) {
        self.is_started = true;
        match &mut self.routers {
            Routers::Alone(router) => router.handle(now, Event::Startup),
            Routers::Together(group) => group.handle(now, sync::Event::Startup),
        }
    }

    pub(crate) fn stop(&mut self, now: Instant) {
        match &mut self.routers {
            Routers::Alone(router) => router.handle(now, Event::Shutdown),
            Routers::Together(group) => group.handle(now, sync::Event::Shutdown),
        }
    }

    pub(crate) fn tell(&mut self, now: Instant, member: &str, event: Event) {
        match &mut self.routers {
            Routers::Alone(router) => router.handle(now, event),
            Routers::Together(group) => group.handle(now, sync::Event::Member { name: member.into(), event }),
        }
    }

    pub(crate) fn wake(&mut self, now: Instant) {
        match &mut self.routers {
            Routers::Alone(router) => router.wake(now),
            Routers::Together(group) => group.wake(now),
        }
    }

    /// The group's state follows from those of its addresses; what is to be said if it is another one.
    pub(crate) fn note(&mut self, members: &[State]) -> Option<crate::Action> {
        let to = match () {
            () if members.iter().all(|state| *state == State::Initialize) => State::Initialize,
            () if members.contains(&State::Fault) => State::Fault,
            () if members.iter().all(|state| *state == State::Active) => State::Active,
            () => State::Backup,
        };
        let from = core::mem::replace(&mut self.state, to);
        let group = self.group.clone().filter(|_| from != to)?;
        Some(crate::Action::GroupChanged { group, from, to })
    }

    /// The state of the group.
    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// What is ordered, in order, and of which address.
    pub(crate) fn drain(&mut self) -> Vec<(String, Action)> {
        let mut orders = Vec::new();
        match &mut self.routers {
            Routers::Alone(router) => {
                let name = self.members.first().cloned().unwrap_or_default();
                while let Some(action) = router.poll() {
                    orders.push((name.clone(), action));
                }
            }
            Routers::Together(group) => {
                while let Some(action) = group.poll() {
                    // What the group is follows from what its addresses are, not from routers alone.
                    if let sync::Action::Member { name, action } = action {
                        orders.push((name, action));
                    }
                }
            }
        }
        orders
    }

    pub(crate) fn deadline(&self) -> Option<(Instant, Timer)> {
        match &self.routers {
            Routers::Alone(router) => router.deadline(),
            Routers::Together(group) => group.deadline().map(|(at, timer)| (at, timer.timer)),
        }
    }

    pub(crate) fn router(&self, member: &str) -> Option<&Router> {
        match &self.routers {
            Routers::Alone(router) => self.members.contains(member).then_some(router),
            Routers::Together(group) => group.members().find(|(name, _)| *name == member).map(|(_, router)| router),
        }
    }
}
