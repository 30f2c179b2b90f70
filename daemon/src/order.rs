//! What an operator orders of routes, from the admin socket to the shard.

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Leases wait and none is granted.
    Pause,
    /// Leases are refused.
    Deny,
    /// Leases are refused, idle connections close, leased ones at release.
    Drain,
    /// Leases are granted again.
    Resume,
    /// Connections are replaced: the idle ones at once, the leased ones at release.
    Reconnect,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 5] =
        [Self::Pause, Self::Deny, Self::Drain, Self::Resume, Self::Reconnect];

    /// Its name as a command.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Deny => "deny",
            Self::Drain => "drain",
            Self::Resume => "resume",
            Self::Reconnect => "reconnect",
        }
    }
}

/// An order, and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteOrder {
    /// What.
    pub order: Order,
    /// The route, by the name that metrics and `wharf routes` have for it; all routes without. It
    /// holds for the origins that are in use, not for those of a pattern that come later.
    pub route: Option<String>,
}
