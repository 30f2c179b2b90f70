//! The pool's vocabulary: every cause, error, reason and result has one token, and the same token
//! stands on the wire, in the Rust enum, in the metric label and in the log.
//!
//! The names are those of RFC 9209 where one fits. Nothing here knows a metric's name or a
//! message's layout.

use core::fmt::Debug;
use core::hash::Hash;

/// An enum whose values have a name outside, and which can be counted by value.
pub trait Token: Copy + Eq + Hash + Debug + 'static {
    /// Every value, in the order of declaration.
    const VALUES: &'static [Self];

    /// The name outside.
    fn name(self) -> &'static str;

    /// The place of this value in [`Token::VALUES`].
    fn index(self) -> usize;
}

/// Declares an enum with a token beside each value.
macro_rules! tokens {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$doc:meta])* $value:ident = $token:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name {
            $( $(#[$doc])* $value, )+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[ $( Self::$value, )+ ];

            /// The name of this value on the wire, in metrics and in logs.
            #[must_use]
            pub const fn token(self) -> &'static str {
                match self {
                    $( Self::$value => $token, )+
                }
            }
        }

        impl $crate::token::Token for $name {
            const VALUES: &'static [Self] = Self::ALL;

            fn name(self) -> &'static str {
                self.token()
            }

            fn index(self) -> usize {
                self as usize
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.token())
            }
        }
    };
}

tokens! {
    /// Why a connection left the pool.
    pub enum CloseCause {
        /// The peer closed its direction while the connection was idle.
        PeerFin = "peer_fin",
        /// The peer reset it.
        PeerRst = "peer_rst",
        /// The transport gave up: retransmissions, keepalive or user timeout.
        TimedOut = "timed_out",
        /// It was idle for the route's `idle_timeout`.
        IdleTimeout = "idle_timeout",
        /// It was idle for as long as the peer's keep-alive hint allows.
        KeepaliveHint = "keepalive_hint",
        /// It was idle for as long as this address was learned to allow.
        LearnedIdle = "learned_idle",
        /// It reached its lifetime.
        MaxLifetime = "max_lifetime",
        /// It served `max_uses` leases.
        MaxUses = "max_uses",
        /// Its room was needed for a waiter that could not use it.
        Evicted = "evicted",
        /// A limit was lowered below what was there.
        LimitLowered = "limit_lowered",
        /// Its route or the whole pool is drained.
        Drain = "drain",
        /// Its address is no longer one of the route's name.
        DnsRemoved = "dns_removed",
        /// Bytes of the peer were not consumed at release.
        UnreadBytes = "unread_bytes",
        /// Bytes of the client were not sent at release.
        UnsentBytes = "unsent_bytes",
        /// Sent bytes were not acknowledged in time after release.
        UnackedBytes = "unacked_bytes",
        /// Text lay beyond a gap at release.
        OutOfOrder = "out_of_order",
        /// One direction was finished at release.
        HalfClosed = "half_closed",
        /// The peer sent text while no lease was on the connection.
        DataWhileIdle = "data_while_idle",
        /// Text of an earlier lease arrived under a later one.
        ForeignBytes = "foreign_bytes",
        /// The lease was opaque: what runs on the connection is the client's own.
        Opaque = "opaque",
        /// The holder went away with the lease in use.
        ClientDied = "client_died",
        /// The holder said that it is not to be used again.
        ClientDiscard = "client_discard",
        /// The lease was taken from its holder.
        Revoked = "revoked",
        /// The operator asked for new connections.
        Reconnect = "reconnect",
        /// A suspect connection did not answer its probe.
        ProbeFailed = "probe_failed",
        /// The path to its address is dead.
        PathDead = "path_dead",
        /// The pool is shutting down.
        Shutdown = "shutdown",
    }
}

tokens! {
    /// Why a connection was opened.
    pub enum OpenCause {
        /// A lease waited for it.
        Demand = "demand",
        /// The route keeps some idle connections ready.
        Prewarm = "prewarm",
        /// The same, in place of one that was closed.
        Replace = "replace",
    }
}

tokens! {
    /// Where the connection of a lease came from.
    pub enum Source {
        /// From the idle list.
        Idle = "idle",
        /// Straight from another lease's release.
        Handoff = "handoff",
        /// Opened for this lease's route and never leased before.
        New = "new",
    }
}

tokens! {
    /// What became of a connection whose lease ended.
    pub enum ReleaseResult {
        /// It was kept idle.
        Reused = "reused",
        /// It went straight to a waiter.
        Handoff = "handoff",
        /// It was closed.
        Closed = "closed",
    }
}

tokens! {
    /// Why an attempt to connect failed.
    pub enum ConnectError {
        /// The peer answered the SYN with a reset.
        ConnectionRefused = "connection_refused",
        /// No answer within the route's `connect_timeout`.
        ConnectionTimeout = "connection_timeout",
        /// The connection ended while it was being set up.
        ConnectionTerminated = "connection_terminated",
        /// The resolver did not answer within the route's `connect_timeout`.
        DnsTimeout = "dns_timeout",
        /// The name has no address.
        DnsError = "dns_error",
        /// The resolved address is denied by configuration.
        DestinationIpProhibited = "destination_ip_prohibited",
        /// The network said that there is no way to the address.
        DestinationIpUnroutable = "destination_ip_unroutable",
        /// No local port is free for this destination.
        NoPort = "no_port",
        /// The transport holds as many connections as it may.
        ConnectionLimitReached = "connection_limit_reached",
    }
}

tokens! {
    /// How an attempt to connect ended, as the connect histogram tells them apart.
    pub enum ConnectOutcome {
        /// A connection was opened.
        Connected = "connected",
        /// The attempt failed with an error.
        Failed = "failed",
        /// The attempt used up its budget.
        TimedOut = "timed_out",
        /// The attempt was given up, because nobody wanted it any more.
        Abandoned = "abandoned",
    }
}

tokens! {
    /// Why a lease was not granted.
    pub enum Refusal {
        /// As many leases wait as may, on the route or in all: come back later.
        QueueFull = "queue_full",
        /// The deadline passed before a connection was free, or none was there and the lease
        /// would not wait.
        QueueTimeout = "queue_timeout",
        /// It would wait for more than twice as long as it may: ask with more time, or later.
        WouldTimeOut = "would_time_out",
        /// As many leases of this client wait as may: use fewer at once.
        Quota = "quota",
        /// An operator denies leases of the route.
        Denied = "destination_unavailable",
        /// The route rests after attempts to connect that failed, and has no connection: come back
        /// when it tries again.
        Backoff = "backoff",
        /// The route or the pool is drained or gone: ask another daemon or another route.
        Draining = "draining",
        /// The client withdrew while it waited.
        Cancelled = "cancelled",
        /// Connecting failed: the peer refuses.
        ConnectionRefused = "connection_refused",
        /// Connecting failed: the peer is silent.
        ConnectionTimeout = "connection_timeout",
        /// Connecting failed: the peer ended it at once.
        ConnectionTerminated = "connection_terminated",
        /// Connecting failed: the resolver is silent.
        DnsTimeout = "dns_timeout",
        /// Connecting failed: the name has no address.
        DnsError = "dns_error",
        /// Connecting failed: the address is denied by configuration.
        DestinationIpProhibited = "destination_ip_prohibited",
        /// Connecting failed: the network knows no way to the address.
        DestinationIpUnroutable = "destination_ip_unroutable",
        /// Connecting failed: no local port is free.
        NoPort = "no_port",
        /// Connecting failed: the transport is full.
        ConnectionLimitReached = "connection_limit_reached",
    }
}

impl From<ConnectError> for Refusal {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::ConnectionRefused => Self::ConnectionRefused,
            ConnectError::ConnectionTimeout => Self::ConnectionTimeout,
            ConnectError::ConnectionTerminated => Self::ConnectionTerminated,
            ConnectError::DnsTimeout => Self::DnsTimeout,
            ConnectError::DnsError => Self::DnsError,
            ConnectError::DestinationIpProhibited => Self::DestinationIpProhibited,
            ConnectError::DestinationIpUnroutable => Self::DestinationIpUnroutable,
            ConnectError::NoPort => Self::NoPort,
            ConnectError::ConnectionLimitReached => Self::ConnectionLimitReached,
        }
    }
}

tokens! {
    /// Why a release changed nothing.
    pub enum ReleaseError {
        /// This lease was released before, and its connection has not been leased since.
        Double = "double",
        /// The lease is held by another client.
        Foreign = "foreign",
        /// The lease ended long ago: its connection is gone or serves another lease.
        Late = "late",
    }
}

impl core::error::Error for Refusal {}
impl core::error::Error for ReleaseError {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn check<T: Token>() {
        let mut seen = HashSet::new();
        for (place, value) in T::VALUES.iter().enumerate() {
            assert_eq!(value.index(), place, "{value:?}");
            assert!(seen.insert(value.name()), "{value:?} shares its token");
        }
    }

    #[test]
    fn tokens_are_unique_and_indices_are_places() {
        check::<CloseCause>();
        check::<OpenCause>();
        check::<Source>();
        check::<ReleaseResult>();
        check::<ConnectError>();
        check::<ConnectOutcome>();
        check::<Refusal>();
        check::<ReleaseError>();
    }

    #[test]
    fn a_connect_error_keeps_its_token_as_a_refusal() {
        for &error in ConnectError::ALL {
            assert_eq!(Refusal::from(error).token(), error.token());
        }
    }
}
