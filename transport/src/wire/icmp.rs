//! ICMP: RFC 792 for IPv4, RFC 4443 for IPv6.
//!
//! What a host needs: echo both ways, and the errors that routers and hosts send back, each with
//! what it quotes of our segment. A [`Quote`] holds what RFC 5927, section 4 wants checked before an
//! error is believed: addresses, ports, and a sequence number that must lie in the window. Whether
//! it does is the stack's question. Not here: neighbour discovery and MLD, which a TUN has no use for.

use core::net::IpAddr;

use super::checksum::Checksum;
use super::ip::Protocol;
use super::malformed::Malformed;
use super::seq::SeqNumber;
use super::tcp::Ports;
use super::{ipv4, ipv6};

/// Type, code, checksum, and four bytes whose meaning the type gives.
pub const HEADER_LEN: usize = 8;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Somebody asks whether we are there.
    EchoRequest(Echo<'a>),
    /// Somebody answers such a question.
    EchoReply(Echo<'a>),
    /// The datagram could not be delivered.
    Unreachable {
        /// Why, by the family's own numbers.
        code: u8,
        /// Whether the reason will not pass by itself (RFC 1122, section 4.2.3.9; RFC 4443,
        /// section 3.1): protocol or port unreachable, or administratively prohibited on IPv6.
        hard: bool,
        /// Our segment, if it was one.
        quote: Option<Quote>,
    },
    /// The datagram was longer than a link on its way can carry: RFC 1191, RFC 8201.
    TooBig {
        /// What that link carries, in bytes; routers older than RFC 1191 say 0.
        mtu: u32,
        /// Our segment, if it was one.
        quote: Option<Quote>,
    },
    /// The datagram ran out of hops, or out of time for its reassembly.
    TimeExceeded {
        /// 0: hops; 1: reassembly.
        code: u8,
        /// Our segment, if it was one.
        quote: Option<Quote>,
    },
    /// A router or host found something in the header that it does not take.
    ParameterProblem {
        /// What, by the family's own numbers.
        code: u8,
        /// Our segment, if it was one.
        quote: Option<Quote>,
    },
    /// Anything else.
    Other {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
}

/// What an echo request asks to have sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo<'a> {
    /// Identifier: usually the process that asks.
    pub ident: u16,
    /// Its count of questions.
    pub seq: u16,
    /// Bytes to be returned as they are.
    pub data: &'a [u8],
}

/// The head of a TCP segment that an error message quotes, as we sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Who sent the segment: an address of ours, if the quote is honest.
    pub source: IpAddr,
    /// For whom it was.
    pub destination: IpAddr,
    /// Its ports.
    pub ports: Ports,
    /// Its sequence number.
    pub seq: SeqNumber,
}

/// Reads the message that a datagram from `source` to `destination` carries; their family says
/// which ICMP it is.
///
/// # Errors
///
/// [`Malformed::Truncated`] or [`Malformed::BadChecksum`].
pub fn parse(source: IpAddr, destination: IpAddr, bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let [kind, code, _, _, a, b, c, d, ref rest @ ..] = *bytes else {
        return Err(Malformed::Truncated);
    };
    let mut checksum = empty_checksum(source, destination, bytes.len());
    checksum.add(bytes);
    if !checksum.is_valid() {
        return Err(Malformed::BadChecksum);
    }
    let field = [a, b, c, d];
    Ok(match source {
        IpAddr::V4(_) => message_v4(kind, code, field, rest),
        IpAddr::V6(_) => message_v6(kind, code, field, rest),
    })
}

/// RFC 792 by type.
fn message_v4(kind: u8, code: u8, field: [u8; 4], rest: &[u8]) -> Message<'_> {
    let quote = || ipv4::parse_quote(rest).and_then(|datagram| tcp_quote(&datagram));
    match (kind, code) {
        (0, 0) => Message::EchoReply(Echo::new(field, rest)),
        (8, 0) => Message::EchoRequest(Echo::new(field, rest)),
        (3, 4) => {
            let [_, _, high, low] = field;
            Message::TooBig { mtu: u32::from(u16::from_be_bytes([high, low])), quote: quote() }
        }
        (3, _) => Message::Unreachable { code, hard: matches!(code, 2 | 3), quote: quote() },
        (11, _) => Message::TimeExceeded { code, quote: quote() },
        (12, _) => Message::ParameterProblem { code, quote: quote() },
        _ => Message::Other { kind, code },
    }
}

/// RFC 4443 by type.
fn message_v6(kind: u8, code: u8, field: [u8; 4], rest: &[u8]) -> Message<'_> {
    let quote = || ipv6::parse_quote(rest).and_then(|datagram| tcp_quote(&datagram));
    match kind {
        129 => Message::EchoReply(Echo::new(field, rest)),
        128 => Message::EchoRequest(Echo::new(field, rest)),
        2 => Message::TooBig { mtu: u32::from_be_bytes(field), quote: quote() },
        1 => Message::Unreachable { code, hard: matches!(code, 1 | 4), quote: quote() },
        3 => Message::TimeExceeded { code, quote: quote() },
        4 => Message::ParameterProblem { code, quote: quote() },
        _ => Message::Other { kind, code },
    }
}

/// The first eight bytes of the quoted TCP header; all that an IPv4 router must quote.
fn tcp_quote(datagram: &super::ip::Datagram<'_>) -> Option<Quote> {
    let [s0, s1, d0, d1, n0, n1, n2, n3, ..] = *datagram.payload else { return None };
    (datagram.protocol == Protocol::Tcp).then_some(Quote {
        source: datagram.source,
        destination: datagram.destination,
        ports: Ports {
            source: u16::from_be_bytes([s0, s1]),
            destination: u16::from_be_bytes([d0, d1]),
        },
        seq: SeqNumber::new(u32::from_be_bytes([n0, n1, n2, n3])),
    })
}

impl<'a> Echo<'a> {
    fn new([i0, i1, s0, s1]: [u8; 4], data: &'a [u8]) -> Self {
        Self { ident: u16::from_be_bytes([i0, i1]), seq: u16::from_be_bytes([s0, s1]), data }
    }

    /// Bytes that the message takes.
    #[must_use]
    pub const fn len(&self) -> usize {
        HEADER_LEN + self.data.len()
    }

    /// Whether it carries no data to be returned.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Writes the answer to this request, from `source`, and returns its length.
    ///
    /// # Panics
    ///
    /// If `out` is shorter than [`Echo::len`].
    pub fn emit_reply(&self, source: IpAddr, destination: IpAddr, out: &mut [u8]) -> usize {
        let kind = if source.is_ipv4() { 0 } else { 129 };
        self.emit(kind, source, destination, out)
    }

    /// Writes the request, from `source`, and returns its length.
    ///
    /// # Panics
    ///
    /// If `out` is shorter than [`Echo::len`].
    pub fn emit_request(&self, source: IpAddr, destination: IpAddr, out: &mut [u8]) -> usize {
        let kind = if source.is_ipv4() { 8 } else { 128 };
        self.emit(kind, source, destination, out)
    }

    fn emit(&self, kind: u8, source: IpAddr, destination: IpAddr, out: &mut [u8]) -> usize {
        let (i, s) = (self.ident.to_be_bytes(), self.seq.to_be_bytes());
        let mut header = [kind, 0, 0, 0, i[0], i[1], s[0], s[1]];
        let mut checksum = empty_checksum(source, destination, self.len());
        checksum.add(&header);
        checksum.add(self.data);
        let [high, low] = checksum.finish().to_be_bytes();
        (header[2], header[3]) = (high, low);

        let out = out.get_mut(..self.len()).expect("the caller gave room for the message");
        let (head, data) = out.split_at_mut(HEADER_LEN);
        head.copy_from_slice(&header);
        data.copy_from_slice(self.data);
        self.len()
    }
}

/// The sum to begin with: over nothing for ICMP, over the pseudo-header for ICMPv6 (RFC 4443,
/// section 2.3).
fn empty_checksum(source: IpAddr, destination: IpAddr, len: usize) -> Checksum {
    match source {
        IpAddr::V4(_) => Checksum::new(),
        IpAddr::V6(_) => {
            Checksum::pseudo_header(source, destination, Protocol::Icmpv6.number(), len)
        }
    }
}

#[cfg(test)]
mod tests;
