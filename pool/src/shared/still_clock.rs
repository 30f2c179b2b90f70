//! The clock of a shared pool under loom, which plays an order of threads again and again: it stands
//! still unless a test moves it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::time::{Duration, Instant, Now, nanos};

/// A clock that is moved by hand.
#[derive(Debug)]
pub(super) struct Clock {
    nanos: AtomicU64,
}

/// What it said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading(Instant);

/// The latest time that anybody came with.
#[derive(Debug)]
pub(super) struct Seen {
    latest: Instant,
}

impl Clock {
    pub(super) const fn new() -> (Self, Seen) {
        (Self { nanos: AtomicU64::new(0) }, Seen { latest: Instant::ORIGIN })
    }

    /// Moves it on.
    #[cfg(test)]
    pub(super) fn advance(&self, time: Duration) {
        self.nanos.fetch_add(nanos(time), Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Reading {
        Reading(Instant::from_nanos(self.nanos.load(Ordering::Relaxed)))
    }

    pub(super) fn time(&self, seen: &mut Seen, reading: Reading) -> Now {
        seen.latest = seen.latest.max(reading.0);
        Now { monotonic: seen.latest, boot: seen.latest }
    }
}
