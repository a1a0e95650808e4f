//! How stock Sentinels vote and try: by epoch, with a random delay, without a promise.

use std::collections::BTreeMap;
use std::time::Duration;

use view::{Epoch, RunId};

use crate::ground::Ground;
use crate::stock::Stock;
use crate::stock::failover::Failover;

impl Stock {
    /// Gives its vote, or says whom it gave it.
    pub(super) fn vote(&mut self, g: &mut Ground, epoch: Epoch, candidate: &RunId) -> (Option<RunId>, Epoch) {
        self.adopt_epoch(epoch);
        let mind = &mut self.mind;
        if mind.leader_epoch < epoch && mind.epoch <= epoch {
            mind.leader = Some(candidate.clone());
            mind.leader_epoch = mind.epoch;
            let at = mind.epoch;
            if *candidate != self.id {
                // Let the other one try first.
                mind.tried_at = Some(g.now + g.rng.jitter(DESYNC));
            }
            self.save();
            g.judge.stock_voted(self.place(), &self.name, at, candidate);
            g.coverage.mark(if g.judge.is_ours(candidate) {
                "stock: votes for ours"
            } else {
                "stock: votes for stock"
            });
            self.say(g, || format!("+vote-for-leader {candidate:?} {at}"));
        }
        (self.mind.leader.clone(), self.mind.leader_epoch)
    }

    /// Tries, if the master is agreed down and the last attempt is long enough ago.
    pub(super) fn start_if_needed(&mut self, g: &mut Ground) {
        let patience = 2 * self.rules.failover_timeout;
        let too_soon = self.mind.tried_at.is_some_and(|at| g.now < at + patience);
        if !self.mind.odown || self.mind.failover.is_some() || too_soon {
            return;
        }
        self.mind.epoch = self.mind.epoch.next();
        let epoch = self.mind.epoch;
        g.coverage.mark("stock: tries");
        self.say(g, || format!("+try-failover e{epoch}"));
        let started = g.now + g.rng.jitter(DESYNC);
        self.mind.tried_at = Some(started);
        self.mind.failover = Some(Failover::new(epoch, started));
        self.save();
        self.ask_others(g, true);
    }

    /// Who has a majority, and at least the quorum, in an epoch. Its own vote goes to whoever leads so far, else to itself.
    pub(super) fn winner(&mut self, g: &mut Ground, epoch: Epoch) -> Option<RunId> {
        let mut counts: BTreeMap<RunId, usize> = BTreeMap::new();
        for (leader, at) in self.mind.fellows.values().filter_map(|f| f.vote.as_ref()) {
            if *at == self.mind.epoch {
                *counts.entry(leader.clone()).or_default() += 1;
            }
        }
        let ahead = counts.iter().max_by_key(|(_, n)| **n).map_or_else(|| self.id.clone(), |(id, _)| id.clone());
        if let (Some(mine), at) = self.vote(g, epoch, &ahead)
            && at == epoch
        {
            *counts.entry(mine).or_default() += 1;
        }
        let voters = self.mind.fellows.len() + 1;
        let needed = (voters / 2 + 1).max(self.rules.quorum);
        counts.into_iter().find(|(_, n)| *n >= needed).map(|(id, _)| id)
    }
}

/// An attempt begins up to this much later, so that not all begin together.
const DESYNC: Duration = Duration::from_secs(1);
