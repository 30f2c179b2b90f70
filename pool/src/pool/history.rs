//! The pool's journal: what it wrote down of its connections.

use super::Pool;
use crate::ids::{ClientId, LeaseId};
use crate::journal::{Step, Transition};

impl<C: Copy> Pool<C> {
    /// The last things that happened to connections, the oldest first: as many as
    /// [`PoolConfig::journal`](crate::PoolConfig::journal) says.
    pub fn transitions(&self) -> impl DoubleEndedIterator<Item = &Transition<C>> {
        self.journal.entries()
    }

    /// Writes down what happened to a slot.
    #[inline]
    pub(super) fn note(&mut self, index: u32, step: Step) {
        if self.config.journal > 0 {
            self.write_down(index, step);
        }
    }

    fn write_down(&mut self, index: u32, step: Step) {
        let slot = &self.slots[index];
        let lease = LeaseId { index, serial: slot.serial, owner: ClientId::default() };
        let entry = Transition {
            at: self.seen,
            route: self.routes[slot.route].id,
            slot: self.slot_id(index),
            connection: slot.connection,
            lease: (slot.serial > 0).then(|| lease.to_bits()),
            step,
        };
        self.journal.write(entry, self.config.journal);
    }
}
