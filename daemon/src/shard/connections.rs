//! What each connection of the stack is for: its slot in the pool, and whose hands it is in.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use wharf_pool::time::{Duration, Instant};
use wharf_pool::{AddressId, RouteId, SlotId};
use wharf_transport::stack::ConnectionId;

use super::population::Population;
use super::session::SessionId;

/// Whose hands a connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Its handshake is under way.
    Opening,
    /// The pool's: idle, settling, suspect or quarantined. Whatever the peer says takes it out.
    Pooled,
    /// A session's.
    Leased(SessionId),
    /// Nobody's: it is being closed.
    Closing,
}

/// One connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) slot: SlotId,
    pub(super) route: RouteId,
    pub(super) peer: SocketAddr,
    pub(super) role: Role,
    /// When the handshake began.
    pub(super) since: Instant,
    /// How long the handshake took.
    pub(super) connect: Duration,
    /// When it last changed hands.
    pub(super) touched: Instant,
    /// Leases that it has served.
    pub(super) uses: u32,
    /// Segments that it had sent again when its last lease ended.
    resent: u64,
}

impl Link {
    /// The number by which the pool knows where the connection leads.
    pub(super) fn address(&self) -> AddressId {
        address_id(self.peer)
    }
}

/// The number by which the pool knows an address: a hash, so that nobody has to remember all addresses
/// there ever were. Two that share a number would share what is learned of either.
pub(super) fn address_id(address: SocketAddr) -> AddressId {
    let mut hasher = DefaultHasher::new();
    address.hash(&mut hasher);
    AddressId(hasher.finish())
}

/// All connections that the shard answers for.
#[derive(Debug, Default)]
pub(super) struct Connections {
    links: HashMap<ConnectionId, Link>,
    /// Where those lead that are not being closed.
    population: Population,
}

impl Connections {
    /// A handshake begins.
    pub(super) fn open(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        slot: SlotId,
        route: RouteId,
        peer: SocketAddr,
    ) {
        let link = Link {
            slot,
            route,
            peer,
            role: Role::Opening,
            since: now,
            connect: Duration::ZERO,
            touched: now,
            uses: 0,
            resent: 0,
        };
        self.links.insert(connection, link);
        self.population.join(route, peer);
    }

    /// What is known of `connection`.
    pub(super) fn get(&self, connection: ConnectionId) -> Option<Link> {
        self.links.get(&connection).copied()
    }

    /// The handshake is complete: the connection is the pool's.
    pub(super) fn opened(&mut self, now: Instant, connection: ConnectionId) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.connect = now.since(link.since);
        }
        self.hand_over(now, connection, Role::Pooled);
    }

    /// `connection` changes hands, and is still in use.
    pub(super) fn hand_over(&mut self, now: Instant, connection: ConnectionId, role: Role) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.role = role;
            link.touched = now;
            if matches!(role, Role::Leased(_)) {
                link.uses += 1;
            }
        }
    }

    /// A lease of `connection` ends, which has sent `resent` segments again by now: whether that are
    /// more than when the one before it ended.
    pub(super) fn has_lost(&mut self, connection: ConnectionId, resent: u64) -> bool {
        let link = self.links.get_mut(&connection);
        link.is_some_and(|link| core::mem::replace(&mut link.resent, resent) < resent)
    }

    /// `connection` is nobody's any more: it is being closed.
    pub(super) fn let_go(&mut self, now: Instant, connection: ConnectionId) {
        if let Some(link) = self.get(connection).filter(|link| link.role != Role::Closing) {
            self.population.leave(link.route, link.peer);
            self.hand_over(now, connection, Role::Closing);
        }
    }

    /// How many connections each route has to each address.
    pub(super) const fn population(&self) -> &Population {
        &self.population
    }

    /// Every connection.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionId, Link)> {
        self.links.iter().map(|(connection, link)| (*connection, *link))
    }

    /// Forgets `connection`: it is gone, or nothing of it is wanted any more.
    pub(super) fn forget(&mut self, connection: ConnectionId) -> Option<Link> {
        let link = self.links.remove(&connection)?;
        if link.role != Role::Closing {
            self.population.leave(link.route, link.peer);
        }
        Some(link)
    }
}
