//! What a connection leaves to later ones to the same place: RFC 9040, temporal sharing.
//!
//! A plain value. A connection gives it out by [`Connection::path_record`] at any time, and is born
//! with what earlier ones have left ([`super::Start::path`]); who keeps it meanwhile, and for how
//! long, is the stack's business.
//!
//! What a new connection takes over, by section 6.1 of the RFC:
//!
//! - **RTT and RTTVAR** keep its first timeouts from coming too early, as Linux has it: RTO is what
//!   it was, if that is longer than what RFC 6298 has for a beginning, until a second round trip is
//!   measured. A handshake is measured by small segments, and says too little of large ones. SRTT
//!   itself begins anew: a stale one would have to be unlearnt.
//! - **ssthresh** ends its first slow start, unless delay ends it sooner. Only a long flow gives one
//!   out (section 8): see [`super::congestion`]'s `path`.
//! - **The degree of reordering**: a path that has reordered does so again, and RACK's window is not
//!   zero on it (RFC 8985, section 6.2, step 4).
//!
//! What it does not: **cwnd**. The RFC lists it and knows nobody who shares it (section 10). What an
//! idle connection may keep of its window is bounded by its own acknowledgements (RFC 7661), and a
//! new connection has none; so it begins with the initial window (RFC 6928), which ssthresh lets grow
//! fast. The negotiated options are not shared either (appendix B).

use crate::time::{Duration, Instant};

use super::connection::Connection;
use super::loss::Phase;

/// What is known of the path to a host, each part once it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRecord {
    /// Round trips, smoothed.
    pub rtt: Option<RoundTrip>,
    /// Slow start threshold in bytes.
    pub ssthresh: Option<u32>,
    /// Degree of reordering in segments, if there was any.
    pub reordering: Option<u16>,
    /// Path MTU in bytes, if it is less than the device's: `tcp::pmtu`. The stack hears of it as
    /// soon as it is found, so that it counts for all connections to the place at once; in the record
    /// of a connection it is absent.
    pub pmtu: Option<KnownMtu>,
}

/// A path MTU that was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownMtu {
    /// In bytes.
    pub mtu: u16,
    /// From when on a larger one may be tried.
    pub raised_from: Instant,
}

/// SRTT and RTTVAR of RFC 6298.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// The smoothed round-trip time.
    pub srtt: Duration,
    /// Its variation.
    pub rttvar: Duration,
}

impl PathRecord {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Connection {
    /// What the connection itself has found out about its path. What it was born with and has not
    /// found confirmed is not in it, so that nothing is kept alive by being handed on.
    #[must_use]
    pub fn path_record(&self) -> PathRecord {
        // In recovery the window is on its way to somewhere else (section 8.2).
        let is_settled = self.recovery.phase == Phase::Open;
        PathRecord {
            rtt: self.rtt.round_trip(),
            ssthresh: self.congestion.path_ssthresh().filter(|_| is_settled),
            reordering: self.recovery.rack.degree_seen(),
            pmtu: None,
        }
    }
}
