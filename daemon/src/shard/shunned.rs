//! Addresses to which the last handshake came to nothing, which are tried last for a while: else one
//! that is dead would be the least populated for ever, and cost every attempt a delay.

use std::net::SocketAddr;

use wharf_pool::time::{Duration, Instant};

use super::alarms::Alarms;

/// For how long an address is tried last: as long as an answer of the resolver is good by default.
const WHILE: Duration = Duration::from_secs(30);

/// Addresses that are remembered, at most. Of more, those go first that were shunned first.
const ADDRESSES_MAX: usize = 4096;

/// Addresses to be tried last.
#[derive(Debug, Default)]
pub(super) struct Shunned {
    until: Alarms<SocketAddr>,
}

impl Shunned {
    /// A handshake to `address` has failed, or has had no answer for long.
    pub(super) fn shun(&mut self, now: Instant, address: SocketAddr) {
        while self.until.pop(now).is_some() {}
        if self.until.len() == ADDRESSES_MAX && self.until.at(address).is_none() {
            self.until.pop_first();
        }
        self.until.set(address, now + WHILE);
    }

    /// One was completed.
    pub(super) fn forgive(&mut self, address: SocketAddr) {
        self.until.clear(address);
    }

    /// Whether `address` is to be tried last.
    pub(super) fn contains(&self, now: Instant, address: SocketAddr) -> bool {
        self.until.at(address).is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], number))
    }

    #[test]
    fn an_address_is_shunned_until_it_answers_or_for_a_while() {
        let (mut shunned, now) = (Shunned::default(), Instant::ORIGIN);
        shunned.shun(now, address(1));
        shunned.shun(now, address(2));
        shunned.forgive(address(2));
        let among = |now| [1, 2].map(|number| shunned.contains(now, address(number)));
        assert_eq!(among(now + WHILE / 2), [true, false]);
        assert_eq!(among(now + WHILE), [false, false]);
    }

    #[test]
    fn not_more_than_so_many_are_remembered() {
        let (mut shunned, now) = (Shunned::default(), Instant::ORIGIN);
        let last = u16::try_from(ADDRESSES_MAX).expect("few");
        for number in 0..=last {
            shunned.shun(now + Duration::from_millis(number.into()), address(number));
        }
        let now = now + Duration::from_secs(5);
        assert_eq!(shunned.until.len(), ADDRESSES_MAX);
        assert!(!shunned.contains(now, address(0)) && shunned.contains(now, address(last)));
        shunned.shun(now + 2 * WHILE, address(7));
        assert_eq!(shunned.until.len(), 1, "what is over is forgotten");
    }
}
