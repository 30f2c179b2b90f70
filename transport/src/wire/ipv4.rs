//! IPv4 headers: RFC 791, section 3.1.
//!
//! Options are skipped, as RFC 1122, section 3.2.1.8 lets a host do that forwards nothing. What we
//! send has none, carries "don't fragment" (RFC 1191), and so an identification of zero is unique
//! enough (RFC 6864, section 4.1).

use core::net::{IpAddr, Ipv4Addr};

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::checksum;
use super::ip::{Datagram, Ecn, Fields, protocol_in};
use super::malformed::Malformed;

/// The header without options.
pub const HEADER_LEN_MIN: usize = size_of::<Header>();

/// Version 4, five words.
const VERSION_AND_LENGTH: u8 = 0x45;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// The fixed part of the header as it lies in a packet.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    version_and_length: u8,
    service: u8,
    total_len: U16,
    identification: U16,
    flags_and_offset: U16,
    time_to_live: u8,
    protocol: u8,
    checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
}

impl Header {
    /// Header length in bytes, options included.
    fn len(&self) -> usize {
        usize::from(self.version_and_length & 0x0f) * 4
    }

    /// Whether it is a piece of a larger datagram.
    fn is_fragment(&self) -> bool {
        self.flags_and_offset.get() & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0
    }
}

/// Reads a datagram; bytes past its total length are the link's padding.
///
/// # Errors
///
/// In this order: [`Malformed::Truncated`], [`Malformed::BadLength`] (header under five words, or
/// total length under the header's), [`Malformed::BadChecksum`], [`Malformed::Fragment`].
pub fn parse(packet: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (header, _) = Header::ref_from_prefix(packet).map_err(|_| Malformed::Truncated)?;
    if header.version_and_length >> 4 != 4 {
        return Err(Malformed::BadVersion);
    }
    let (header_len, total_len) = (header.len(), usize::from(header.total_len.get()));
    if header_len < HEADER_LEN_MIN || total_len < header_len {
        return Err(Malformed::BadLength);
    }
    let datagram = packet.get(..total_len).ok_or(Malformed::Truncated)?;
    let (header_bytes, payload) =
        datagram.split_at_checked(header_len).ok_or(Malformed::Truncated)?;
    if checksum(header_bytes) != 0 {
        return Err(Malformed::BadChecksum);
    }
    if header.is_fragment() {
        return Err(Malformed::Fragment);
    }
    Ok(Datagram {
        source: IpAddr::from(header.source),
        destination: IpAddr::from(header.destination),
        protocol: protocol_in(true, header.protocol),
        hop_limit: header.time_to_live,
        ecn: Ecn::from_bits(header.service),
        payload,
    })
}

/// What an ICMP error quotes of a datagram: addresses, protocol, and the payload as far as it is
/// there. Neither lengths nor checksum are held to, because routers change or cut them.
pub(super) fn parse_quote(bytes: &[u8]) -> Option<Datagram<'_>> {
    let (header, _) = Header::ref_from_prefix(bytes).ok()?;
    let is_first = header.flags_and_offset.get() & FRAGMENT_OFFSET == 0;
    if header.version_and_length >> 4 != 4 || header.len() < HEADER_LEN_MIN || !is_first {
        return None;
    }
    Some(Datagram {
        source: IpAddr::from(header.source),
        destination: IpAddr::from(header.destination),
        protocol: protocol_in(true, header.protocol),
        hop_limit: header.time_to_live,
        ecn: Ecn::from_bits(header.service),
        payload: bytes.get(header.len()..)?,
    })
}

/// Writes a header without options, and returns its length.
pub(super) fn emit_header(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    fields: Fields,
    out: &mut [u8],
) -> usize {
    let total_len = u16::try_from(HEADER_LEN_MIN + fields.payload_len)
        .expect("a datagram is at most 64 KiB long");
    let mut header = Header {
        version_and_length: VERSION_AND_LENGTH,
        service: fields.ecn.bits(),
        total_len: U16::new(total_len),
        identification: U16::ZERO,
        flags_and_offset: U16::new(DONT_FRAGMENT),
        time_to_live: fields.hop_limit,
        protocol: fields.protocol.number(),
        checksum: U16::ZERO,
        source: source.octets(),
        destination: destination.octets(),
    };
    header.checksum = U16::new(checksum(header.as_bytes()));
    header.write_to_prefix(out).expect("the caller gave room for the header");
    HEADER_LEN_MIN
}
