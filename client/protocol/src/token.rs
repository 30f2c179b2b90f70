//! The vocabulary of failures: one token each, verbatim on the wire, in metrics, logs and JSON.
//!
//! Tokens are those of RFC 9209, section 2.3 where one fits, and ours otherwise.

use std::time::Duration;

use crate::vocabulary::Verdict;

/// Declares the tokens: name on the wire, and the sentence that says what to do.
macro_rules! tokens {
    ($($(#[$doc:meta])* $variant:ident = $token:literal, $hint:literal;)+) => {
        /// Why a lease, or a whole session, failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorToken {
            $($(#[$doc])* $variant,)+
        }

        impl ErrorToken {
            /// Every token, those of RFC 9209 first.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The token as it stands on the wire, in metrics, logs and JSON.
            #[must_use]
            pub const fn token(self) -> &'static str {
                match self {
                    $(Self::$variant => $token,)+
                }
            }

            /// The token with this name, if minor 0 has one.
            #[must_use]
            pub fn from_token(token: &str) -> Option<Self> {
                match token {
                    $($token => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// One sentence: what whoever sees this may do about it.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self {
                    $(Self::$variant => $hint,)+
                }
            }
        }
    };
}

tokens! {
    /// RFC 9209: the name was not resolved in time.
    DnsTimeout = "dns_timeout",
        "the resolver did not answer in time: look at the resolver of the daemon's host";
    /// RFC 9209: the name has no address.
    DnsError = "dns_error",
        "the name has no address: check its spelling and the resolver of the daemon's host";
    /// RFC 9209: no route has this name.
    DestinationNotFound = "destination_not_found",
        "no route has this name: add one to the configuration, or lease by scheme, host and port";
    /// RFC 9209: the route is closed by its operator.
    DestinationUnavailable = "destination_unavailable",
        "the route is denied by its operator: resume it, or wait until it is resumed";
    /// RFC 9209: the resolved address may not be reached.
    DestinationIpProhibited = "destination_ip_prohibited",
        "the address may not be reached through wharfd: 127.0.0.0/8 never is (bind the service to the \
         gateway address 10.213.0.1), others need a rule in the configuration";
    /// RFC 9209: no way leads to the address.
    DestinationIpUnroutable = "destination_ip_unroutable",
        "the network says that no way leads there: look at forwarding, NAT and the host's routes";
    /// RFC 9209: the upstream answered the SYN with a RST.
    ConnectionRefused = "connection_refused",
        "the upstream listens to nothing at this port: start it, or correct the address";
    /// RFC 9209: the upstream ended the connection in the middle of the lease.
    ConnectionTerminated = "connection_terminated",
        "the upstream ended the connection: the verdict says whether the request may be repeated";
    /// RFC 9209: the upstream did not answer, to the SYN or any more.
    ConnectionTimeout = "connection_timeout",
        "the upstream does not answer: look whether it runs, and at firewalls on the way";
    /// RFC 9209: every connection that the limits allow is in use.
    ConnectionLimitReached = "connection_limit_reached",
        "every connection that the limits allow is in use: allow a wait, or raise the route's limit";
    /// RFC 9209: the client's uid may not use this destination.
    HttpRequestDenied = "http_request_denied",
        "no rule lets this user reach the destination: add an allow rule to the route";
    /// Too many leases wait already.
    QueueFull = "queue_full",
        "too many leases wait for this route already: slow down, or raise its limits";
    /// The deadline passed before a connection was free.
    QueueTimeout = "queue_timeout",
        "no connection came free in time: allow a longer wait, or raise the route's limit";
    /// The wait would be longer than the deadline by far.
    WouldTimeOut = "would_time_out",
        "the wait would outlast the deadline: slow down, or allow a longer wait";
    /// The uid holds all that it may.
    Quota = "quota",
        "this user holds all that it may: release leases, close sessions, or raise its quota";
    /// Connects to the route failed lately; it is tried again soon.
    Backoff = "backoff",
        "connects to this route failed lately: the cause says how, and it is tried again soon";
    /// Every source port towards the destination is in use.
    NoPort = "no_port",
        "every source port towards this destination is in use: add source addresses or ports";
    /// The daemon is about to stop, or the route is emptied.
    Draining = "draining",
        "the daemon is about to stop or be replaced: connect again and repeat";
    /// The operator, or `lease_max`, took the lease away.
    LeaseRevoked = "lease_revoked",
        "the lease was held for too long or was taken away by the operator: keep leases short";
    /// The client cancelled.
    Cancelled = "cancelled",
        "the client itself gave up before the lease was granted";
    /// The other side broke the rules of this protocol.
    ProtocolViolation = "protocol_violation",
        "the client broke the rules of the lease protocol: its versions and the daemon's may not fit";
}

/// Whether and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request fails again; something has to change first.
    Never,
    /// At once; nothing of the request was carried out.
    Now,
    /// After this time; nothing of the request was carried out.
    After(Duration),
    /// Only if the request may be carried out twice.
    IfIdempotent,
}

/// What a client waits when the daemon named no time itself.
const DEFAULT_PAUSE: Duration = Duration::from_millis(100);

impl ErrorToken {
    /// What to do after a failure with this token and verdict, when the daemon asked to wait for
    /// `after`.
    ///
    /// A refusal's verdict is always [`Verdict::NeverSent`].
    #[must_use]
    pub fn retry(self, verdict: Verdict, after: Option<Duration>) -> Retry {
        let advice = match self {
            Self::DnsError
            | Self::DestinationNotFound
            | Self::DestinationIpProhibited
            | Self::HttpRequestDenied
            | Self::Cancelled
            | Self::LeaseRevoked
            | Self::ProtocolViolation => Retry::Never,
            Self::ConnectionTerminated | Self::Draining => Retry::Now,
            Self::DnsTimeout
            | Self::DestinationUnavailable
            | Self::DestinationIpUnroutable
            | Self::ConnectionRefused
            | Self::ConnectionTimeout
            | Self::ConnectionLimitReached
            | Self::QueueFull
            | Self::QueueTimeout
            | Self::WouldTimeOut
            | Self::Quota
            | Self::Backoff
            | Self::NoPort => Retry::After(after.unwrap_or(DEFAULT_PAUSE)),
        };
        if advice != Retry::Never && !verdict.is_repeatable() {
            return Retry::IfIdempotent;
        }
        advice
    }
}

impl std::fmt::Display for ErrorToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.token())
    }
}
