//! Connections on their way: which addresses were tried for a slot, and which come next.
//!
//! One slot is one attempt of the pool, however many addresses it takes. The next address is tried
//! when the one before has failed; the time for all of them is the pool's connect timeout.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use wharf_pool::time::Instant;
use wharf_pool::{ConnectFailure, RouteId, SlotId};
use wharf_transport::stack::ConnectionId;

/// One attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) route: RouteId,
    /// When the pool asked for it.
    pub(super) since: Instant,
    /// The handshake under way.
    pub(super) connection: Option<ConnectionId>,
    /// Its address.
    pub(super) address: Option<SocketAddr>,
    /// Addresses that were not tried yet; `None` until the name is resolved.
    pub(super) left: Option<VecDeque<SocketAddr>>,
    /// Why the last address failed.
    pub(super) failure: Option<ConnectFailure>,
}

/// All attempts, by slot.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_slot: HashMap<SlotId, Attempt>,
}

impl Attempts {
    /// The pool wants a connection in `slot`.
    pub(super) fn begin(&mut self, now: Instant, slot: SlotId, route: RouteId) {
        let attempt = Attempt {
            route,
            since: now,
            connection: None,
            address: None,
            left: None,
            failure: None,
        };
        self.by_slot.insert(slot, attempt);
    }

    /// The attempt for `slot`.
    pub(super) fn get_mut(&mut self, slot: SlotId) -> Option<&mut Attempt> {
        self.by_slot.get_mut(&slot)
    }

    /// Ends the attempt for `slot`.
    pub(super) fn end(&mut self, slot: SlotId) -> Option<Attempt> {
        self.by_slot.remove(&slot)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_slot.len()
    }

    /// The slots of `route` whose addresses are not known yet.
    pub(super) fn unresolved(&self, route: RouteId) -> Vec<SlotId> {
        self.by_slot
            .iter()
            .filter(|(_, attempt)| attempt.route == route && attempt.left.is_none())
            .map(|(slot, _)| *slot)
            .collect()
    }
}
