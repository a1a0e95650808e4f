//! Who follows the wrong master, and when may we correct it? Outside of a failover this is how a returning master becomes
//! a replica, and how replicas that a dead leader left sealed are released.
//!
//! Correcting on stale knowledge would wipe the newer master's data. Stock waits eight seconds and hopes to have heard of
//! a newer decision by then. Here a majority must have *said*, after the fault was seen, that it takes the same master in
//! the same epoch.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, soonest};

use crate::answer::Role;
use crate::core::Core;
use crate::event::{Ask, Level, Timer};
use crate::failover::Failover;
use crate::group::Group;
use crate::server::Server;

/// An order that shows no effect is repeated after this long.
const FIX_AGAIN: Duration = Duration::from_secs(2);

/// A replica without the right master may be part of a failover that we do not know of: it is left alone this much longer
/// than a leader's time can last.
const SEAL_GRACE: Duration = Duration::from_secs(1);

impl Group {
    /// Orders whoever follows the wrong master to follow the right one, where that is beyond doubt.
    pub(crate) fn mend(&mut self, core: &mut Core) {
        if !self.may_mend(core) {
            return;
        }
        let wrong: Vec<SocketAddr> = self
            .servers
            .values()
            .filter(|s| self.fix_due(s).is_some_and(|at| at <= core.now) && self.majority_agrees(s))
            .map(|s| s.addr)
            .collect();
        for addr in wrong {
            self.fix(core, addr);
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
        let since = server.wrong_since?;
        let patience = match server.role() {
            Some(Role::Master) => Duration::ZERO,
            _ => self.rules.promise() + SEAL_GRACE,
        };
        Some((since + patience).max(server.fix_at))
    }

    /// Whether a majority, this node included, has said since the fault was seen that the present master is the one.
    fn majority_agrees(&self, server: &Server) -> bool {
        let Some(since) = server.wrong_since else { return false };
        let agree = self.peers.values().filter(|p| p.agrees(since, self.master, self.config_epoch));
        1 + agree.count() >= self.votes_needed()
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
        // What is due and not done waits for an event: a hello, a master that is one again, the end of a failover.
        let mut next = dues.filter(|&at| at > core.now).map(|at| Some((at, Timer::Fix))).fold(None, soonest);
        if let Some(promise) = self.promise.as_ref().filter(|p| p.until > core.now) {
            next = soonest(next, Some((promise.until, Timer::Fix)));
        }
        next
    }
}
