//! A route-keyed connection pool as a pure state machine, and the same behind a lock.

#![forbid(unsafe_code)]

mod event;
pub mod histogram;
mod ids;
mod lease;
mod limits;
pub mod stats;
pub mod time;
mod token;

pub use event::{ConnectFailure, Event, How};
pub use ids::{ClientId, KeyId, LeaseId, RouteId, SlotId, WaiterId};
pub use lease::{CancelError, Cancelled, Condition, Grant, Outcome, Released, Request};
pub use limits::{PoolConfig, Reuse, RouteConfig};
pub use token::{
    CloseCause, ConnectError, ConnectOutcome, OpenCause, Refusal, ReleaseError, ReleaseResult,
    Source, Token,
};
