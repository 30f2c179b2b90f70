//! A budget: how much of an answer strangers may draw in a second.
//!
//! A token bucket that is told the time. What it refuses is dropped and counted by its owner:
//! resets for nobody's segments and ICMP answers must not become an amplifier.

use crate::time::Instant;

/// Tokens that fill up at a steady rate, up to one second's worth.
#[derive(Debug)]
pub(super) struct Budget {
    per_second: u64,
    /// What is there to spend, in nanotokens.
    level: u64,
    filled: Instant,
}

/// Nanotokens in a token.
const TOKEN: u64 = 1_000_000_000;

impl Budget {
    /// A full budget of `per_second` tokens.
    pub(super) fn new(per_second: u32) -> Self {
        let per_second = u64::from(per_second);
        Self { per_second, level: per_second * TOKEN, filled: Instant::ORIGIN }
    }

    /// Takes one token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        // Saturating: a pause of centuries fills the budget like one of a second does.
        let gained = now.as_nanos().saturating_sub(self.filled.as_nanos());
        let level = self.level.saturating_add(gained.saturating_mul(self.per_second));
        self.level = level.min(self.per_second * TOKEN);
        self.filled = now;
        match self.level.checked_sub(TOKEN) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_and_fills_up_again() {
        let mut budget = Budget::new(10);
        let start = Instant::from_millis(5_000);
        assert_eq!((0..20).filter(|_| budget.take(start)).count(), 10);
        assert!(!budget.take(Instant::from_millis(5_099)));
        assert!(budget.take(Instant::from_millis(5_100)));
        assert!(!budget.take(Instant::from_millis(5_100)));
    }

    #[test]
    fn a_long_pause_fills_no_more_than_one_second() {
        let mut budget = Budget::new(3);
        let late = Instant::from_nanos(u64::MAX);
        assert_eq!((0..20).filter(|_| budget.take(late)).count(), 3);
    }
}
