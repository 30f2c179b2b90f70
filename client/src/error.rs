//! What can go wrong with a lease, and what to do about it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use wharf_protocol::{EncodeError, ErrorToken, Refused, Reset, Retry, Verdict};

/// Why a lease failed: at the daemon, on the way to it, or upstream.
///
/// [`Read`](io::Read) and [`Write`](io::Write) wrap it in an [`io::Error`]; [`Error::of`] finds
/// it there again.
#[derive(Clone, Debug)]
pub struct Error(Box<Details>);

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The daemon refused the lease; nothing of it was sent.
    Refused(ErrorToken),
    /// The leased connection is gone; the verdict says what is known of its bytes.
    Reset(ErrorToken),
    /// The daemon refused the whole session.
    SessionRefused(ErrorToken),
    /// There is no daemon at this socket.
    Unreachable,
    /// The daemon closed the session in the middle of the lease.
    Lost,
    /// Nothing came for too long.
    Silent,
    /// What came is not the lease protocol.
    Violation,
    /// The process forked since the client connected.
    Forked,
    /// The caller asked for something that cannot be said.
    BadRequest,
}

#[derive(Clone, Debug)]
struct Details {
    kind: ErrorKind,
    cause: String,
    route: String,
    verdict: Verdict,
    bytes_sent: u64,
    bytes_acked: u64,
    retry_after: Option<Duration>,
    source: Option<Arc<io::Error>>,
}

impl Error {
    /// A failure of a lease of which nothing was sent.
    pub(crate) fn new(kind: ErrorKind, cause: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            cause: cause.into(),
            route: String::new(),
            verdict: Verdict::NeverSent,
            bytes_sent: 0,
            bytes_acked: 0,
            retry_after: None,
            source: None,
        }))
    }

    pub(crate) fn refused(refused: &Refused<'_>) -> Self {
        let mut error = Self::new(ErrorKind::Refused(refused.token), refused.cause);
        error.0.retry_after = refused.retry_after;
        error
    }

    pub(crate) fn session_refused(refused: &Refused<'_>) -> Self {
        let mut error = Self::new(ErrorKind::SessionRefused(refused.token), refused.cause);
        error.0.retry_after = refused.retry_after;
        error
    }

    pub(crate) fn reset(reset: &Reset<'_>) -> Self {
        let mut error = Self::new(ErrorKind::Reset(reset.token), reset.cause);
        error.0.verdict = reset.verdict;
        error.0.bytes_sent = reset.bytes_sent;
        error.0.bytes_acked = reset.bytes_acked;
        error
    }

    pub(crate) fn io(kind: ErrorKind, source: io::Error) -> Self {
        let mut error = Self::new(kind, source.to_string());
        error.0.source = Some(Arc::new(source));
        error
    }

    /// The process is not the one that connected.
    pub(crate) fn forked() -> Self {
        Self::new(ErrorKind::Forked, "the process forked after it had connected")
    }

    pub(crate) fn on_route(mut self, route: &str) -> Self {
        route.clone_into(&mut self.0.route);
        self
    }

    /// With a verdict that fits bytes of which the daemon said nothing.
    pub(crate) fn after_writing(mut self, bytes: u64) -> Self {
        self.0.verdict = if bytes == 0 { Verdict::NeverSent } else { Verdict::Unknown };
        self
    }

    /// The error of a lease inside the I/O error that reading or writing gave.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Takes the error of a lease out of the I/O error that it was wrapped in.
    #[cfg(feature = "tokio")]
    pub(crate) fn out_of(error: io::Error) -> Self {
        Self::of(&error).cloned().unwrap_or_else(|| Self::io(ErrorKind::Lost, error))
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The failure's name: the daemon's token if it gave one, else one of `daemon_unreachable`,
    /// `daemon_lost`, `daemon_silent`, `protocol_violation`, `forked`, `bad_request`.
    #[must_use]
    pub fn token(&self) -> &'static str {
        match self.0.kind {
            ErrorKind::Refused(token)
            | ErrorKind::Reset(token)
            | ErrorKind::SessionRefused(token) => token.token(),
            ErrorKind::Unreachable => "daemon_unreachable",
            ErrorKind::Lost => "daemon_lost",
            ErrorKind::Silent => "daemon_silent",
            ErrorKind::Violation => "protocol_violation",
            ErrorKind::Forked => "forked",
            ErrorKind::BadRequest => "bad_request",
        }
    }

    /// Whether and when to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self.0.kind {
            ErrorKind::Refused(token)
            | ErrorKind::Reset(token)
            | ErrorKind::SessionRefused(token) => token.retry(self.0.verdict, self.0.retry_after),
            ErrorKind::Unreachable => Retry::After(RECONNECT_PAUSE),
            ErrorKind::Lost | ErrorKind::Silent if self.0.verdict.is_repeatable() => {
                Retry::After(RECONNECT_PAUSE)
            }
            ErrorKind::Lost | ErrorKind::Silent => Retry::IfIdempotent,
            ErrorKind::Violation | ErrorKind::Forked | ErrorKind::BadRequest => Retry::Never,
        }
    }

    /// What is known of the lease's bytes.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.0.verdict
    }

    /// Bytes of the lease that left for the network, as far as the daemon said so.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.0.bytes_sent
    }

    /// Bytes of the lease that the peer's TCP acknowledged, as far as the daemon said so.
    #[must_use]
    pub fn bytes_acked(&self) -> u64 {
        self.0.bytes_acked
    }

    /// What was asked for: a route's name or an origin; empty before there was a request.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.0.route
    }

    /// Why, for people; may be empty.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.0.cause
    }

    /// One sentence: what to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.0.kind {
            ErrorKind::Refused(token)
            | ErrorKind::Reset(token)
            | ErrorKind::SessionRefused(token) => token.hint(),
            ErrorKind::Unreachable => {
                "wharfd does not run, listens elsewhere (WHARF_SOCKET), or its socket may not be \
                 opened by this user"
            }
            ErrorKind::Lost => "wharfd ended the session: look at its log, and connect again",
            ErrorKind::Silent => {
                "nothing came for too long: raise the timeout if the upstream may be slow, \
                 else look whether wharfd is stuck"
            }
            ErrorKind::Violation => "what listens at the socket is not a wharfd that fits",
            ErrorKind::Forked => "connect in the child: leases do not cross a fork",
            ErrorKind::BadRequest => "correct the request; it was not sent",
        }
    }
}

/// How long to wait for a daemon that is not there: the time that a restart takes.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.0.kind {
            ErrorKind::Refused(_) => "lease refused",
            ErrorKind::Reset(_) => "connection lost",
            ErrorKind::SessionRefused(_) => "session refused",
            ErrorKind::Unreachable
            | ErrorKind::Lost
            | ErrorKind::Silent
            | ErrorKind::Violation
            | ErrorKind::Forked
            | ErrorKind::BadRequest => "lease failed",
        };
        if !self.0.route.is_empty() {
            write!(f, "{}: ", self.0.route)?;
        }
        write!(f, "{what}: {}", self.token())?;
        if !self.0.cause.is_empty() {
            write!(f, " ({})", self.0.cause)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        Self::new(ErrorKind::BadRequest, error.to_string())
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.0.kind {
            ErrorKind::Refused(_) | ErrorKind::SessionRefused(_) | ErrorKind::Unreachable => {
                io::ErrorKind::ConnectionRefused
            }
            ErrorKind::Reset(_) => io::ErrorKind::ConnectionReset,
            ErrorKind::Lost => io::ErrorKind::ConnectionAborted,
            ErrorKind::Silent => io::ErrorKind::TimedOut,
            ErrorKind::Violation => io::ErrorKind::InvalidData,
            ErrorKind::Forked => io::ErrorKind::PermissionDenied,
            ErrorKind::BadRequest => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
