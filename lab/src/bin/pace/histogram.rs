//! How are many times spread? Buckets of fixed bounds, each at most 1/64 wider than its lower bound: as small for a minute of requests as for
//! one, and adding one costs the same whatever is in it.
//!
//! ```text
//! 0 .. 127 ns    one bucket a nanosecond
//! 2^n .. 2^n+1   64 buckets of equal width, for each n from 7 on
//! ```

/// The counts.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; bucket(u64::MAX) + 1], count: 0, max: 0 }
    }

    /// Adds a time in nanoseconds.
    pub(crate) fn add(&mut self, ns: u64) {
        self.counts[bucket(ns)] += 1;
        self.count += 1;
        self.max = self.max.max(ns);
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    pub(crate) const fn max(&self) -> u64 {
        self.max
    }

    /// The time within which this share (0 to 1) of all came, in nanoseconds, rounded up to the end of its bucket; 0 if there is none.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count is one")]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(crate) fn within(&self, share: f64) -> u64 {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                return last_of(bucket).min(self.max);
            }
        }
        0
    }
}

/// The number of a time's bucket: its highest bits, behind how many there are of the others.
fn bucket(ns: u64) -> usize {
    let shift = (u64::BITS - ns.leading_zeros()).saturating_sub(BITS + 1);
    let bucket = (u64::from(shift) << BITS) + (ns >> shift);
    usize::try_from(bucket).expect("there are 59 times 64 buckets")
}

/// The greatest time of a bucket.
const fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket >> BITS).saturating_sub(1);
    let top = bucket - (shift << BITS);
    ((top + 1) << shift).wrapping_sub(1)
}

/// 64 buckets for each doubling.
const BITS: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_a_bucket_that_is_hardly_wider_than_it() {
        let mut before = 0;
        for ns in (0..5_000).chain([1 << 20, (1 << 20) + 1, 123_456_789, u64::MAX / 3, u64::MAX]) {
            let bucket = bucket(ns);
            assert!(bucket == before || bucket == before + 1 || ns >= 5_000, "{ns}: no bucket is left out");
            before = bucket;
            assert!(last_of(bucket) >= ns && last_of(bucket) - ns <= ns / 64, "{ns} is in {bucket}");
        }
    }

    #[test]
    fn shares_are_read_from_below() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.within(0.5), 0);
        (1..=1_000).for_each(|us| histogram.add(us * 1_000));
        let near = |ns: u64, us: u64| ns >= us * 1_000 && ns <= us * 1_000 + us * 1_000 / 64;
        assert!(near(histogram.within(0.5), 500) && near(histogram.within(0.99), 990));
        assert_eq!((histogram.within(1.0), histogram.max(), histogram.count()), (1_000_000, 1_000_000, 1_000));
    }
}
