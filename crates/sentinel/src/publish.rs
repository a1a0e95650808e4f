//! What is the view? It is computed anew from what is known, and told when something changed that a reader acts on.

use alloc::string::String;
use alloc::vec::Vec;

use view::{Phase, Replica, USUAL_WEIGHT, View};

use crate::core::Core;
use crate::event::Action;
use crate::group::Group;

/// Attempts in a row that must fail before waiting clients are told that waiting may be in vain.
const HOPELESS: u32 = 3;

impl Group {
    /// Tells the view if it changed.
    pub(crate) fn publish(&mut self, core: &mut Core) {
        self.awaits_decision = self.decision_awaited_until(core).is_some();
        self.is_backed = self.has_backing(core.now);
        let view = self.view();
        if self.published.as_ref().is_none_or(|old| !is_same_to_readers(old, &view)) {
            self.published = Some(view.clone());
            core.act(Action::Publish { view });
        }
        core.order_clearance(&self.name);
    }

    /// The view as of now.
    pub(crate) fn view(&self) -> View {
        let master_offset = self.master_server().and_then(|m| m.info.as_ref()).map(|i| i.offset);
        let replicas: Vec<Replica> = self
            .servers
            .values()
            .filter(|s| s.addr != self.master)
            .map(|s| {
                let offset = s.info.as_ref().map(|i| i.offset);
                let lag = master_offset.zip(offset).map(|(m, r)| m.0.saturating_sub(r.0));
                let (link, offset) = (s.link_state(self.master), offset.unwrap_or_default());
                Replica { addr: s.addr, link, offset, lag, weight: USUAL_WEIGHT }
            })
            .collect();
        View { group: self.name.clone(), epoch: self.config_epoch, phase: self.phase(), master: self.master, replicas }
    }

    fn phase(&self) -> Phase {
        let switching = self.failover.as_ref().is_some_and(|f| f.holds_requests(self.rules.ties_address));
        if switching {
            return Phase::Switching;
        }
        let in_doubt = self.master_server().is_some_and(|m| m.evidence.is_doubtful() || m.lost_data.is_some());
        if self.odown.is_none() {
            // A broken connection may mean that it restarts, perhaps empty: nothing is sent to it before it has said more.
            // Who gives a vote away knows of a switchover before the master is made to hold writes: its clients wait at once, and an
            // address that follows the master is gone before that is demoted.
            return match self.confirmed && !in_doubt && !self.awaits_decision {
                true if self.is_backed => Phase::Steady,
                true => Phase::Unbacked,
                false => Phase::Switching,
            };
        }
        let hopeless = self.attempt.nobody_fit || self.attempt.failures >= HOPELESS || !self.may_be_elected();
        if hopeless { Phase::Lost } else { Phase::Switching }
    }

    /// One sentence: what this node does about the group, and why.
    pub(crate) fn explain(&self, core: &Core) -> String {
        let master = self.master;
        if let Some(failover) = &self.failover {
            let doing = failover.explain();
            return alloc::format!("Leading a failover in epoch {}: {doing}.", failover.epoch);
        }
        if core.is_tilted() {
            return "Was frozen a moment ago: watching, and deciding nothing until the picture is fresh.".into();
        }
        if self.odown.is_some() {
            let why = self.master_why().map_or("down", |w| w.text());
            if !self.may_be_elected() {
                let need = self.votes_needed();
                return alloc::format!(
                    "Master {master} is agreed down ({why}), but fewer than {need} nodes answer: nobody may lead."
                );
            }
            if self.attempt.nobody_fit {
                return alloc::format!(
                    "Master {master} is agreed down ({why}), but no replica was fit to be promoted; trying again. Whatever \
                     its data, `standfast switchover {} --to HOST:PORT` promotes the one that you name.",
                    self.name
                );
            }
            return alloc::format!("Master {master} is agreed down ({why}); a leader is being elected.");
        }
        if self.master_is_down() {
            let why = self.master_why().map_or("down", |w| w.text());
            let need = self.rules.quorum;
            return alloc::format!(
                "Master {master} is down for this node ({why}), but not for a quorum of {need}: {}.",
                self.explain_others(core)
            );
        }
        if !self.confirmed {
            return alloc::format!("Waiting for {master} to say that it is the master.");
        }
        if !self.is_backed {
            return self.explain_backing(core.now);
        }
        let up = self.view().readable(u64::MAX).count();
        let replicas = self.servers.len().saturating_sub(1);
        alloc::format!(
            "Watching master {master} of epoch {}; {up} of {replicas} replicas follow it.",
            self.config_epoch
        )
    }

    fn explain_others(&self, core: &Core) -> String {
        if self.peers.is_empty() {
            return "no other node was heard of".into();
        }
        let heard = self.peers.values().filter(|peer| !peer.is_down());
        let (answer, agree) =
            heard.fold((0, 0), |(n, m), peer| (n + 1, m + usize::from(peer.sees_master_down(core.now))));
        alloc::format!("of {} other nodes {answer} answer, and {agree} of these see it as down", self.peers.len())
    }
}

/// Offsets change all the time and nobody acts on them; a lag that changes its order of magnitude may matter to someone.
pub(crate) fn is_same_to_readers(a: &View, b: &View) -> bool {
    let plain = |v: &View| (v.epoch, v.phase, v.master);
    let replica = |r: &Replica| (r.addr, r.link, r.lag.map(magnitude));
    plain(a) == plain(b) && a.replicas.iter().map(replica).eq(b.replicas.iter().map(replica))
}

/// Lags below 64 KiB are one; above, each doubling is another.
fn magnitude(lag: u64) -> u32 {
    (lag >> 16).checked_ilog2().map_or(0, |l| l + 1)
}
