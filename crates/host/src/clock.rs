//! When is it? Two clocks that must not be mixed: [`now`] measures, [`wall`] is only printed.
//!
//! `now` reads CLOCK_BOOTTIME, which goes on while the host sleeps. std's `Instant` is CLOCK_MONOTONIC and stands still
//! then: a lease or a promise to other nodes would outlive its time by the length of the sleep.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use machine::Instant;

/// The time since the process first asked. Never goes back, also not from one thread to another.
#[must_use]
pub fn now() -> Instant {
    static START: OnceLock<u64> = OnceLock::new();
    // The start first: read the other way round, the first caller would see a time before it.
    let start = *START.get_or_init(boot_nanos);
    Instant::from_nanos(boot_nanos() - start)
}

/// Milliseconds since the UNIX epoch, for log lines and records. It can jump: nothing may be measured with it. Before
/// 1970 it is 0.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A moment of [`wall`] as a calendar and a clock on this host's wall show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Such as 2026.
    pub year: i32,
    /// From 1.
    pub month: u32,
    /// From 1.
    pub day: u32,
    /// From 0.
    pub hour: u32,
    /// From 0.
    pub minute: u32,
    /// From 0; a leap second is 60.
    pub second: u32,
}

/// What the clocks of this host's time zone show at `wall` milliseconds since the UNIX epoch.
#[must_use]
#[expect(unsafe_code, reason = "std knows no time zones")]
pub fn local(wall: u64) -> Local {
    let seconds = libc::time_t::try_from(wall / 1_000).unwrap_or(libc::time_t::MAX);
    // SAFETY: `tm` is plain numbers and a pointer that may be null; all zeros are values of them.
    let mut time: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: localtime_r(3) reads one time_t and writes one `tm`, both ours. It reads the time zone under a lock of its own. A
    // year that does not fit leaves the zeros.
    unsafe { libc::localtime_r(&raw const seconds, &raw mut time) };
    let part = |n: libc::c_int| u32::try_from(n).unwrap_or_default();
    Local {
        year: time.tm_year + 1_900,
        month: part(time.tm_mon) + 1,
        day: part(time.tm_mday),
        hour: part(time.tm_hour),
        minute: part(time.tm_min),
        second: part(time.tm_sec),
    }
}

/// The time for which this thread has had a processor, the kernel's work for it included.
#[must_use]
pub fn worked() -> Duration {
    Duration::from_nanos(nanos(libc::CLOCK_THREAD_CPUTIME_ID))
}

/// Nanoseconds since the kernel booted, suspended time included.
fn boot_nanos() -> u64 {
    nanos(libc::CLOCK_BOOTTIME)
}

#[expect(unsafe_code, reason = "the kernel's clock")]
fn nanos(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime(2) writes one timespec, and `time` is one, alive and ours alone.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) };
    // Its only errors are a bad pointer and an unknown clock; these are known since Linux 2.6.39.
    assert_eq!(failed, 0, "every supported kernel has this clock");
    let seconds = u64::try_from(time.tv_sec).expect("a host runs for a positive time");
    let nanos = u64::try_from(time.tv_nsec).expect("clock_gettime(2): from 0 to 999999999");
    seconds * 1_000_000_000 + nanos
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn time_starts_at_first_use_and_never_goes_back_between_threads() {
        let first = now();
        assert!(first.since(Instant::START) < Duration::from_secs(60), "{first:?} is since boot, not since the start");
        let mut last = first;
        for _ in 0..50 {
            let there = thread::spawn(now).join().expect("the thread only reads a clock");
            assert!(there >= last, "{there:?} before {last:?}");
            last = there;
        }
    }

    #[test]
    fn a_sleep_takes_as_long_as_it_says() {
        let before = now();
        thread::sleep(Duration::from_millis(20));
        let took = now() - before;
        assert!(took >= Duration::from_millis(20) && took < Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn who_sleeps_does_not_work() {
        let before = worked();
        thread::sleep(Duration::from_millis(200));
        assert!(worked() - before < Duration::from_millis(100));
        while worked() - before < Duration::from_millis(10) {}
    }

    #[test]
    fn the_calendar_is_that_of_the_hosts_time_zone() {
        // Of a whole hour: zones differ by quarters of one at least.
        let zones = ["date", "-d", "@1700000123", "+%Y %-m %-d %-H %-M %-S"];
        let said = std::process::Command::new(zones[0]).args(&zones[1..]).output().expect("every host has date(1)");
        let Local { year, month, day, hour, minute, second } = local(1_700_000_123_456);
        let ours = format!("{year} {month} {day} {hour} {minute} {second}");
        assert_eq!(ours, String::from_utf8_lossy(&said.stdout).trim());
    }

    #[test]
    fn the_wall_clock_counts_milliseconds_of_this_century() {
        let (year_2020, year_2100) = (1_577_836_800_000, 4_102_444_800_000);
        assert!((year_2020..year_2100).contains(&wall()), "{}", wall());
    }
}
