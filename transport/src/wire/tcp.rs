//! TCP segments: RFC 9293, section 3.1.
//!
//! One [`Segment`] serves both directions: parsed, its text borrows the packet; to be sent, its text
//! borrows the two halves of a send buffer. Parsing is total, and judges form alone: whether a
//! segment is acceptable is the connection's question. Reserved bits and unknown flags are ignored.
//!
//! Not here: ports and addresses of a connection (the stack's demultiplexer has them), and options
//! (`wire::options`).

use core::fmt;
use core::net::IpAddr;
use core::ops::BitOr;

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::Checksum;
use super::ip::Ecn;
use super::malformed::Malformed;
use super::options::Options;
use super::seq::SeqNumber;

/// TCP's number among the protocols of IP.
pub const PROTOCOL: u8 = 6;

/// The header without options.
pub const HEADER_LEN_MIN: usize = size_of::<Header>();

/// One letter for each control bit, from the lowest; the order in which tcpdump prints them.
const FLAG_LETTERS: &str = "FSRP.UEW";

/// The fixed part of the header as it lies in a packet.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    source: U16,
    destination: U16,
    seq: U32,
    ack: U32,
    /// Header length in words, in the upper four bits.
    data_offset: u8,
    flags: u8,
    window: U16,
    checksum: U16,
    urgent: U16,
}

/// The control bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// No more text from the sender.
    pub fin: bool,
    /// Synchronise sequence numbers.
    pub syn: bool,
    /// Reset the connection.
    pub rst: bool,
    /// Push.
    pub psh: bool,
    /// The acknowledgement number counts.
    pub ack: bool,
    /// The urgent pointer counts.
    pub urg: bool,
    /// Congestion echo: RFC 3168, section 6.1.
    pub ece: bool,
    /// Congestion window reduced: RFC 3168, section 6.1.
    pub cwr: bool,
}

impl Flags {
    /// No bit at all.
    pub const NONE: Self = Self {
        fin: false,
        syn: false,
        rst: false,
        psh: false,
        ack: false,
        urg: false,
        ece: false,
        cwr: false,
    };
    /// FIN alone.
    pub const FIN: Self = Self { fin: true, ..Self::NONE };
    /// SYN alone.
    pub const SYN: Self = Self { syn: true, ..Self::NONE };
    /// RST alone.
    pub const RST: Self = Self { rst: true, ..Self::NONE };
    /// PSH alone.
    pub const PSH: Self = Self { psh: true, ..Self::NONE };
    /// ACK alone.
    pub const ACK: Self = Self { ack: true, ..Self::NONE };
    /// URG alone.
    pub const URG: Self = Self { urg: true, ..Self::NONE };
    /// ECE alone.
    pub const ECE: Self = Self { ece: true, ..Self::NONE };
    /// CWR alone.
    pub const CWR: Self = Self { cwr: true, ..Self::NONE };
    /// SYN and ACK: the answer to a SYN.
    pub const SYN_ACK: Self = Self { syn: true, ack: true, ..Self::NONE };
    /// RST and ACK: the reset of a segment that carried no acknowledgement.
    pub const RST_ACK: Self = Self { rst: true, ack: true, ..Self::NONE };

    /// The bits of the header's flag octet.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self {
            fin: bits & 0x01 != 0,
            syn: bits & 0x02 != 0,
            rst: bits & 0x04 != 0,
            psh: bits & 0x08 != 0,
            ack: bits & 0x10 != 0,
            urg: bits & 0x20 != 0,
            ece: bits & 0x40 != 0,
            cwr: bits & 0x80 != 0,
        }
    }

    /// The header's flag octet.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.fin as u8
            | (self.syn as u8) << 1
            | (self.rst as u8) << 2
            | (self.psh as u8) << 3
            | (self.ack as u8) << 4
            | (self.urg as u8) << 5
            | (self.ece as u8) << 6
            | (self.cwr as u8) << 7
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self::from_bits(self.bits() | other.bits())
    }
}

impl fmt::Display for Flags {
    /// As tcpdump prints them: `S`, `S.`, `P.`, `R`; `none` without any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits();
        let text: String = FLAG_LETTERS
            .chars()
            .enumerate()
            .filter(|(place, _)| bits >> place & 1 != 0)
            .map(|(_, letter)| letter)
            .collect();
        f.pad(if text.is_empty() { "none" } else { &text })
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Both ports of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    /// The sender's.
    pub source: u16,
    /// The receiver's.
    pub destination: u16,
}

impl Ports {
    /// The ports of an answer.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }
}

/// What a segment carries: the bytes of `head`, then those of `tail`.
///
/// Two halves, because the text of an outgoing segment may span the seam of a ring buffer; that of
/// an incoming one is all head. Two texts are equal if their bytes are, wherever the seam.
#[derive(Clone, Copy, Default)]
pub struct Text<'a> {
    /// The first bytes.
    pub head: &'a [u8],
    /// The bytes after them.
    pub tail: &'a [u8],
}

impl<'a> Text<'a> {
    /// No bytes.
    pub const EMPTY: Text<'static> = Text { head: &[], tail: &[] };

    /// Bytes in both halves.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, one by one.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + 'a {
        self.head.iter().chain(self.tail).copied()
    }

    /// The text without its first `count` bytes; empty if it has fewer.
    #[must_use]
    pub fn skip(self, count: usize) -> Self {
        let from_tail = count.saturating_sub(self.head.len());
        Self {
            head: self.head.get(count..).unwrap_or_default(),
            tail: self.tail.get(from_tail..).unwrap_or_default(),
        }
    }

    /// The first `count` bytes, or all if there are fewer.
    #[must_use]
    pub fn take(self, count: usize) -> Self {
        let of_tail = count.saturating_sub(self.head.len());
        Self {
            head: self.head.get(..count).unwrap_or(self.head),
            tail: self.tail.get(..of_tail).unwrap_or(self.tail),
        }
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { head: bytes, tail: &[] }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.bytes().eq(other.bytes())
    }
}

impl Eq for Text<'_> {}

impl fmt::Debug for Text<'_> {
    /// The length alone: text may be long, and may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({})", self.len())
    }
}

/// A segment: what SEG.\* of RFC 9293, section 3.3.1 stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment<'a> {
    /// SEG.SEQ: number of the first byte, or of the SYN.
    pub seq: SeqNumber,
    /// SEG.ACK: the next number the sender expects; counts with the ACK flag alone.
    pub ack: SeqNumber,
    /// The control bits.
    pub flags: Flags,
    /// SEG.WND as on the wire: unscaled, in units that the connection knows.
    pub window: u16,
    /// SEG.UP: offset of the urgent pointer; counts with the URG flag alone.
    pub urgent: u16,
    /// The options that were understood.
    pub options: Options,
    /// ECN field of the packet that carries it. It stands in the IP header: whoever reads or writes
    /// that carries it over.
    pub ecn: Ecn,
    /// The text.
    pub text: Text<'a>,
}

impl Segment<'_> {
    /// SEG.LEN: the sequence numbers it occupies, SYN and FIN included.
    #[expect(
        clippy::len_without_is_empty,
        reason = "SEG.LEN is the RFC's name; an empty segment is no notion of it"
    )]
    #[must_use]
    pub fn len(&self) -> u32 {
        let text = u32::try_from(self.text.len()).expect("text is bounded by a packet's length");
        text + u32::from(self.flags.syn) + u32::from(self.flags.fin)
    }

    /// Bytes of the header with its options.
    #[must_use]
    pub fn header_len(&self) -> usize {
        HEADER_LEN_MIN + self.options.len()
    }

    /// Writes header, options and text, and returns how many bytes that took.
    ///
    /// # Panics
    ///
    /// If `out` is shorter than header and text.
    pub fn emit(&self, ports: Ports, source: IpAddr, destination: IpAddr, out: &mut [u8]) -> usize {
        let header_len = self.header_len();
        let total = header_len + self.text.len();
        let out = out.get_mut(..total).expect("the caller gave room for the segment");
        let (header, text) = out.split_at_mut(header_len);
        let (fixed, options) = header.split_at_mut(HEADER_LEN_MIN);
        self.options.emit(options);
        let (head, tail) = text.split_at_mut(self.text.head.len());
        head.copy_from_slice(self.text.head);
        tail.copy_from_slice(self.text.tail);

        let mut written = self.fixed_header(ports, header_len);
        let mut checksum = Checksum::pseudo_header(source, destination, PROTOCOL, total);
        checksum.add(written.as_bytes());
        checksum.add(options);
        checksum.add(text);
        written.checksum = U16::new(checksum.finish());
        fixed.copy_from_slice(written.as_bytes());
        total
    }

    /// The fixed header with a checksum of zero.
    fn fixed_header(&self, ports: Ports, header_len: usize) -> Header {
        let words = u8::try_from(header_len / 4).expect("a header has at most 15 words");
        Header {
            source: U16::new(ports.source),
            destination: U16::new(ports.destination),
            seq: U32::new(self.seq.value()),
            ack: U32::new(self.ack.value()),
            data_offset: words << 4,
            flags: self.flags.bits(),
            window: U16::new(self.window),
            checksum: U16::ZERO,
            urgent: U16::new(self.urgent),
        }
    }
}

/// Reads the segment that a datagram from `source` to `destination` carries. Its `ecn` is the
/// datagram's, which is not seen here.
///
/// # Errors
///
/// [`Malformed`]: shorter than a header, a data offset out of bounds, or a bad checksum, looked at
/// in this order. Options never make a segment malformed.
pub fn parse(
    source: IpAddr,
    destination: IpAddr,
    bytes: &[u8],
) -> Result<(Ports, Segment<'_>), Malformed> {
    let mut checksum = Checksum::pseudo_header(source, destination, PROTOCOL, bytes.len());
    checksum.add(bytes);
    let (ports, segment) = parse_unverified(bytes)?;
    if !checksum.is_valid() {
        return Err(Malformed::BadChecksum);
    }
    Ok((ports, segment))
}

/// As [`parse`], for a segment whose checksum somebody else vouches for.
///
/// # Errors
///
/// [`Malformed`]: shorter than a header, or a data offset out of bounds.
pub fn parse_unverified(bytes: &[u8]) -> Result<(Ports, Segment<'_>), Malformed> {
    let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| Malformed::Truncated)?;
    let header_len = usize::from(header.data_offset >> 4) * 4;
    let options_len = header_len.checked_sub(HEADER_LEN_MIN).ok_or(Malformed::BadDataOffset)?;
    let (options, text) = rest.split_at_checked(options_len).ok_or(Malformed::BadDataOffset)?;
    let flags = Flags::from_bits(header.flags);
    let ports = Ports { source: header.source.get(), destination: header.destination.get() };
    let segment = Segment {
        seq: SeqNumber::new(header.seq.get()),
        ack: SeqNumber::new(header.ack.get()),
        flags,
        window: header.window.get(),
        urgent: header.urgent.get(),
        options: Options::parse(options, flags.syn),
        ecn: Ecn::NotEct,
        text: Text::from(text),
    };
    Ok((ports, segment))
}

#[cfg(test)]
mod tests;
