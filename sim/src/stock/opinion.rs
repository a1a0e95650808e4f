//! When does a stock Sentinel take a master for down, alone and with others; and what does it correct without asking anybody?

use std::net::SocketAddr;
use std::time::Duration;

use machine::Instant;
use sentinel::{Answer, Ask, Role};
use view::{Epoch, RunId};

use crate::ground::Ground;
use crate::place::name_of;
use crate::stock::Stock;
use crate::stock::watch::{INFO_PERIOD, PUBLISH_PERIOD};

impl Stock {
    /// Who is down for it, and whether the quorum agrees about the master.
    pub(super) fn form_opinion(&mut self, g: &mut Ground) {
        let (now, down_after, master) = (g.now, self.rules.down_after, self.mind.master);
        let me = self.place();
        for (addr, server) in &mut self.mind.servers {
            let wrong = *addr == master
                && server.role() == Some(Role::Replica)
                && now.since(server.role_since) > down_after + 2 * INFO_PERIOD;
            let down = wrong || server.health.is_silent(now, server.wire.up, down_after);
            if server.health.is_now(now, down) {
                g.note(me, || format!("{}sdown {}", if down { "+" } else { "-" }, name_of(*addr)));
            }
        }
        for fellow in self.mind.fellows.values_mut() {
            let down = fellow.health.is_silent(now, fellow.wire.up, down_after);
            fellow.health.is_now(now, down);
        }
        let agree = self.mind.fellows.values().filter(|f| f.word.is_some_and(|(_, down)| down)).count();
        let odown = self.master_down_since().is_some() && 1 + agree >= self.rules.quorum;
        if odown != self.mind.odown {
            let sign = if odown { "+" } else { "-" };
            self.say(g, || format!("{sign}odown, {agree} others agree"));
            self.mind.odown = odown;
        }
    }

    pub(super) fn master_down_since(&self) -> Option<Instant> {
        self.mind.servers.get(&self.mind.master)?.health.down_since
    }

    /// Asks the others about a master that is down; for their vote, if it tries itself.
    pub(super) fn ask_others(&mut self, g: &mut Ground, at_once: bool) {
        let now = g.now;
        let is_down = self.master_down_since().is_some();
        let candidate = self.mind.failover.as_ref().map(|_| self.id.clone());
        let ask = Ask::IsMasterDown { master: self.mind.master, epoch: self.mind.epoch, candidate };
        for fellow in self.mind.fellows.values_mut() {
            if fellow.word.is_some_and(|(at, _)| now.since(at) > WORD_AGE) {
                fellow.word = None;
                fellow.vote = None;
            }
            let asked_lately = fellow.word.is_some_and(|(at, _)| now.since(at) < ASK_PERIOD);
            if is_down && (at_once || !asked_lately) {
                fellow.wire.send(g, ask.clone());
            }
        }
    }

    pub(super) fn on_word(&mut self, now: Instant, from: &RunId, down: bool, leader: Option<RunId>, epoch: Epoch) {
        let Some(fellow) = self.mind.fellows.get_mut(from) else { return };
        fellow.word = Some((now, down));
        if let Some(leader) = leader {
            fellow.vote = Some((leader, epoch));
        }
    }

    /// Another asks: is this master down for you, and do I have your vote?
    pub(super) fn on_question(
        &mut self,
        g: &mut Ground,
        master: SocketAddr,
        epoch: Epoch,
        candidate: Option<&RunId>,
    ) -> Answer {
        let is_mine = master == self.mind.master;
        let down = is_mine && self.master_down_since().is_some() && self.mind.tilt_since.is_none();
        let (leader, epoch) = match candidate.filter(|_| is_mine) {
            Some(candidate) => self.vote(g, epoch, candidate),
            None => (None, Epoch(0)),
        };
        Answer::Vote { down, leader, epoch }
    }

    /// Corrects who has followed the wrong master, or none, for long enough.
    pub(super) fn mend(&mut self, g: &mut Ground) {
        let (now, master) = (g.now, self.mind.master);
        let sane = self.mind.servers.get(&master).is_some_and(|m| {
            m.role() == Some(Role::Master)
                && m.health.down_since.is_none()
                && m.info_at.is_some_and(|at| now.since(at) < 2 * INFO_PERIOD)
        });
        if !sane || self.mind.failover.is_some() {
            return;
        }
        let me = self.place();
        for (addr, server) in self.mind.servers.iter_mut().filter(|(addr, _)| **addr != master) {
            let Some(info) = &server.info else { continue };
            let (since, patience, what) = match info.role {
                Role::Master => (server.role_since, 4 * PUBLISH_PERIOD, "stock: converts a second master"),
                Role::Replica if info.master == Some(master) => continue,
                Role::Replica => (server.follows_since, self.rules.failover_timeout, "stock: fixes a replica"),
            };
            if now.since(since) > patience && server.health.was_up_for(now, patience) {
                g.coverage.mark(what);
                g.note(me, || format!("{what}: {}", name_of(*addr)));
                order(g, &mut server.wire, Ask::Replicate { master });
                server.role_since = now;
                server.follows_since = now;
            }
        }
    }
}

/// What stock sends as one transaction.
pub(super) fn order(g: &mut Ground, wire: &mut super::watch::Wire, ask: Ask) -> bool {
    let sent = wire.send(g, ask);
    if sent {
        wire.send(g, Ask::Rewrite);
        wire.send(g, Ask::KickClients);
    }
    sent
}

/// `ASK-PERIOD`; a word counts five times as long.
const ASK_PERIOD: Duration = Duration::from_secs(1);
const WORD_AGE: Duration = Duration::from_secs(5);
