//! Copies bytes between a lease's connection and its client's session, as each has room.
//!
//! Up: `DATA` goes from the inbox straight into the connection's send buffer; what does not fit
//! stays in the inbox, and the session is not read until there is room. Down: received bytes go
//! straight into a `DATA` frame in the outbox; what does not fit stays in the connection's receive
//! buffer and closes its window. Nothing is buffered a third time.

use wharf_pool::time::Now;
use wharf_protocol::{DATA_MAX, DaemonMessage, HEADER_LEN, daemon_data_header};
use wharf_transport::stack::{ConnectionId, Stack};
use wharf_transport::tcp::Read;

use super::session::Session;
use super::{ends, instant};

/// Gives the connection what it takes of the `DATA` frame at the head of the inbox. `true` when
/// nothing of it is left.
pub(super) fn pump_up(
    now: Now,
    stack: &mut Stack,
    session: &mut Session,
    frame_len: usize,
) -> bool {
    let Some(held) = session.held() else {
        return true;
    };
    let left = session.inbox.data_left(frame_len);
    // A connection that has ended takes nothing; its client hears RESET, and these bytes are void.
    let Ok(taken) = stack.write(instant(now), held.connection, left) else {
        return true;
    };
    let all = taken == left.len();
    session.inbox.data_went(taken);
    session.blocked = !all;
    if let Some(lease) = &mut session.lease {
        lease.totals.written += taken as u64;
    }
    all
}

/// Fills the outbox, or the pair's, with what the connection received, up to `limit_bytes`; then, if that was all
/// and the peer has finished, says so unless that is held back. `true` when anything was added.
pub(super) fn pump_down(
    now: Now,
    stack: &mut Stack,
    session: &mut Session,
    limit_bytes: usize,
) -> bool {
    if session.lease.as_ref().is_some_and(|lease| lease.pair.is_some()) {
        return super::pair::pump_down(now, stack, session, limit_bytes);
    }
    let Some(held) = session.held() else {
        return false;
    };
    let mut added = false;
    loop {
        // A frame's header is queued too; without room for a byte behind it there is none.
        let room = session.outbox.room(limit_bytes).saturating_sub(HEADER_LEN);
        if room == 0 {
            break;
        }
        let Some(lease) = &mut session.lease else {
            break;
        };
        if lease.totals.peer_finished {
            break;
        }
        let number = lease.number;
        let read = session
            .outbox
            .push_data(|bytes| append_frame(now, stack, held.connection, number, room, bytes));
        match read {
            Some(Read::Bytes(count)) => lease.totals.delivered += count as u64,
            Some(Read::Eof)
                if ends::is_held(
                    now,
                    stack,
                    held.connection,
                    lease.totals,
                    &mut lease.end_held,
                ) =>
            {
                break;
            }
            Some(Read::Eof) => {
                lease.totals.peer_finished = true;
                session.reply(number, DaemonMessage::Eof);
            }
            Some(Read::Empty) | None => break,
        }
        added = true;
    }
    added
}

/// Appends one `DATA` frame of what the connection has, up to `room` bytes, and nothing if it has
/// nothing.
fn append_frame(
    now: Now,
    stack: &mut Stack,
    connection: ConnectionId,
    number: u16,
    room: usize,
    bytes: &mut Vec<u8>,
) -> Option<Read> {
    let start = bytes.len();
    let want = stack.readable_bytes(connection).unwrap_or(0).min(DATA_MAX).min(room);
    bytes.resize(start + HEADER_LEN + want, 0);
    let room = bytes.get_mut(start + HEADER_LEN..)?;
    let read = stack.read(instant(now), connection, room).ok();
    let Some(Read::Bytes(count)) = read else {
        bytes.truncate(start);
        return read;
    };
    bytes.truncate(start + HEADER_LEN + count);
    let header = daemon_data_header(number, count);
    bytes.get_mut(start..start + HEADER_LEN)?.copy_from_slice(&header);
    read
}
