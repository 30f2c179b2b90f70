//! The command-line tool's clock: latency is measured here, and nowhere decided upon.

use std::time::Instant;

/// The present moment.
#[expect(
    clippy::disallowed_methods,
    reason = "the tool and the demo's processes are clients: what they report is time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
