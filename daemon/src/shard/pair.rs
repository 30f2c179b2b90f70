//! Leases whose bytes run on a descriptor of their own. DESIGN.md, section 4, "fd mode".
//!
//! A pair is two sockets joined to each other: the client has one end, the reactor the other. The
//! shard sees neither. It says where in the session's output the client's end goes along, how much
//! the connection takes of what is read from the reactor's, and what is written there.
//!
//! Invariants: bytes go from the pair straight into the connection's send buffer, for no more are
//! read than it has room for; a RELEASE is acted on only after the pair was found empty behind it,
//! so none overtakes bytes; no byte of a lease is looked for in a pair of another.

use wharf_pool::time::Now;
use wharf_pool::{CloseCause, Condition};
use wharf_protocol::{DATA_MAX, DaemonMessage};
use wharf_transport::stack::{ConnectionId, Stack};
use wharf_transport::tcp::Read;

use super::outbox::Outbox;
use super::session::{ActiveLease, LeasePhase, Session, SessionId};
use super::{Shard, ends, instant};

/// The shard's side of one lease's pair.
#[derive(Debug, Default)]
pub(super) struct Pair {
    /// Upstream bytes that the pair has not taken yet.
    outbox: Outbox,
    drain: Drain,
}

/// How far the end of a lease is with its pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Drain {
    /// The lease goes on.
    #[default]
    Unasked,
    /// Its end waits until the reactor has found the pair empty.
    Asked,
    /// The pair was empty; whether the client had left bytes unread in its end.
    Done { has_unread: bool },
}

/// What the shard wants of the pair of a session's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairWish {
    /// The lease's number. A pair that was made for another belongs to a lease that is over: close
    /// it.
    pub number: u16,
    /// Read no more than so many bytes; 0: do not read.
    pub room_bytes: usize,
    /// The connection is gone: whatever the client writes is void, and it should notice.
    pub is_lost: bool,
    /// Nothing follows [`Shard::pair_output`]: end the writing behind it.
    pub has_ended: bool,
    /// A RELEASE waits: read all there is, then call [`Shard::handle_pair_drained`].
    pub drains: bool,
}

impl Pair {
    /// Bytes on their way to the client.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.outbox.len()
    }

    /// Whether anything that the upstream sent did not reach the client's hands.
    fn has_unread(&self) -> bool {
        match self.drain {
            Drain::Done { has_unread } => has_unread || !self.outbox.is_empty(),
            Drain::Unasked | Drain::Asked => true,
        }
    }
}

impl Session {
    /// Marks the LEASED that is queued next as the one that brings the descriptor, if its lease has
    /// one.
    pub(super) fn mark_descriptor(&mut self) {
        if let Some(ActiveLease { number, pair: Some(_), .. }) = self.lease
            && !self.is_deaf
        {
            self.outbox.mark_descriptor(number);
        }
    }

    /// The pair of a connection that is held.
    fn held_pair(&mut self) -> Option<(&mut Pair, ConnectionId)> {
        match self.lease.as_mut()? {
            ActiveLease { phase: LeasePhase::Held(held), pair: Some(pair), .. } => {
                Some((pair, held.connection))
            }
            ActiveLease { .. } => None,
        }
    }
}

impl Shard {
    /// The number of the lease whose descriptor goes along with the first byte of
    /// [`Shard::session_output`]: make a pair, send one end, keep the other.
    #[must_use]
    pub fn session_descriptor(&self, id: SessionId) -> Option<u16> {
        self.sessions.get(id)?.outbox.descriptor()
    }

    /// What is wanted of the pair of the session's lease. `None`: there is to be no pair.
    #[must_use]
    pub fn pair(&self, id: SessionId) -> Option<PairWish> {
        let lease = self.sessions.get(id)?.lease.as_ref()?;
        let pair = lease.pair.as_ref()?;
        let (room_bytes, is_lost) = match &lease.phase {
            LeasePhase::Waiting { .. } => return None,
            LeasePhase::Held(_) if lease.totals.client_finished => (0, false),
            LeasePhase::Held(held) => {
                (self.stack.writable_bytes(held.connection).unwrap_or(0), false)
            }
            LeasePhase::Lost { .. } => (0, true),
        };
        Some(PairWish {
            number: lease.number,
            room_bytes,
            is_lost,
            has_ended: is_lost || lease.totals.peer_finished,
            drains: pair.drain == Drain::Asked && !is_lost,
        })
    }

    /// What is to be written to the pair of the session's lease.
    #[must_use]
    pub fn pair_output(&self, id: SessionId) -> &[u8] {
        let lease = self.sessions.get(id).and_then(|session| session.lease.as_ref());
        let pair = lease.and_then(|lease| lease.pair.as_ref());
        pair.map_or(&[], |pair| pair.outbox.bytes())
    }

    /// Bytes came from the pair: at most as many as [`PairWish::room_bytes`] allowed just now.
    pub fn handle_pair_bytes(&mut self, now: Now, id: SessionId, bytes: &[u8]) {
        let Some((_, connection)) = self.sessions.get_mut(id).and_then(Session::held_pair) else {
            return;
        };
        // A connection that has ended takes nothing; its client hears RESET, and these are void.
        if let Ok(taken) = self.stack.write(instant(now), connection, bytes) {
            assert!(taken == bytes.len(), "no more is read than there is room for");
            self.count_written(id, taken);
        }
        if self.stack.writable_bytes(connection) == Ok(0) {
            // What does not fit is not taken, and makes the stack tell when there is room again.
            let taken = self.stack.write(instant(now), connection, &[0]);
            assert!(!matches!(taken, Ok(1..)), "there was no room");
        }
        self.touch(id);
        self.settle(now);
    }

    /// The pair took `count` bytes of [`Shard::pair_output`].
    pub fn handle_pair_sent(&mut self, now: Now, id: SessionId, count: usize) {
        let lease = self.sessions.get_mut(id).and_then(|session| session.lease.as_mut());
        if let Some(pair) = lease.and_then(|lease| lease.pair.as_mut()) {
            pair.outbox.consume(count);
            self.pump_down(now, id);
            self.settle(now);
        }
    }

    /// The client writes no more to the pair: its half-close.
    pub fn handle_pair_eof(&mut self, now: Now, id: SessionId) {
        if self.pair(id).is_some_and(|wish| !wish.is_lost) {
            self.take_fin(now, id);
            self.touch(id);
            self.settle(now);
        }
    }

    /// The pair was read until nothing was left, as [`PairWish::drains`] asked for; `unread` bytes
    /// that were written to it are still in the client's end.
    pub fn handle_pair_drained(&mut self, now: Now, id: SessionId, unread: usize) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if let Some((pair, _)) = session.held_pair()
            && pair.drain == Drain::Asked
        {
            pair.drain = Drain::Done { has_unread: unread > 0 };
            session.blocked = false;
            self.serve(now, id);
            self.settle(now);
        }
    }

    /// Whether the end of the session's lease may be acted on. If bytes may still be in its pair,
    /// they come first: the reactor is asked for them.
    pub(super) fn may_end_lease(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get_mut(id) else {
            return true;
        };
        let Some((pair, _)) = session.held_pair() else {
            return true;
        };
        match pair.drain {
            Drain::Done { .. } => true,
            Drain::Unasked | Drain::Asked => {
                pair.drain = Drain::Asked;
                session.blocked = true;
                false
            }
        }
    }

    fn count_written(&mut self, id: SessionId, count: usize) {
        if let Some(lease) = self.sessions.get_mut(id).and_then(|session| session.lease.as_mut()) {
            lease.totals.written += count as u64;
        }
    }
}

/// Bytes left in the pair spend a connection that is fit otherwise. POOL.md, rule U.
pub(super) fn judge(condition: Condition, pair: Option<&Pair>) -> Condition {
    match condition {
        Condition::Reusable | Condition::Unused | Condition::Settling { .. }
            if pair.is_some_and(Pair::has_unread) =>
        {
            Condition::Spent(CloseCause::UnreadBytes)
        }
        Condition::Reusable
        | Condition::Unused
        | Condition::Settling { .. }
        | Condition::Spent(_) => condition,
    }
}

/// Moves what the connection received to what the pair is to take, up to `limit_bytes`; then, if
/// that was all and the peer has finished, says so on the session unless that is held back. `true` when anything was added.
pub(super) fn pump_down(
    now: Now,
    stack: &mut Stack,
    session: &mut Session,
    limit_bytes: usize,
) -> bool {
    let Some(held) = session.held() else {
        return false;
    };
    let mut added = false;
    while let Some(lease) = &mut session.lease
        && let ActiveLease { number, pair: Some(pair), totals, end_held, .. } = lease
    {
        let room = pair.outbox.room(limit_bytes);
        if totals.peer_finished || room == 0 {
            break;
        }
        let read = pair.outbox.push_data(|bytes| append(now, stack, held.connection, room, bytes));
        match read {
            Some(Read::Bytes(count)) => totals.delivered += count as u64,
            Some(Read::Eof) if ends::is_held(now, stack, held.connection, *totals, end_held) => {
                break;
            }
            Some(Read::Eof) => {
                totals.peer_finished = true;
                let number = *number;
                session.reply(number, DaemonMessage::Eof);
            }
            Some(Read::Empty) | None => break,
        }
        added = true;
    }
    added
}

/// Appends what the connection has, up to `room` bytes, and nothing if it has nothing.
fn append(
    now: Now,
    stack: &mut Stack,
    connection: ConnectionId,
    room: usize,
    bytes: &mut Vec<u8>,
) -> Option<Read> {
    let start = bytes.len();
    let want = stack.readable_bytes(connection).unwrap_or(0).min(DATA_MAX).min(room);
    bytes.resize(start + want, 0);
    let read = stack.read(instant(now), connection, bytes.get_mut(start..)?).ok();
    let count = match read {
        Some(Read::Bytes(count)) => count,
        Some(Read::Empty | Read::Eof) | None => 0,
    };
    bytes.truncate(start + count);
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_pair_leaves_a_connection_fit() {
        let mut pair = Pair::default();
        let unread = Condition::Spent(CloseCause::UnreadBytes);
        assert_eq!(judge(Condition::Reusable, None), Condition::Reusable);
        assert_eq!(judge(Condition::Reusable, Some(&pair)), unread, "nobody has looked");
        pair.drain = Drain::Done { has_unread: true };
        assert_eq!(judge(Condition::Reusable, Some(&pair)), unread);
        pair.drain = Drain::Done { has_unread: false };
        assert_eq!(judge(Condition::Reusable, Some(&pair)), Condition::Reusable);
        assert_eq!(judge(Condition::Unused, Some(&pair)), Condition::Unused);
        pair.outbox.push_data(|bytes| bytes.push(1));
        assert_eq!(judge(Condition::Reusable, Some(&pair)), unread, "not even written");
        let discard = Condition::Spent(CloseCause::ClientDiscard);
        assert_eq!(judge(discard, Some(&pair)), discard);
    }
}
