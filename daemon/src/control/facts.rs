//! What the control thread knows about the process, beside what its shard tells.

use std::time::Duration;

use crate::metrics::view::ProcessFacts;

/// The state of the process, as `status`, health and metrics show it.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// What the metrics show too.
    pub(super) process: ProcessFacts,
    /// Since the control thread began.
    pub(super) uptime: Duration,
    /// Whether the shard answered the last ping.
    pub(super) is_answering: bool,
    /// Whether the shard was asked to finish.
    pub(super) is_draining: bool,
    /// The configuration in effect, as TOML.
    pub(super) config: String,
    /// Why the last reload failed, if it did.
    pub(super) reload_error: Option<String>,
    /// Keys that a reload changed and that wait for a restart.
    pub(super) at_next_start: Vec<String>,
    /// Where clients, operators and scrapers connect.
    pub(super) sockets: Sockets,
}

/// The names of the daemon's sockets.
#[derive(Clone, Debug, Default)]
pub(super) struct Sockets {
    pub(super) lease: Option<String>,
    pub(super) admin: Option<String>,
    pub(super) metrics: Option<String>,
}

impl Facts {
    /// Whether leases are granted.
    pub(super) fn is_ready(&self) -> bool {
        self.is_answering && !self.is_draining
    }
}
