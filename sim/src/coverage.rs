//! What a run reached: a simulation that never loses an election says nothing about lost elections.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// How often each thing was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    pub(crate) fn mark(&mut self, what: &str) {
        if let Some(n) = self.0.get_mut(what) {
            *n += 1;
        } else {
            self.0.insert(what.to_string(), 1);
        }
    }

    /// How often `what` was reached.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Adds what another run reached.
    pub fn add(&mut self, other: &Self) {
        for (what, n) in &other.0 {
            *self.0.entry(what.clone()).or_default() += n;
        }
    }
}

impl Coverage {
    /// What of [`WANTED`] was never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        WANTED.iter().copied().filter(|what| self.count(what) == 0).collect()
    }

    /// How often each of [`WANTED`] was reached.
    #[must_use]
    pub fn of_wanted(&self) -> String {
        let mut out = String::new();
        for what in WANTED {
            let _ = writeln!(out, "{:>9}  {what}", self.count(what));
        }
        let _ = writeln!(out, "{} of {} reached", WANTED.len() - self.missing().len(), WANTED.len());
        out
    }
}

/// How many seeds, from 0, reach all of [`WANTED`]; the tests run them.
pub const COVERED_BY: u64 = 700;

/// States and transitions that the seeds of the tests have to reach. The names of Sentinel's events stand for themselves; the
/// others are made in `marks`, and where they happen.
pub const WANTED: &[&str] = &[
    // Why something counts as down.
    "down: master, connection refused",
    "down: master, no answer",
    "down: master, no answer in time; it has been slow",
    "down: master, busy with a script",
    "down: master, restarted with less data than a replica has",
    "down: master, says it is a replica",
    "down: replica, connection refused",
    "down: replica, no answer",
    "down: replica, busy with a script",
    "down: a node",
    "-sdown",
    "+odown",
    "-odown",
    "busy: a script is stopped",
    "busy: a script that has written is not stopped",
    // Votes.
    "vote: given",
    "vote: refused, given to another in this epoch",
    "vote: refused, promised to another",
    "vote: refused, none could be given",
    // The stages of a failover, and each of its ends.
    "+try-failover",
    "+elected-leader",
    "+promoted-slave",
    "+failover-state-select-slave",
    "+failover-state-wait-promotion",
    "+failover-state-reconf-slaves",
    "+failover-end",
    "+failover-end-for-timeout",
    "+switch-master",
    "+config-update-from",
    "exit: Down done",
    "exit: Down after Tried: votes,  needed",
    "exit: Down after Tried: the master is back",
    "exit: Down after Tried: another node decided in epoch",
    "exit: Down after Sealed: no replica is fit to be promoted",
    "exit: Down after Selected: the master is back",
    "exit: Down after Promoted: the chosen replica did not confirm that it is master",
    "exit: Planned done",
    "exit: Planned after Elected: the master did not confirm that it holds writes",
    "exit: Planned after Paused: the replica did not catch up in time",
    "exit: Planned after Paused: the connection to the master broke while writes were held",
    "exit: decided after the leader's time",
    "switchover: refused or undone",
    // Corrections.
    "+convert-to-slave",
    "+fix-slave-config",
    "redis: released from a seal",
    "+slave-reconf-done",
    // Time, disks, restarts.
    "+tilt",
    "-tilt",
    "disk: a save failed",
    "node: restarted",
    "+reboot",
    "redis: partial resynchronisation",
    "redis: full resynchronisation",
    // Who is there.
    "members: a node joins",
    "members: a node leaves",
    "operator: reset",
    "+sentinel",
    // Both kinds.
    "mixed: ours promotes",
    "mixed: ours votes for stock",
    "stock: votes for ours",
    "stock: votes for stock",
    "stock: promoted",
    "stock: a failover ends",
    "stock: follows a decision",
    "stock: converts a second master",
    "stock: fixes a replica",
    "stock: tilt",
    // Two failures at once, and failures at a chosen moment.
    "two at once: a master and a node that would lead",
    "two at once: faults of any kind",
    "fault: a leader was hit",
    // Clients.
    "client: closed, unknown-fate",
    "client: an error reply",
];

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, n) in &self.0 {
            writeln!(f, "{n:>9}  {what}")?;
        }
        Ok(())
    }
}
