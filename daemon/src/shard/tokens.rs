//! One vocabulary: what the pool and the stack call a failure, in the words of the others.
//!
//! Each function is one exhaustive table, so that a new word on one side cannot be forgotten on
//! the other.

use wharf_pool::{
    CloseCause, ConnectError as PoolError, ConnectFailure, Refusal, Source as Origin,
};
use wharf_protocol::{ErrorToken, Info, Source};
use wharf_transport::stack::ConnectError as StackError;
use wharf_transport::tcp;

/// Where a leased connection came from.
pub(super) fn source(source: Origin) -> Source {
    match source {
        Origin::Idle => Source::Idle,
        Origin::Handoff => Source::Handoff,
        Origin::New => Source::New,
    }
}

/// Why the pool refuses, as the client is told.
pub(super) fn refusal(refusal: Refusal) -> ErrorToken {
    match refusal {
        Refusal::QueueFull => ErrorToken::QueueFull,
        Refusal::QueueTimeout => ErrorToken::QueueTimeout,
        Refusal::Quota => ErrorToken::Quota,
        Refusal::WouldTimeOut => ErrorToken::WouldTimeOut,
        Refusal::Denied => ErrorToken::DestinationUnavailable,
        Refusal::Backoff => ErrorToken::Backoff,
        Refusal::Draining => ErrorToken::Draining,
        Refusal::Cancelled => ErrorToken::Cancelled,
        Refusal::ConnectionRefused => ErrorToken::ConnectionRefused,
        Refusal::ConnectionTimeout => ErrorToken::ConnectionTimeout,
        Refusal::ConnectionTerminated => ErrorToken::ConnectionTerminated,
        Refusal::DnsTimeout => ErrorToken::DnsTimeout,
        Refusal::DnsError => ErrorToken::DnsError,
        Refusal::DestinationIpProhibited => ErrorToken::DestinationIpProhibited,
        Refusal::DestinationIpUnroutable => ErrorToken::DestinationIpUnroutable,
        Refusal::NoPort => ErrorToken::NoPort,
        Refusal::ConnectionLimitReached => ErrorToken::ConnectionLimitReached,
    }
}

/// Why the stack did not begin a handshake, as the pool counts it. All are final for this address:
/// waiting would not help.
pub(super) fn connect_error(error: StackError) -> ConnectFailure {
    let error = match error {
        StackError::NoPort => PoolError::NoPort,
        StackError::NoAddress => PoolError::DestinationIpUnroutable,
        StackError::TooManyConnections => PoolError::ConnectionLimitReached,
        StackError::Prohibited => PoolError::DestinationIpProhibited,
    };
    ConnectFailure { error, hard: true }
}

/// Why a handshake came to nothing, as the pool counts it.
pub(super) fn handshake_failure(reason: tcp::CloseReason) -> ConnectFailure {
    let (error, hard) = match reason {
        tcp::CloseReason::Refused => (PoolError::ConnectionRefused, true),
        tcp::CloseReason::TimedOut => (PoolError::ConnectionTimeout, false),
        tcp::CloseReason::Unreachable => (PoolError::DestinationIpUnroutable, true),
        tcp::CloseReason::Normal
        | tcp::CloseReason::ResetByPeer
        | tcp::CloseReason::Aborted
        | tcp::CloseReason::ForeignText
        | tcp::CloseReason::Lingered => (PoolError::ConnectionTerminated, true),
    };
    ConnectFailure { error, hard }
}

/// Why a connection ended, as the pool counts it.
pub(super) fn close_cause(reason: tcp::CloseReason) -> CloseCause {
    match reason {
        tcp::CloseReason::Normal => CloseCause::PeerFin,
        tcp::CloseReason::TimedOut | tcp::CloseReason::Lingered => CloseCause::TimedOut,
        tcp::CloseReason::Unreachable => CloseCause::PathDead,
        tcp::CloseReason::ForeignText => CloseCause::ForeignBytes,
        tcp::CloseReason::Refused | tcp::CloseReason::ResetByPeer | tcp::CloseReason::Aborted => {
            CloseCause::PeerRst
        }
    }
}

/// Why a leased connection ended, as its client is told.
pub(super) fn reset_token(reason: tcp::CloseReason) -> ErrorToken {
    match reason {
        tcp::CloseReason::TimedOut | tcp::CloseReason::Lingered => ErrorToken::ConnectionTimeout,
        tcp::CloseReason::Unreachable => ErrorToken::DestinationIpUnroutable,
        tcp::CloseReason::Normal
        | tcp::CloseReason::Refused
        | tcp::CloseReason::ResetByPeer
        | tcp::CloseReason::Aborted
        | tcp::CloseReason::ForeignText => ErrorToken::ConnectionTerminated,
    }
}

/// A connection's figures as the wire carries them, in microseconds, bytes and segments.
pub(super) fn figures(info: &tcp::Info) -> Info<'static> {
    let micros =
        |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Info {
        state: info.state.name(),
        rtt: micros(info.rtt.unwrap_or_default()),
        rttvar: micros(info.rttvar),
        rto: micros(info.rto),
        snd_mss: u64::from(info.snd_mss),
        snd_cwnd: u64::from(info.cwnd),
        snd_ssthresh: u64::from(info.ssthresh),
        snd_wnd: u64::from(info.snd_wnd),
        rcv_wnd: u64::from(info.rcv_wnd),
        unacked: u64::from(info.unacked),
        retransmits: u64::from(info.retransmits),
        bytes_sent: info.bytes_sent,
        bytes_acked: info.bytes_acked,
        bytes_received: info.bytes_received,
        bytes_retrans: info.bytes_retrans,
        segs_in: info.segs_in,
        segs_out: info.segs_out,
    }
}
