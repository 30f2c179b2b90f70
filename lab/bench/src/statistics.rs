//! Medians of interleaved rounds. A ratio is taken within each round, and its median is what is
//! reported: both of a pair then ran on the same machine in the same mood.

/// The median of some numbers, and between which they lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one; the mean of the two in the middle of an even number.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// The spread of `numbers`; none without any.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let is_even = sorted.len().is_multiple_of(2);
        let lower = if is_even { *sorted.get(middle.checked_sub(1)?)? } else { upper };
        Some(Self {
            median: f64::midpoint(lower, upper),
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }

    /// The spread of the ratio of each number to its pair; none without any, or if one of
    /// `theirs` is zero.
    #[must_use]
    pub fn of_ratios(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> =
            ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        let are_numbers = ratios.iter().all(|ratio| ratio.is_finite());
        Self::of(&ratios).filter(|_| are_numbers)
    }
}

/// The value below which `share` of the sorted numbers lie; none without any.
#[must_use]
pub fn quantile(sorted: &[u64], share: f64) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    let place = (last as f64 * share.clamp(0.0, 1.0)).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a length"
    )]
    sorted.get(place as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(Spread::of(&[]), None);
        for (numbers, median, min, max) in [
            (&[7.0][..], 7.0, 7.0, 7.0),
            (&[3.0, 1.0], 2.0, 1.0, 3.0),
            (&[9.0, 1.0, 2.0], 2.0, 1.0, 9.0),
            (&[4.0, 1.0, 3.0, 2.0], 2.5, 1.0, 4.0),
        ] {
            assert_eq!(Spread::of(numbers), Some(Spread { median, min, max }), "{numbers:?}");
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The ratio of the medians would be 2 / 4.
        let ratios = Spread::of_ratios(&[1.0, 2.0, 30.0], &[1.0, 4.0, 10.0]);
        assert_eq!(ratios, Some(Spread { median: 1.0, min: 0.5, max: 3.0 }));
        assert_eq!(Spread::of_ratios(&[1.0], &[0.0]), None);
        assert_eq!(Spread::of_ratios(&[], &[]), None);
    }

    #[test]
    fn quantiles_are_places_in_the_order() {
        let numbers: Vec<u64> = (0..=100).collect();
        for (share, value) in [(0.0, 0), (0.5, 50), (0.99, 99), (1.0, 100), (7.0, 100)] {
            assert_eq!(quantile(&numbers, share), Some(value));
        }
        assert_eq!(quantile(&[], 0.5), None);
    }
}
