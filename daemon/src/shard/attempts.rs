//! Connections on their way: which addresses are being tried for a slot, and which come next.
//!
//! One slot is one attempt of the pool, however many addresses it takes. The next address is tried
//! when one before has failed, or when a while has passed; the time for all of them is the pool's
//! connect timeout.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use wharf_pool::time::{Duration, Instant};
use wharf_pool::{ConnectError, ConnectFailure, RouteId, SlotId};
use wharf_transport::stack::ConnectionId;

use super::alarms::Alarms;

/// Between the beginnings of two handshakes of an attempt, unless one fails: the Connection Attempt
/// Delay that RFC 8305, section 5 recommends.
pub(super) const DELAY: Duration = Duration::from_millis(250);

/// Handshakes of one attempt that are under way at a time, at most: more than begin within the
/// default connect timeout.
pub(super) const RACERS_MAX: usize = 16;

/// Who says that an address cannot be reached, the most telling last. An attempt that has failed
/// everywhere gives the most telling reason: one that somebody gave rather than silence, and silence
/// rather than that this host did not even try, as with a family that it has no address of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Witness {
    /// The stack, which sent nothing.
    Ourselves,
    /// Nobody.
    Silence,
    /// Somebody on the way.
    Network,
    /// The peer itself.
    Peer,
}

impl Witness {
    /// Who it was that let a handshake fail with `error`.
    pub(super) const fn of(error: ConnectError) -> Self {
        match error {
            ConnectError::ConnectionRefused | ConnectError::ConnectionTerminated => Self::Peer,
            ConnectError::DestinationIpUnroutable => Self::Network,
            ConnectError::ConnectionTimeout => Self::Silence,
            ConnectError::DnsTimeout
            | ConnectError::DnsError
            | ConnectError::DestinationIpProhibited
            | ConnectError::NoPort
            | ConnectError::ConnectionLimitReached => Self::Ourselves,
        }
    }
}

/// What came of an address that was tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setback {
    pub(super) witness: Witness,
    pub(super) address: SocketAddr,
    pub(super) failure: ConnectFailure,
}

/// A handshake under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Racer {
    pub(super) connection: ConnectionId,
    pub(super) address: SocketAddr,
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) route: RouteId,
    /// When the pool asked for it.
    pub(super) since: Instant,
    /// Handshakes under way, in the order in which they began.
    pub(super) racers: Vec<Racer>,
    /// Addresses that were not tried yet, the best first; `None` until the name is resolved.
    pub(super) left: Option<VecDeque<SocketAddr>>,
    /// The most telling of what failed so far, and of those the last.
    pub(super) setback: Option<Setback>,
}

impl Attempt {
    /// An address came to nothing.
    pub(super) fn note(&mut self, setback: Setback) {
        if self.setback.is_none_or(|known| known.witness <= setback.witness) {
            self.setback = Some(setback);
        }
    }

    /// Takes out a handshake that has ended.
    pub(super) fn drop_out(&mut self, connection: ConnectionId) {
        self.racers.retain(|racer| racer.connection != connection);
    }
}

/// All attempts, by slot.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_slot: BTreeMap<SlotId, Attempt>,
    /// When the next address is tried although none has failed.
    delays: Alarms<SlotId>,
}

impl Attempts {
    /// The pool wants a connection in `slot`.
    pub(super) fn begin(&mut self, now: Instant, slot: SlotId, route: RouteId) {
        let attempt = Attempt { route, since: now, racers: Vec::new(), left: None, setback: None };
        self.by_slot.insert(slot, attempt);
    }

    /// The attempt for `slot`.
    pub(super) fn get_mut(&mut self, slot: SlotId) -> Option<&mut Attempt> {
        self.by_slot.get_mut(&slot)
    }

    /// Ends the attempt for `slot`.
    pub(super) fn end(&mut self, slot: SlotId) -> Option<Attempt> {
        self.delays.clear(slot);
        self.by_slot.remove(&slot)
    }

    /// Looks at `slot` again at `at`.
    pub(super) fn wake(&mut self, slot: SlotId, at: Instant) {
        self.delays.set(slot, at);
    }

    /// The slot of an attempt whose next address is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<SlotId> {
        self.delays.pop(now)
    }

    /// When the next address of any attempt is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.delays.next()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_slot.len()
    }

    /// Every handshake under way, with its slot.
    pub(super) fn racers(&self) -> impl Iterator<Item = (SlotId, Racer)> {
        let racers = |(slot, attempt): (&SlotId, &Attempt)| (*slot, attempt.racers.clone());
        self.by_slot
            .iter()
            .map(racers)
            .flat_map(|(slot, racers)| racers.into_iter().map(move |racer| (slot, racer)))
    }

    /// The slots of `route` whose addresses are not known yet.
    pub(super) fn unresolved(&self, route: RouteId) -> Vec<SlotId> {
        self.of_route(route, |attempt| attempt.left.is_none())
    }

    /// The slots of `route` whose addresses are known.
    pub(super) fn resolved(&self, route: RouteId) -> Vec<SlotId> {
        self.of_route(route, |attempt| attempt.left.is_some())
    }

    fn of_route(&self, route: RouteId, is_wanted: impl Fn(&Attempt) -> bool) -> Vec<SlotId> {
        let attempts = self.by_slot.iter().filter(|(_, attempt)| attempt.route == route);
        attempts.filter(|(_, attempt)| is_wanted(attempt)).map(|(slot, _)| *slot).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_reason_is_given() {
        let mut attempts = Attempts::default();
        let slot = SlotId::from_bits(1);
        attempts.begin(Instant::ORIGIN, slot, RouteId::from_bits(1));
        let attempt = attempts.get_mut(slot).expect("it has begun");
        let mut tell = |witness, number| {
            let address = SocketAddr::from(([10, 0, 0, number], 80));
            let failure = ConnectFailure { error: ConnectError::ConnectionTimeout, hard: false };
            attempt.note(Setback { witness, address, failure });
            attempt.setback.map(|setback| setback.address.ip())
        };
        let steps = [
            (Witness::Silence, 1, 1),
            (Witness::Ourselves, 2, 1),
            (Witness::Silence, 3, 3),
            (Witness::Peer, 4, 4),
            (Witness::Network, 5, 4),
        ];
        for (witness, number, told) in steps {
            assert_eq!(tell(witness, number), Some([10, 0, 0, told].into()), "{witness:?}");
        }
    }

    #[test]
    fn an_attempt_that_has_ended_is_not_looked_at_again() {
        let mut attempts = Attempts::default();
        let slot = SlotId::from_bits(1);
        attempts.begin(Instant::ORIGIN, slot, RouteId::from_bits(1));
        attempts.wake(slot, Instant::ORIGIN + DELAY);
        assert_eq!(attempts.poll_timeout(), Some(Instant::ORIGIN + DELAY));
        assert!(attempts.end(slot).is_some());
        assert_eq!(attempts.poll_timeout(), None);
        assert_eq!(attempts.pop_due(Instant::ORIGIN + DELAY), None);
    }
}
