//! How much memory may the requests take that one thread keeps for its clients?
//!
//! Each session has a bound of its own (`hold-bytes`); many sessions at their bounds are more than a host may have, in the moment in which
//! there is no master. At the bound of the thread, each session keeps but little: whoever has more under way is not read until it has been
//! answered, and what is larger than that little passes as it comes, without a second chance.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use machine::Instant;
use tracing::warn;

/// What is kept on one thread.
#[derive(Debug)]
pub(crate) struct Budget {
    /// By all clients, in bytes: a number of the proxy.
    kept: Arc<AtomicUsize>,
    is_short: bool,
    /// When it was said last that there is too much.
    told: Option<Instant>,
}

impl Budget {
    pub(crate) const fn new(kept: Arc<AtomicUsize>) -> Self {
        Self { kept, is_short: false, told: None }
    }

    /// One client keeps so much now; `known` is what was known of it.
    pub(crate) fn note(&self, known: &mut usize, now: usize) {
        if *known != now {
            // This thread alone writes it; who reads it wants a number.
            self.kept.store(self.kept.load(Relaxed) + now - *known, Relaxed);
            *known = now;
        }
    }

    /// What each client may keep, if that is less than usual.
    pub(crate) fn ration(&self) -> Option<usize> {
        self.is_short.then_some(RATION)
    }

    /// Looks whether there is too much from now on, or is not any more. False: it is as it was.
    pub(crate) fn look(&mut self, now: Instant) -> bool {
        let kept = self.kept.load(Relaxed);
        // In between it stays as it was: all clients are looked at when there is room again.
        let is_short = if self.is_short { kept > MOST / 2 } else { kept >= MOST };
        if is_short == self.is_short {
            return false;
        }
        self.is_short = is_short;
        if is_short && self.told.is_none_or(|at| now - at >= LOG_EVERY) {
            self.told = Some(now);
            warn!(
                bytes = kept,
                "clients have more requests waiting than one data thread may keep: whoever has much under way is not read for now"
            );
        }
        true
    }
}

/// What a thread may keep, in bytes: ten thousand clients with a dozen KiB each. With the little that each may keep beyond it, what a host can
/// spare.
pub const MOST: usize = 128 << 20;
/// What each client may keep then: enough for all small requests, and little for ten thousand clients.
const RATION: usize = 8 << 10;
/// How often it is said at most.
const LOG_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_too_much_until_half_of_it_is_gone() {
        let mut budget = Budget::new(Arc::default());
        let (mut one, mut other) = (0, 0);
        let now = Instant::START;
        budget.note(&mut one, MOST - 1);
        assert!(!budget.look(now));
        budget.note(&mut other, 1);
        assert!(budget.look(now) && budget.ration().is_some());
        budget.note(&mut one, MOST / 2);
        assert!(!budget.look(now) && budget.ration().is_some(), "not yet");
        budget.note(&mut one, 0);
        assert!(budget.look(now) && budget.ration().is_none());
        assert_eq!((one, other), (0, 1));
    }
}
