//! What a node takes for the time: a clock of its own, which runs a little fast or slow and starts anywhere.

use std::time::Duration;

use machine::Instant;

/// A node's clock.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// What it showed when the world began.
    base: Duration,
    /// Millionths that it runs fast.
    fast_ppm: i64,
    /// Time that it slept through: zero for a clock that counts suspended time, as CLOCK_BOOTTIME does.
    missed: Duration,
    /// By how much it leapt ahead of the world.
    leapt: Duration,
}

impl Clock {
    pub(crate) const fn new(base: Duration, fast_ppm: i64) -> Self {
        Self { base, fast_ppm, missed: Duration::ZERO, leapt: Duration::ZERO }
    }

    /// What it shows at a moment of the world.
    pub(crate) fn read(&self, world: Instant) -> Instant {
        let nanos = i128::from(world.as_nanos());
        let drifted = nanos + nanos * i128::from(self.fast_ppm) / MILLION;
        Instant::from_nanos(to_u64(drifted)) + self.base + self.leapt - self.missed
    }

    /// The moment of the world at which it shows `shown`, not earlier.
    pub(crate) fn moment(&self, shown: Instant) -> Instant {
        let nanos = i128::from((shown + self.missed - self.leapt - self.base).as_nanos());
        let world = nanos * MILLION / (MILLION + i128::from(self.fast_ppm));
        Instant::from_nanos(to_u64(world).saturating_add(2))
    }

    /// It leaps ahead: a hypervisor set it right.
    pub(crate) fn leap(&mut self, time: Duration) {
        self.leapt += time;
    }

    /// It stood still for that long: only a saboteur's does.
    pub(crate) fn miss(&mut self, time: Duration) {
        self.missed += time;
    }
}

fn to_u64(n: i128) -> u64 {
    u64::try_from(n).unwrap_or(if n < 0 { 0 } else { u64::MAX })
}

const MILLION: i128 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_reached_when_its_moment_comes() {
        for ppm in [-5_000, 0, 200, 5_000] {
            let clock = Clock::new(Duration::from_secs(777), ppm);
            for ms in [1, 999, 12_345, 3_600_000] {
                let shown = clock.read(Instant::at(ms)) + Duration::from_nanos(123_456_789);
                assert!(clock.read(clock.moment(shown)) >= shown, "{ppm} {ms}");
            }
        }
    }
}
