//! The end of a peer's stream that came while the lease's first bytes were under way.
//!
//! A server that gives up an idle connection sends its FIN, and answers what crosses it with a RST a
//! round trip later. The RST says what became of the request; the FIN alone proves nothing, for a
//! peer that has only finished its own side still reads. So `EOF` is held back for the RST (DESIGN.md,
//! section 6.2): until the peer acknowledges a byte of the lease, or for as long as an answer takes.
//!
//! Not here: what a RST proves, which is the connection's to say.

use std::time::Duration;

use wharf_pool::time::{Instant, Now};
use wharf_transport::stack::{ConnectionId, Stack};

use super::release::Totals;
use super::session::SessionId;
use super::{Shard, instant};

/// Whether an end that was read is held back. `until` is when it is no longer, once that is known.
pub(super) fn is_held(
    now: Now,
    stack: &Stack,
    connection: ConnectionId,
    totals: Totals,
    until: &mut Option<Instant>,
) -> bool {
    let figures = stack.lease_figures(connection);
    let has_crossed = figures.is_ok_and(|figures| figures.bytes_acked == 0 && !figures.peer_spoke);
    if totals.written == 0 || !has_crossed {
        return false;
    }
    let until = *until.get_or_insert_with(|| now.monotonic + patience(now, stack, connection));
    now.monotonic < until
}

/// How long the answer to a segment takes, at most.
fn patience(now: Now, stack: &Stack, connection: ConnectionId) -> Duration {
    let info = stack.info(instant(now), connection);
    info.map_or(Duration::ZERO, |info| info.rto.max(info.rtt.unwrap_or_default() * 2))
}

impl Shard {
    /// The peer has everything that was sent to it: an end that is held back is one.
    pub(super) fn on_acknowledged(&mut self, now: Now, id: SessionId) {
        let lease = self.sessions.get(id).and_then(|session| session.lease.as_ref());
        if lease.is_some_and(|lease| lease.end_held.is_some()) {
            self.pump_down(now, id);
        }
    }

    /// Hands over the ends for which nothing more is waited.
    pub(super) fn hand_over_ends(&mut self, now: Now) {
        while let Some(id) = self.sessions.poll_end(now.monotonic) {
            self.pump_down(now, id);
        }
    }
}
