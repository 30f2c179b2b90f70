//! The budget of challenge acknowledgements: RFC 5961, section 7.
//!
//! Per connection, so that no one can learn from a shared counter what another connection answers
//! (CVE-2016-5696), and no flood of bad segments makes us flood.

use crate::time::{Duration, Instant};

/// Answers to bad segments in each [`INTERVAL`]. RFC 5961 suggests 10 in 5 s; a peer that reboots
/// needs few.
const ANSWERS_MAX: u8 = 10;

/// The time that [`ANSWERS_MAX`] is for.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is left of the current interval's answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChallengeBudget {
    begun: Instant,
    spent: u8,
}

impl ChallengeBudget {
    /// A full budget.
    pub(super) const fn new(now: Instant) -> Self {
        Self { begun: now, spent: 0 }
    }

    /// Takes one answer, if one is left.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        if now.since(self.begun) >= INTERVAL {
            *self = Self::new(now);
        }
        if self.spent == ANSWERS_MAX {
            return false;
        }
        self.spent += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_a_second_and_no_more() {
        let mut budget = ChallengeBudget::new(Instant::ORIGIN);
        for second in [0u64, 1, 7] {
            let answered = (0..1000).filter(|_| budget.spend(Instant::from_millis(second * 1000)));
            assert_eq!(answered.count(), 10, "second {second}");
        }
    }
}
