//! When is it, without asking anyone: an instant is a number that the driver hands in.
//!
//! `core` has no instant, and that is the point: what is below the line *cannot* ask the time. Drivers fill it from
//! CLOCK_BOOTTIME, so that a lease does not outlive a sleeping host (std's clock stands still in suspend on Linux).

use alloc::string::String;
use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::str::FromStr;
use core::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in nanoseconds since the process (or the simulated world) started. Text form: milliseconds, `12305ms`, with
/// up to six decimals where needed.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment at which the process started.
    pub const START: Self = Self(0);

    /// The moment `ms` milliseconds after the start: what tests and stories write.
    #[must_use]
    pub const fn at(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// The moment `nanos` nanoseconds after the start: what a clock writes.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The moment `ms` milliseconds after the start, short for tests: `at(1_500)`.
#[must_use]
pub const fn at(ms: u64) -> Instant {
    Instant::at(ms)
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates: a deadline past the end of time is never due, which is what its setter meant.
    fn add(self, d: Duration) -> Self {
        let nanos = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    /// Stops at the start of time.
    fn sub(self, d: Duration) -> Self {
        let nanos = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.as_millis() / 1000, self.as_millis() % 1000)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_millis(f, self.0)
    }
}

impl FromStr for Instant {
    type Err = NotATime;

    fn from_str(s: &str) -> Result<Self, NotATime> {
        read_millis(s).map(Self)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = String::deserialize(d)?;
        s.parse().map_err(D::Error::custom)
    }
}

/// Durations in the text form of instants (`250ms`): `#[serde(with = "machine::time::span")]`.
pub mod span {
    use super::{Deserialize, Deserializer, Duration, Serializer, String, read_millis, write_millis};
    use core::fmt;
    use serde::de::Error as _;

    struct Millis(u64);

    impl fmt::Display for Millis {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_millis(f, self.0)
        }
    }

    /// Writes a duration as `250ms`; over 584 years it is cut there.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&Millis(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Reads `250ms`.
    ///
    /// # Errors
    /// When the text is not of that form.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        let s = String::deserialize(d)?;
        read_millis(&s).map(Duration::from_nanos).map_err(D::Error::custom)
    }
}

/// The text is not a number of milliseconds such as `250ms` or `0.004ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected milliseconds, such as 250ms")
    }
}

impl core::error::Error for NotATime {}

fn write_millis(f: &mut fmt::Formatter<'_>, nanos: u64) -> fmt::Result {
    let (ms, rest) = (nanos / 1_000_000, nanos % 1_000_000);
    if rest == 0 {
        return write!(f, "{ms}ms");
    }
    let mut digits = 6;
    let mut rest = rest;
    while rest.is_multiple_of(10) {
        rest /= 10;
        digits -= 1;
    }
    write!(f, "{ms}.{rest:0digits$}ms")
}

fn read_millis(s: &str) -> Result<u64, NotATime> {
    let s = s.strip_suffix("ms").ok_or(NotATime)?;
    let (whole, part) = s.split_once('.').unwrap_or((s, ""));
    if whole.is_empty() || part.len() > 6 || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(NotATime);
    }
    let ms: u64 = whole.parse().map_err(|_| NotATime)?;
    let mut nanos = 0;
    for i in 0..6 {
        nanos = nanos * 10 + part.as_bytes().get(i).map_or(0, |b| u64::from(b - b'0'));
    }
    ms.checked_mul(1_000_000).and_then(|n| n.checked_add(nanos)).ok_or(NotATime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn an_instant_prints_as_seconds_for_people_and_milliseconds_in_stories() {
        let t = at(12_305);
        assert_eq!(alloc::format!("{t:?}"), "12.305s");
        assert_eq!(t.to_string(), "12305ms");
        assert_eq!(Instant::from_nanos(4_500).to_string(), "0.0045ms");
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(at(5) - Duration::from_secs(1), Instant::START);
        assert_eq!(at(5).since(at(9)), Duration::ZERO);
        assert!(at(5) + Duration::MAX > at(u64::MAX / 2_000_000));
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for s in ["", "ms", "1", "1s", "-1ms", "1.ms.2", ".5ms", "1.1234567ms", "99999999999999999999ms"] {
            assert_eq!(s.parse::<Instant>(), Err(NotATime), "{s}");
        }
    }

    proptest! {
        #[test]
        fn the_text_form_is_exact(nanos: u64) {
            let t = Instant::from_nanos(nanos);
            prop_assert_eq!(t.to_string().parse::<Instant>(), Ok(t));
        }
    }
}
