//! Who follows the wrong master, and when may we correct it? Outside of a failover this is how a returning master becomes
//! a replica, and how replicas that a dead leader left sealed are released.
//!
//! Correcting on stale knowledge would wipe the newer master's data. Stock waits eight seconds and hopes to have heard of
//! a newer decision by then. Here the other nodes are *asked*, after the fault was seen, whom they take for master, and a
//! majority must name the same one. Their hellos would not do: a server that hung keeps them back, and hands them out
//! later, one old decision after the other.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, soonest};

use crate::answer::Role;
use crate::config::PROMISE;
use crate::core::Core;
use crate::event::{Ask, Level, Timer};
use crate::failover::Failover;
use crate::group::Group;
use crate::server::{Server, Wrong};

/// An order that shows no effect is repeated after this long.
const FIX_AGAIN: Duration = Duration::from_secs(2);

/// How long the leader that made the present master is left to make the others follow.
const LEADER_GRACE: Duration = Duration::from_secs(1);

/// How often the others are asked whom they take for master while somebody follows the wrong one.
const CHECK_PERIOD: Duration = Duration::from_millis(200);

/// For how long their answer counts.
const CHECK_AGE: Duration = Duration::from_secs(1);

/// A sealed replica, or one that was promoted a moment ago, may be part of a failover that we do not know of: it is left
/// alone this much longer than a leader's time can last.
const SEAL_GRACE: Duration = Duration::from_secs(1);

impl Group {
    /// Orders whoever follows the wrong master to follow the right one, where that is beyond doubt.
    pub(crate) fn mend(&mut self, core: &mut Core) {
        if !self.may_mend(core) || !self.is_fix_due(core) {
            return;
        }
        self.ask_who_is_master(core);
        let is_clear = |s: &&Server| self.fix_due(s).is_some_and(|at| at <= core.now) && self.majority_agrees(core, s);
        let (masters, replicas): (Vec<_>, Vec<_>) =
            self.servers.values().filter(is_clear).partition(|s| s.role() == Some(Role::Master));
        // A second master is one too many at once; who copies may have to wait for others that do.
        let copying = self.servers.values().filter(|s| s.is_copying(core.now, self.master));
        let room = (self.rules.parallel_syncs as usize).max(1).saturating_sub(copying.count());
        let wrong: Vec<SocketAddr> =
            masters.into_iter().chain(replicas.into_iter().take(room)).map(|s| s.addr).collect();
        for addr in wrong {
            self.fix(core, addr);
        }
    }

    fn is_fix_due(&self, core: &Core) -> bool {
        self.servers.values().any(|s| self.fix_due(s).is_some_and(|at| at <= core.now))
    }

    fn ask_who_is_master(&mut self, core: &mut Core) {
        if self.check_at > core.now {
            return;
        }
        self.check_at = core.now + CHECK_PERIOD;
        let ask = Ask::WhoIsMaster { group: self.name.clone() };
        for peer in self.peers.values_mut() {
            if let Some(link) = peer.line.up()
                && !link.awaits(|a| *a == ask)
            {
                link.send(core, ask.clone());
            }
        }
    }

    /// Whether this is a time for corrections at all: nothing is being decided, and the master is one.
    fn may_mend(&self, core: &Core) -> bool {
        let sane = self.master_server().is_some_and(|m| !m.is_down() && m.role() == Some(Role::Master));
        let deciding = self.failover.as_ref().is_some_and(Failover::is_undecided);
        sane && !deciding && self.odown.is_none() && !core.is_tilted() && !self.is_promised(core)
    }

    fn is_promised(&self, core: &Core) -> bool {
        self.promise.as_ref().is_some_and(|p| core.now < p.until)
    }

    /// When a server may be ordered: `None` if nothing is wrong with it, or it cannot be reached.
    fn fix_due(&self, server: &Server) -> Option<Instant> {
        if server.addr == self.master || server.is_down() || !server.command.is_up() {
            return None;
        }
        let wrong = server.wrong?;
        let patience = if wrong.by_a_leader { PROMISE + SEAL_GRACE } else { Duration::ZERO };
        // Just after a change of master its leader is at work, and gentler than we would be; it need not wait for itself.
        let grace = if self.led { Duration::ZERO } else { LEADER_GRACE };
        Some((wrong.since + patience).max(self.switched_at + grace).max(server.fix_at))
    }

    /// Whether a majority, this node included, names the present master in answer to a question of ours that is both
    /// younger than the fault and not old; and whether the server itself answered lately. An order to one that does not
    /// answer may be executed much later, when something else has been decided.
    fn majority_agrees(&self, core: &Core, server: &Server) -> bool {
        let Some(Wrong { since, .. }) = server.wrong else { return false };
        if core.now.since(server.evidence.good) > 2 * self.rules.ping_period() {
            return false;
        }
        let since = since.max(core.now - CHECK_AGE);
        let agree = self.peers.values().filter(|p| p.agrees(since, self.master));
        1 + agree.count() >= self.majority()
    }

    fn fix(&mut self, core: &mut Core, addr: SocketAddr) {
        let master = self.master;
        let id = self.id_of_server(addr);
        let Some(server) = self.servers.get_mut(&addr) else { return };
        server.fix_at = core.now + FIX_AGAIN;
        if !server.command.send(core, Ask::Replicate { master }) {
            return;
        }
        server.command.send(core, Ask::Rewrite);
        let was_master = server.role() == Some(Role::Master);
        if was_master {
            server.command.send(core, Ask::KickClients);
        }
        server.info_at = core.now;
        let name = if was_master { "+convert-to-slave" } else { "+fix-slave-config" };
        core.announce(Level::Notice, Some(&self.name), name, id);
    }

    pub(crate) fn mend_deadline(&self, core: &Core) -> Option<(Instant, Timer)> {
        let dues = self.servers.values().filter_map(|s| self.fix_due(s));
        let mut next = dues.filter(|&at| at > core.now).map(|at| Some((at, Timer::Fix))).fold(None, soonest);
        // What is due waits for the others' answers. Where this is no time for corrections it waits for an event: a master
        // that is one again, the end of a failover.
        if self.may_mend(core) && self.is_fix_due(core) {
            next = soonest(next, Some((self.check_at, Timer::Fix)));
        }
        if let Some(promise) = self.promise.as_ref().filter(|p| p.until > core.now) {
            next = soonest(next, Some((promise.until, Timer::Fix)));
        }
        next
    }
}
