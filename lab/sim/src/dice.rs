//! Choices that a seed replays.

use wharf_transport::device::simulated::Chance;
use wharf_transport::device::simulated::prng::Prng;
use wharf_transport::time::Duration;

/// A stream of choices, a function of its seed.
#[derive(Clone, Debug)]
pub struct Dice {
    prng: Prng,
}

impl Dice {
    /// The choices of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { prng: Prng::new(seed) }
    }

    /// Any number; also the seed of other dice.
    pub fn number(&mut self) -> u64 {
        self.prng.next_u64()
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.prng.below(end)
    }

    /// A length below `end`; 0 if that is 0.
    pub fn length(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.below(end)).unwrap_or(usize::MAX)
    }

    /// Once in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of `these`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn pick<T: Copy>(&mut self, these: &[T]) -> T {
        let at = self.length(these.len());
        *these.get(at).expect("something to pick from")
    }

    /// A number from `low` to `high` such that each doubling is as likely as any other.
    pub fn spread(&mut self, low: u64, high: u64) -> u64 {
        let low = low.max(1);
        let doublings = (high / low).max(1).ilog2();
        let base = low << self.below(u64::from(doublings) + 1);
        (base + self.below(base)).clamp(low, high.max(low))
    }

    /// A duration from `low` to `high`, each doubling as likely as any other.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.spread(nanos(low), nanos(high)))
    }

    /// Nothing for half of all seeds; else a chance of up to `most` in a hundred.
    pub fn chance(&mut self, most: u32) -> Chance {
        let is_on = self.one_in(2);
        let times = self.below(u64::from(most) * 10_000 + 1);
        match u32::try_from(times) {
            Ok(times) if is_on => Chance::per_million(times),
            Ok(_) | Err(_) => Chance::NEVER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_stays_inside_and_reaches_both_ends() {
        let mut dice = Dice::new(1);
        let numbers: Vec<u64> = (0..10_000).map(|_| dice.spread(10, 1_000_000)).collect();
        assert!(numbers.iter().all(|number| (10..=1_000_000).contains(number)));
        assert!(numbers.iter().any(|number| *number < 20));
        assert!(numbers.iter().any(|number| *number > 500_000));
        assert_eq!(dice.spread(7, 3), 7);
    }

    #[test]
    fn chances_stay_below_their_bound() {
        let mut dice = Dice::new(2);
        let most = (0..1_000).map(|_| dice.chance(30)).max();
        assert!(most > Some(Chance::percent(25)) && most <= Some(Chance::percent(30)));
    }
}
