//! A stock Sentinel's failover, step by step at its ticks: wait for votes, select, promote, wait for the role, make the others
//! follow, and only then switch itself.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use machine::Instant;
use sentinel::{Ask, Role};
use view::Epoch;

use crate::ground::Ground;
use crate::place::name_of;
use crate::stock::Stock;
use crate::stock::opinion::order;
use crate::stock::watch::{INFO_PERIOD, PERIOD, Watched};

/// One attempt.
pub(super) struct Failover {
    epoch: Epoch,
    /// The random delay of its beginning included.
    started: Instant,
    changed: Instant,
    step: Step,
}

enum Step {
    /// `wait_start`.
    Votes,
    /// It is to be told to be master, once it is connected.
    Promote(SocketAddr),
    /// `wait_promotion`.
    Promoted(SocketAddr),
    /// The others follow: whom it told, when, and who is done.
    Reconf(SocketAddr, BTreeMap<SocketAddr, (Instant, bool)>),
}

impl Failover {
    pub(super) const fn new(epoch: Epoch, started: Instant) -> Self {
        Self { epoch, started, changed: started, step: Step::Votes }
    }

    pub(super) const fn promoted(&self) -> Option<SocketAddr> {
        match self.step {
            Step::Reconf(to, _) => Some(to),
            _ => None,
        }
    }

    pub(super) const fn explain(&self) -> &'static str {
        match self.step {
            Step::Votes => "it waits for votes",
            Step::Promote(_) | Step::Promoted(_) => "it waits for a promotion",
            Step::Reconf(..) => "it waits for the others to follow",
        }
    }
}

impl Stock {
    /// The failover's next step, if it is due.
    pub(super) fn go_on(&mut self, g: &mut Ground) {
        let Some(failover) = &self.mind.failover else { return };
        let (epoch, started, changed) = (failover.epoch, failover.started, failover.changed);
        let too_long = g.now.since(changed) > self.rules.failover_timeout;
        match &failover.step {
            Step::Votes => self.wait_for_votes(g, epoch, started),
            Step::Promote(to) => {
                let to = *to;
                if too_long {
                    self.abort(g, "stock: abort, the promotion is too slow");
                } else if self.mind.servers.get_mut(&to).is_some_and(|s| order(g, &mut s.wire, Ask::Promote)) {
                    self.step(g, Step::Promoted(to));
                }
            }
            Step::Promoted(_) if too_long => self.abort(g, "stock: abort, the promotion is too slow"),
            Step::Promoted(_) => {}
            Step::Reconf(to, _) => {
                let to = *to;
                self.reconf(g, to, too_long);
            }
        }
    }

    fn step(&mut self, g: &Ground, step: Step) {
        if let Some(failover) = &mut self.mind.failover {
            failover.step = step;
            failover.changed = g.now;
        }
    }

    fn abort(&mut self, g: &mut Ground, why: &str) {
        g.coverage.mark(why);
        self.say(g, || why.to_string());
        self.mind.failover = None;
    }

    fn wait_for_votes(&mut self, g: &mut Ground, epoch: Epoch, started: Instant) {
        let winner = self.winner(g, epoch);
        if winner.as_ref() != Some(&self.id) {
            let patience = ELECTION.min(self.rules.failover_timeout);
            if g.now > started + patience {
                self.abort(g, "stock: abort, not elected");
            }
            return;
        }
        self.say(g, || format!("+elected-leader e{epoch}"));
        if epoch == self.mind.epoch {
            g.coverage.mark("stock: elected");
            let checked = g.judge.elected(self.place(), &self.name, epoch);
            g.check(checked);
        } else {
            // It counts the votes of the current epoch for an attempt of an older one: then two lead the older one.
            g.coverage.mark("stock: elected in an epoch that is over");
            g.judge.waive(&self.name, epoch);
        }
        match self.select(g.now) {
            Some(to) => {
                self.say(g, || format!("selects {}", name_of(to)));
                self.step(g, Step::Promote(to));
            }
            None => self.abort(g, "stock: abort, nobody is fit"),
        }
    }

    fn select(&self, now: Instant) -> Option<SocketAddr> {
        let down_for = self.master_down_since().map(|at| now.since(at));
        let fresh = if down_for.is_some() { 5 * PERIOD } else { 3 * INFO_PERIOD };
        let max_link_down = 10 * self.rules.down_after + down_for.unwrap_or_default();
        let fit = |s: &Watched| {
            let Some(info) = &s.info else { return false };
            let link_down = Duration::from_secs(info.link_down_seconds.unwrap_or_default());
            s.health.down_since.is_none()
                && s.wire.up
                && now.since(s.health.pong_at) < 5 * PERIOD
                && s.info_at.is_some_and(|at| now.since(at) < fresh)
                && info.priority > 0
                && link_down <= max_link_down
        };
        let candidates = self.mind.servers.iter().filter(|(addr, s)| **addr != self.mind.master && fit(s));
        let rank = |s: &Watched| s.info.as_ref().map(|i| (i.priority, Reverse(i.offset), i.run_id.clone()));
        candidates.min_by_key(|(_, s)| rank(s)).map(|(addr, _)| *addr)
    }

    /// An INFO was read: the promotion may have shown, or a replica may have moved.
    pub(super) fn on_role_seen(&mut self, g: &mut Ground, addr: SocketAddr) {
        let Some(failover) = &mut self.mind.failover else { return };
        let Some(info) = self.mind.servers.get(&addr).and_then(|s| s.info.as_ref()) else { return };
        let epoch = failover.epoch;
        match &mut failover.step {
            Step::Promoted(to) if *to == addr && info.role == Role::Master => {
                self.mind.config_epoch = epoch;
                g.coverage.mark("stock: promoted");
                self.say(g, || format!("+promoted {} e{epoch}", name_of(addr)));
                let checked = g.judge.decided(self.place(), &self.name, epoch, addr);
                g.check(checked);
                self.step(g, Step::Reconf(addr, BTreeMap::new()));
                self.save();
                self.hello_now();
            }
            Step::Reconf(to, told) => {
                if let Some((_, done)) = told.get_mut(&addr) {
                    *done |= info.master == Some(*to) && info.link_up;
                }
            }
            _ => {}
        }
    }

    /// Some at a time: a replica that does not move counts as done after a while.
    fn reconf(&mut self, g: &mut Ground, to: SocketAddr, too_long: bool) {
        let (now, master, at_once) = (g.now, self.mind.master, self.rules.parallel_syncs);
        let Some(Failover { step: Step::Reconf(_, told), epoch, .. }) = &mut self.mind.failover else { return };
        let epoch = *epoch;
        for (at, done) in told.values_mut() {
            *done |= now.since(*at) > RECONF;
        }
        let mut under_way = told.values().filter(|(_, done)| !done).count();
        let mut all_done = true;
        for (addr, server) in self.mind.servers.iter_mut().filter(|(a, _)| **a != master && **a != to) {
            let is_done = told.get(addr).map(|(_, done)| *done);
            let is_down = server.health.down_since.is_some();
            all_done &= is_done == Some(true) || is_down;
            let may = too_long || under_way < at_once;
            if is_done.is_none() && !is_down && may && order(g, &mut server.wire, Ask::Replicate { master: to }) {
                told.insert(*addr, (now, false));
                under_way += 1;
            }
        }
        if all_done || too_long {
            g.coverage.mark("stock: a failover ends");
            self.switch_to(g, to, epoch);
        }
    }
}

/// `ELECTION-TIMEOUT`.
const ELECTION: Duration = Duration::from_secs(10);

/// After so long a replica that does not move is done.
const RECONF: Duration = Duration::from_secs(10);
