//! How much may be in flight: RFC 5681, RFC 6582.
//!
//! A controller knows bytes and events, no sequence numbers: which segments are lost, and when
//! recovery begins and ends, is decided by [`super::loss`].

mod new_reno;

pub(super) use new_reno::NewReno;
