//! What passes between the pool and one who leases: the request, its outcome, the release.

use crate::ids::{ClientId, FamilyId, KeyId, LeaseId, RouteId, SlotId, WaiterId};
use crate::time::{Duration, Instant, nanos};
use crate::token::{CloseCause, ConnectError, Refusal, Source};

/// What a client asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Where to.
    pub route: RouteId,
    /// Who asks.
    pub client: ClientId,
    /// Whose connections it may share.
    pub key: KeyId,
    /// Whose connections it may have besides, once nothing is under way on them. Without a family
    /// none: a key names the same one in every request.
    pub family: Option<FamilyId>,
    /// Until when it waits, on the monotonic clock. A deadline that has passed takes only what is
    /// there.
    pub deadline: Instant,
    /// Wants a connection that never carried a byte.
    pub fresh: bool,
    /// Takes only what is there and needs no proof, and starts no attempt to connect.
    pub no_wait: bool,
}

/// What came of a request.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome<C> {
    /// A connection is leased.
    Granted(Grant<C>),
    /// The answer comes as [`Event::Granted`](crate::Event::Granted) or
    /// [`Event::Refused`](crate::Event::Refused).
    Waiting(WaiterId),
    /// There is none, for this reason.
    Refused(Denial),
}

/// Why there is no lease, and what else the pool knows about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}{}", refusal.token(), error.map_or(String::new(), |error| format!(" ({})", error.token())))]
pub struct Denial {
    /// Why.
    pub refusal: Refusal,
    /// What the last attempt to connect failed with, if that is behind it.
    pub error: Option<ConnectError>,
    /// When the pool connects again: to ask sooner is in vain.
    pub retry_after: Option<Duration>,
    /// How long the lease would have waited, as far as the pool can tell.
    pub estimated_wait: Option<Duration>,
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, error: None, retry_after: None, estimated_wait: None }
    }
}

impl From<ConnectError> for Denial {
    fn from(error: ConnectError) -> Self {
        Self { error: Some(error), ..Refusal::from(error).into() }
    }
}

/// A lease, and what its holder may want to know of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant<C> {
    /// The right of use, given back by [`Pool::release`](crate::Pool::release).
    pub lease: LeaseId,
    /// The connection's place in the pool.
    pub slot: SlotId,
    /// The connection.
    pub connection: C,
    /// Where it came from.
    pub source: Source,
    /// From the request to the grant.
    pub waited: Duration,
    /// Since the connection was opened, suspended time included.
    pub age: Duration,
    /// How long it had been idle, suspended time included; zero unless it was.
    pub idle: Duration,
    /// Leases that used it before this one; with none it never carried a byte.
    pub uses: u32,
}

/// A grant in half the room, for one that is passed on by value: times are plain nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Brief {
    pub(crate) lease: LeaseId,
    /// Of the slot.
    pub(crate) generation: u32,
    pub(crate) uses: u32,
    pub(crate) waited: u64,
    pub(crate) age: u64,
    pub(crate) idle: u64,
    pub(crate) source: Source,
}

impl Brief {
    /// Of what was never granted.
    pub(crate) const NONE: Self = Self {
        lease: LeaseId { index: 0, serial: 0, owner: ClientId(0) },
        generation: 0,
        uses: 0,
        waited: 0,
        age: 0,
        idle: 0,
        source: Source::New,
    };

    /// The whole grant of a connection that is known otherwise.
    pub(crate) const fn grant(&self) -> Grant<()> {
        Grant {
            lease: self.lease,
            slot: SlotId { index: self.lease.index, generation: self.generation },
            connection: (),
            source: self.source,
            waited: Duration::from_nanos(self.waited),
            age: Duration::from_nanos(self.age),
            idle: Duration::from_nanos(self.idle),
            uses: self.uses,
        }
    }
}

impl<C> From<&Grant<C>> for Brief {
    fn from(grant: &Grant<C>) -> Self {
        Self {
            lease: grant.lease,
            generation: grant.slot.generation,
            uses: grant.uses,
            waited: nanos(grant.waited),
            age: nanos(grant.age),
            idle: nanos(grant.idle),
            source: grant.source,
        }
    }
}

/// In what condition a connection comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// All that was received is consumed, all that was written is sent and acknowledged, both
    /// directions are open.
    Reusable,
    /// The lease sent nothing and received nothing.
    Unused,
    /// Reusable but for the acknowledgement of what was sent.
    /// [`Pool::settled`](crate::Pool::settled) says when it came; without it the connection is
    /// closed at `until` (monotonic).
    Settling {
        /// The one deadline.
        until: Instant,
    },
    /// Not to be used again, for this reason.
    Spent(CloseCause),
}

/// What became of a released connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Released {
    /// It is idle, or looked at before one of another key may have it.
    Kept,
    /// It waits for the acknowledgement of what was sent, and counts as leased until then.
    Settling,
    /// A waiter has it.
    HandedOn,
    /// It is closed.
    Closed(CloseCause),
}

/// In what state the cancelled waiter was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cancelled {
    /// It waited; it is gone.
    Waiting,
    /// A connection had been given to it. It was not told, and the connection went on to the next.
    Delivered,
    /// A refusal had been given to it, of which it was not told.
    Failed(Denial),
}

/// Why there was nothing to cancel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CancelError {
    /// The waiter has been told its outcome, or never was: release the lease that it was granted,
    /// if it was.
    #[error("the waiter has already been told its outcome")]
    Ended,
}
