//! What a phase of the demo came to: its figures, as people and programs read them.

use std::time::Duration;

use serde::Serialize;

use super::kernel::KernelCounts;

/// One phase's figures, by the names of the demo's JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Requests made.
    pub(super) requests: u64,
    /// Requests that did not bring the right bytes.
    pub(super) failures: u64,
    /// Requests a second, from the first process's start to the last one's end.
    pub(super) requests_per_second: f64,
    /// Half of the requests took at most so many microseconds.
    pub(super) p50_us: u64,
    /// 99 of 100 requests took at most so many microseconds.
    pub(super) p99_us: u64,
    /// Connections that the upstream accepted in this phase.
    pub(super) upstream_connections: u64,
    /// What the kernel counted in this phase.
    #[serde(skip)]
    pub(super) kernel: KernelCounts,
}

/// What was measured of one phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    /// Microseconds from before the connect or the lease to the last byte, of each good request.
    pub(super) latencies_us: Vec<u64>,
    /// Requests that failed.
    pub(super) failures: u64,
    /// How the first of them failed.
    pub(super) first_failure: Option<String>,
    /// Time from the first process's start to the last one's end.
    pub(super) elapsed: Duration,
}

impl Measured {
    /// The figures without the counters of others.
    pub(super) fn figures(mut self) -> Figures {
        self.latencies_us.sort_unstable();
        let good = u64::try_from(self.latencies_us.len()).unwrap_or(u64::MAX);
        Figures {
            requests: good + self.failures,
            failures: self.failures,
            requests_per_second: rate(good, self.elapsed),
            p50_us: percentile(&self.latencies_us, 50),
            p99_us: percentile(&self.latencies_us, 99),
            upstream_connections: 0,
            kernel: KernelCounts::default(),
        }
    }
}

/// The nearest-rank percentile of sorted values: the least of them that `percent` of all do not
/// exceed; 0 if there are none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// Events a second, to a tenth.
fn rate(count: u64, elapsed: Duration) -> f64 {
    let micros = elapsed.as_micros().max(1);
    let tenths = u128::from(count) * 10_000_000 / micros;
    f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        // Values, percentile, what it is.
        let table: &[(&[u64], usize, u64)] = &[
            (&[], 50, 0),
            (&[7], 50, 7),
            (&[7], 99, 7),
            (&[1, 2], 50, 1),
            (&[1, 2, 3], 50, 2),
            (&[1, 2, 3], 99, 3),
            (&hundred, 50, 50),
            (&hundred, 99, 99),
        ];
        for (values, percent, expected) in table {
            assert_eq!(percentile(values, *percent), *expected, "{values:?} {percent}");
        }
    }

    #[test]
    fn figures_of_a_phase() {
        let measured = Measured {
            latencies_us: vec![30, 10, 20],
            failures: 1,
            first_failure: None,
            elapsed: Duration::from_millis(1500),
        };
        let figures = measured.figures();
        assert_eq!((figures.requests, figures.failures), (4, 1));
        assert_eq!((figures.p50_us, figures.p99_us), (20, 30));
        assert!((figures.requests_per_second - 2.0).abs() < 0.01);
        let json = serde_json::to_value(&figures).unwrap();
        let mut names: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        names.sort();
        let expected = [
            "failures",
            "p50_us",
            "p99_us",
            "requests",
            "requests_per_second",
            "upstream_connections",
        ];
        assert_eq!(names, expected);
    }
}
