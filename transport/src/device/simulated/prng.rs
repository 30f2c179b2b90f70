//! Pseudo-random numbers that a seed replays.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014):
//! one word of state, every seed good, the same on every machine. For simulation alone: whoever has
//! seen one number knows all that follow.

/// The golden ratio in 64 bits, odd: the step of the state, so that it visits every value.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of numbers, a function of its seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prng {
    state: u64,
}

impl Prng {
    /// The stream of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to and without `end`; 0 if `end` is 0.
    ///
    /// By multiplication rather than remainder; the bias is at most `end` in 2^64.
    pub const fn below(&mut self, end: u64) -> u64 {
        let product = self.next_u64() as u128 * end as u128;
        (product >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_numbers_of_seed_1234567() {
        let mut prng = Prng::new(1_234_567);
        let numbers: [u64; 3] = std::array::from_fn(|_| prng.next_u64());
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn below_stays_below_and_reaches_everything() {
        let mut prng = Prng::new(0);
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[usize::try_from(prng.below(7)).expect("small")] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(prng.below(0), 0);
        assert_eq!(prng.below(1), 0);
    }
}
