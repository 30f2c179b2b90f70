//! What the shard shows an operator of its sessions, and of what happened to connections.
//!
//! Everything is copied out; nothing here changes the shard.

use std::collections::HashSet;

use wharf_pool::time::Now;
use wharf_pool::{SlotId, Transition};
use wharf_transport::stack::ConnectionId;

use super::Shard;
use super::report::millis;
use super::session::{ActiveLease, LeasePhase, Session};
use crate::inspect::{LeaseRow, SessionRow, TraceFilter, TransitionRow};

impl Shard {
    /// One row for each session.
    #[must_use]
    pub fn session_rows(&self, now: Now) -> Vec<SessionRow> {
        self.sessions.iter().map(|(_, session)| self.session_row(now, session)).collect()
    }

    fn session_row(&self, now: Now, session: &Session) -> SessionRow {
        SessionRow {
            pid: session.peer.pid,
            comm: String::new(),
            uid: session.peer.uid,
            gid: session.peer.gid,
            buffered_bytes: session.buffered_bytes() as u64,
            lease: session.lease.as_ref().map(|lease| self.lease_row(now, lease)),
        }
    }

    fn lease_row(&self, now: Now, lease: &ActiveLease) -> LeaseRow {
        let held = match &lease.phase {
            LeasePhase::Held(held) => Some(*held),
            LeasePhase::Waiting { .. } | LeasePhase::Lost { .. } => None,
        };
        let (phase, handle) = match &lease.phase {
            LeasePhase::Waiting { .. } => ("waiting", None),
            LeasePhase::Held(held) => ("leased", Some(held.lease)),
            LeasePhase::Lost { lease, .. } => ("lost", *lease),
        };
        let link = held.and_then(|held| self.connections.get(held.connection));
        LeaseRow {
            phase,
            number: lease.number,
            handle: handle.map(wharf_pool::LeaseId::to_bits),
            route: self.routes.label(lease.route),
            connection: held.map(|held| held.connection.to_bits()),
            remote: link.map(|link| link.peer),
            asked_ms: millis(now.monotonic.since(lease.asked)),
            held_ms: held.map(|held| millis(now.monotonic.since(held.since))),
            written_bytes: lease.totals.written,
            delivered_bytes: lease.totals.delivered,
            fd: lease.pair.is_some(),
            opaque: lease.opaque,
        }
    }

    /// What happened to connections, as far as the pool remembers it; the oldest first.
    #[must_use]
    pub fn transition_rows(&self, now: Now, filter: &TraceFilter) -> Vec<TransitionRow> {
        let slots = filter.connection.map(|connection| self.slots_of(connection));
        let is_wanted = |entry: &Transition<ConnectionId>| {
            slots.as_ref().is_none_or(|slots| slots.contains(&entry.slot))
                && filter.lease.is_none_or(|lease| entry.lease == Some(lease))
        };
        let wanted = self.pool.transitions().rev().filter(|entry| is_wanted(entry));
        let last = wanted.take(filter.last.unwrap_or(usize::MAX));
        let mut rows: Vec<TransitionRow> =
            last.map(|entry| self.transition_row(now, entry)).collect();
        rows.reverse();
        rows
    }

    /// The slots that a connection had: one, unless all that is remembered of it is forgotten.
    fn slots_of(&self, connection: u64) -> HashSet<SlotId> {
        let is_its = |entry: &&Transition<ConnectionId>| {
            entry.connection.is_some_and(|id| id.to_bits() == connection)
        };
        self.pool.transitions().filter(is_its).map(|entry| entry.slot).collect()
    }

    fn transition_row(&self, now: Now, entry: &Transition<ConnectionId>) -> TransitionRow {
        let ago = now.monotonic.since(entry.at);
        TransitionRow {
            ago_us: u64::try_from(ago.as_micros()).unwrap_or(u64::MAX),
            route: self.routes.label(entry.route),
            slot: entry.slot.to_bits(),
            connection: entry.connection.map(ConnectionId::to_bits),
            lease: entry.lease,
            step: entry.step.name(),
            cause: entry.step.cause(),
        }
    }
}
