//! The servers: how long each lets a connection idle, and how many clients ask it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use wharf_transport::device::simulated::prng::Prng;

/// How long a server lets a connection idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Always as long.
    Fixed(Duration),
    /// Drawn anew each time a connection becomes idle, each length as likely as any other.
    Random {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
}

/// A server and those who ask it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The server's limit.
    pub limit: Limit,
    /// Clients, each with a connection of its own: so many that [`LEASES`](super::LEASES) take
    /// less than two minutes.
    pub clients: u32,
}

/// What most servers of a short limit have.
const ONE_SECOND: Case = Case { limit: Limit::Fixed(Duration::from_secs(1)), clients: 3_000 };

/// The default of Apache httpd and of Node.js.
const FIVE_SECONDS: Case = Case { limit: Limit::Fixed(Duration::from_secs(5)), clients: 7_000 };

/// A server that nothing can be learned of.
const RANDOM: Case = Case {
    limit: Limit::Random { least: Duration::from_millis(200), most: Duration::from_secs(5) },
    clients: 6_000,
};

impl Limit {
    /// How long the connection that has become idle may be so.
    pub fn draw(self, prng: &mut Prng) -> Duration {
        match self {
            Self::Fixed(limit) => limit,
            Self::Random { least, most } => between(prng, least, most),
        }
    }

    /// The limit, if it is always the same.
    #[must_use]
    pub const fn fixed(self) -> Option<Duration> {
        match self {
            Self::Fixed(limit) => Some(limit),
            Self::Random { .. } => None,
        }
    }
}

impl Case {
    /// All three.
    #[must_use]
    pub const fn all() -> [Self; 3] {
        [ONE_SECOND, FIVE_SECONDS, RANDOM]
    }
}

/// A length of time between two, each as likely as any other.
pub(super) fn between(prng: &mut Prng, least: Duration, most: Duration) -> Duration {
    let span = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
    least + Duration::from_micros(prng.below(span.saturating_add(1)))
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Limit::Fixed(limit) => write!(f, "{}s", limit.as_secs_f64()),
            Limit::Random { .. } => f.write_str("random"),
        }
    }
}

impl FromStr for Case {
    type Err = String;

    /// By the name that it is shown with.
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::all().into_iter().find(|case| case.to_string() == text);
        found.ok_or_else(|| {
            format!("{text} is none of {}", Self::all().map(|c| c.to_string()).join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_reads_back_as_it_is_shown() {
        for case in Case::all() {
            assert_eq!(case.to_string().parse(), Ok(case));
        }
        let error = "2s".parse::<Case>().unwrap_err();
        assert_eq!(error, "2s is none of 1s, 5s, random");
    }

    #[test]
    fn a_random_limit_reaches_both_ends_and_a_fixed_one_never_moves() {
        let (least, most) = (Duration::from_micros(3), Duration::from_micros(5));
        let mut prng = Prng::new(1);
        let drawn: std::collections::BTreeSet<_> =
            (0..100).map(|_| Limit::Random { least, most }.draw(&mut prng)).collect();
        assert_eq!(drawn.first().copied().zip(drawn.last().copied()), Some((least, most)));
        assert_eq!(Limit::Fixed(most).draw(&mut prng), most);
    }
}
