//! What happened to connections, for whoever asks afterwards: the last so many steps of all of them.
//!
//! It is not a log: it is written on every lease, read by hand, and forgets.

use std::collections::VecDeque;

use crate::ids::{RouteId, SlotId};
use crate::time::Instant;
use crate::token::{CloseCause, ConnectError, OpenCause, Source};

/// One step in the life of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition<C> {
    /// When, on the monotonic clock.
    pub at: Instant,
    /// Of which route.
    pub route: RouteId,
    /// Its place in the pool, the same from the attempt to connect until the end.
    pub slot: SlotId,
    /// The connection, once there is one.
    pub connection: Option<C>,
    /// Its present lease, or its last one, by the number that its holder has
    /// ([`LeaseId::to_bits`](crate::LeaseId::to_bits)); nothing before the first.
    pub lease: Option<u64>,
    /// What happened.
    pub step: Step,
}

/// What can happen to a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// An attempt to connect began.
    Connecting(OpenCause),
    /// The attempt failed.
    Failed(ConnectError),
    /// The attempt was given up.
    Abandoned,
    /// It is idle.
    Idle,
    /// It is leased.
    Leased(Source),
    /// It came back, and waits for what was sent to be acknowledged.
    Settling,
    /// It is being probed.
    Suspect,
    /// It is being proven quiet, for one of another security domain.
    Quarantined,
    /// The transport ended it under its lease.
    Lost(CloseCause),
    /// It is closed, or reset.
    Closed(CloseCause),
}

impl Step {
    /// Its name, for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting(_) => "connecting",
            Self::Failed(_) => "failed",
            Self::Abandoned => "abandoned",
            Self::Idle => "idle",
            Self::Leased(_) => "leased",
            Self::Settling => "settling",
            Self::Suspect => "suspect",
            Self::Quarantined => "quarantined",
            Self::Lost(_) => "lost",
            Self::Closed(_) => "closed",
        }
    }

    /// Why, in the pool's vocabulary; empty where there is no choice.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Connecting(cause) => cause.token(),
            Self::Failed(error) => error.token(),
            Self::Leased(source) => source.token(),
            Self::Lost(cause) | Self::Closed(cause) => cause.token(),
            Self::Abandoned | Self::Idle | Self::Settling | Self::Suspect | Self::Quarantined => "",
        }
    }
}

/// The last transitions, the oldest first.
#[derive(Debug)]
pub(crate) struct Journal<C> {
    entries: VecDeque<Transition<C>>,
}

impl<C> Journal<C> {
    pub(crate) const fn new() -> Self {
        Self { entries: VecDeque::new() }
    }

    /// Adds one, and forgets the oldest if there are more than `limit`.
    pub(crate) fn write(&mut self, entry: Transition<C>, limit: usize) {
        while self.entries.len() >= limit.max(1) {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Transition<C>> {
        self.entries.iter()
    }
}
