//! How long is it quiet after a session has failed? The idle hold time of RFC 4271 8.1.1, so that a route server that resets every session is
//! not stormed.
//!
//! ```text
//!   failed after the peer said a word:           1 s, 2 s, 4 s … 60 s, and 1 s again after a session that stood for a minute
//!   refused, not answered, or closed before it:  the same, but never above the neighbour's `connect_retry`: a refusal costs it nothing
//! ```
//!
//! Each pause is cut by up to a quarter at random (RFC 4271 10), so that the clients of a server that restarts do not come all at once.

use core::time::Duration;

use machine::{Instant, Rng};

#[derive(Clone, Debug)]
pub(crate) struct Damping {
    /// The next one.
    pause: Duration,
}

impl Damping {
    pub(crate) const fn new() -> Self {
        Self { pause: SHORTEST }
    }

    /// An operator's word forgets what was.
    pub(crate) fn forget(&mut self) {
        *self = Self::new();
    }

    /// The pause after a session that stood since then, or never came to stand.
    pub(crate) fn after_failure(&mut self, now: Instant, stood_since: Option<Instant>, rng: &mut Rng) -> Duration {
        if stood_since.is_some_and(|since| now.since(since) >= STABLE) {
            self.forget();
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        jittered(pause, rng)
    }

    /// The pause after a connection that did not come to be. BIRD, for one, takes and closes it while it waits after an error of its
    /// own, and is to be found when it does no more.
    pub(crate) fn after_refusal(&mut self, connect_retry: Duration, rng: &mut Rng) -> Duration {
        let pause = self.pause.min(connect_retry);
        // What failures have made of it stays.
        self.pause = self.pause.max((pause * 2).min(connect_retry).min(LONGEST));
        jittered(pause, rng)
    }
}

/// Three quarters to all of it.
pub(crate) fn jittered(of: Duration, rng: &mut Rng) -> Duration {
    of - rng.jitter(of / 4)
}

/// A restart of a route server takes about so long at best.
const SHORTEST: Duration = Duration::from_secs(1);
/// A server that resets every session sees one a minute at most; one that is mended is noticed within it.
const LONGEST: Duration = Duration::from_secs(60);
/// A session that stood for so long did not fail for the reason of those before.
const STABLE: Duration = Duration::from_secs(60);
