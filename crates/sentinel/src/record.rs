//! What happened when: the record of a failover, as an operator reads it afterwards.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;
use machine::time::span;
use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName, Offset, RunId};

/// One change of master, or one attempt at it, as this node saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Of which group.
    pub group: GroupName,
    /// In which epoch.
    pub epoch: Epoch,
    /// Why it was done.
    pub cause: Cause,
    /// Who led it; `None` where this node only followed and was not told.
    pub leader: Option<RunId>,
    /// Who was master.
    pub from: SocketAddr,
    /// Who became master.
    pub to: Option<SocketAddr>,
    /// What happened when, in order.
    pub steps: Vec<Step>,
    /// Which node saw what of the master, and when this node saw or heard of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sightings: Vec<Sighting>,
    /// The votes of this epoch that this node gave or heard of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ballots: Vec<Ballot>,
    /// How many votes were needed; 0 where this node only followed.
    #[serde(default)]
    pub votes_needed: u32,
    /// Who could have been promoted, with the reason for or against. Empty on nodes that followed.
    pub candidates: Vec<Verdict>,
    /// How long writes were held on purpose; zero after a crash.
    #[serde(with = "span")]
    pub held: Duration,
    /// How it ended; `None` while it is under way.
    pub outcome: Option<Outcome>,
}

/// Why a failover was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The master was agreed down.
    Down,
    /// An operator asked for it.
    Planned,
    /// Another node led it and told us.
    Told,
}

/// One moment of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// What.
    pub what: Moment,
    /// More about it, for people; may be empty.
    pub note: String,
}

/// What one node saw of the master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// When this node saw it, or heard of it.
    pub at: Instant,
    /// Who saw it.
    pub by: RunId,
    /// Where that node is.
    pub addr: SocketAddr,
    /// What, for people.
    pub what: String,
}

/// One vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// When it was given here, or heard of.
    pub at: Instant,
    /// By whom.
    pub voter: RunId,
    /// Where that node is.
    pub addr: SocketAddr,
    /// For whom.
    pub leader: RunId,
    /// In which epoch.
    pub epoch: Epoch,
}

/// What can happen in a failover, in the usual order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Moment {
    /// The first evidence against the master.
    Suspected,
    /// Down for this node.
    Detected,
    /// Down for the quorum.
    Agreed,
    /// This node asked for votes.
    Tried,
    /// This node gave its vote to another.
    Voted,
    /// A majority voted for this node.
    Elected,
    /// Planned: writes are held.
    Paused,
    /// Planned: the replica has everything.
    CaughtUp,
    /// The surviving replicas accept nothing from the old master.
    Sealed,
    /// The candidates were compared and one was chosen.
    Selected,
    /// The chosen one was ordered to become master.
    Promoted,
    /// It says that it is.
    Verified,
    /// This node's proxy follows the new master.
    Published,
    /// Everyone reachable follows the new master.
    Ended,
    /// It was given up, and what was changed is undone.
    Aborted,
}

/// How a failover ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// There is a new master.
    Switched,
    /// There is not.
    Aborted {
        /// Why, for people.
        why: String,
    },
}

/// What was thought of one server when a new master was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which server.
    pub addr: SocketAddr,
    /// How far it had come when it was sealed.
    pub offset: Offset,
    /// Whether it was the one.
    pub chosen: bool,
    /// Why, or why not.
    pub why: String,
}

/// Records that a node keeps. At the bound one is forgotten: see [`first_to_forget`].
pub(crate) const MAX_RECORDS: usize = 32;

/// Which of these, the oldest first, says least: one that was given up as those of its group before and after it were. Where
/// nobody is fit to be promoted it is tried every few seconds, and how it began would be forgotten within minutes. Else the oldest.
#[must_use]
pub fn first_to_forget(records: &[&Record]) -> usize {
    let of_group = |at: usize, group: &GroupName| records[at].group == *group;
    let is_between = |at: &usize| {
        let this = records[*at];
        let before = (0..*at).rev().find(|other| of_group(*other, &this.group));
        let after = (*at + 1..records.len()).find(|other| of_group(*other, &this.group));
        [before, after].into_iter().all(|other| other.is_some_and(|other| this.was_given_up_like(records[other])))
    };
    (0..records.len()).find(is_between).unwrap_or(0)
}

impl Record {
    /// A record that has only begun.
    pub(crate) fn begun(group: &GroupName, from: SocketAddr, epoch: Epoch, cause: Cause) -> Self {
        Self {
            group: group.clone(),
            epoch,
            cause,
            leader: None,
            from,
            to: None,
            steps: Vec::new(),
            sightings: Vec::new(),
            ballots: Vec::new(),
            votes_needed: 0,
            candidates: Vec::new(),
            held: Duration::ZERO,
            outcome: None,
        }
    }

    /// Adds a moment.
    pub(crate) fn step(&mut self, at: Instant, what: Moment, note: impl Into<String>) {
        // A record has some 15 moments; more can only come from a bug, and must not grow without end.
        if self.steps.len() < 64 {
            self.steps.push(Step { at, what, note: note.into() });
        }
    }

    fn was_given_up_like(&self, other: &Self) -> bool {
        matches!(self.outcome, Some(Outcome::Aborted { .. }))
            && (self.from, &self.outcome, self.cause) == (other.from, &other.outcome, other.cause)
    }

    /// When something happened for the first time.
    #[must_use]
    pub fn when(&self, what: Moment) -> Option<Instant> {
        self.steps.iter().find(|s| s.what == what).map(|s| s.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn given_up(group: &str, epoch: u64, why: &str) -> Record {
        let from = "10.0.0.1:6379".parse().unwrap();
        let outcome = Some(Outcome::Aborted { why: why.into() });
        Record { outcome, ..Record::begun(&group.into(), from, Epoch(epoch), Cause::Down) }
    }

    fn switched(group: &str, epoch: u64) -> Record {
        Record { outcome: Some(Outcome::Switched), ..given_up(group, epoch, "") }
    }

    /// The epochs that are left when so many have been forgotten.
    fn left(mut records: Vec<Record>, forgotten: usize) -> Vec<u64> {
        for _ in 0..forgotten {
            let at = first_to_forget(&records.iter().collect::<Vec<_>>());
            records.remove(at);
        }
        records.iter().map(|record| record.epoch.0).collect()
    }

    #[test]
    fn of_attempts_that_failed_alike_the_first_and_the_last_are_kept() {
        let tried = |epoch| given_up("a", epoch, "nobody is fit");
        assert_eq!(left(vec![switched("a", 1), tried(2), tried(3), tried(4), tried(5)], 2), [1, 2, 5]);
        assert_eq!(left(vec![switched("a", 1), tried(2), tried(3)], 1), [2, 3], "the oldest, if each says something");
        let other = vec![tried(1), given_up("b", 2, "nobody is fit"), tried(3), switched("b", 4), tried(5)];
        assert_eq!(left(other, 1), [1, 2, 4, 5], "groups have nothing to do with each other");
        let reasons = vec![tried(1), given_up("a", 2, "no votes"), tried(3)];
        assert_eq!(left(reasons, 1), [2, 3]);
        assert_eq!(left(vec![switched("a", 1), switched("a", 2), switched("a", 3)], 1), [2, 3]);
    }
}
