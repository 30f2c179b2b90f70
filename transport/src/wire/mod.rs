//! Bytes to typed headers and back: IPv4, IPv6, TCP, ICMP.
//!
//! Parsing is total: any bytes give a value or a [`Malformed`] that says why not, never a panic, and
//! nothing is copied. Emitting writes into room that the caller gives, and panics only if the
//! caller's own arithmetic was wrong. Nothing here knows a connection, a clock or a device.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used))]

pub mod checksum;
pub mod icmp;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
mod malformed;
pub mod options;
pub mod seq;
pub mod show;
pub mod tcp;

pub use ip::{Datagram, Ecn, Protocol};
pub use malformed::Malformed;
pub use options::{Options, SackBlocks, Timestamps};
pub use seq::SeqNumber;
pub use tcp::{Flags, Ports, Segment, Text};
