//! Does the proof fail because the address is here? A listener that cannot be reached at that one address passes its proof as long as the
//! address is elsewhere, where it is tried by the side door, and fails it as soon as the address has come: two such hosts would hand it to
//! each other for ever. So a host rests after falls in a row that came soon after the address had, each time for longer.
//!
//! ```text
//!   here ── fails soon ──> falls 1, 2: comes back when its proof passes ──> 5 s ──> 10 s ──> 20 s ──> 40 s ──> 60 s, 60 s ...
//!    └──── is here for a minute ──> all is forgotten
//! ```

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use machine::Instant;

/// The falls of one address, and the rest that follows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rest {
    /// In a row.
    falls: u32,
    /// Until when, and for how long.
    until: Option<(Instant, Duration)>,
}

impl Rest {
    /// Its proof failed while the address was here, and had been for so long.
    pub(crate) fn fell(&mut self, now: Instant, was_here_for: Duration) {
        if was_here_for >= GOOD {
            self.falls = 0;
        }
        if was_here_for >= SOON {
            return;
        }
        self.falls = self.falls.saturating_add(1);
        if self.falls > FREE {
            let pause = (FIRST * 2_u32.pow((self.falls - FREE - 1).min(10))).min(LAST);
            self.until = Some((now + pause, pause));
        }
    }

    pub(crate) fn look(&mut self, now: Instant) {
        self.until = self.until.filter(|(until, _)| *until > now);
    }

    /// An operator wants it here: it is tried at once.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.until.map(|(until, _)| until)
    }

    /// Why this host does not take it, for people.
    pub(crate) fn why(&self) -> Option<String> {
        let (_, pause) = self.until?;
        Some(format!(
            "its proof passes while the address is elsewhere, and has failed {} times in a row soon after it had come here: it is not taken for \
             {pause:?}. Can the listener be reached at the address itself? `standfast address take` tries at once",
            self.falls
        ))
    }
}

/// A fall after a shorter time is one because the address has come: a proof that fails takes a second or two by default.
const SOON: Duration = Duration::from_secs(20);
/// After so long here it is sound, and what was before is forgotten.
const GOOD: Duration = Duration::from_secs(60);
/// A proxy that is restarted, and once more, is no such thing.
const FREE: u32 = 2;
/// The first rest; each doubles it.
const FIRST: Duration = Duration::from_secs(5);
/// The longest: what is mended is used again within a minute, and what is not costs a move there and back a minute.
const LAST: Duration = Duration::from_secs(60);
