//! What is noted on the way to a failover, before there is one? It becomes the beginning of the record, on every node.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use machine::Instant;
use serde::{Deserialize, Serialize};
use view::{Epoch, RunId};

use crate::group::Group;
use crate::record::{Ballot, Cause, Moment, Record, Sighting, Step};

/// What happened to the present master so far. Each list keeps its last entries, and of the moments how it began, too: those are
/// what a failover came from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Prelude {
    steps: Vec<Step>,
    sightings: Vec<Sighting>,
    ballots: Vec<Ballot>,
}

impl Group {
    /// A record of what begins now, with what was seen before.
    pub(crate) fn new_record(&self, epoch: Epoch, cause: Cause) -> Record {
        let mut record = Record::begun(&self.name, self.master, epoch, cause);
        if cause != Cause::Planned {
            record.steps.clone_from(&self.prelude.steps);
            record.sightings.clone_from(&self.prelude.sightings);
        }
        record.ballots = self.prelude.ballots.iter().filter(|b| b.epoch == epoch).cloned().collect();
        record
    }

    /// Notes a moment that belongs to the next record.
    pub(crate) fn foresee(&mut self, at: Instant, what: Moment, note: impl Into<String>) {
        keep_beginning(&mut self.prelude.steps, Step { at, what, note: note.into() });
    }

    /// Notes what a node saw of the master.
    pub(crate) fn witness(&mut self, at: Instant, by: RunId, addr: SocketAddr, what: impl Into<String>) {
        let sighting = Sighting { at, by, addr, what: what.into() };
        if let Some(failover) = self.failover.as_mut().filter(|f| f.is_undecided()) {
            keep(&mut failover.record.sightings, MAX_NOTES, sighting.clone());
        }
        keep(&mut self.prelude.sightings, MAX_NOTES, sighting);
    }

    /// Notes a vote.
    pub(crate) fn count_ballot(&mut self, ballot: Ballot) {
        if let Some(failover) = self.failover.as_mut().filter(|f| f.epoch == ballot.epoch) {
            keep(&mut failover.record.ballots, MAX_NOTES, ballot.clone());
        }
        keep(&mut self.prelude.ballots, MAX_NOTES, ballot);
    }
}

/// Keeps how it began, the first moment of each kind, and the last few. Where one attempt after the other comes to nothing there is
/// a vote with each, and when the master went down would be forgotten first.
fn keep_beginning(steps: &mut Vec<Step>, step: Step) {
    if steps.len() >= MAX_STEPS {
        let is_repeated = |at: &usize| steps[..*at].iter().any(|before| before.what == steps[*at].what);
        let oldest = (0..steps.len()).find(is_repeated).unwrap_or(0);
        steps.remove(oldest);
    }
    steps.push(step);
}

fn keep<T>(list: &mut Vec<T>, most: usize, item: T) {
    if list.len() >= most {
        list.remove(0);
    }
    list.push(item);
}

/// Moments before a failover: four kinds, each of them twice.
const MAX_STEPS: usize = 8;
/// Sightings and votes: each of five nodes some times.
const MAX_NOTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_master_went_down_is_known_after_any_number_of_votes() {
        let mut steps = Vec::new();
        let began = [Moment::Suspected, Moment::Detected, Moment::Agreed];
        for (ms, what) in began.into_iter().chain([Moment::Voted; 20]).enumerate() {
            keep_beginning(&mut steps, Step { at: machine::time::at(ms as u64), what, note: String::new() });
        }
        let kept: Vec<_> = steps.iter().map(|s| (s.at, s.what)).collect();
        let at = machine::time::at;
        let votes = [3, 19, 20, 21, 22].map(|ms| (at(ms), Moment::Voted));
        let began = [(at(0), Moment::Suspected), (at(1), Moment::Detected), (at(2), Moment::Agreed)];
        assert_eq!(kept, [&began[..], &votes[..]].concat());
    }
}
