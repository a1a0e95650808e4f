//! When is which request due? Decided before the first one is sent: nothing that a server does moves a later one.
//!
//! Gaps are exponential, as between the requests of many clients that do not know each other; the same seed each time, so every way gets the same
//! requests at the same moments.

use std::time::Duration;

/// All requests of a run, in order.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) due: Vec<Due>,
    /// Those due before count for nobody: caches are cold, lanes and connections are being opened.
    pub(crate) counts_from: u64,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Nanoseconds after the start.
    pub(crate) at: u64,
    pub(crate) connection: usize,
}

impl Schedule {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "nanoseconds of a run fit")]
    pub(crate) fn new(rate: f64, time: Duration, connections: usize) -> Self {
        let (mut random, mut at, mut due) = (Random(SEED), 0.0, Vec::new());
        let end = time.as_secs_f64() * 1e9;
        loop {
            at -= (1.0 - random.unit()).ln() * 1e9 / rate;
            if at >= end {
                return Self { due, counts_from: (end * WARM_UP) as u64 };
            }
            due.push(Due { at: at as u64, connection: random.below(connections) });
        }
    }
}

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is below a usize")
    }
}

pub(crate) const SEED: u64 = 1;
const WARM_UP: f64 = 0.15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_every_connection_has_its_turn() {
        let schedule = Schedule::new(20_000.0, Duration::from_secs(2), 50);
        assert!((39_000..41_000).contains(&schedule.due.len()), "{}", schedule.due.len());
        assert!(schedule.due.windows(2).all(|two| two[0].at <= two[1].at));
        assert!((0..50).all(|connection| schedule.due.iter().any(|due| due.connection == connection)));
        assert_eq!(schedule.due, Schedule::new(20_000.0, Duration::from_secs(2), 50).due);
    }
}
