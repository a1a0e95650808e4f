//! The promotion is made: it is told, and everybody else comes to follow the new master, so many at a time as the file says.
//!
//! ```text
//!              waiting ──order──> sent ──INFO names the new master──> in progress ──its link is up──> done
//!                                  └─── nothing for 10 s: counts as done
//! ```
//!
//! The new master serves from the commit on. Subscribers hear `+switch-master` after `+failover-end`, in stock's order, but not later than
//! [`TELL_LIMIT`] after the commit: nobody waits for the slowest copy.

use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, soonest};
use serde::{Deserialize, Serialize};
use view::LinkState;

use crate::core::Core;
use crate::event::{Ask, Level, Reply, Timer, words};
use crate::failover::{Failover, Stage};
use crate::group::Group;
use crate::manage::Knob;
use crate::record::{Moment, Outcome};
use crate::server::Server;

/// How far one replica is in following the new master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sync {
    /// Its turn has not come.
    Waiting,
    /// It was ordered to.
    Sent { at: Instant },
    /// It says that it follows; its link is not up.
    InProgress,
    /// It follows, or has been waited for long enough.
    Done,
}

impl Sync {
    /// Stock's flag for it.
    pub(crate) const fn flag(self) -> Option<&'static str> {
        match self {
            Self::Waiting => None,
            Self::Sent { .. } => Some("reconf_sent"),
            Self::InProgress => Some("reconf_inprog"),
            Self::Done => Some("reconf_done"),
        }
    }

    const fn is_under_way(self) -> bool {
        matches!(self, Self::Sent { .. } | Self::InProgress)
    }
}

impl Failover {
    pub(crate) fn repoint_deadline(&self, since: Instant, until: Instant) -> Option<(Instant, Timer)> {
        let stuck = self.syncs.values().filter_map(|sync| match *sync {
            Sync::Sent { at } => Some((at + STUCK_AT_MOST, Timer::Step)),
            Sync::Waiting | Sync::InProgress | Sync::Done => None,
        });
        let tell = Some((since + TELL_LIMIT, Timer::Step)).filter(|_| !self.told);
        stuck.map(Some).fold(soonest(tell, Some((until, Timer::Step))), soonest)
    }
}

impl Group {
    /// The decision is on disk (or the disk is broken, and waiting would only prolong the outage): it is made.
    pub(crate) fn commit(&mut self, core: &mut Core, to: SocketAddr, need: u64, until: Instant) -> bool {
        if !core.is_tried(need) && until > core.now {
            return false;
        }
        let Some(failover) = &self.failover else { return false };
        let from = self.master;
        self.config_epoch = failover.epoch;
        self.switch_to(core, to);
        self.led = true;
        core.stats.switched += 1;
        core.announce(Level::Warning, Some(&self.name), "+failover-state-reconf-slaves", self.id_of_master());
        core.tell_clients(&self.name, "leader", from, to);
        let Some(failover) = &mut self.failover else { return false };
        failover.told = false;
        failover.record.step(core.now, Moment::Published, "");
        failover.stage = Stage::Reconfiguring { since: core.now, until: core.now + self.rules.failover_timeout };
        if let Some(plan) = &failover.plan {
            let held = plan.held_since.map_or(Duration::ZERO, |at| core.now.since(at));
            failover.record.held = held;
            let epoch = failover.epoch;
            if let Some(call) = plan.call {
                core.reply(call, Reply::Switched { from, to, epoch, held });
            }
        }
        let others = self.servers.keys().filter(|addr| ![from, to].contains(addr));
        failover.syncs = others.map(|addr| (*addr, Sync::Waiting)).collect();
        self.repoint_old_master(core, from);
        true
    }

    /// It must not stay a second master for a moment longer than it takes, whoever else is copying.
    fn repoint_old_master(&mut self, core: &mut Core, from: SocketAddr) {
        let Some(failover) = &self.failover else { return };
        let planned = failover.plan.is_some();
        let in_time = core.now < failover.lease_until;
        let master = self.master;
        if from == master {
            // It had been made a replica by somebody, and is what it was.
            return;
        }
        let Some(server) = self.servers.get_mut(&from) else { return };
        // The master that we told to hold writes is ours to release, late or not; and not as a second master.
        if !(in_time || planned) || !server.command.send(core, Ask::Replicate { master }) {
            return;
        }
        if planned {
            // Writes that were held there are now refused, hence surely not executed, and proxies send them on.
            server.command.send(core, Ask::Unpause);
            server.kick_at = Some(core.now + KICK_AFTER);
        }
        server.command.send(core, Ask::Rewrite);
    }

    /// Orders the others to follow, as many at a time as may copy; ends when they do, or when it takes too long.
    pub(crate) fn reconfigure(&mut self, core: &mut Core, since: Instant, until: Instant) -> bool {
        self.look_at_syncs(core);
        let is_late = until <= core.now;
        self.order_syncs(core, is_late);
        let follow = |s: &Server| s.is_down() || s.link_state(self.master) == LinkState::Up;
        let all = self.servers.values().filter(|s| s.addr != self.master).all(follow);
        let syncs_done = self.failover.as_ref().is_some_and(|f| f.syncs.values().all(|s| *s == Sync::Done));
        if (all && syncs_done) || is_late || self.odown.is_some() {
            self.finish(core, all);
        } else if since + TELL_LIMIT <= core.now {
            self.tell_switch(core);
        }
        false
    }

    fn look_at_syncs(&mut self, core: &mut Core) {
        let now = core.now;
        let stuck = core.pace.at_most(Knob::ReplicaReconfTimeout, STUCK_AT_MOST);
        let addrs: alloc::vec::Vec<SocketAddr> = self.failover.iter().flat_map(|f| f.syncs.keys().copied()).collect();
        for addr in addrs {
            let Some(server) = self.servers.get(&addr) else { continue };
            let (down, follows) = (server.is_down(), server.follows(self.master));
            let up = follows && server.info.as_ref().is_some_and(|i| i.link_up);
            let id = self.id_of_server(addr);
            let Some(sync) = self.failover.as_mut().and_then(|f| f.syncs.get_mut(&addr)) else { continue };
            let mut tell = |name: &str| core.announce(Level::Notice, Some(&self.name), name, id.clone());
            if let Sync::Sent { .. } = *sync
                && follows
            {
                *sync = Sync::InProgress;
                tell("+slave-reconf-inprog");
            }
            match *sync {
                Sync::InProgress if up => {
                    *sync = Sync::Done;
                    tell("+slave-reconf-done");
                }
                // One that copies takes as long as its data need.
                Sync::Sent { at } if at + stuck <= now => {
                    *sync = Sync::Done;
                    tell("-slave-reconf-sent-timeout");
                }
                // It may come back at any time, and is mended then.
                Sync::Waiting | Sync::Sent { .. } | Sync::InProgress if down => *sync = Sync::Done,
                _ => {}
            }
        }
    }

    /// `all`: however many copy already.
    pub(crate) fn order_syncs(&mut self, core: &mut Core, all: bool) {
        let master = self.master;
        let Some(failover) = &self.failover else { return };
        // Late, another leader's decision may be on its way to us: then who follows whom is corrected by a majority's word.
        let in_time = core.now < failover.lease_until;
        let under_way = failover.syncs.values().filter(|s| s.is_under_way()).count();
        let mut room = (self.rules.parallel_syncs as usize).max(1).saturating_sub(under_way);
        let waiting: alloc::vec::Vec<SocketAddr> =
            failover.syncs.iter().filter(|(_, s)| **s == Sync::Waiting).map(|(addr, _)| *addr).collect();
        for addr in waiting {
            if room == 0 && !all {
                return;
            }
            let id = self.id_of_server(addr);
            let Some(server) = self.servers.get_mut(&addr) else { continue };
            let sent = in_time && server.command.send(core, Ask::Replicate { master });
            let Some(sync) = self.failover.as_mut().and_then(|f| f.syncs.get_mut(&addr)) else { continue };
            if !sent {
                if !in_time {
                    *sync = Sync::Done;
                }
                continue;
            }
            *sync = Sync::Sent { at: core.now };
            room = room.saturating_sub(1);
            server.command.send(core, Ask::Info);
            server.command.send(core, Ask::Rewrite);
            let name = if all { "+slave-reconf-sent-be" } else { "+slave-reconf-sent" };
            core.announce(Level::Notice, Some(&self.name), name, id);
        }
    }

    fn finish(&mut self, core: &mut Core, all: bool) {
        if !all {
            core.announce(Level::Warning, Some(&self.name), "+failover-end-for-timeout", self.id_of_master());
        }
        core.announce(Level::Warning, Some(&self.name), "+failover-end", self.id_of_master());
        if let Some(server) = self.servers.get_mut(&self.master) {
            // Only now: a server answers nobody while it writes its file, which takes as long as its disk wants.
            server.command.send(core, Ask::Rewrite);
        }
        if let Some(Failover { mut record, .. }) = self.failover.take() {
            record.step(core.now, Moment::Ended, if all { "" } else { "not everyone follows yet" });
            record.outcome = Some(Outcome::Switched);
            core.keep_record(record);
        }
        self.tell_switch(core);
    }

    /// Tells subscribers of the new master, unless they have been told.
    pub(crate) fn tell_switch(&mut self, core: &mut Core) {
        let (old, new) = (self.told, self.master);
        self.told = new;
        if let Some(failover) = &mut self.failover {
            failover.told = true;
        }
        if old == new {
            return;
        }
        let text = words(&[&self.name, &old.ip(), &old.port(), &new.ip(), &new.port()]);
        core.announce(Level::Warning, Some(&self.name), "+switch-master", text);
        let others = self.servers.keys().copied().filter(|addr| ![old, new].contains(addr));
        let replicas: alloc::vec::Vec<SocketAddr> =
            others.chain(self.servers.contains_key(&old).then_some(old)).collect();
        for &addr in &replicas {
            core.announce(Level::Notice, Some(&self.name), "+slave", self.id_of_server(addr));
        }
        // They are other instances to who listens, of whom nothing bad was said yet.
        for &addr in replicas.iter().filter(|addr| self.servers.get(addr).is_some_and(Server::is_down)) {
            core.announce(Level::Warning, Some(&self.name), "+sdown", self.id_of_server(addr));
        }
    }

    /// Stock's flags for a replica that a failover of ours is about.
    pub(crate) fn sync_flag(&self, addr: SocketAddr) -> Option<&'static str> {
        self.failover.as_ref().and_then(|f| f.syncs.get(&addr)).and_then(|sync| sync.flag())
    }
}

/// How soon *at first* is over: by then whoever shares the new master's history follows it.
pub(crate) const AT_FIRST: Duration = Duration::from_millis(500);
/// The longest that subscribers wait for `+switch-master` after the commit.
const TELL_LIMIT: Duration = Duration::from_millis(100);
/// A replica that shows no progress for this long counts as done, as in stock Sentinel.
const STUCK_AT_MOST: Duration = Duration::from_secs(10);
/// How long after a planned switchover the old master's stray clients are made to ask anew. By then proxies have left it.
const KICK_AFTER: Duration = Duration::from_secs(1);
