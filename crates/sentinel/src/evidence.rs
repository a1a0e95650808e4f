//! What was seen of a server or node, and what it proves. Kinds of evidence are kept apart, because they need different
//! waits: a kernel that refuses is stronger than silence.

use core::time::Duration;

use machine::time::span;
use machine::{Instant, soonest};
use serde::{Deserialize, Serialize};

use crate::event::{Fault, Timer};

/// Kernel words of absence that must agree before they count: one broken connection may be an accident, a second one
/// right after it is not.
const CONFIRMATIONS: u32 = 2;

/// What was seen lately.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// The last proof of life.
    pub(crate) good: Instant,
    /// Since when an answer, or a connection, is missing.
    silent_since: Option<Instant>,
    /// Since when the other side's kernel says that nobody is there.
    gone: Option<Gone>,
    /// What it said last instead of a good answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    complaint: Option<Complaint>,
    /// How long its last good answer took.
    #[serde(default, with = "span", skip_serializing_if = "Duration::is_zero")]
    took: Duration,
}

/// An answer that proves a process and not its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Complaint {
    /// `-BUSY`: a script runs.
    Busy,
    /// `-NOAUTH` and its kin: we are not let in.
    Denied,
    /// Another error, or what is no answer to the question.
    Error,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Gone {
    since: Instant,
    times: u32,
    last: Fault,
}

/// Why something counts as down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Why {
    /// Its kernel says that nobody is there.
    Gone(Fault),
    /// It does not answer.
    Silent,
    /// It does not answer, and its last answers took very long.
    Slow,
    /// It answers, and only with errors.
    Complains(Complaint),
    /// It restarted and has been reading its data for longer than an operator allows.
    Loading,
    /// A master that says it is a replica.
    WrongRole,
    /// A master that restarted and knows less than a replica does.
    LostData,
}

impl Why {
    /// The reason as people read it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Gone(Fault::Refused) => "connection refused",
            Self::Gone(Fault::Reset) => "connection reset",
            Self::Gone(Fault::Closed) => "connection closed",
            Self::Gone(Fault::Unreachable) => "host unreachable",
            Self::Gone(Fault::TimedOut | Fault::Malformed | Fault::Local) => "connection failed",
            Self::Silent => "no answer",
            Self::Slow => "no answer in time; it has been slow",
            Self::Complains(Complaint::Busy) => "busy with a script",
            Self::Complains(Complaint::Denied) => "does not let us in",
            Self::Complains(Complaint::Error) => "answers with errors",
            Self::Loading => "restarted, and is still loading its data",
            Self::WrongRole => "says it is a replica",
            Self::LostData => "restarted with less data than a replica has",
        }
    }
}

impl Evidence {
    /// Nothing is known yet: the silence begins now.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { good: now, silent_since: Some(now), gone: None, complaint: None, took: Duration::ZERO }
    }

    /// A proof of life, in answer to what was asked at `asked`.
    pub(crate) fn on_good(&mut self, now: Instant, asked: Instant) {
        self.good = now;
        self.took = now.since(asked);
        self.silent_since = None;
        self.gone = None;
        self.complaint = None;
    }

    /// An answer that is none.
    pub(crate) const fn on_complaint(&mut self, complaint: Complaint) {
        self.complaint = Some(complaint);
    }

    /// Whether the last that was heard of its health is a complaint.
    pub(crate) const fn is_complaint(&self) -> bool {
        self.complaint.is_some()
    }

    /// Something was asked, or is missing: if no answer comes, the silence began here.
    pub(crate) fn on_waiting(&mut self, now: Instant) {
        self.silent_since.get_or_insert(now);
    }

    /// A connection failed. What the kernel of the other side says is counted; what ours or the clock says is silence.
    pub(crate) fn on_fault(&mut self, now: Instant, fault: Fault, protested: bool) {
        self.on_waiting(now);
        let kernels_word = matches!(fault, Fault::Refused | Fault::Reset | Fault::Closed | Fault::Unreachable);
        if !kernels_word || protested {
            return;
        }
        let gone = self.gone.get_or_insert(Gone { since: now, times: 0, last: fault });
        gone.times = gone.times.saturating_add(1);
        gone.last = fault;
    }

    /// The clock jumped, or we were frozen: what seemed to be silence may have been ours.
    pub(crate) const fn forgive(&mut self, now: Instant) {
        if self.silent_since.is_some() {
            self.silent_since = Some(now);
        }
        self.gone = None;
    }

    /// Since when an answer, or a connection, is missing.
    pub(crate) const fn silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// Since when something has been wrong; `None`: nothing is.
    pub(crate) fn suspected_since(&self) -> Option<Instant> {
        let gone = self.gone.map(|g| g.since);
        [self.silent_since, gone].into_iter().flatten().min()
    }

    /// Whether a fast second look is wanted: the kernel has spoken, and has not been confirmed.
    pub(crate) const fn is_doubtful(&self) -> bool {
        self.gone.is_some()
    }

    /// Why it counts as down; `None`: it does not.
    pub(crate) fn verdict(&self, now: Instant, down_after: Duration, confirm: Duration) -> Option<Why> {
        if let Some(gone) = self.gone
            && gone.times >= CONFIRMATIONS
            && gone.since + confirm <= now
        {
            return Some(Why::Gone(gone.last));
        }
        let silent = self.silent_since.is_some_and(|since| since + down_after <= now);
        silent.then(|| match self.complaint {
            Some(complaint) => Why::Complains(complaint),
            None if self.took > down_after / 2 => Why::Slow,
            None => Why::Silent,
        })
    }

    /// When the verdict may change if nothing happens.
    pub(crate) fn deadline(&self, down_after: Duration, confirm: Duration) -> Option<(Instant, Timer)> {
        let silent = self.silent_since.map(|since| (since + down_after, Timer::Down));
        let gone = self.gone.filter(|g| g.times >= CONFIRMATIONS).map(|g| (g.since + confirm, Timer::Down));
        soonest(silent, gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::time::at;

    const DOWN_AFTER: Duration = Duration::from_secs(1);
    const CONFIRM: Duration = Duration::from_millis(50);

    fn alive() -> Evidence {
        let mut e = Evidence::new(at(0));
        e.on_good(at(0), at(0));
        e
    }

    fn verdict(e: &Evidence, ms: u64) -> Option<Why> {
        e.verdict(at(ms), DOWN_AFTER, CONFIRM)
    }

    #[test]
    fn silence_takes_down_after() {
        let mut e = alive();
        e.on_waiting(at(100));
        e.on_waiting(at(300));
        assert_eq!(verdict(&e, 1_099), None);
        assert_eq!(verdict(&e, 1_100), Some(Why::Silent));
        e.on_good(at(1_100), at(1_100));
        assert_eq!(verdict(&e, 5_000), None);
    }

    #[test]
    fn a_refusal_that_is_confirmed_takes_only_the_confirmation_time() {
        let mut e = alive();
        e.on_fault(at(100), Fault::Closed, false);
        assert_eq!(verdict(&e, 500), None, "one broken connection is not enough");
        e.on_fault(at(110), Fault::Refused, false);
        assert_eq!(verdict(&e, 149), None);
        assert_eq!(verdict(&e, 150), Some(Why::Gone(Fault::Refused)));
        assert_eq!(e.suspected_since(), Some(at(100)));
    }

    #[test]
    fn a_server_that_protests_before_it_hangs_up_is_not_gone() {
        let mut e = alive();
        for ms in [100, 110, 120] {
            e.on_fault(at(ms), Fault::Closed, true);
        }
        assert_eq!(verdict(&e, 900), None);
        assert_eq!(verdict(&e, 1_100), Some(Why::Silent));
    }

    #[test]
    fn what_it_says_instead_of_an_answer_is_the_reason() {
        let mut e = alive();
        e.on_waiting(at(100));
        e.on_complaint(Complaint::Busy);
        assert_eq!(verdict(&e, 1_099), None);
        assert_eq!(verdict(&e, 1_100), Some(Why::Complains(Complaint::Busy)));
        e.on_good(at(1_200), at(100));
        e.on_waiting(at(1_300));
        assert_eq!(verdict(&e, 2_300), Some(Why::Slow), "its last answer took longer than half of down-after");
    }

    #[test]
    fn our_own_trouble_is_silence_at_most() {
        let mut e = alive();
        e.on_fault(at(100), Fault::Local, false);
        e.on_fault(at(110), Fault::TimedOut, false);
        assert_eq!(verdict(&e, 900), None);
    }

    #[test]
    fn after_a_freeze_the_silence_starts_anew() {
        let mut e = alive();
        e.on_waiting(at(100));
        e.forgive(at(9_000));
        assert_eq!(verdict(&e, 9_999), None);
        assert_eq!(verdict(&e, 10_000), Some(Why::Silent));
    }
}
