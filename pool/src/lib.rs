//! A route-keyed connection pool as a pure state machine, and the same behind a lock.
//!
//! [`Pool`] knows a connection as a copyable handle. It is told the time and what happened, and
//! says what is to be done: it opens nothing, waits for nothing and reads no clock. Limits are
//! strict, clients take turns and each one's waiters keep their order, a release wakes exactly one,
//! and everybody who waits is told something by his deadline. Lease, release, cancel, the end of a
//! connection and eviction cost the same with one connection and with a million.
//!
//! [`SharedPool`] is the same pool for the threads and tasks of one process, with connections as
//! values that a guard lends out.
//!
//! The words: a *route* is what may share a connection; a *key* is the security domain (and
//! affinity tag) that a connection belongs to from its first lease on; a *family* is keys whose
//! connections may go from one to the other, once they are proven quiet; a *slot* is the room that
//! one connection takes; a *lease* is the right to use it; a *waiter* is one who has none yet.
//!
//! ```
//! use wharf_pool::time::{Duration, Now};
//! use wharf_pool::{
//!     ClientId, Condition, Event, KeyId, Outcome, Pool, PoolConfig, Released, Request,
//!     RouteConfig, Source,
//! };
//!
//! let now = Now::awake_for(Duration::from_secs(1));
//! let mut pool: Pool<&str> = Pool::new(PoolConfig::default(), 0);
//! let route = pool.add_route(RouteConfig::default());
//! let request = Request {
//!     route,
//!     client: ClientId(1),
//!     key: KeyId(1),
//!     family: None,
//!     deadline: now.monotonic + Duration::from_secs(5),
//!     fresh: false,
//!     no_wait: false,
//! };
//!
//! // Nothing is there yet: the pool asks for a connection, and gives it to the one who waits.
//! let Outcome::Waiting(waiter) = pool.lease(now, request) else { panic!("nothing is idle") };
//! let Some(Event::Connect { slot, .. }) = pool.poll_event() else { panic!("it wants one") };
//! assert!(pool.opened(now, slot, "the first connection"));
//! let Some(Event::Granted { waiter: served, grant }) = pool.poll_event() else { panic!() };
//! assert_eq!((served, grant.source), (waiter, Source::New));
//!
//! // Given back, it is there for the next.
//! assert_eq!(pool.release(now, grant.lease, Condition::Reusable), Ok(Released::Kept));
//! let Outcome::Granted(grant) = pool.lease(now, request) else { panic!("it is idle") };
//! assert_eq!((grant.connection, grant.source), ("the first connection", Source::Idle));
//! ```

#![forbid(unsafe_code)]

mod addresses;
mod alarms;
mod appeal;
mod arena;
mod backoff;
mod blocked;
mod destinations;
mod event;
mod family;
mod group;
mod health;
pub mod histogram;
mod hold;
mod ids;
mod journal;
mod learned;
mod lease;
mod limits;
mod list;
mod pool;
mod random;
mod ring;
mod route_pool;
mod shared;
mod slot;
pub mod stats;
pub mod time;
mod token;
mod waiters;
mod wheel;

pub use event::{ConnectFailure, Doubt, Event, How, Overdue};
pub use health::Silence;
pub use ids::{AddressId, ClientId, FamilyId, KeyId, LeaseId, RouteId, SlotId, WaiterId};
pub use journal::{Step, Transition};
pub use lease::{CancelError, Cancelled, Condition, Denial, Grant, Outcome, Released, Request};
pub use limits::{PoolConfig, Reuse, RouteConfig};
pub use pool::Pool;
pub use route_pool::Gate;
pub use shared::{Attempt, Connect, Lease, Leasing, SharedPool, Terms};
pub use token::{
    CloseCause, ConnectError, ConnectOutcome, OpenCause, Refusal, ReleaseError, ReleaseResult,
    Source, Token,
};
