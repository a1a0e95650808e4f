//! From when on does it mean *down*? Subjectively (sdown: for this node), then objectively (odown: for the quorum).

use machine::Instant;
use view::{Epoch, RunId};

use core::net::SocketAddr;
use core::time::Duration;

use crate::core::Core;
use crate::event::{Ask, Level, Timer, words};
use crate::evidence::Why;
use crate::group::Group;
use crate::manage::Knob;
use crate::peer::Word;
use crate::prelude::Prelude;
use crate::record::Moment;
use crate::server::{Down, INFO_PERIOD, Server};
use crate::vote::Attempt;

/// How often the others are asked about a master that is down for us, until they agree. Stock: 1 s.
const ASK_PERIOD: Duration = Duration::from_millis(100);

/// The same at first. Whoever notices first asks nodes that are a moment behind; were it to ask again only after
/// [`ASK_PERIOD`], all would agree at different times, and the ranks that keep them from trying together would be for nothing.
const ASK_SOON: Duration = Duration::from_millis(15);

/// How long is *at first*.
const AT_FIRST: Duration = Duration::from_millis(300);

/// The same once they have agreed: their word must not expire.
const ASK_AGAIN: Duration = Duration::from_millis(500);

impl Group {
    /// Brings sdown and odown up to date.
    pub(crate) fn judge(&mut self, core: &mut Core) {
        self.judge_servers(core);
        self.judge_peers(core);
        self.judge_master(core);
    }

    fn judge_servers(&mut self, core: &mut Core) {
        let addrs: alloc::vec::Vec<SocketAddr> = self.servers.keys().copied().collect();
        for addr in addrs {
            let wrong_role = self.wrong_role_at(addr).is_some_and(|at| at <= core.now);
            let Some(server) = self.servers.get_mut(&addr) else { continue };
            let why = server
                .verdict(core.now, &self.rules, addr == self.master)
                .or_else(|| wrong_role.then_some(Why::WrongRole))
                .or_else(|| (server.lost_data.is_some() && addr == self.master).then_some(Why::LostData));
            match (why, server.down) {
                (Some(why), None) => {
                    let since = core.now;
                    server.down = Some(Down { since, why });
                    self.on_sdown(core, addr, why);
                }
                // It answers again, and what is wrong is something else: what may be done about it differs.
                (Some(why), Some(down)) if why != down.why => server.down = Some(Down { why, ..down }),
                (None, Some(_)) => {
                    server.down = None;
                    if addr == self.master {
                        self.prelude = Prelude::default();
                    }
                    let id = self.id_of_server(addr);
                    core.announce(Level::Warning, Some(&self.name), "-sdown", id);
                }
                _ => {}
            }
        }
    }

    fn on_sdown(&mut self, core: &mut Core, addr: SocketAddr, why: Why) {
        core.announce(Level::Warning, Some(&self.name), "+sdown", self.id_of_server(addr));
        if addr == self.master {
            let since = self.servers.get(&addr).and_then(|s| match why {
                Why::WrongRole => s.wrong.map(|w| w.role_since),
                _ => s.evidence.suspected_since(),
            });
            if let Some(at) = since {
                self.foresee(at, Moment::Suspected, why.text());
                let what = alloc::format!("first sign: {}", why.text());
                self.witness(at, core.id.clone(), core.announce, what);
            }
            self.foresee(core.now, Moment::Detected, why.text());
            self.witness(core.now, core.id.clone(), core.announce, alloc::format!("down for it: {}", why.text()));
            self.ask_at = core.now;
        }
    }

    /// When a master that says it is a replica counts as down: longer than any reconfiguration of ours takes to show.
    fn wrong_role_at(&self, addr: SocketAddr) -> Option<Instant> {
        let since = self.servers.get(&addr).filter(|_| addr == self.master)?.wrong?.role_since;
        Some(since + self.rules.down_after + 2 * INFO_PERIOD)
    }

    pub(crate) fn wrong_role_deadline(&self, now: Instant) -> Option<(Instant, Timer)> {
        // Once it is due the verdict stands, and it ends by an event.
        let at = self.wrong_role_at(self.master).filter(|&at| at > now)?;
        Some((at, Timer::Down))
    }

    fn judge_peers(&mut self, core: &mut Core) {
        let ids: alloc::vec::Vec<RunId> = self.peers.keys().cloned().collect();
        for id in ids {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            let why = peer.verdict(core.now, &self.rules);
            let name = match (why, peer.down.is_some()) {
                (Some(why), false) => {
                    let since = core.now;
                    peer.down = Some(Down { since, why });
                    "+sdown"
                }
                (None, true) => {
                    peer.down = None;
                    "-sdown"
                }
                _ => continue,
            };
            let addr = peer.addr;
            core.announce(Level::Warning, Some(&self.name), name, self.id_of_peer(&id, addr));
        }
    }

    fn judge_master(&mut self, core: &mut Core) {
        let have = 1 + self.peers.values().filter(|p| p.sees_master_down(core.now)).count();
        let need = self.rules.quorum as usize;
        let agreed = self.master_is_down() && have >= need;
        match (agreed, self.odown) {
            (true, None) => {
                self.odown = Some(core.now);
                let text = words(&[&self.id_of_master(), &"#quorum", &alloc::format!("{have}/{need}")]);
                core.announce(Level::Warning, Some(&self.name), "+odown", text);
                self.foresee(core.now, Moment::Agreed, alloc::format!("{have} of {need} nodes"));
                self.plan_attempt(core);
            }
            (false, Some(_)) => {
                self.odown = None;
                self.attempt = Attempt::default();
                core.announce(Level::Warning, Some(&self.name), "-odown", self.id_of_master());
            }
            _ => {}
        }
    }

    // === what the others say ===

    fn is_asking(&self) -> bool {
        self.master_is_down() && !self.peers.is_empty()
    }

    /// Asks the others about a master that is down for us, where that is due.
    pub(crate) fn ask_peers(&mut self, core: &mut Core) {
        if !self.is_asking() || self.ask_at > core.now {
            return;
        }
        let since = self.master_server().and_then(|m| m.down).map_or(core.now, |d| d.since);
        let period = match self.odown {
            Some(_) => ASK_AGAIN,
            None if core.now.since(since) < AT_FIRST => ASK_SOON,
            None => ASK_PERIOD,
        };
        self.ask_at = core.now + core.pace.at_most(Knob::AskPeriod, period);
        let ask = Ask::IsMasterDown { master: self.master, epoch: core.epoch, candidate: None };
        for peer in self.peers.values_mut() {
            if let Some(link) = peer.line.up()
                && !link.awaits(|ask| matches!(ask, Ask::IsMasterDown { .. }))
            {
                link.send(core, ask.clone());
            }
        }
    }

    pub(crate) fn ask_deadline(&self) -> Option<(Instant, Timer)> {
        self.is_asking().then_some((self.ask_at, Timer::AskPeers))
    }

    /// Another node answered about `master`. Its word counts only if it is about the present one: stock counts any, and
    /// then sometimes fails over a healthy, fresh master by answers about the old one.
    pub(crate) fn on_word(
        &mut self,
        core: &mut Core,
        id: &RunId,
        master: SocketAddr,
        down: bool,
        leader: Option<RunId>,
        epoch: Epoch,
    ) {
        if master != self.master {
            return;
        }
        if core.is_absurd(epoch) {
            core.stats.malformed += 1;
            return;
        }
        let Some(peer) = self.peers.get_mut(id) else { return };
        let before = peer.word.replace(Word { at: core.now, down }).is_some_and(|w| w.down);
        if before != down {
            let (id, addr) = (id.clone(), peer.addr);
            self.witness(core.now, id, addr, if down { "says that it is down" } else { "says that it is up" });
        }
        core.adopt_epoch(&self.name, epoch);
        if let Some(leader) = leader {
            self.on_vote(core, id, leader, epoch);
        }
    }

    /// The master's entry, which always exists.
    pub(crate) fn master_server(&self) -> Option<&Server> {
        self.servers.get(&self.master)
    }
}
