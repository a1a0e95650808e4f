//! Who may lead a failover, and what is promised by a vote.
//!
//! One vote per group and epoch, on disk before it leaves (V1, V2). And a **promise**: whoever votes gives no vote to
//! anybody else until the leader's time is over, so that two leaders of different epochs never promote at the same time
//! (stock allows it: redis#2370). The leader's time starts when it begins to ask, the promise when the vote is given, and
//! the promise is the longer one:
//!
//! ```text
//! leader   ask ──────────── may order a promotion ───────────┤ no more
//! voter        vote ───────────────────── promise ───────────────────┤ may vote for another
//! ```

use alloc::string::String;
use core::time::Duration;

use machine::Instant;
use serde::{Deserialize, Serialize};
use view::{Epoch, RunId};

use crate::config::PROMISE;
use crate::core::Core;
use crate::event::{CallId, Level, Reply, Timer, words};
use crate::failover::Failover;
use crate::group::Group;
use crate::peer::Peer;
use crate::record::{Ballot, Moment};
use crate::state::Vote;

/// Nodes that see the same failure at the same moment do not ask all at once: each waits this long for every lively node
/// whose id is lower. Longer than a round of votes with a synced write on both sides.
const RANK_STEP: Duration = Duration::from_millis(100);

/// After an attempt that failed: wait at least this long, doubled with every failure in a row.
const BACKOFF: Duration = Duration::from_millis(100);

/// How often the wait is doubled at most.
const MAX_DOUBLINGS: u32 = 5;

/// What a vote promises.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Promise {
    /// Who has it; `None`: whoever asked before a restart, and nobody else.
    pub(crate) to: Option<RunId>,
    /// Until when nobody else gets a vote.
    pub(crate) until: Instant,
    /// A decision may be under way: it was given in this life, or just before.
    #[serde(default)]
    pub(crate) is_fresh: bool,
}

/// When this node will try, and how it went so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// When to try; `None`: there is no reason to.
    pub(crate) at: Option<Instant>,
    /// Attempts in a row that came to nothing.
    pub(crate) failures: u32,
    /// The last one found nobody fit.
    pub(crate) nobody_fit: bool,
}

impl Group {
    /// How many nodes there are to vote: as many as the file says, or were ever seen.
    pub(crate) fn voters(&self) -> usize {
        (self.rules.nodes as usize).max(self.peers.len() + 1)
    }

    /// More than half of the nodes.
    pub(crate) fn majority(&self) -> usize {
        self.voters() / 2 + 1
    }

    /// How many votes elect a leader: the majority, and at least the quorum.
    pub(crate) fn votes_needed(&self) -> usize {
        self.majority().max(self.rules.quorum as usize)
    }

    /// Whether enough nodes answer us that an election can be won at all.
    pub(crate) fn may_be_elected(&self) -> bool {
        1 + self.peers.values().filter(|p| !p.is_down()).count() >= self.votes_needed()
    }

    /// To whom this node is bound at present, other than itself.
    pub(crate) fn bound_to_another(&self, core: &Core) -> Option<&Promise> {
        self.promise.as_ref().filter(|p| p.to.as_ref() != Some(&core.id) && core.now < p.until)
    }

    /// Until when another node, which has our vote, may be about to replace the master.
    pub(crate) fn decision_awaited_until(&self, core: &Core) -> Option<Instant> {
        self.bound_to_another(core).filter(|promise| promise.is_fresh).map(|promise| promise.until)
    }

    /// The decision for which a vote was given has been made, or a later one: nothing is promised any more.
    pub(crate) fn keep_promise_until_decided(&mut self) {
        if self.vote.as_ref().is_none_or(|v| v.epoch <= self.config_epoch) {
            self.promise = None;
        }
    }

    /// Somebody asks for our opinion of the master, and perhaps for our vote.
    pub(crate) fn on_vote_asked(&mut self, core: &mut Core, call: CallId, epoch: Epoch, candidate: Option<RunId>) {
        let down = self.master_is_down() && !core.is_tilted();
        let Some(candidate) = candidate else {
            let (leader, epoch) = (None, Epoch(0));
            core.reply(call, Reply::Vote { down, leader, epoch });
            return;
        };
        core.adopt_epoch(&self.name, epoch);
        self.consider(core, epoch, candidate);
        let (leader, epoch) = self.vote.as_ref().map_or((None, Epoch(0)), |v| (v.leader.clone(), v.epoch));
        // Also a repeated vote waits: the first answer may have been lost together with its save.
        let need = core.save_of_last_change();
        core.reply_when_saved(need, call, Reply::Vote { down, leader, epoch });
    }

    fn consider(&mut self, core: &mut Core, epoch: Epoch, candidate: RunId) {
        let voted = self.vote.as_ref().is_some_and(|v| v.epoch >= epoch);
        let bound = self.bound_to_another(core).is_some_and(|p| p.to.as_ref() != Some(&candidate));
        let leading = self.failover.as_ref().is_some_and(Failover::is_undecided);
        // Stock also refuses below the current epoch, which all groups share: two groups that fail together would then
        // outvote each other. Per group, one vote an epoch and never an older one is what it takes.
        if voted || bound || leading || epoch <= self.config_epoch {
            return;
        }
        self.give_vote(core, epoch, candidate);
        // Let the other one try first: an attempt of ours would only get in its way.
        let wait = PROMISE + self.rank_delay(core);
        if let Some(at) = &mut self.attempt.at {
            *at = (*at).max(core.now + wait);
        }
        let note = self.vote.as_ref().map_or_else(String::new, |v| alloc::format!("epoch {}", v.epoch));
        self.foresee(core.now, Moment::Voted, note);
    }

    pub(crate) fn give_vote(&mut self, core: &mut Core, epoch: Epoch, leader: RunId) {
        core.stats.votes += 1;
        let text = words(&[&leader, &epoch]);
        core.announce(Level::Warning, Some(&self.name), "+vote-for-leader", text);
        self.promise = Some(Promise { to: Some(leader.clone()), until: core.now + PROMISE, is_fresh: true });
        if self.rules.ties_address {
            core.await_clearance(&self.name);
        }
        // A former master may be the next one: who is connected to it then is no stray.
        let decided_by = core.now + PROMISE;
        for server in self.servers.values_mut() {
            server.kick_at = server.kick_at.map(|at| at.max(decided_by));
        }
        let (at, voter, addr) = (core.now, core.id.clone(), core.announce);
        self.count_ballot(Ballot { at, voter, addr, leader: leader.clone(), epoch });
        self.vote = Some(Vote { epoch, leader: Some(leader) });
        core.touch();
    }

    /// Another node told for whom it voted.
    pub(crate) fn on_vote(&mut self, core: &Core, from: &RunId, leader: RunId, epoch: Epoch) {
        let is_for_us = leader == core.id;
        if let Some(peer) = self.peers.get_mut(from) {
            let vote = Some(Vote { epoch, leader: Some(leader.clone()) });
            let is_news = peer.vote != vote;
            peer.vote = vote;
            let (at, voter, addr) = (core.now, from.clone(), peer.addr);
            if is_news {
                self.count_ballot(Ballot { at, voter, addr, leader, epoch });
            }
        }
        if is_for_us && let Some(failover) = &mut self.failover {
            failover.count_vote(epoch, from);
        }
    }

    // === when to try ===

    fn rank_delay(&self, core: &mut Core) -> Duration {
        let now = core.now;
        let rank = self.peers.values().filter(|p| p.is_lively(now) && p.id < core.id).count();
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        if rank == 0 {
            return Duration::ZERO;
        }
        RANK_STEP.saturating_mul(rank) + core.rng.jitter(RANK_STEP / 4)
    }

    /// The master has just been agreed down.
    pub(crate) fn plan_attempt(&mut self, core: &mut Core) {
        let mut at = core.now + self.rank_delay(core);
        if let Some(promise) = self.bound_to_another(core) {
            at = at.max(promise.until + self.rank_delay(core));
        }
        self.attempt.at = Some(at);
    }

    /// An attempt came to nothing: wait before the next.
    pub(crate) fn on_attempt_failed(&mut self, core: &mut Core) {
        if self.odown.is_none() {
            return;
        }
        let doublings = self.attempt.failures.min(MAX_DOUBLINGS);
        self.attempt.failures = self.attempt.failures.saturating_add(1);
        let wait = BACKOFF * 2_u32.pow(doublings);
        let at = core.now + wait + core.rng.jitter(2 * wait);
        self.attempt.at = Some(at);
    }

    /// Too few nodes answer for an election: look again soon, it costs nobody anything.
    pub(crate) fn wait_for_voters(&mut self, core: &Core) {
        self.attempt.at = Some(core.now + BACKOFF);
    }

    /// An attempt of ours was given up before a promotion was ordered: nobody but us could have used our vote.
    pub(crate) fn free_own_promise(&mut self, core: &Core) {
        if self.promise.as_ref().is_some_and(|p| p.to.as_ref() == Some(&core.id)) {
            self.promise = None;
        }
    }

    pub(crate) fn is_attempt_due(&self, core: &Core) -> bool {
        self.failover.is_none() && self.attempt_deadline(core).is_some_and(|(at, _)| at <= core.now)
    }

    pub(crate) fn attempt_deadline(&self, core: &Core) -> Option<(Instant, Timer)> {
        if self.failover.is_some() || self.odown.is_none() {
            return None;
        }
        let mut at = self.attempt.at?;
        if let Some(promise) = self.bound_to_another(core) {
            at = at.max(promise.until);
        }
        if let Some(tilt) = core.tilt_until.filter(|&t| core.now < t) {
            at = at.max(tilt);
        }
        Some((at, Timer::Attempt))
    }

    /// Who is asked for a vote: every node that can be reached and has not yet answered in this epoch.
    pub(crate) fn undecided(&mut self, epoch: Epoch) -> impl Iterator<Item = &mut Peer> {
        self.peers.values_mut().filter(move |p| p.line.is_up() && p.vote.as_ref().is_none_or(|v| v.epoch < epoch))
    }
}
