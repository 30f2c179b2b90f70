//! What recommends an address to the next lease, where a route chooses by that.

use core::cmp::Reverse;

use crate::time::{Duration, Instant};

/// How long a loss counts against an address. Long enough that many leases hear of it, short enough
/// that a path which has recovered is soon tried again.
const LOSS_COUNTS: Duration = Duration::from_secs(10);

/// What is compared of addresses: the least is the best. Whether there was loss lately, the round
/// trip, leases, and how many leases of the pool ago it had its last.
pub(crate) type Figure = (bool, Duration, u32, Reverse<u32>);

/// The part of an address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Appeal {
    /// Connections to it that are leased.
    leased: u32,
    /// The number of its last lease.
    turn: u32,
    /// Until when there was loss lately, monotonic.
    lossy_until: Option<Instant>,
}

impl Appeal {
    /// A connection to it is leased, by the lease of this number.
    pub(crate) fn on_grant(&mut self, serial: u32) {
        self.leased += 1;
        self.turn = serial;
    }

    /// Such a lease has ended.
    pub(crate) fn on_return(&mut self) {
        self.leased = self.leased.checked_sub(1).expect("a lease ends once");
    }

    /// Something was lost on the way.
    pub(crate) fn on_loss(&mut self, now: Instant) {
        self.lossy_until = Some(now + LOSS_COUNTS);
    }

    /// The one with the fewest leases, and of those the one whose last is longest ago. `serial` is
    /// the number of the pool's last lease.
    pub(crate) fn spread(&self, serial: u32) -> Figure {
        (false, Duration::ZERO, self.leased, Reverse(serial.wrapping_sub(self.turn)))
    }

    /// The one without loss, and of those the one with the shortest round trip.
    pub(crate) fn best(&self, now: Instant, srtt: Duration, serial: u32) -> Figure {
        let (.., leased, ago) = self.spread(serial);
        (self.lossy_until.is_some_and(|until| now < until), srtt, leased, ago)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_leases_are_better_and_then_a_longer_pause() {
        let (mut one, mut other) = (Appeal::default(), Appeal::default());
        one.on_grant(u32::MAX);
        other.on_grant(1);
        other.on_grant(2);
        assert!(one.spread(2) < other.spread(2));
        other.on_return();
        assert!(one.spread(2) < other.spread(2), "its last lease is longer ago");
        one.on_grant(3);
        assert!(other.spread(3) < one.spread(3));
    }

    #[test]
    fn a_loss_counts_for_a_while_and_more_than_the_round_trip() {
        let (now, ms) = (Instant::ORIGIN, Duration::from_millis(1));
        let (mut near, far) = (Appeal::default(), Appeal::default());
        assert!(near.best(now, ms, 0) < far.best(now, 2 * ms, 0));
        near.on_loss(now);
        assert!(near.best(now, ms, 0) > far.best(now, 2 * ms, 0));
        let later = now + LOSS_COUNTS;
        assert!(near.best(later, ms, 0) < far.best(later, 2 * ms, 0));
    }
}
