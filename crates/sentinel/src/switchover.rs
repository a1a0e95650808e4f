//! A planned switchover: hold writes, let the replica catch up, and only then do what a failover does. On any doubt: undo.

use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;
use view::{GroupName, LinkState};

use crate::answer::Answer;
use crate::core::Core;
use crate::event::{Ask, CallId, Reply, Timer};
use crate::failover::{Plan, Stage};
use crate::group::Group;
use crate::record::Moment;
use crate::select::{self, Candidate, Demands};

use view::Offset;

/// How often the replica's offset is looked at while writes are held. `WAIT` would take up to a second here, because a
/// paused master does not ask its replicas for acknowledgements.
const LOOK: Duration = Duration::from_millis(1);

/// The master's own pause outlasts ours by this: it must never end while we might still promote.
const PAUSE_MARGIN: Duration = Duration::from_millis(500);

impl Group {
    /// An operator wants another master. `wait`: and wants to hear how it ended.
    pub(crate) fn on_switchover_asked(&mut self, core: &mut Core, call: CallId, to: Option<SocketAddr>, wait: bool) {
        if !wait && self.failover.is_none() && self.bound_to_another(core).is_some() {
            // Who does not wait for the end need not be told to come again: it is done as soon as nobody else may.
            self.postponed = true;
            core.reply(call, Reply::Ok);
            return;
        }
        if let Err((code, why)) = self.may_switch(core, to) {
            core.refuse(call, code, why);
            return;
        }
        if !wait {
            core.reply(call, Reply::Ok);
        }
        // What they said last may be a second old, and an operator may have just changed whom he wants.
        for server in self.servers.values_mut().filter(|s| s.addr != self.master) {
            server.ask_info(core);
        }
        // Where the master is down there is nothing to be careful with. Whether it is down is not ours alone to say, but who
        // leads is put to the vote.
        let plan = Plan {
            to,
            call: wait.then_some(call),
            held_since: None,
            hold_until: None,
            candidate: None,
            target: Offset(0),
        };
        self.begin(core, Some(plan));
    }

    /// A failover that was ordered while our vote was another's.
    pub(crate) fn begin_postponed(&mut self, core: &mut Core) {
        if !self.postponed || self.bound_to_another(core).is_some() {
            return;
        }
        self.postponed = false;
        if self.may_switch(core, None).is_ok() {
            let (to, call, candidate) = (None, None, None);
            self.begin(core, Some(Plan { to, call, held_since: None, hold_until: None, candidate, target: Offset(0) }));
        }
    }

    /// When that is.
    pub(crate) fn postponed_until(&self, core: &Core) -> Option<(Instant, Timer)> {
        let promise = self.bound_to_another(core).filter(|_| self.postponed)?;
        Some((promise.until, Timer::Attempt))
    }

    fn may_switch(&self, core: &Core, to: Option<SocketAddr>) -> Result<(), (&'static str, &'static str)> {
        if self.failover.is_some() {
            return Err(("INPROG", "Failover already in progress"));
        }
        if self.bound_to_another(core).is_some() {
            return Err(("INPROG", "another node was given our vote a moment ago; try again in a few seconds"));
        }
        if core.is_tilted() {
            return Err(("ERR", "this node was frozen a moment ago and does not trust its clock yet; try again"));
        }
        if to == Some(self.master) {
            return Err(("ERR", "this server is the master already"));
        }
        if to.is_some_and(|to| !self.servers.contains_key(&to)) {
            return Err(("ERR", "no such server in this group"));
        }
        if self.pick(core, to).is_none() {
            return Err(("NOGOODSLAVE", "No suitable replica to promote"));
        }
        if self.master_is_down() && self.odown.is_none() {
            return Err(("ERR", "this node does not hear the master, and the others have not agreed that it is down"));
        }
        if !self.may_be_elected() {
            return Err(("NOQUORUM", "not enough nodes answer to elect a leader"));
        }
        Ok(())
    }

    /// Who would be promoted, by what is known before anything is sealed.
    fn pick(&self, core: &Core, to: Option<SocketAddr>) -> Option<SocketAddr> {
        let replicas = self.servers.values().filter(|s| s.addr != self.master);
        let usable = |s: &crate::server::Server| s.link_state(self.master) == LinkState::Up || self.master_is_down();
        let candidates: alloc::vec::Vec<Candidate<'_>> = replicas
            .filter(|s| !s.is_down() && s.command.is_up() && usable(s))
            .filter_map(|s| {
                Some(Candidate { addr: s.addr, sealed: Ok(s.info.as_ref()?), stale: self.staleness(core, s) })
            })
            .collect();
        let demands = Demands {
            history: self.history.as_ref(),
            max_stale: self.max_stale(to),
            only: to,
            at_least: Offset(0),
            master: self.master_offset(),
        };
        select::choose(&candidates, &demands).0.map(select::Chosen::addr)
    }

    /// Elected: the master shall accept no more writes, and say how far it has come.
    pub(crate) fn pause(&mut self, core: &mut Core) {
        let to = self.failover.as_ref().and_then(|f| f.plan.as_ref()).and_then(|p| p.to);
        let Some(candidate) = self.pick(core, to) else {
            self.abort(core, "-failover-abort-no-good-slave", "no replica is fit to be promoted");
            return;
        };
        let limit = self.rules.hold_limit();
        let Some(failover) = &mut self.failover else { return };
        let Some(plan) = &mut failover.plan else { return };
        plan.candidate = Some(candidate);
        plan.held_since = Some(core.now);
        let until = (core.now + limit).min(failover.lease_until);
        plan.hold_until = Some(until);
        failover.stage = Stage::Pausing { confirmed: false, until };
        self.hold_on(core, limit);
        let sent = self.servers.get_mut(&self.master).is_some_and(|s| s.command.send(core, Ask::Info));
        if !sent {
            self.abort(core, "-failover-abort-master-timeout", "the master could not be asked to hold writes");
        }
    }

    /// Tells a master that we made hold its writes to go on doing so for the next step, which takes at most `step`. Step by
    /// step, so that it comes free soon if we die.
    pub(crate) fn hold_on(&mut self, core: &mut Core, step: Duration) {
        let Some(failover) = self.failover.as_ref().filter(|f| f.mutes_master()) else { return };
        let ask = Ask::Pause { epoch: failover.epoch, limit: step + PAUSE_MARGIN };
        if let Some(server) = self.servers.get_mut(&self.master) {
            server.command.send(core, ask);
        }
    }

    /// An answer while writes are held.
    pub(crate) fn on_hold_answered(&mut self, core: &mut Core, from: SocketAddr, ask: &Ask, answer: &Answer) {
        let is_master = from == self.master;
        let Some(failover) = &mut self.failover else { return };
        let Some(plan) = &mut failover.plan else { return };
        match (&mut failover.stage, ask, answer) {
            (_, Ask::Pause { epoch, .. }, _) if *epoch != failover.epoch => {}
            (Stage::Pausing { confirmed, .. }, Ask::Pause { .. }, Answer::Ok) if is_master => {
                *confirmed = true;
                failover.record.step(core.now, Moment::Paused, "");
            }
            (Stage::Pausing { .. }, Ask::Pause { .. }, _) if is_master => {
                self.abort(core, "-failover-abort-master-timeout", "the master refused to hold writes");
            }
            // Answers come in order, so this INFO was taken after the pause: nothing is written past its offset.
            (Stage::Pausing { confirmed: true, until }, Ask::Info, Answer::Info(info)) if is_master => {
                plan.target = info.offset;
                let until = *until;
                failover.stage = Stage::CatchingUp { look_at: core.now, until };
            }
            (Stage::CatchingUp { .. }, Ask::Info, Answer::Info(info)) if plan.candidate == Some(from) => {
                let caught_up = info.offset >= plan.target && select::is_relative(info, self.history.as_ref());
                if caught_up {
                    let note = alloc::format!("offset {}", info.offset);
                    failover.record.step(core.now, Moment::CaughtUp, note);
                    self.seal(core);
                }
            }
            _ => {}
        }
    }

    /// Looks again how far the replica has come.
    pub(crate) fn catch_up(&mut self, core: &mut Core, look_at: Instant, until: Instant) -> bool {
        if until <= core.now {
            self.abort(core, "-failover-abort-slave-timeout", "the replica did not catch up in time");
            return true;
        }
        if look_at > core.now {
            return false;
        }
        let Some(failover) = &mut self.failover else { return false };
        if let Stage::CatchingUp { look_at, .. } = &mut failover.stage {
            *look_at = core.now + LOOK;
        }
        let candidate = failover.plan.as_ref().and_then(|p| p.candidate);
        if let Some(server) = candidate.and_then(|addr| self.servers.get_mut(&addr)) {
            server.ask_info(core);
        }
        false
    }

    /// Refuses on behalf of a group that does not exist.
    pub(crate) fn refuse_unknown(core: &mut Core, call: CallId, group: &GroupName) {
        core.refuse(call, "ERR", alloc::format!("No such master with that name: {group}"));
    }
}
