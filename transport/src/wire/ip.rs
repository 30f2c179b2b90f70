//! A datagram of either family: the one view of IP that the stack has.
//!
//! [`parse`] goes by the version nibble; [`emit_header`] by the destination's family. Not here:
//! fragments (dropped as [`Malformed::Fragment`]; our own segments never need any) and addresses
//! that a host must not answer, which are the stack's to judge.

use core::fmt;
use core::net::IpAddr;

use super::malformed::Malformed;
use super::{ipv4, ipv6};

/// What a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// ICMP for IPv4.
    Icmp,
    /// ICMP for IPv6.
    Icmpv6,
    /// Whatever else has that number.
    Other(u8),
}

impl Protocol {
    /// The number in the IP header.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Icmp => 1,
            Self::Icmpv6 => 58,
            Self::Other(number) => number,
        }
    }
}

impl From<u8> for Protocol {
    fn from(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            1 => Self::Icmp,
            58 => Self::Icmpv6,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.write_str("tcp"),
            Self::Icmp => f.write_str("icmp"),
            Self::Icmpv6 => f.write_str("icmp6"),
            Self::Other(number) => write!(f, "protocol {number}"),
        }
    }
}

/// The ECN field: RFC 3168, section 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// The sender does not speak ECN.
    #[default]
    NotEct,
    /// ECT(1).
    Ect1,
    /// ECT(0): what a sender that speaks ECN sets.
    Ect0,
    /// CE: a router on the way was congested.
    Ce,
}

impl Ecn {
    /// The field's two bits, from the lowest of `octet`.
    #[must_use]
    pub const fn from_bits(octet: u8) -> Self {
        match octet & 3 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The field's two bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::NotEct => 0,
            Self::Ect1 => 1,
            Self::Ect0 => 2,
            Self::Ce => 3,
        }
    }
}

/// A whole datagram, its headers read and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// For whom it is.
    pub destination: IpAddr,
    /// What the payload is; for IPv6 after the extension headers. The other family's ICMP is
    /// [`Protocol::Other`].
    pub protocol: Protocol,
    /// Hops left: time to live of IPv4, hop limit of IPv6.
    pub hop_limit: u8,
    /// The ECN field.
    pub ecn: Ecn,
    /// What the datagram carries, without padding that the link may have added.
    pub payload: &'a [u8],
}

/// Reads a datagram of either family.
///
/// # Errors
///
/// [`Malformed`], as [`ipv4::parse`] and [`ipv6::parse`] say, and [`Malformed::BadVersion`].
pub fn parse(packet: &[u8]) -> Result<Datagram<'_>, Malformed> {
    match packet.first().map(|octet| octet >> 4) {
        Some(4) => ipv4::parse(packet),
        Some(6) => ipv6::parse(packet),
        Some(_) => Err(Malformed::BadVersion),
        None => Err(Malformed::Truncated),
    }
}

/// Bytes that [`emit_header`] writes for `destination`'s family.
#[must_use]
pub const fn header_len(destination: IpAddr) -> usize {
    match destination {
        IpAddr::V4(_) => ipv4::HEADER_LEN_MIN,
        IpAddr::V6(_) => ipv6::HEADER_LEN,
    }
}

/// Writes the header of a datagram that carries `payload_len` bytes, and returns its length.
///
/// # Panics
///
/// If the addresses differ in family, `out` is too short, or the payload is over 64 KiB.
pub fn emit_header(
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    hop_limit: u8,
    ecn: Ecn,
    payload_len: usize,
    out: &mut [u8],
) -> usize {
    let fields = Fields { protocol, hop_limit, ecn, payload_len };
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ipv4::emit_header(source, destination, fields, out)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            ipv6::emit_header(source, destination, fields, out)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            panic!("a datagram stays in one family: {source} to {destination}")
        }
    }
}

/// The protocol of that number in a datagram of either family, each knowing its own ICMP alone.
pub(super) fn protocol_in(is_v4: bool, number: u8) -> Protocol {
    match (Protocol::from(number), is_v4) {
        (Protocol::Icmpv6, true) | (Protocol::Icmp, false) => Protocol::Other(number),
        (protocol, _) => protocol,
    }
}

/// What both families' headers say besides the addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) protocol: Protocol,
    pub(super) hop_limit: u8,
    pub(super) ecn: Ecn,
    pub(super) payload_len: usize,
}

#[cfg(test)]
mod tests;
