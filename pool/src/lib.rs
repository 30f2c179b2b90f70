//! A route-keyed connection pool as a pure state machine, and the same behind a lock.

#![forbid(unsafe_code)]

mod arena;
mod blocked;
mod event;
mod group;
pub mod histogram;
mod ids;
mod lease;
mod limits;
mod list;
mod pool;
mod random;
mod route_pool;
mod slot;
pub mod stats;
pub mod time;
mod token;
mod waiters;
mod wheel;

pub use event::{ConnectFailure, Event, How};
pub use ids::{ClientId, KeyId, LeaseId, RouteId, SlotId, WaiterId};
pub use lease::{CancelError, Cancelled, Condition, Grant, Outcome, Released, Request};
pub use limits::{PoolConfig, Reuse, RouteConfig};
pub use pool::Pool;
pub use token::{
    CloseCause, ConnectError, ConnectOutcome, OpenCause, Refusal, ReleaseError, ReleaseResult,
    Source, Token,
};
