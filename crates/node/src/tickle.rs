//! When are the clients that others served told that these are gone? In a few rounds after the address has come, or a partner was lost.
//!
//! One round is not enough: the first packets may meet neighbours that do not yet know where the address is, and a client's host may be
//! just as new to the link.

use core::time::Duration;

use machine::Instant;

/// The rounds that are under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tickle {
    began: Option<Instant>,
    round: usize,
    last: Option<Instant>,
}

impl Tickle {
    /// There is a reason: from the first round on, but not sooner than a gap after the last one, however many reasons there are.
    pub(crate) fn start(&mut self, now: Instant) {
        self.began = Some(self.last.map_or(now, |last| now.max(last + GAP)));
        self.round = 0;
    }

    /// The address has gone.
    pub(crate) const fn stop(&mut self) {
        self.began = None;
    }

    /// Whether to tickle now; rounds that were slept through are one.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        if self.next().is_none_or(|next| next > now) {
            return false;
        }
        while self.next().is_some_and(|next| next <= now) {
            self.round += 1;
        }
        self.last = Some(now);
        true
    }

    /// When the next round is.
    pub(crate) fn next(&self) -> Option<Instant> {
        Some(self.began? + *ROUNDS.get(self.round)?)
    }
}

/// After the reason.
const ROUNDS: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(300),
    // A client whose answer was lost is deaf to further ones for half a second (Linux: `tcp_invalid_ratelimit`).
    Duration::from_millis(600),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];
/// Between two rounds of whatever reasons: a round may be thousands of packets.
const GAP: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use machine::time::at;

    #[test]
    fn a_few_rounds_and_no_storm() {
        let mut tickle = Tickle::default();
        tickle.start(at(0));
        let told = |tickle: &mut Tickle, ms: core::ops::Range<u64>| -> Vec<u64> {
            ms.filter(|&ms| tickle.is_due(at(ms))).collect()
        };
        assert_eq!(told(&mut tickle, 0..500), [0, 100, 300]);
        for ms in 500..1_000 {
            tickle.start(at(ms));
            tickle.is_due(at(ms));
        }
        assert!(told(&mut tickle, 1_000..30_000).len() <= 8);
        assert_eq!(tickle.next(), None);
        tickle.start(at(40_000));
        tickle.stop();
        assert!(!tickle.is_due(at(40_000)));
    }
}
