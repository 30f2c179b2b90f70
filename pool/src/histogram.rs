//! Histograms of fixed buckets: plain integers, no samples kept, nothing allocated.

use crate::time::{Duration, nanos};

/// Upper bounds of the lease wait. POOL.md, section 4.
pub const LEASE_WAIT_BOUNDS: [Duration; 8] = [
    Duration::from_micros(10),
    Duration::from_micros(100),
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// Upper bounds of the time that a lease is held: from one cached answer to a long download.
pub const LEASE_HOLD_BOUNDS: [Duration; 8] = [
    Duration::from_micros(100),
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(600),
];

/// Upper bounds of the time that an attempt to connect takes: from the same rack to the
/// retransmissions of a SYN (1 s, 3 s, 7 s).
pub const CONNECT_BOUNDS: [Duration; 8] = [
    Duration::from_micros(250),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(8),
];

/// Durations by bucket. A value belongs to the first bucket whose bound is not below it, or to
/// the last, which has none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Histogram {
    bounds: &'static [Duration; 8],
    counts: [u64; 9],
    sum_nanos: u64,
}

impl Histogram {
    /// An empty histogram over `bounds`, which ascend.
    #[must_use]
    pub const fn new(bounds: &'static [Duration; 8]) -> Self {
        Self { bounds, counts: [0; 9], sum_nanos: 0 }
    }

    /// Counts one value.
    pub fn record(&mut self, value: Duration) {
        // Most are short: that the first bound holds is seen at once.
        let is_short = value <= self.bounds[0];
        let bucket = if is_short { 0 } else { self.bounds.partition_point(|bound| *bound < value) };
        self.counts[bucket] += 1;
        self.sum_nanos = self.sum_nanos.saturating_add(nanos(value));
    }

    /// Counts many values, in nanoseconds.
    pub(crate) fn record_all(&mut self, values: impl Iterator<Item = u64>) {
        let first = nanos(self.bounds[0]);
        for value in values {
            if value <= first {
                self.counts[0] += 1;
                self.sum_nanos = self.sum_nanos.saturating_add(value);
            } else {
                self.record(Duration::from_nanos(value));
            }
        }
    }

    /// Counts so many values of zero.
    pub(crate) const fn record_zeros(&mut self, times: u64) {
        self.counts[0] += times;
    }

    /// The upper bounds of all buckets but the last.
    #[must_use]
    pub const fn bounds(&self) -> &'static [Duration; 8] {
        self.bounds
    }

    /// Values in each bucket by itself; the last is beyond every bound.
    #[must_use]
    pub const fn counts(&self) -> &[u64; 9] {
        &self.counts
    }

    /// All values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all values.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_belongs_to_the_bucket_below_it() {
        let mut histogram = Histogram::new(&LEASE_WAIT_BOUNDS);
        for (value, bucket) in [
            (Duration::ZERO, 0),
            (Duration::from_micros(10), 0),
            (Duration::from_nanos(10_001), 1),
            (Duration::from_secs(5), 7),
            (Duration::from_secs(6), 8),
        ] {
            let before = histogram.counts()[bucket];
            histogram.record(value);
            assert_eq!(histogram.counts()[bucket], before + 1, "{value:?}");
        }
        assert_eq!(histogram.count(), 5);
        assert_eq!(histogram.sum(), Duration::from_nanos(11_000_020_001));
    }

    #[test]
    fn bounds_ascend() {
        for bounds in [&LEASE_WAIT_BOUNDS, &LEASE_HOLD_BOUNDS, &CONNECT_BOUNDS] {
            assert!(bounds.is_sorted());
        }
    }
}
