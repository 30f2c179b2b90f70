//! The control thread's clock: timeouts of its connections, and the date for those who read it.
//!
//! The shards have their own (`reactor/clock.rs`); nothing here reaches a state machine.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, for timeouts.
#[expect(clippy::disallowed_methods, reason = "the control thread waits on its own, at this place")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The date, in seconds since 1970; zero on a host whose clock stands before it.
#[expect(clippy::disallowed_methods, reason = "a date is shown to people, and decides nothing")]
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
