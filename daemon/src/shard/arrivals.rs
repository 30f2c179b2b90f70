//! What the stack reports of connections, judged by whose hands each is in.

use wharf_pool::CloseCause;
use wharf_pool::time::Now;
use wharf_protocol::{ErrorToken, Verdict};
use wharf_transport::stack::ConnectionId;
use wharf_transport::tcp::{CloseReason, Event, LeaseFigures, Quiescence};

use super::connections::{Link, Role};
use super::leases::Loss;
use super::session::SessionId;
use super::{Shard, instant, tokens};

impl Shard {
    /// Something happened to a connection.
    pub(super) fn on_connection(&mut self, now: Now, connection: ConnectionId, event: Event) {
        // One that was given up in this turn may still have had something to say.
        let Some(link) = self.connections.get(connection) else {
            return self.on_knock(now, connection, event);
        };
        if event == Event::Overdue && link.role != Role::Closing {
            return self.on_overdue(now, connection, &link);
        }
        match link.role {
            Role::Opening => self.on_opening(now, connection, event),
            Role::Pooled => self.on_pooled(now, connection, link, event),
            Role::Leased(session) => self.on_leased(now, connection, link, session, event),
            Role::Closing => {
                if matches!(event, Event::Closed(_)) {
                    self.connections.forget(connection);
                    self.pool.closed(now, link.slot);
                }
            }
        }
    }

    fn on_opening(&mut self, now: Now, connection: ConnectionId, event: Event) {
        match event {
            Event::Established => self.handshake_done(now, connection),
            Event::Closed(reason) => self.handshake_failed(now, connection, reason),
            Event::Readable
            | Event::Writable
            | Event::PeerClosed
            | Event::Acknowledged
            | Event::Answered
            | Event::Gap
            | Event::ForeignText
            | Event::Overdue => {}
        }
    }

    /// A connection that nobody leases is to be silent: whatever its peer says takes it out of the
    /// pool now, not at the next lease (DESIGN.md, section 6.1).
    fn on_pooled(&mut self, now: Now, connection: ConnectionId, link: Link, event: Event) {
        match event {
            // Bytes that are lost or late were sent all the same, and would come under the next lease.
            Event::Readable | Event::Gap => {
                self.take_out(now, connection, link, CloseCause::DataWhileIdle);
                let _gone = self.stack.abort(instant(now), connection);
            }
            Event::PeerClosed => {
                self.take_out(now, connection, link, CloseCause::PeerFin);
                let _gone = self.stack.close(instant(now), connection);
            }
            Event::Closed(reason) => {
                self.take_out(now, connection, link, tokens::close_cause(reason));
            }
            Event::Acknowledged | Event::Answered => {
                if self.stack.quiescence(connection) == Ok(Quiescence::Clean) {
                    self.pool.settled(now, link.slot);
                    // That all was acknowledged does not say what the peer has sent.
                    if event == Event::Answered {
                        self.pool.probed(now, link.slot);
                    }
                }
            }
            Event::Established | Event::Writable | Event::ForeignText | Event::Overdue => {}
        }
    }

    fn take_out(&mut self, now: Now, connection: ConnectionId, link: Link, cause: CloseCause) {
        self.connections.forget(connection);
        self.pool.lost(now, link.slot, cause);
    }

    fn on_leased(
        &mut self,
        now: Now,
        connection: ConnectionId,
        link: Link,
        session: SessionId,
        event: Event,
    ) {
        match event {
            Event::Readable | Event::PeerClosed => self.pump_down(now, session),
            Event::Writable => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.blocked = false;
                }
                self.serve(now, session);
            }
            Event::Closed(reason) => self.on_lost(now, connection, link, session, reason),
            Event::Acknowledged => self.on_acknowledged(now, session),
            Event::Established
            | Event::Answered
            | Event::Gap
            | Event::ForeignText
            | Event::Overdue => {}
        }
    }

    /// A connection died under its lease.
    fn on_lost(
        &mut self,
        now: Now,
        connection: ConnectionId,
        link: Link,
        session: SessionId,
        reason: CloseReason,
    ) {
        self.pump_down(now, session);
        let cause = tokens::close_cause(reason);
        let loss = match reason {
            CloseReason::Normal => Loss { cause: CloseCause::HalfClosed, reset: None },
            CloseReason::Refused
            | CloseReason::ResetByPeer
            | CloseReason::TimedOut
            | CloseReason::Unreachable
            | CloseReason::Aborted
            | CloseReason::ForeignText
            | CloseReason::Lingered => {
                self.loss(connection, reason, cause, tokens::reset_token(reason))
            }
        };
        self.connections.forget(connection);
        self.pool.lost(now, link.slot, loss.cause);
        self.lose(session, loss);
        self.serve(now, session);
    }

    /// What the client of a leased connection is told that ended for `reason`.
    pub(super) fn loss(
        &self,
        connection: ConnectionId,
        reason: CloseReason,
        cause: CloseCause,
        token: ErrorToken,
    ) -> Loss {
        match self.stack.lease_figures(connection) {
            Ok(figures) => {
                let verdict = verdict(reason, &figures);
                Loss::told(cause, token, verdict, figures.bytes_sent, figures.bytes_acked)
            }
            Err(_) => Loss::told(cause, token, Verdict::Unknown, 0, 0),
        }
    }
}

/// What may be said of the request whose connection died. DESIGN.md, section 6.3.
fn verdict(reason: CloseReason, figures: &LeaseFigures) -> Verdict {
    if figures.bytes_sent == 0 {
        return Verdict::NeverSent;
    }
    // Whoever spoke before the request arrived may have processed anything (section 6.4).
    if reason == CloseReason::ForeignText {
        return Verdict::Unknown;
    }
    if figures.proof {
        return Verdict::Unprocessed;
    }
    if figures.bytes_acked > 0 {
        return Verdict::Acked;
    }
    Verdict::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_claims_no_more_than_is_known() {
        let figures = |bytes_sent, bytes_acked, proof| LeaseFigures {
            bytes_sent,
            bytes_acked,
            peer_spoke: false,
            proof,
        };
        let reset = CloseReason::ResetByPeer;
        let cases = [
            (reset, figures(0, 0, false), Verdict::NeverSent),
            (reset, figures(10, 0, true), Verdict::Unprocessed),
            (reset, figures(10, 0, false), Verdict::Unknown),
            (reset, figures(10, 5, false), Verdict::Acked),
            (CloseReason::TimedOut, figures(10, 0, false), Verdict::Unknown),
            (CloseReason::ForeignText, figures(0, 0, false), Verdict::NeverSent),
            (CloseReason::ForeignText, figures(10, 0, true), Verdict::Unknown),
        ];
        for (reason, figures, expected) in cases {
            assert_eq!(verdict(reason, &figures), expected, "{reason:?} {figures:?}");
        }
    }
}
