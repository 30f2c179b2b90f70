//! What becomes of a connection that was given back.

use wharf_protocol::Outcome;

/// What became of a connection that was released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released {
    /// It waits, idle, for its next lease.
    Kept,
    /// It waits until the peer has acknowledged what was sent, and is kept then.
    Settling,
    /// It went straight to a lease that was waiting.
    HandedOn,
    /// It was closed.
    Closed {
        /// Why: one of the causes that `wharf_pool_connections_closed_total` counts, such as
        /// `half_closed` or `unread_bytes`; empty if the daemon did not say.
        cause: String,
    },
}

impl Released {
    pub(crate) fn new(released: &wharf_protocol::Released<'_>) -> Self {
        match released.outcome {
            Outcome::Kept => Self::Kept,
            Outcome::Settling => Self::Settling,
            Outcome::HandedOn => Self::HandedOn,
            Outcome::Closed => {
                Self::Closed { cause: released.cause.unwrap_or_default().to_owned() }
            }
        }
    }

    /// The outcome's name in JSON and logs.
    #[must_use]
    pub const fn token(&self) -> &'static str {
        match self {
            Self::Kept => Outcome::Kept.token(),
            Self::Settling => Outcome::Settling.token(),
            Self::HandedOn => Outcome::HandedOn.token(),
            Self::Closed { .. } => Outcome::Closed.token(),
        }
    }

    /// Whether the connection may serve another lease.
    #[must_use]
    pub const fn is_reused(&self) -> bool {
        match self {
            Self::Kept | Self::Settling | Self::HandedOn => true,
            Self::Closed { .. } => false,
        }
    }
}

impl std::fmt::Display for Released {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kept | Self::Settling | Self::HandedOn => f.write_str(self.token()),
            Self::Closed { cause } if cause.is_empty() => f.write_str("closed"),
            Self::Closed { cause } => write!(f, "closed ({cause})"),
        }
    }
}
