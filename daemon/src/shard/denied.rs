//! Why a client has no lease, as REFUSED says it.

use std::time::Duration;

use wharf_pool::{Denial, RouteId};
use wharf_protocol::{DaemonMessage, ErrorToken, Refused};

use super::routes::Routes;
use super::tokens;

/// Why a client may not have a lease to what it named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denied {
    pub(super) token: ErrorToken,
    cause: String,
    retry_after: Option<Duration>,
    estimated_wait: Option<Duration>,
}

impl Denied {
    /// Nothing but the reason, and in words what it was.
    pub(super) fn new(token: ErrorToken, cause: impl Into<String>) -> Self {
        Self { token, cause: cause.into(), retry_after: None, estimated_wait: None }
    }

    /// What the pool said, with what is known of the route's last attempt to connect if that is
    /// behind it.
    pub(super) fn by_pool(denial: Denial, route: RouteId, routes: &Routes) -> Self {
        let cause = denial.error.map_or("", |_| routes.last_failure(route));
        Self {
            token: tokens::refusal(denial.refusal),
            cause: cause.to_owned(),
            retry_after: denial.retry_after,
            estimated_wait: denial.estimated_wait,
        }
    }

    /// The message.
    pub(super) fn message(&self) -> DaemonMessage<'_> {
        DaemonMessage::Refused(Refused {
            token: self.token,
            cause: &self.cause,
            retry_after: self.retry_after,
            estimated_wait: self.estimated_wait,
        })
    }
}
