//! What the daemon says of itself, read from its metrics.

use super::daemon::ROUTE;
use super::tally::Told;
use crate::statistics::Spread;

/// What the daemon says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The limit that it had learned, in seconds, look by look; zero before there was one.
    pub learned: Vec<f64>,
    /// Stale errors by its own count, in the order of [`Told::ALL`].
    pub stale: [f64; Told::ALL.len()],
    /// Connections that it closed because of what it had learned.
    pub closed_learned: f64,
    /// Connections that the server closed while they were idle.
    pub closed_by_peer: f64,
}

impl Figures {
    /// Those of a run's end, with what was learned on the way.
    pub(super) fn read(metrics: &str, learned: Vec<f64>) -> Self {
        let stale = |told: Told| {
            let label = format!("verdict=\"{}\"", told.name());
            total(metrics, "wharf_pool_stale_lease_errors_total", &label)
        };
        let closed = |cause| {
            let label = format!("cause=\"{cause}\"");
            total(metrics, "wharf_pool_connections_closed_total", &label)
        };
        Self {
            learned,
            stale: Told::ALL.map(stale),
            closed_learned: closed("learned_idle"),
            closed_by_peer: closed("peer_fin"),
        }
    }

    /// Looks until there was a limit.
    #[must_use]
    pub fn looks_before(&self) -> usize {
        self.learned.iter().take_while(|learned| **learned == 0.0).count()
    }

    /// The limit at the looks since: between which it lay, and what it was at most of them.
    #[must_use]
    pub fn limit(&self) -> Option<Spread> {
        Spread::of(&self.learned[self.looks_before()..])
    }

    /// The limit at the last look.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.learned.last().copied().filter(|learned| *learned > 0.0)
    }

    /// All stale errors by its own count.
    #[must_use]
    pub fn errors(&self) -> f64 {
        self.stale.iter().sum()
    }
}

/// How long the server lets a connection idle, as far as was learned; zero if not yet.
pub(super) fn learned(metrics: &str) -> f64 {
    let label = format!("route=\"{ROUTE}\"");
    total(metrics, "wharf_pool_learned_idle_timeout_seconds", &label)
}

/// The sum of the series of a metric, of those whose labels have `label`.
fn total(metrics: &str, name: &str, label: &str) -> f64 {
    let series = metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (found, labels) = series.split_once('{').unwrap_or((series, ""));
        (found == name && labels.contains(label)).then(|| value.parse::<f64>().ok())?
    });
    series.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_name_and_label() {
        let text = "# HELP a b\na{x=\"1\",y=\"2\"} 3\na{x=\"2\"} 4\na_b{x=\"1\"} 5\nc 1.5\n";
        for (name, label, sum) in [("a", "", 7.0), ("a", "x=\"1\"", 3.0), ("c", "", 1.5)] {
            assert!((total(text, name, label) - sum).abs() < 1e-9, "{name} {label}");
        }
        assert_eq!(total(text, "d", ""), 0.0);
    }

    #[test]
    fn figures_are_the_daemon_s_series() {
        let text = "\
wharf_pool_stale_lease_errors_total{verdict=\"never_sent\"} 1
wharf_pool_stale_lease_errors_total{verdict=\"unprocessed\"} 2
wharf_pool_connections_closed_total{cause=\"learned_idle\"} 30
wharf_pool_connections_closed_total{cause=\"peer_fin\"} 40
wharf_pool_learned_idle_timeout_seconds{route=\"storm\"} 0.99
";
        let figures = Figures::read(text, vec![0.0, 0.0, 0.98, 1.0, 0.99]);
        assert_eq!(figures.stale, [1.0, 2.0, 0.0, 0.0, 0.0]);
        assert_eq!((figures.closed_learned, figures.closed_by_peer), (30.0, 40.0));
        assert_eq!((figures.errors(), figures.looks_before()), (3.0, 2));
        assert_eq!(figures.limit(), Some(Spread { median: 0.99, min: 0.98, max: 1.0 }));
        assert!((learned(text) - 0.99).abs() < 1e-9);
        assert_eq!(Figures::default().limit(), None);
    }
}
