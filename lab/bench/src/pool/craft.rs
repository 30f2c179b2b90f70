//! What the pools hand out: a connection without a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Something to lend out. A pool owns it, and whoever leases it may change it.
#[derive(Debug)]
pub struct Craft {
    /// Which one of its yard it is, from zero.
    pub number: usize,
    /// Leases so far.
    pub turns: u64,
}

/// Where a pool has its connections from. Clones are the same yard.
#[derive(Clone, Debug, Default)]
pub struct Yard {
    built: Arc<AtomicUsize>,
}

impl Yard {
    /// Another one, at once.
    #[must_use]
    pub fn build(&self) -> Craft {
        Craft { number: self.built.fetch_add(1, Ordering::Relaxed), turns: 0 }
    }

    /// How many were built.
    #[must_use]
    pub fn built(&self) -> usize {
        self.built.load(Ordering::Relaxed)
    }
}
