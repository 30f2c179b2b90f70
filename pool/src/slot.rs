//! A slot: room for one connection, from the attempt to connect until the transport is done with
//! it.
//!
//! ```text
//!   Connecting --opened--> Idle <----release, settled, probed----+
//!       |                   |  |                                 |
//!       |                   |  +---leap of the clock--> Suspect -+
//!       |                   |  |                                 |
//!       |                   |  +---another domain--> Quarantined-+
//!       |                   |                                    |
//!       +-----opened--------+--lease--> Leased --release--> Settling
//!                                                                :
//!   from every state but Connecting: --close--> Closing --closed--> gone
//! ```
//!
//! What is suspect or quarantined may be leased as soon as it is probed; what is leased or settling
//! may be quarantined instead of idle.
//!
//! A slot is idle if and only if it stands in the three lists of idle connections: that of its
//! key, that of its route, that of the pool.

use crate::arena::NIL;
use crate::ids::ClientId;
use crate::list::{Chain, Link};
use crate::time::{Duration, Instant, nanos};
use crate::token::{CloseCause, OpenCause};
use crate::wheel::{Timed, Timer};

/// What a slot is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// An attempt to connect is under way.
    Connecting {
        /// Since when, monotonic.
        since: Instant,
        /// Waiters with a lower number queued before the attempt began.
        before: u64,
        /// What for.
        cause: OpenCause,
        /// It waits for the addresses of a name.
        resolving: bool,
    },
    /// Ready to be leased, since this moment of boot time.
    Idle { since: Instant },
    /// In the hands of `owner`, since this moment of monotonic time.
    Leased { owner: ClientId, since: Instant },
    /// Released; closed at `until` (monotonic) unless what was sent is acknowledged.
    Settling { until: Instant },
    /// Being probed, and closed at `until` (monotonic); or set aside while its address is suspect, and
    /// looked at again then. Idle since this moment of boot time.
    Suspect { since: Instant, until: Instant, aside: bool },
    /// Being proven quiet, for one of another domain; closed at `until` (monotonic). Idle since this
    /// moment of boot time.
    Quarantined { since: Instant, until: Instant },
    /// Closed; the transport is still busy with it.
    Closing,
}

impl State {
    /// Since when the connection has been idle, in boot time.
    pub(crate) const fn idle_since(self) -> Option<Instant> {
        match self {
            Self::Idle { since }
            | Self::Suspect { since, .. }
            | Self::Quarantined { since, .. } => Some(since),
            Self::Connecting { .. }
            | Self::Leased { .. }
            | Self::Settling { .. }
            | Self::Closing => None,
        }
    }
}

/// The peer has given no hint.
const NO_HINT: u32 = u32::MAX;

/// One connection in so many may be idle beyond what was learned of its address, so that it is
/// noticed when more is allowed than before.
const SCOUT_ONE_IN: u16 = 100;

/// Room for one connection.
#[derive(Debug)]
pub(crate) struct Slot<C> {
    pub(crate) state: State,
    /// Index of its route.
    pub(crate) route: u32,
    /// Index of the group of its key; none before its first lease.
    pub(crate) group: u32,
    /// The connection, from the moment it is opened.
    pub(crate) connection: Option<C>,
    /// When it was opened, in boot time.
    pub(crate) opened: Instant,
    /// How much is taken from its lifetime, in 65536ths of a tenth.
    pub(crate) shave: u16,
    /// The epoch of its route in which it was opened.
    pub(crate) epoch: u16,
    /// The count of clock leaps after which it was last known to be alive.
    pub(crate) verified: u16,
    /// The number of its present or last lease; zero before the first.
    pub(crate) serial: u32,
    /// Leases that used it.
    pub(crate) uses: u32,
    /// Index of its peer's address; none if the owner named none.
    pub(crate) address: u32,
    /// How long it may be idle by the peer's own word, in milliseconds; `u32::MAX` without one.
    hinted_ms: u32,
    /// Why the transport ended it under its lease.
    pub(crate) lost: Option<CloseCause>,
    /// Which limits its present lease is known to have passed, a bit for each.
    pub(crate) overdue: u8,
    by_key: Link,
    by_route: Link,
    by_pool: Link,
    timer: Timer,
}

impl<C: Copy> Slot<C> {
    /// A slot whose attempt to connect begins.
    pub(crate) fn connecting(route: u32, since: Instant, before: u64, cause: OpenCause) -> Self {
        Self {
            state: State::Connecting { since, before, cause, resolving: false },
            route,
            group: NIL,
            connection: None,
            opened: Instant::ORIGIN,
            shave: 0,
            epoch: 0,
            verified: 0,
            serial: 0,
            uses: 0,
            address: NIL,
            hinted_ms: NO_HINT,
            lost: None,
            overdue: 0,
            by_key: Link::default(),
            by_route: Link::default(),
            by_pool: Link::default(),
            timer: Timer::default(),
        }
    }

    /// The connection, of a slot that has one.
    pub(crate) fn connection(&self) -> C {
        self.connection.expect("a slot that was opened has its connection")
    }

    /// How long it may be idle by the peer's own word.
    pub(crate) const fn hinted(&self) -> Option<Duration> {
        match self.hinted_ms {
            NO_HINT => None,
            millis => Some(Duration::from_millis(millis as u64)),
        }
    }

    /// The peer's word. What does not fit into 32 bits of milliseconds, seven weeks, is cut.
    pub(crate) fn set_hinted(&mut self, allowed: Duration) {
        self.hinted_ms = u32::try_from(allowed.as_millis()).unwrap_or(NO_HINT).min(NO_HINT - 1);
    }

    /// Whether it is one of those that may be idle beyond what was learned. By the lot that was drawn
    /// for its lifetime.
    pub(crate) const fn is_scout(&self) -> bool {
        self.shave.is_multiple_of(SCOUT_ONE_IN)
    }

    /// When its lifetime is over, in boot time, if `lifetime` limits it.
    pub(crate) fn expires(&self, lifetime: Duration) -> Option<Instant> {
        if lifetime.is_zero() {
            return None;
        }
        let lifetime = nanos(lifetime);
        let shaved = (u128::from(lifetime / 10) * u128::from(self.shave)) >> u16::BITS;
        let shaved = u64::try_from(shaved).expect("less than a tenth");
        Some(Instant::from_nanos(self.opened.as_nanos().saturating_add(lifetime - shaved)))
    }

    /// Its timer is armed, and fires no later than one that is armed for any moment after this one.
    pub(crate) const fn fires_after(&self) -> Instant {
        self.timer.fires_after()
    }
}

/// The idle connections of one key, or the route's own.
#[derive(Debug)]
pub(crate) struct ByKey;
/// A route's idle connections, its quarantined ones, or its attempts to connect.
#[derive(Debug)]
pub(crate) struct ByRoute;
/// The pool's idle connections.
#[derive(Debug)]
pub(crate) struct ByPool;
/// What a slot's state limits in time.
#[derive(Debug)]
pub(crate) struct SlotTimer;

impl<C> Chain<Slot<C>> for ByKey {
    fn link(slot: &Slot<C>) -> &Link {
        &slot.by_key
    }
    fn link_mut(slot: &mut Slot<C>) -> &mut Link {
        &mut slot.by_key
    }
}

impl<C> Chain<Slot<C>> for ByRoute {
    fn link(slot: &Slot<C>) -> &Link {
        &slot.by_route
    }
    fn link_mut(slot: &mut Slot<C>) -> &mut Link {
        &mut slot.by_route
    }
}

impl<C> Chain<Slot<C>> for ByPool {
    fn link(slot: &Slot<C>) -> &Link {
        &slot.by_pool
    }
    fn link_mut(slot: &mut Slot<C>) -> &mut Link {
        &mut slot.by_pool
    }
}

impl<C> Timed<Slot<C>> for SlotTimer {
    fn timer(slot: &Slot<C>) -> &Timer {
        &slot.timer
    }
    fn timer_mut(slot: &mut Slot<C>) -> &mut Timer {
        &mut slot.timer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN.md, section 2: 104 B for the slot and its links, 16 B for the timer.
    #[test]
    fn a_slot_stays_small() {
        assert_eq!(size_of::<Timer>(), 16);
        assert!(size_of::<Slot<u64>>() <= 104 + 16, "{}", size_of::<Slot<u64>>());
    }

    #[test]
    fn a_hint_is_kept_as_it_was_given() {
        let mut slot = Slot::<u8>::connecting(0, Instant::ORIGIN, 0, OpenCause::Demand);
        assert_eq!(slot.hinted(), None);
        for millis in [0, 1, 5000, u64::from(u32::MAX) - 1] {
            slot.set_hinted(Duration::from_millis(millis));
            assert_eq!(slot.hinted(), Some(Duration::from_millis(millis)));
        }
        slot.set_hinted(Duration::MAX);
        assert_eq!(slot.hinted(), Some(Duration::from_millis(u64::from(u32::MAX) - 1)));
    }

    #[test]
    fn one_connection_in_a_hundred_is_a_scout() {
        let mut slot = Slot::<u8>::connecting(0, Instant::ORIGIN, 0, OpenCause::Demand);
        let scouts = (0..=u16::MAX).filter(|&lot| {
            slot.shave = lot;
            slot.is_scout()
        });
        assert_eq!(scouts.count(), 656);
    }

    #[test]
    fn a_lifetime_is_shortened_by_a_tenth_at_most() {
        let lifetime = Duration::from_secs(600);
        let mut slot = Slot::<u8>::connecting(0, Instant::ORIGIN, 0, OpenCause::Demand);
        assert_eq!(slot.expires(lifetime), Some(Instant::ORIGIN + lifetime));
        slot.shave = u16::MAX;
        let shortest = Instant::ORIGIN + Duration::from_secs(540);
        assert!(slot.expires(lifetime).is_some_and(|at| at > shortest));
        assert!(slot.expires(lifetime).is_some_and(|at| at.since(shortest).as_millis() < 10));
        assert_eq!(slot.expires(Duration::ZERO), None);
    }
}
