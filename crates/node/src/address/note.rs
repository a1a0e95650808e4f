//! Which state is an address in, since when and why?

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use machine::Instant;
use vrrp::{Cause, Priority, Router, State, Why};

use super::{Address, Mover};
use crate::config::Follows;
use crate::event::Action;

impl Address {
    /// Whether something is wrong with it, or with this host for it, as against: another host has it.
    pub(crate) fn has_fault(&self) -> bool {
        self.not_taken || self.right.fault().is_some()
    }

    /// Tells a new state. `has_team_fault`: something is wrong with one of its sync group.
    pub(crate) fn note(&mut self, now: Instant, router: Option<&Router>, has_team_fault: bool, out: &mut Vec<Action>) {
        let (to, why) = self.standing(router, has_team_fault);
        if to == self.state {
            return;
        }
        let from = core::mem::replace(&mut self.state, to);
        if from == State::Active {
            self.right.left(now, now.since(self.since));
        }
        (self.since, self.why) = (now, why.clone());
        self.is_inherited &= to == State::Active;
        let priority = router.map_or(Priority::USUAL, Router::priority);
        out.push(Action::Changed { address: self.name.clone(), from, to, priority, why });
    }

    /// A router that has begun anew has forgotten that it could not take its addresses.
    pub(crate) fn forget_not_taken(&mut self, router: Option<&Router>) {
        if router.is_none_or(|router| router.state() != State::Fault) {
            self.not_taken = false;
        }
    }

    pub(super) fn standing(&self, router: Option<&Router>, has_team_fault: bool) -> (State, String) {
        if let Some(leaving) = self.leaving.as_ref().filter(|_| self.lingers.is_none()) {
            return (State::Initialize, leaving.why.into());
        }
        if !self.is_started {
            return (State::Initialize, "not yet started".into());
        }
        // Nothing is wrong that an operator should be told of: nothing is known yet.
        if self.state == State::Initialize && self.right.awaits_first_results() {
            return (State::Initialize, "its checks have not yet said anything".into());
        }
        if let Some(router) = router {
            let (_, why) = router.since();
            return match router.state() {
                State::Active if self.is_here() && self.is_inherited => (State::Active, INHERITED.into()),
                // Where the view has claimed it, no operator has.
                State::Active if self.is_here() && self.right.follows_master() && *why == Why::Claimed => {
                    (State::Active, self.why_here())
                }
                State::Active if self.is_here() => (State::Active, why.to_string()),
                State::Active if router.awaits_predecessor() => (State::Backup, router.explain()),
                State::Active => (State::Backup, self.almost()),
                // That another host has the master is no fault of this one.
                State::Fault if !has_team_fault => (State::Backup, self.why_not(why)),
                state => (state, why.to_string()),
            };
        }
        match self.right.fault() {
            _ if self.is_here() && self.is_inherited => (State::Active, INHERITED.into()),
            _ if self.is_here() => (State::Active, self.why_here()),
            Some(fault) => (State::Fault, fault),
            None => (State::Backup, self.right.waits().cloned().unwrap_or_else(|| self.almost())),
        }
    }

    /// It is here; where it was, and another configuration has added something to it, as long as the rest is.
    pub(super) fn is_here(&self) -> bool {
        self.hold.is_here() || self.state == State::Active && self.hold.is_partly_here()
    }

    fn why_not(&self, why: &Why) -> String {
        match (self.right.waits(), why) {
            (Some(waits), _) => waits.clone(),
            (None, Why::Forbidden { cause: Cause::Group, why }) => why.clone(),
            (None, why) => why.to_string(),
        }
    }

    /// Why it is not here, though it may be.
    fn almost(&self) -> String {
        match &self.mover {
            Mover::Command(command, _) if !command.is_up() => command.waits().into(),
            _ if self.hold.is_asking() => format!("asks on {} whether another host has it", self.hold.interface()),
            _ => "waits for its proof to pass once more".into(),
        }
    }

    fn why_here(&self) -> String {
        match &self.config.follows {
            Follows::Checks => "nothing forbids it to be here".into(),
            Follows::Master { group, .. } => format!("the agreed master of {group} is on this host"),
        }
    }
}

const INHERITED: &str = "the process before this one held it, and has handed over";
