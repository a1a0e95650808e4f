//! Is this worth a line in the log? The first time it is, then at most once a minute, with how often it was since.

use core::time::Duration;

use machine::Instant;

/// What was told of one thing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Telling {
    last: Option<Instant>,
    times: u64,
}

impl Telling {
    /// It has happened: how often since the last line, if it is time for one.
    pub(crate) fn again(&mut self, now: Instant) -> Option<u64> {
        self.times += 1;
        if self.last.is_some_and(|last| now.since(last) < PAUSE) {
            return None;
        }
        self.last = Some(now);
        Some(core::mem::take(&mut self.times))
    }

    /// Whether there was a line.
    pub(crate) const fn has_told(&self) -> bool {
        self.last.is_some()
    }
}

/// The time between two lines about one thing.
const PAUSE: Duration = Duration::from_secs(60);
