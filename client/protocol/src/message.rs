//! The messages themselves, as values that borrow from the buffer they were read from.

use std::net::SocketAddr;
use std::time::Duration;

use crate::frame::{DATA_MAX, EARLY_DATA_MAX, MAJOR, MINOR};
use crate::token::ErrorToken;
use crate::vocabulary::{Class, Disposition, Outcome, Source, Verdict};

/// A message and the lease it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<M> {
    /// The lease's number in its session; 0 for frames of the session itself.
    pub lease: u16,
    /// What is said.
    pub message: M,
}

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// Opens the session; the first frame, and only that.
    Hello(Hello<'a>),
    /// Asks for a connection, under the number of its frame.
    Lease(LeaseRequest<'a>),
    /// Bytes for the peer, at most [`DATA_MAX`]; before `LEASED` is read,
    /// [`EARLY_DATA_MAX`] in all. A lease with a descriptor has none.
    Data(&'a [u8]),
    /// No more bytes for the peer: half-close.
    Fin,
    /// Ends a lease whose `LEASED` was not read yet.
    Cancel,
    /// Ends a lease.
    Release(Release),
    /// Asks for the figures of the lease's connection.
    Info,
    /// Asks for a sign of life; `PONG` brings the number back.
    Ping(u64),
    /// A frame of a kind that is not known here and not critical: nothing to do.
    Skipped {
        /// The kind as it stood on the wire.
        kind: u8,
    },
}

/// What the daemon says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaemonMessage<'a> {
    /// Answers `HELLO`.
    Welcome(Welcome),
    /// The lease is granted. If it was asked for with `fd`, a descriptor comes along with the
    /// first byte of this frame.
    Leased(Leased),
    /// The lease is refused and ended. On lease 0 the session is: the daemon closes it next.
    Refused(Refused<'a>),
    /// Bytes of the peer, at most [`DATA_MAX`].
    Data(&'a [u8]),
    /// The peer sends no more bytes (FIN).
    Eof,
    /// The connection is gone. Not final: the client still releases, the daemon still answers.
    Reset(Reset<'a>),
    /// The lease is taken back and ended.
    Released(Released<'a>),
    /// No lease after the named one is served.
    GoAway(GoAway),
    /// The figures of the lease's connection.
    Info(Info<'a>),
    /// Answers `PING` with its number.
    Pong(u64),
    /// A frame of a kind that is not known here and not critical: nothing to do.
    Skipped {
        /// The kind as it stood on the wire.
        kind: u8,
    },
}

/// `HELLO`: who speaks, and which versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The protocol's major version; another is refused.
    pub major: u16,
    /// The oldest minor that the client can do with.
    pub minor_min: u16,
    /// The newest minor that the client knows.
    pub minor_max: u16,
    /// Features that the client can use, one bit each; see [`feature`](crate::feature).
    pub features: u64,
    /// What the client calls itself: for logs, not trusted, may be empty.
    pub name: &'a str,
}

impl<'a> Hello<'a> {
    /// The `HELLO` of a client that speaks what this crate speaks, without any feature.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self { major: MAJOR, minor_min: 0, minor_max: MINOR, features: 0, name }
    }

    /// The minor to speak with this client, by one who knows [`MAJOR`] up to minor `newest`
    /// ([`MINOR`] in this crate); `None` if there is none that both know.
    #[must_use]
    pub fn agreed_minor(&self, newest: u16) -> Option<u16> {
        let agreed = self.minor_max.min(newest);
        (self.major == MAJOR && self.minor_min <= agreed).then_some(agreed)
    }

    /// Those of the client's features that one who knows `known` can use with it.
    #[must_use]
    pub const fn agreed_features(&self, known: u64) -> u64 {
        self.features & known
    }
}

/// `WELCOME`: what the session will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The minor spoken from here on, within the client's range.
    pub minor: u16,
    /// Those of the client's features that are on.
    pub features: u64,
    /// The daemon's run: another number means that it was started anew.
    pub instance: u64,
    /// What the session may do.
    pub limits: Limits,
}

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Payload bytes of one `DATA`, at most [`DATA_MAX`].
    pub data_bytes: u32,
    /// `DATA` bytes of a lease before its `LEASED`, at most [`EARLY_DATA_MAX`].
    pub early_bytes: u32,
    /// Sessions that the client's uid may have open; 0 says no limit.
    pub sessions: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let u32_of = |limit: usize| u32::try_from(limit).expect("limits are far below 4 GiB");
        Self { data_bytes: u32_of(DATA_MAX), early_bytes: u32_of(EARLY_DATA_MAX), sessions: 0 }
    }
}

/// `LEASE`: which connection, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRequest<'a> {
    /// Where to.
    pub target: Target<'a>,
    /// Affinity: only a connection with the same tag, or a new one, serves.
    pub tag: Option<&'a str>,
    /// How long to wait, in whole milliseconds from the arrival of `LEASE`; `None` takes the
    /// route's `lease_timeout`, 0 only what is there now.
    pub deadline: Option<Duration>,
    /// Whom the connection may serve afterwards.
    pub class: Class,
    /// Wants a connection that never carried a byte.
    pub fresh: bool,
    /// Refuse at once instead of waiting.
    pub no_wait: bool,
    /// The bytes may be sent twice: a lease whose fate is unknown may be repeated.
    pub idempotent: bool,
    /// Wants the data on a descriptor of its own; needs [`feature::FD`](crate::feature::FD).
    pub fd: bool,
}

impl<'a> LeaseRequest<'a> {
    /// A plain lease of `target`.
    #[must_use]
    pub const fn new(target: Target<'a>) -> Self {
        Self {
            target,
            tag: None,
            deadline: None,
            class: Class::Plain,
            fresh: false,
            no_wait: false,
            idempotent: false,
            fd: false,
        }
    }
}

/// Where a lease goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A route by its name in the configuration.
    Route(&'a str),
    /// An origin; the daemon finds the route.
    Origin {
        /// `http`, `tcp`, and with TLS by the daemon `https`, `tls`.
        scheme: &'a str,
        /// A name or an address, IPv6 without brackets.
        host: &'a str,
        /// The port, never 0.
        port: u16,
    },
}

impl std::fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Route(name) => f.write_str(name),
            Self::Origin { scheme, host, port } if host.contains(':') => {
                write!(f, "{scheme}://[{host}]:{port}")
            }
            Self::Origin { scheme, host, port } => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

/// `RELEASE`: the end of a lease, with the client's count of its bytes. POOL.md, rule U.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// What may become of the connection.
    pub disposition: Disposition,
    /// Peer bytes of this lease that the client has used up.
    pub rx_consumed: u64,
    /// Bytes that the client has put into `DATA` frames or the descriptor of this lease.
    pub tx_written: u64,
    /// How long the server said that it keeps an idle connection.
    pub keep_alive: Option<Duration>,
}

/// `LEASED`: the connection that was granted. Times on the wire are whole microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The connection's name in the daemon's logs and tables.
    pub handle: u64,
    /// Where it came from.
    pub source: Source,
    /// Time since it was established.
    pub age: Duration,
    /// Time since its last lease ended; 0 for a new one.
    pub idle: Duration,
    /// Leases that it served before this one.
    pub uses: u32,
    /// Its smoothed round trip time.
    pub srtt: Duration,
    /// Its congestion window in bytes.
    pub cwnd: u32,
    /// Time from the arrival of `LEASE` to the grant.
    pub wait: Duration,
    /// Time that its handshake took; for a new one only.
    pub connect: Option<Duration>,
    /// Where it leads to.
    pub peer: SocketAddr,
}

/// `REFUSED`: no lease. Nothing of it was sent, so its verdict is always
/// [`Verdict::NeverSent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    /// Why, in the vocabulary of all.
    pub token: ErrorToken,
    /// Why, for people; may be empty.
    pub cause: &'a str,
    /// When it makes sense to ask again.
    pub retry_after: Option<Duration>,
    /// How long the wait would have been.
    pub estimated_wait: Option<Duration>,
}

/// `RESET`: the connection is gone under the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset<'a> {
    /// Why, in the vocabulary of all.
    pub token: ErrorToken,
    /// What is known of the lease's bytes.
    pub verdict: Verdict,
    /// Bytes of this lease that left for the network.
    pub bytes_sent: u64,
    /// Bytes of this lease that the peer's TCP acknowledged.
    pub bytes_acked: u64,
    /// Why, for people; may be empty.
    pub cause: &'a str,
}

/// `RELEASED`: the lease is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released<'a> {
    /// What became of the connection.
    pub outcome: Outcome,
    /// Why it was closed: a token of POOL.md, section 4 (`a-z`, `0-9`, `_`; at most 32 bytes).
    pub cause: Option<&'a str>,
}

/// `GOAWAY`: the daemon is about to end the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoAway {
    /// The last lease that is served; 0 if none is. Later ones get `REFUSED draining`.
    pub last_lease: u16,
    /// Time that this lease still has.
    pub deadline: Duration,
}

/// `INFO`: the connection's figures, by the names of the kernel's `tcp_info`.
///
/// A figure that the daemon does not know is 0. Times are in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info<'a> {
    /// The connection's state (`established`), empty if the lease has no connection.
    pub state: &'a str,
    /// Smoothed round trip time, microseconds.
    pub rtt: u64,
    /// Variation of the round trip time, microseconds.
    pub rttvar: u64,
    /// Retransmission timeout, microseconds.
    pub rto: u64,
    /// Bytes of the largest segment sent.
    pub snd_mss: u64,
    /// Congestion window in bytes.
    pub snd_cwnd: u64,
    /// Slow start threshold in bytes.
    pub snd_ssthresh: u64,
    /// Window that the peer offers, bytes.
    pub snd_wnd: u64,
    /// Window that we offer, bytes.
    pub rcv_wnd: u64,
    /// Bytes sent and not acknowledged.
    pub unacked: u64,
    /// Timeouts in a row without an answer.
    pub retransmits: u64,
    /// Bytes sent since the connection began, repeated ones too.
    pub bytes_sent: u64,
    /// Bytes acknowledged since the connection began.
    pub bytes_acked: u64,
    /// Bytes received in order since the connection began.
    pub bytes_received: u64,
    /// Bytes repeated since the connection began.
    pub bytes_retrans: u64,
    /// Segments received.
    pub segs_in: u64,
    /// Segments sent.
    pub segs_out: u64,
}
