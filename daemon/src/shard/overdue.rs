//! Leases that are held for long: logged with their holder, and taken away at last.
//!
//! The pool keeps the time (`first_use_timeout`, `lease_warn_after`, `lease_max`); who holds a lease,
//! and whether it was used, is known here.

use wharf_pool::time::{Duration, Now};
use wharf_pool::{CloseCause, Condition, LeaseId, Overdue};
use wharf_protocol::ErrorToken;
use wharf_transport::stack::ConnectionId;
use wharf_transport::tcp::CloseReason;

use super::connections::Role;
use super::release::Totals;
use super::session::{LeasePhase, Session, SessionId};
use super::{Notice, Shard};

impl Shard {
    /// The lease of a session has passed one of its limits.
    pub(super) fn overdue(
        &mut self,
        now: Now,
        id: SessionId,
        lease: LeaseId,
        limit: Overdue,
        held: Duration,
    ) {
        match limit {
            Overdue::FirstUse if self.is_used(id) => {}
            Overdue::FirstUse | Overdue::Warn => self.complain(id, limit, held),
            Overdue::Max => {
                self.complain(id, limit, held);
                self.revoke(now, id, lease);
            }
        }
    }

    /// The session that holds `lease`, which is of `connection`. Where that is gone all sessions are
    /// looked at: a client that knows of it and keeps its lease for long is seldom.
    pub(super) fn holder(&self, lease: LeaseId, connection: ConnectionId) -> Option<SessionId> {
        if let Some(Role::Leased(id)) = self.connections.get(connection).map(|link| link.role) {
            return Some(id);
        }
        let holds = |session: &Session| match session.lease.as_ref().map(|lease| &lease.phase) {
            Some(LeasePhase::Lost { lease: lost, .. }) => *lost == Some(lease),
            Some(LeasePhase::Held(_) | LeasePhase::Waiting { .. }) | None => false,
        };
        self.sessions.iter().find(|(_, session)| holds(session)).map(|(id, _)| id)
    }

    fn is_used(&self, id: SessionId) -> bool {
        let lease = self.sessions.get(id).and_then(|session| session.lease.as_ref());
        lease.is_some_and(|lease| lease.totals != Totals::default())
    }

    fn complain(&mut self, id: SessionId, limit: Overdue, held: Duration) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let Some(lease) = &session.lease else {
            return;
        };
        let notice = Notice::LeaseOverdue {
            route: self.routes.label(lease.route),
            pid: session.peer.pid,
            uid: session.peer.uid,
            held,
            limit,
        };
        self.notice(notice);
    }

    /// Takes a lease from its holder, who is told and still owes a RELEASE. The pool has the
    /// connection's room back at once.
    fn revoke(&mut self, now: Now, id: SessionId, lease: LeaseId) {
        let spent = Condition::Spent(CloseCause::Revoked);
        match self.sessions.get(id).and_then(Session::held) {
            Some(held) => {
                self.pump_down(now, id);
                // What we do ourselves proves nothing of what the peer did.
                let (cause, token) = (CloseCause::Revoked, ErrorToken::LeaseRevoked);
                let loss = self.loss(held.connection, CloseReason::Aborted, cause, token);
                self.lose(id, loss);
                self.return_to_pool(now, held, spent);
            }
            None => {
                let released = self.pool.release(now, lease, spent);
                assert!(released.is_ok(), "a lost lease is still its session's: {released:?}");
            }
        }
        let lease = self.sessions.get_mut(id).and_then(|session| session.lease.as_mut());
        if let Some(LeasePhase::Lost { lease, .. }) = lease.map(|lease| &mut lease.phase) {
            *lease = None;
        }
        self.serve(now, id);
    }
}
