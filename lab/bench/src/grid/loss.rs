//! Which packets are lost: a function of a seed and of the packet's index, so that whoever sends
//! over it loses the same ones.

use wharf_transport::device::simulated::prng::Prng;

/// How many of a hundred thousand packets are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossRate(pub u32);

/// Out of how many [`LossRate`] counts.
pub(super) const OUT_OF: u32 = 100_000;

/// Losses by index: each call of [`takes_next`](Self::takes_next) is the next packet's.
#[derive(Clone, Debug)]
pub struct LossSequence {
    prng: Prng,
    rate: LossRate,
}

impl LossSequence {
    /// The losses of `seed`.
    #[must_use]
    pub const fn new(seed: u64, rate: LossRate) -> Self {
        Self { prng: Prng::new(seed), rate }
    }

    /// Whether the next packet is lost.
    pub const fn takes_next(&mut self) -> bool {
        self.prng.below(OUT_OF as u64) < self.rate.0 as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(seed: u64, rate: u32) -> Vec<bool> {
        let mut sequence = LossSequence::new(seed, LossRate(rate));
        (0..100_000).map(|_| sequence.takes_next()).collect()
    }

    #[test]
    fn a_seed_loses_the_same_packets_each_time_and_another_seed_others() {
        assert_eq!(losses(7, 1_000), losses(7, 1_000));
        assert_ne!(losses(7, 1_000), losses(8, 1_000));
    }

    #[test]
    fn about_as_many_are_lost_as_the_rate_says() {
        for (rate, least, most) in [(0, 0, 0), (100, 70, 130), (3_000, 2_800, 3_200)] {
            let lost = losses(1, rate).into_iter().filter(|lost| *lost).count();
            assert!((least..=most).contains(&lost), "{rate}: {lost}");
        }
        assert!(losses(1, OUT_OF).into_iter().all(|lost| lost));
    }
}
