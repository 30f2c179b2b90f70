//! A route-keyed connection pool as a pure state machine, and the same behind a lock.

pub mod time;
