//! What is looked at after every turn of every test: see
//! [`Shard::assert_invariants`](super::super::Shard::assert_invariants).

use super::world::World;

impl World {
    /// Panics if any of the shard's tables disagree.
    pub(super) fn check(&self) {
        self.shard.assert_invariants();
    }

    /// Panics if anything is left: for the end of a test that gave everything back.
    pub(super) fn check_empty(&self) {
        self.shard.assert_empty();
    }
}
