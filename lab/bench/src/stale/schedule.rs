//! When each client asks: a function of the case, the client's number and nothing else, so that
//! every contender has the same pauses to bear.

use std::time::Duration;

use wharf_transport::device::simulated::prng::Prng;

use super::case::{Case, Limit, between};

/// Of a hundred pauses before a fixed limit, so many are within [`NEAR_PERCENT`] of it.
const NEAR_SHARE: u64 = 40;

/// So many are beyond that, up to [`BEYOND_PERCENT`] of the limit; the rest is below.
const BEYOND_SHARE: u64 = 30;

/// How near to a fixed limit is near.
const NEAR_PERCENT: u32 = 5;

/// The longest pause, in hundredths of a fixed limit.
const BEYOND_PERCENT: u32 = 150;

/// The shortest, the same way.
const BELOW_PERCENT: u32 = 10;

/// The pauses of one client, without end. The first is before its first request.
#[derive(Clone, Debug)]
pub struct Pauses {
    prng: Prng,
    limit: Limit,
}

impl Pauses {
    /// Those of client number `client`.
    #[must_use]
    pub fn new(case: &Case, client: u32) -> Self {
        // Seeds that follow each other give streams that have nothing to do with each other.
        let seed = Prng::new(u64::from(client)).next_u64();
        Self { prng: Prng::new(seed), limit: case.limit }
    }

    fn near_a_fixed(&mut self, limit: Duration) -> Duration {
        let percent = |percent: u32| limit * percent / 100;
        let (least, most) = match self.prng.below(100) {
            lot if lot < NEAR_SHARE => (100 - NEAR_PERCENT, 100 + NEAR_PERCENT),
            lot if lot < NEAR_SHARE + BEYOND_SHARE => (100 + NEAR_PERCENT, BEYOND_PERCENT),
            _ => (BELOW_PERCENT, 100 - NEAR_PERCENT),
        };
        between(&mut self.prng, percent(least), percent(most))
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(match self.limit {
            Limit::Fixed(limit) => self.near_a_fixed(limit),
            Limit::Random { least, most } => between(&mut self.prng, least / 2, most),
        })
    }
}

/// The requests of one client: `leases` in all are shared out evenly among `clients`, and numbered
/// from zero without a hole.
#[must_use]
pub fn requests(leases: u32, clients: u32, client: u32) -> std::ops::Range<u32> {
    let place = |client: u32| {
        let place = u64::from(leases) * u64::from(client) / u64::from(clients.max(1));
        u32::try_from(place).expect("not more than all leases")
    };
    place(client)..place(client + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_the_client_s_own_and_the_same_each_time() {
        let [case, ..] = Case::all();
        let of = |client| Pauses::new(&case, client).take(50).collect::<Vec<_>>();
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }

    #[test]
    fn a_good_share_of_pauses_is_beyond_a_fixed_limit_and_many_are_near_it() {
        for case in Case::all() {
            let Some(limit) = case.limit.fixed() else { continue };
            let all: Vec<_> = (0..100).flat_map(|it| Pauses::new(&case, it).take(100)).collect();
            let share = |is_it: &dyn Fn(Duration) -> bool| {
                all.iter().filter(|pause| is_it(**pause)).count() * 100 / all.len()
            };
            let near = share(&|pause| pause.abs_diff(limit) <= limit / 20);
            let beyond = share(&|pause| pause > limit);
            assert!((37..=43).contains(&near), "{case}: {near} % near");
            assert!((46..=54).contains(&beyond), "{case}: {beyond} % beyond");
            assert!(all.iter().all(|pause| (limit / 10..=limit * 3 / 2).contains(pause)));
        }
    }

    #[test]
    fn pauses_before_a_random_limit_go_from_below_the_least_to_the_most() {
        let [.., case] = Case::all();
        let all: Vec<_> = Pauses::new(&case, 1).take(10_000).collect();
        let (shortest, longest) = (all.iter().min().unwrap(), all.iter().max().unwrap());
        assert!((100..120).contains(&shortest.as_millis()), "{shortest:?}");
        assert!((4_980..=5_000).contains(&longest.as_millis()), "{longest:?}");
    }

    #[test]
    fn every_request_is_one_client_s() {
        for (leases, clients) in [(100, 7), (5, 5), (3, 5), (100_000, 6_000)] {
            let all: Vec<_> = (0..clients).flat_map(|it| requests(leases, clients, it)).collect();
            assert_eq!(all, (0..leases).collect::<Vec<_>>());
        }
    }
}
