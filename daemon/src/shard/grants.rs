//! What the pool decides, carried out.

use wharf_pool::time::Now;
use wharf_pool::{CloseCause, How, SlotId};
use wharf_transport::stack::ConnectionId;

use super::{Shard, instant};

impl Shard {
    /// The pool wants something done.
    pub(super) fn on_pool(&mut self, now: Now, event: wharf_pool::Event<ConnectionId>) {
        match event {
            wharf_pool::Event::Connect { slot, route } => self.dial(now, slot, route),
            wharf_pool::Event::Abandon { slot } => self.hang_up(now, slot),
            wharf_pool::Event::Granted { waiter, grant } => self.granted(now, waiter, &grant),
            wharf_pool::Event::Refused { waiter, denial } => self.refused(waiter, denial),
            wharf_pool::Event::Close { connection, how, .. } => self.close(now, connection, how),
            wharf_pool::Event::Ask { connection, unless_after, .. } => {
                self.question(now, connection, unless_after);
            }
            wharf_pool::Event::AddressFailed { address } => self.address_failed(now, address),
            wharf_pool::Event::AddressRecovered { address } => {
                self.address_recovered(now, address);
            }
            wharf_pool::Event::Knock { address } => self.knock(now, address),
            wharf_pool::Event::Probe { slot, connection, .. } => self.probe(now, slot, connection),
            wharf_pool::Event::Overdue { lease, limit, connection, held } => {
                if let Some(id) = self.holder(lease, connection) {
                    self.overdue(now, id, lease, limit, held);
                }
            }
        }
    }

    /// Ends a connection that the pool does not want any more.
    fn close(&mut self, now: Now, connection: ConnectionId, how: How) {
        // It may have ended by itself in this very turn; then there is nothing left to end.
        match how {
            How::Orderly => {
                self.connections.let_go(now.monotonic, connection);
                let _gone = self.stack.close(instant(now), connection);
            }
            How::Reset => {
                self.connections.forget(connection);
                let _gone = self.stack.abort(instant(now), connection);
            }
        }
    }

    /// Finds out whether the peer of an idle connection is still there, and whether nothing is under
    /// way: one answer says both. A connection that never sent a byte has nothing to repeat, so
    /// nothing proves either.
    fn probe(&mut self, now: Now, slot: SlotId, connection: ConnectionId) {
        let asked = self.stack.repeat_last_byte(instant(now), connection);
        if asked != Ok(true) {
            self.pool.lost(now, slot, CloseCause::ProbeFailed);
            self.close(now, connection, How::Reset);
        }
    }
}
