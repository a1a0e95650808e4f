//! M5: was the right one promoted? Judged by what the leader was answered, and by what was true.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use machine::Instant;
use sentinel::record::Cause;
use sentinel::{Answer, Ask, InfoReport, Role};
use view::{Epoch, Offset};

use crate::invariants::Invariant;
use crate::judge::{Checked, Judge};
use crate::place::name_of;
use crate::wiring::Attempt;

/// What a choice is judged by.
#[derive(Default)]
pub(super) struct Choice {
    seals: BTreeMap<(usize, SocketAddr), Seal>,
    /// When each server last heard each master.
    heard: BTreeMap<(SocketAddr, SocketAddr), Instant>,
    /// What each server last said to each node.
    roles: BTreeMap<(usize, SocketAddr), Role>,
    /// How far a master had come that a node told to hold writes.
    holds: BTreeMap<usize, Hold>,
    /// Nodes whose operator named the one to promote.
    named: BTreeSet<usize>,
    down_after: Duration,
}

/// A seal as its leader saw it.
struct Seal {
    attempt: Option<Attempt>,
    /// It called itself master before: it did not follow the agreed one, and may be passed over.
    was_master: bool,
    answered: bool,
    /// A link to it broke since.
    lost: bool,
    info: Option<InfoReport>,
}

/// A hold as its leader saw it.
struct Hold {
    epoch: Epoch,
    master: SocketAddr,
    /// The first word of the master after it confirmed: nothing is written past that.
    target: Option<Offset>,
}

/// A promotion that is ordered.
pub(crate) struct Order {
    pub(crate) attempt: Attempt,
    pub(crate) server: SocketAddr,
    /// Who was master.
    pub(crate) from: SocketAddr,
    /// Since when that one is down for the leader.
    pub(crate) down_at: Option<Instant>,
}

impl Choice {
    pub(super) fn new(down_after: Duration) -> Self {
        Self { down_after, ..Self::default() }
    }
}

impl Judge {
    pub(crate) fn heard_master(&mut self, now: Instant, server: SocketAddr, master: SocketAddr) {
        self.choice.heard.insert((server, master), now);
    }

    /// An operator wants another master, and says which or does not.
    pub(crate) fn switchover_asked(&mut self, node: usize, to: Option<SocketAddr>) {
        if to.is_some() {
            self.choice.named.insert(node);
        } else {
            self.choice.named.remove(&node);
        }
    }

    pub(super) fn forget_choice(&mut self, node: usize) {
        self.choice.seals.retain(|(n, _), _| *n != node);
        self.choice.holds.remove(&node);
    }

    pub(crate) fn sealing(&mut self, node: usize, server: SocketAddr, attempt: Option<Attempt>) {
        let choice = &mut self.choice;
        let again = choice.seals.get(&(node, server)).filter(|s| s.attempt == attempt).map(|s| s.was_master);
        let was_master = again.unwrap_or_else(|| choice.roles.get(&(node, server)) == Some(&Role::Master));
        choice.seals.insert((node, server), Seal { attempt, was_master, answered: false, lost: false, info: None });
    }

    /// What a leader was answered by those that it sealed: by that it chooses.
    pub(crate) fn answered(&mut self, node: usize, server: SocketAddr, asked: Option<&Ask>, answer: &Answer) {
        let choice = &mut self.choice;
        if let Answer::Info(info) = answer {
            choice.roles.insert((node, server), info.role);
        }
        match (asked, answer) {
            (Some(Ask::Pause { epoch, .. }), Answer::Ok)
                if choice.holds.get(&node).is_none_or(|h| h.epoch != *epoch) =>
            {
                choice.holds.insert(node, Hold { epoch: *epoch, master: server, target: None });
            }
            (Some(Ask::Info), Answer::Info(info)) => {
                if let Some(hold) = choice.holds.get_mut(&node).filter(|h| h.master == server) {
                    hold.target.get_or_insert(info.offset);
                }
            }
            _ => {}
        }
        let Some(seal) = choice.seals.get_mut(&(node, server)) else { return };
        match (asked, answer) {
            (Some(Ask::Seal { .. }), Answer::Ok) => seal.answered = true,
            (Some(Ask::Info), Answer::Info(info)) if seal.answered => seal.info = Some((**info).clone()),
            // It follows again: the seal is over.
            (Some(Ask::Replicate { .. }), Answer::Ok) => seal.answered = false,
            _ => {}
        }
    }

    /// A node heard that its link to a server is gone: whatever that said, it is no candidate any more.
    pub(crate) fn lost(&mut self, node: usize, server: SocketAddr) {
        if let Some(seal) = self.choice.seals.get_mut(&(node, server)) {
            seal.lost = true;
        }
    }

    /// M2's half about seals, and M5.
    pub(super) fn judge_choice(&self, now: Instant, node: usize, who: &str, order: &Order) -> Checked {
        let choice = &self.choice;
        let sealed = |s: &&Seal| s.answered && s.attempt.as_ref() == Some(&order.attempt);
        let Some(seal) = choice.seals.get(&(node, order.server)).filter(sealed) else {
            return Err((Invariant::M2, format!("{who}, which it did not seal in this attempt")));
        };
        let Some(chosen) = seal.info.as_ref() else { return Ok(()) };
        if order.attempt.cause == Cause::Planned {
            let hold = choice.holds.get(&node).filter(|h| h.epoch == order.attempt.epoch);
            if let Some(target) = hold.and_then(|h| h.target) {
                if chosen.offset < target {
                    let why = format!("{who} at {}, but its master had come to {target}", chosen.offset);
                    return Err((Invariant::M5, why));
                }
                // It waited for its target: another may be a replication ping ahead.
                return Ok(());
            }
            if choice.named.contains(&node) {
                return Ok(());
            }
        }
        // An operator's record does not say since when the master has been down; without a hold it has been. Nor does that of a leader that was
        // cut off, and for which the server was down before it heard that this is the master: how long it was one, it cannot know.
        if let Some(down_at) = order.down_at {
            self.judge_age(now, (node, who), order, chosen, down_at)?;
        }
        for ((n, other), seal) in &choice.seals {
            let counts =
                *n == node && sealed(&seal) && !seal.lost && !seal.was_master && self.is_fresh(now, *other, order);
            let Some(info) = seal.info.as_ref().filter(|_| counts) else { continue };
            if info.priority == chosen.priority && info.history == chosen.history && info.offset > chosen.offset {
                let why = format!("{who} at {}, but {} has {}", chosen.offset, name_of(*other), info.offset);
                return Err((Invariant::M5, why));
            }
        }
        Ok(())
    }

    /// Nobody is promoted who, by its own word, had been without any master for too long when the last one went down; unless it had come at
    /// least as far as another one that had not. (A replica notices the end of its link only after its timeout: how old it truly is, it does
    /// not say.)
    fn judge_age(
        &self,
        now: Instant,
        (node, who): (usize, &str),
        order: &Order,
        chosen: &InfoReport,
        down_at: Instant,
    ) -> Checked {
        let age = |info: &InfoReport| {
            info.link_down_seconds.map_or(Duration::ZERO, |seconds| down_at.since(now - Duration::from_secs(seconds)))
        };
        let is_old = |info: &InfoReport| age(info) > 10 * self.choice.down_after + MARGIN;
        let is_behind = |other: &InfoReport| other.history == chosen.history && other.offset <= chosen.offset;
        let seals = self.choice.seals.iter().filter(|((n, _), seal)| *n == node && seal.answered);
        let mut others = seals.filter_map(|(_, seal)| seal.info.as_ref());
        let is_proven = others.any(|other| is_behind(other) && !is_old(other));
        if order.server != order.from && is_old(chosen) && !is_proven {
            return Err((Invariant::M5, format!("{who}, which had been without a master for {:?}", age(chosen))));
        }
        Ok(())
    }

    /// Whether a replica heard the old master lately enough, by far, to be no older than the machine's limit.
    fn is_fresh(&self, now: Instant, server: SocketAddr, order: &Order) -> bool {
        let Some(heard) = self.choice.heard.get(&(server, order.from)).copied() else { return false };
        let age = order.down_at.unwrap_or(now).since(heard);
        now.since(heard) < 5 * self.choice.down_after || age + MARGIN < 10 * self.choice.down_after
    }
}

/// A node asks for INFO once a second, and Redis says ages in whole seconds.
const MARGIN: Duration = Duration::from_secs(3);
