//! How long until a holder is missed? RFC 9568 6.1 and RFC 3768 6.1.
//!
//! ```text
//!  last advertisement
//!  |      interval     |      interval     |      interval     | skew |
//!  |-------------------|-------------------|-------------------|------|  Active_Down_Interval
//!                                                                     ^ a backup takes over: the more priority, the sooner
//! ```

use core::time::Duration;

use crate::advert::{Interval, Priority};
use crate::config::Version;

/// How much later a backup of this priority takes over than one that has all the right there is.
///
/// Exact, not in hundredths of a second as RFC 9568 writes it: at short intervals all skews would be zero, and backups of any
/// priority would wake together.
#[must_use]
pub fn skew(version: Version, priority: Priority, interval: Interval) -> Duration {
    let unit = match version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => interval.duration(),
    };
    unit * (256 - u32::from(priority.0)) / 256
}

/// How long after a holder's last advertisement it is missed (Active_Down_Interval; in version 2 Master_Down_Interval).
#[must_use]
pub fn down(version: Version, priority: Priority, interval: Interval) -> Duration {
    interval.duration() * 3 + skew(version, priority, interval)
}

/// How long one listens to learn whether there is a holder at all: it would be heard once, even if one packet is lost or late.
///
/// With one interval alone a holder was missed whose advertisement took a little longer than the one before (a seed of the simulation).
#[must_use]
pub fn listen(version: Version, priority: Priority, interval: Interval) -> Duration {
    interval.duration() * 2 + skew(version, priority, interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_right_the_sooner() {
        let second = Interval::USUAL;
        assert_eq!(skew(Version::V2, Priority(100), second), Duration::from_micros(609_375));
        assert_eq!(down(Version::V3, Priority(100), second), Duration::from_micros(3_609_375));
        let fast = Interval::from_centis(1).expect("a hundredth");
        assert_eq!(skew(Version::V3, Priority(255), fast), Duration::from_nanos(39_062));
        assert!(skew(Version::V3, Priority(100), fast) < skew(Version::V3, Priority(99), fast));
        // Version 2 has a skew of up to a second whatever the interval.
        let slow = Interval::from_centis(500).expect("five seconds");
        assert_eq!(skew(Version::V2, Priority(128), slow), Duration::from_millis(500));
    }
}
