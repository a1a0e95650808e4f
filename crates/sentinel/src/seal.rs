//! Sealing and comparing: the surviving replicas are told to follow nobody, say how far they have come, and stand still
//! while the best of them is chosen. Whatever the old master still accepts cannot reach them any more, without needing to
//! reach the old master.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;
use serde::{Deserialize, Serialize};
use view::Offset;

use crate::core::Core;
use crate::event::{Ask, Level};
use crate::evidence::Why;
use crate::failover::{Failover, Stage};
use crate::group::Group;
use crate::record::{Moment, Verdict};
use crate::select::{self, Candidate, Chosen, Demands};
use crate::server::Server;

/// How long the slowest replica is waited for when sealing. One that misses this is not a candidate, no more.
pub(crate) const SEAL_WAIT: Duration = Duration::from_millis(300);

/// How far the sealing of one replica has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Seal {
    /// Told.
    Ordered,
    /// It obeyed; how far it has come is being asked.
    Obeyed,
    /// It stands still, and said where.
    Done,
    /// It refused, or its link broke.
    Failed,
}

impl Group {
    /// Orders every replica that answers to follow nobody.
    pub(crate) fn seal(&mut self, core: &mut Core) {
        let (name, master_id) = (self.name.clone(), self.id_of_master());
        let Some(failover) = &mut self.failover else { return };
        let epoch = failover.epoch;
        core.announce(Level::Warning, Some(&name), "+failover-state-select-slave", master_id);
        for server in self.servers.values_mut().filter(|s| is_eligible(s, self.master)) {
            if server.command.send(core, Ask::Seal { epoch }) {
                server.command.send(core, Ask::Info);
                failover.sealed.insert(server.addr, Seal::Ordered);
            }
        }
        let until = core.now + SEAL_WAIT;
        failover.stage = Stage::Sealing { until };
    }

    pub(crate) fn compare(&mut self, core: &mut Core, until: Instant) -> bool {
        let Some(failover) = &self.failover else { return false };
        let waiting = failover.sealed.values().any(|s| matches!(s, Seal::Ordered | Seal::Obeyed));
        // Who has been named need not wait for the others.
        let named = failover.plan.as_ref().and_then(|p| p.candidate);
        let is_ready = named.is_some_and(|addr| failover.sealed.get(&addr) == Some(&Seal::Done));
        if waiting && !is_ready && until > core.now {
            return false;
        }
        let (chosen, verdicts) = self.choose_sealed(core, failover);
        let Some(failover) = &mut self.failover else { return false };
        let done = failover.sealed.values().filter(|s| **s == Seal::Done).count();
        // A master that says it is a replica is one of them.
        let others = self.servers.keys().filter(|addr| **addr != self.master || failover.sealed.contains_key(*addr));
        let note = alloc::format!("{done} of {} replicas", others.count());
        failover.record.step(core.now, Moment::Sealed, note);
        failover.record.candidates = verdicts;
        match chosen {
            Some(chosen) => self.promote(core, chosen),
            None => {
                self.attempt.nobody_fit = true;
                if let Some(master) = self.servers.get_mut(&self.master) {
                    // Nobody knows more who could be promoted: what it came back with is what there is.
                    master.lost_data = None;
                }
                self.abort(core, "-failover-abort-no-good-slave", "no replica is fit to be promoted");
            }
        }
        true
    }

    fn choose_sealed(&self, core: &Core, failover: &Failover) -> (Option<Chosen>, Vec<Verdict>) {
        let replicas = self.servers.values().filter(|s| s.addr != self.master || is_eligible(s, self.master));
        let candidates: Vec<Candidate<'_>> = replicas
            .map(|s| Candidate {
                addr: s.addr,
                sealed: match (failover.sealed.get(&s.addr), &s.info) {
                    (Some(Seal::Done), Some(info)) => Ok(info),
                    (Some(Seal::Failed), _) if s.denied => {
                        Err("does not let us order it what to follow: our user lacks rights there")
                    }
                    (Some(Seal::Failed), _) => Err("refused to be sealed, or its link broke"),
                    (Some(_), _) => Err("was not sealed in time"),
                    (None, _) => Err("does not answer"),
                },
                stale: self.staleness(core, s),
            })
            .collect();
        let demands = Demands {
            history: self.history.as_ref(),
            max_stale: self.max_stale(failover.plan.as_ref().and_then(|p| p.to)),
            only: failover.plan.as_ref().and_then(|p| p.candidate.or(p.to)),
            is_named: failover.plan.as_ref().is_some_and(|p| p.to.is_some()),
            at_least: failover.plan.as_ref().map_or(Offset(0), |p| p.target),
            master: self.master_offset(),
        };
        select::choose(&candidates, &demands)
    }

    /// How far the master had come, as last heard.
    pub(crate) fn master_offset(&self) -> Offset {
        self.master_server().and_then(|m| m.info.as_ref()).map(|i| i.offset).unwrap_or_default()
    }

    /// How old a replica's data may be. Stock's rule; but an operator who names one knows, and there may be no other.
    pub(crate) fn max_stale(&self, named: Option<SocketAddr>) -> Duration {
        if named.is_some() && self.master_is_down() { Duration::MAX } else { 10 * self.rules.down_after }
    }

    /// For how long it had not heard its master when the master went down; `None`: not known, or it is the master itself.
    pub(crate) fn staleness(&self, core: &Core, server: &Server) -> Option<Duration> {
        if server.addr == self.master {
            return None;
        }
        let down = self.master_server().and_then(|m| m.down).map_or(core.now, |d| d.since);
        server.linked.map(|at| down.since(at))
    }
}

/// Whether a server may take part in the comparison: it answers and is not the old master, or is the old master and says
/// that it is a replica. Then its data may be the best there are, and nobody else may be fit.
fn is_eligible(server: &Server, master: SocketAddr) -> bool {
    match server.down {
        None => server.addr != master,
        Some(down) => server.addr == master && down.why == Why::WrongRole,
    }
}
