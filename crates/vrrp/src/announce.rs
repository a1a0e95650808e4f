//! When is the network told where the addresses are? A few times after every reason to, then now and then.
//!
//! Told once, it can be lost; told never again, it leaves the addresses dead for as long as neighbours remember the wrong host: 41 to 59 s
//! were measured where two holders had met and the one that stayed did not say so again.

use machine::Instant;

use crate::config::Announce;

/// Announcements that are under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    left: u8,
    next: Option<Instant>,
    last: Option<Instant>,
}

impl Series {
    /// There is a reason to tell again: at once, but not sooner than a gap after the last time, however many reasons there are.
    pub fn start(&mut self, now: Instant, rule: &Announce) {
        self.left = rule.repeat;
        let soonest = self.last.map_or(now, |last| now.max(last + rule.gap));
        self.next = if rule.repeat > 0 { Some(soonest) } else { self.refresh(now, rule) };
    }

    /// Whether to tell now; then the next time is set.
    pub fn is_due(&mut self, now: Instant, rule: &Announce) -> bool {
        if self.next.is_none_or(|next| next > now) {
            return false;
        }
        self.last = Some(now);
        self.left = self.left.saturating_sub(1);
        self.next = if self.left > 0 { Some(now + rule.gap) } else { self.refresh(now, rule) };
        true
    }

    /// When that is.
    #[must_use]
    pub const fn next(&self) -> Option<Instant> {
        self.next
    }

    fn refresh(&self, now: Instant, rule: &Announce) -> Option<Instant> {
        (!rule.refresh.is_zero()).then(|| now + rule.refresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::time::Duration;
    use machine::time::at;

    fn told(series: &mut Series, rule: &Announce, until: u64) -> Vec<u64> {
        (0..=until).filter(|&ms| series.is_due(at(ms), rule)).collect()
    }

    #[test]
    fn a_few_at_once_then_now_and_then() {
        let rule = Announce { repeat: 3, gap: Duration::from_millis(10), refresh: Duration::from_millis(100) };
        let mut series = Series::default();
        series.start(at(0), &rule);
        assert_eq!(told(&mut series, &rule, 250), [0, 10, 20, 120, 220]);
    }

    #[test]
    fn many_reasons_are_no_storm() {
        let rule = Announce { repeat: 2, gap: Duration::from_millis(10), refresh: Duration::ZERO };
        let mut series = Series::default();
        let mut times = Vec::new();
        for ms in 0..50 {
            series.start(at(ms), &rule);
            times.extend(series.is_due(at(ms), &rule).then_some(ms));
        }
        assert_eq!(times, [0, 10, 20, 30, 40]);
    }

    #[test]
    fn without_repetition_only_the_refresh() {
        let rule = Announce { repeat: 0, gap: Duration::ZERO, refresh: Duration::from_millis(40) };
        let mut series = Series::default();
        series.start(at(0), &rule);
        assert_eq!(told(&mut series, &rule, 100), [40, 80]);
    }
}
