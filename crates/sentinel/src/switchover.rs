//! A planned switchover: hold writes, let the replica catch up, and only then do what a failover does. On any doubt: undo.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;
use serde::{Deserialize, Serialize};
use view::{GroupName, LinkState};

use crate::answer::Answer;
use crate::core::Core;
use crate::event::{Ask, CallId, Reply, Timer};
use crate::failover::{Plan, Stage};
use crate::group::Group;
use crate::record::{Moment, Verdict};
use crate::select::{self, Candidate, Demands};
use crate::server::Server;

use view::Offset;

/// A switchover for which no replica is fit yet.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Awaited {
    call: CallId,
    to: Option<SocketAddr>,
    /// Whether its end is wanted to be heard.
    wait: bool,
    /// When to ask all servers again how they stand.
    ask_at: Instant,
    until: Instant,
}

impl Awaited {
    pub(crate) fn deadline(&self) -> (Instant, Timer) {
        (self.ask_at.min(self.until), Timer::Attempt)
    }
}

/// Why a master was not made to hold writes, and what an operator can do about it.
fn unheld(master: SocketAddr, answer: &Answer) -> String {
    let (said, remedy) = match answer {
        Answer::Denied { text } => {
            (text.as_str(), "Allow it to the user that Standfast is there: `ACL SETUSER <user> +client`")
        }
        Answer::Error { text } => (
            text.as_str(),
            "If `rename-command` hides CLIENT there, give it back; a sentinel.conf can name it with a `rename-command` of its own",
        ),
        Answer::Strange { text } => (text.as_str(), "Is this port really a Redis?"),
        Answer::Busy => ("BUSY", "A script runs there: try again when it has ended, or end it (`SCRIPT KILL`)"),
        _ => ("", "Try again"),
    };
    format!("the master {master} does not hold writes (CLIENT PAUSE: {said}), so that nothing was changed. {remedy}")
}

/// The refusal of stock, as on the wire.
const NONE_FIT: &str = "NOGOODSLAVE";

/// How long a replica may take to be fit. A node that was just started has heard all servers by then, and a replica that lost its master
/// has found it again: it looks for it every second.
const HEAR: Duration = Duration::from_secs(2);

/// How often all are asked meanwhile.
const HEAR_AGAIN: Duration = Duration::from_millis(50);

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
        match self.may_switch(core, to) {
            Ok(()) => self.switch(core, call, to, wait),
            // What is known of the replicas may be a second old, or nothing, if this node has just begun.
            Err((NONE_FIT, _)) if self.awaited.is_none() => {
                self.awaited = Some(Awaited { call, to, wait, ask_at: core.now, until: core.now + HEAR });
            }
            Err((code, why)) => core.refuse(call, code, why),
        }
    }

    /// A switchover for which no replica was fit when it was asked for: one is, or it is refused.
    pub(crate) fn begin_awaited(&mut self, core: &mut Core) {
        let Some(Awaited { call, to, wait, ask_at, until }) = self.awaited else { return };
        match self.may_switch(core, to) {
            Ok(()) => {
                self.awaited = None;
                self.switch(core, call, to, wait);
            }
            Err((NONE_FIT, _)) if core.now < until => {
                if ask_at <= core.now {
                    self.servers.values_mut().for_each(|server| server.ask_info(core));
                    self.awaited = Some(Awaited { call, to, wait, ask_at: core.now + HEAR_AGAIN, until });
                }
            }
            Err((code, why)) => {
                self.awaited = None;
                // Who does not wait speaks the language of stock, and gets its words.
                let more = if wait && code == NONE_FIT { self.unfit(core, to) } else { String::new() };
                core.refuse(call, code, format!("{why}{more}"));
            }
        }
    }

    /// What waits for a replica is refused.
    pub(crate) fn refuse_awaited(&mut self, core: &mut Core, why: &str) {
        if let Some(awaited) = self.awaited.take() {
            core.refuse(awaited.call, "ERR", why);
        }
    }

    fn switch(&mut self, core: &mut Core, call: CallId, to: Option<SocketAddr>, wait: bool) {
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
            return Err((NONE_FIT, "No suitable replica to promote"));
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
        self.look_over(core, to).0.map(select::Chosen::addr)
    }

    /// What speaks against each replica, for people.
    fn unfit(&self, core: &Core, to: Option<SocketAddr>) -> String {
        let verdicts = self.look_over(core, to).1;
        if verdicts.is_empty() {
            return String::from(": this node knows of no replica");
        }
        let each: Vec<String> = verdicts.iter().map(|v| format!("{}: {}", v.addr, v.why)).collect();
        format!(" ({})", each.join("; "))
    }

    fn look_over(&self, core: &Core, to: Option<SocketAddr>) -> (Option<select::Chosen>, Vec<Verdict>) {
        let heard = |s: &Server| match &s.info {
            _ if s.is_down() => Err("it is down"),
            _ if !s.command.is_up() => Err("this node is not connected to it"),
            None => Err("it has not said yet how it stands"),
            Some(_) if s.link_state(self.master) != LinkState::Up && !self.master_is_down() => {
                Err("it does not hear the master")
            }
            Some(_) => Ok(()),
        };
        let replicas = self.servers.values().filter(|s| s.addr != self.master);
        let candidates: Vec<Candidate<'_>> = replicas
            .map(|s| Candidate {
                addr: s.addr,
                sealed: heard(s).and_then(|()| s.info.as_ref().ok_or("it has not said yet how it stands")),
                stale: self.staleness(core, s),
            })
            .collect();
        let demands = Demands {
            history: self.history.as_ref(),
            max_stale: self.max_stale(to),
            only: to,
            is_named: true,
            at_least: Offset(0),
            master: self.master_offset(),
        };
        select::choose(&candidates, &demands)
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
                self.abort(core, "-failover-abort-master-timeout", &unheld(from, answer));
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
                    let note = format!("offset {}", info.offset);
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
        core.refuse(call, "ERR", format!("No such master with that name: {group}"));
    }
}
