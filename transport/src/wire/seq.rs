//! Sequence numbers: RFC 9293, section 3.4.
//!
//! A [`SeqNumber`] is a place on a circle of 2^32 bytes. "Before" and "after" mean the shorter way
//! round, so there is no total order, and the type has no `Ord`: sorting by value would be wrong
//! whenever a stream wraps. Two numbers exactly half the circle apart are in no order: every
//! comparison of them is false, so that a check of the form "is inside" fails for them.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// Half the circle: the distance from which on the other way round is the shorter one.
const HALF: u32 = 1 << 31;

/// A TCP sequence number: a `u32` modulo 2^32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNumber(u32);

impl SeqNumber {
    /// The number as it stands on the wire.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The number as it stands on the wire.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// Whether this number comes earlier in the stream than `other`.
    #[must_use]
    pub const fn before(self, other: Self) -> bool {
        let distance = other.offset_from(self);
        distance != 0 && distance < HALF
    }

    /// Whether this number comes later in the stream than `other`.
    #[must_use]
    pub const fn after(self, other: Self) -> bool {
        other.before(self)
    }

    /// Whether this number is `other` or comes earlier.
    #[must_use]
    pub const fn at_or_before(self, other: Self) -> bool {
        other.offset_from(self) < HALF
    }

    /// Whether this number is `other` or comes later.
    #[must_use]
    pub const fn at_or_after(self, other: Self) -> bool {
        other.at_or_before(self)
    }

    /// How many bytes after `earlier` this number is, going forward round the circle.
    ///
    /// If `earlier` is in truth the later one, the answer is near 2^32: compare first.
    #[must_use]
    pub const fn offset_from(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;

    fn add(self, bytes: u32) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}

impl AddAssign<u32> for SeqNumber {
    fn add_assign(&mut self, bytes: u32) {
        *self = *self + bytes;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;

    fn sub(self, bytes: u32) -> Self {
        Self(self.0.wrapping_sub(bytes))
    }
}

impl fmt::Debug for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where wraparound shows: the start, the middle and the end of the circle.
    const PLACES: [u32; 7] = [0, 1, HALF - 1, HALF, HALF + 1, u32::MAX - 1, u32::MAX];

    #[test]
    fn order_holds_anywhere_on_the_circle() {
        for place in PLACES {
            let base = SeqNumber::new(place);
            for distance in [1, 2, 65_535, HALF - 1] {
                let later = base + distance;
                assert!(base.before(later) && later.after(base), "{base} + {distance}");
                assert!(base.at_or_before(later) && later.at_or_after(base), "{base} + {distance}");
                assert!(!later.before(base) && !base.after(later), "{base} + {distance}");
                assert!(!later.at_or_before(base), "{base} + {distance}");
                assert_eq!(later.offset_from(base), distance);
                assert_eq!(later - distance, base);
            }
        }
    }

    #[test]
    fn a_number_is_neither_before_nor_after_itself() {
        for place in PLACES {
            let base = SeqNumber::new(place);
            assert!(!base.before(base) && !base.after(base));
            assert!(base.at_or_before(base) && base.at_or_after(base));
        }
    }

    #[test]
    fn half_the_circle_apart_is_no_order() {
        for place in PLACES {
            let (base, opposite) = (SeqNumber::new(place), SeqNumber::new(place) + HALF);
            assert!(!base.before(opposite) && !base.after(opposite));
            assert!(!base.at_or_before(opposite) && !base.at_or_after(opposite));
        }
    }

    #[test]
    fn add_assign_wraps() {
        let mut number = SeqNumber::new(u32::MAX);
        number += 2;
        assert_eq!(number, SeqNumber::new(1));
        assert_eq!(format!("{number} {number:?}"), "1 1");
    }
}
