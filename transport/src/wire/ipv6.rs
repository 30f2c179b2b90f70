//! IPv6 headers: RFC 8200, sections 3 and 4.
//!
//! Extension headers before the payload are walked, at most [`EXTENSION_HEADERS_MAX`] of them:
//! hop-by-hop options, destination options and routing headers are skipped where RFC 8200 lets a
//! host skip what it does not know, and else the packet is dropped. A fragment header that cuts
//! nothing off (an "atomic fragment", RFC 6946) is skipped; any other makes the packet a fragment.
//! Authentication and ESP are not walked: they are payloads of a protocol that nobody here speaks.

use core::net::{IpAddr, Ipv6Addr};

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::ip::{Datagram, Ecn, Fields, protocol_in};
use super::malformed::Malformed;

/// The fixed header.
pub const HEADER_LEN: usize = size_of::<Header>();

/// Most extension headers that are walked. RFC 8200, section 4.1 knows six before the payload, each
/// once but for destination options; the bound keeps a forged chain from costing more.
pub const EXTENSION_HEADERS_MAX: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// The option that is one byte of padding and has no length: RFC 8200, section 4.2.
const PAD1: u8 = 0;
/// The option that is padding with a length.
const PADN: u8 = 1;
/// Bits of an option type that say what a host does that does not know it; zero: skip.
const UNKNOWN_OPTION_ACTION: u8 = 0xc0;
/// Offset and "more fragments" of a fragment header, without its reserved bits.
const FRAGMENT_PLACE: u16 = 0xfff9;

/// The header as it lies in a packet.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    /// Version (4 bits), traffic class (8), flow label (20).
    version_class_flow: U32,
    payload_len: U16,
    next_header: u8,
    hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

impl Header {
    fn version(&self) -> u32 {
        self.version_class_flow.get() >> 28
    }

    /// The ECN field: the two lowest bits of the traffic class.
    fn ecn(&self) -> Ecn {
        let [_, class_low_and_flow, ..] = self.version_class_flow.to_bytes();
        Ecn::from_bits(class_low_and_flow >> 4)
    }

    /// The datagram with this header, `protocol` and `payload` being what the extension headers
    /// lead to.
    fn datagram<'a>(&self, protocol: u8, payload: &'a [u8]) -> Datagram<'a> {
        Datagram {
            source: IpAddr::from(self.source),
            destination: IpAddr::from(self.destination),
            protocol: protocol_in(false, protocol),
            hop_limit: self.hop_limit,
            ecn: self.ecn(),
            payload,
        }
    }
}

/// Reads a datagram; bytes past its payload length are the link's padding.
///
/// # Errors
///
/// [`Malformed::Truncated`], [`Malformed::Fragment`], [`Malformed::TooManyHeaders`], or
/// [`Malformed::UnknownExtension`]: an option or routing header that must be understood.
pub fn parse(packet: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (header, rest) = Header::ref_from_prefix(packet).map_err(|_| Malformed::Truncated)?;
    if header.version() != 6 {
        return Err(Malformed::BadVersion);
    }
    let payload_len = usize::from(header.payload_len.get());
    let payload = rest.get(..payload_len).ok_or(Malformed::Truncated)?;
    let (protocol, payload) = skip_extensions(header.next_header, payload)?;
    Ok(header.datagram(protocol, payload))
}

/// What an ICMP error quotes of a datagram: as [`parse`], but it may be cut short.
pub(super) fn parse_quote(bytes: &[u8]) -> Option<Datagram<'_>> {
    let (header, rest) = Header::ref_from_prefix(bytes).ok()?;
    if header.version() != 6 {
        return None;
    }
    let (protocol, payload) = skip_extensions(header.next_header, rest).ok()?;
    Some(header.datagram(protocol, payload))
}

/// Walks the extension headers to the payload: its protocol and its bytes.
fn skip_extensions(first: u8, bytes: &[u8]) -> Result<(u8, &[u8]), Malformed> {
    let (mut kind, mut rest) = (first, bytes);
    for _ in 0..EXTENSION_HEADERS_MAX {
        if !matches!(kind, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS) {
            return Ok((kind, rest));
        }
        (kind, rest) = skip_extension(kind, rest)?;
    }
    match kind {
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS => Err(Malformed::TooManyHeaders),
        _ => Ok((kind, rest)),
    }
}

/// Checks one extension header and cuts it off: the kind of what follows, and its bytes.
fn skip_extension(kind: u8, bytes: &[u8]) -> Result<(u8, &[u8]), Malformed> {
    let [next, length, ..] = *bytes else { return Err(Malformed::Truncated) };
    // Fragment headers have a fixed length; in the others, units of eight bytes after the first.
    let len = if kind == FRAGMENT { 8 } else { 8 + usize::from(length) * 8 };
    let (header, rest) = bytes.split_at_checked(len).ok_or(Malformed::Truncated)?;
    match kind {
        FRAGMENT => check_fragment(header)?,
        ROUTING => check_routing(header)?,
        _ => check_options(header.get(2..).unwrap_or_default())?,
    }
    Ok((next, rest))
}

/// RFC 8200, section 4.5; RFC 6946, section 4.
fn check_fragment(header: &[u8]) -> Result<(), Malformed> {
    let [_, _, high, low, ..] = *header else { return Err(Malformed::Truncated) };
    if u16::from_be_bytes([high, low]) & FRAGMENT_PLACE == 0 {
        Ok(())
    } else {
        Err(Malformed::Fragment)
    }
}

/// RFC 8200, section 4.4: a routing header of a type we do not know counts as read if no segments
/// are left.
fn check_routing(header: &[u8]) -> Result<(), Malformed> {
    match *header {
        [_, _, _, 0, ..] => Ok(()),
        [_, _, _, _, ..] => Err(Malformed::UnknownExtension),
        _ => Err(Malformed::Truncated),
    }
}

/// RFC 8200, section 4.2: an option's upper two bits say whether a host may skip it.
fn check_options(options: &[u8]) -> Result<(), Malformed> {
    let mut rest = options;
    loop {
        rest = match *rest {
            [] => return Ok(()),
            [PAD1, ref after @ ..] => after,
            [kind, length, ref after @ ..] => {
                if kind != PADN && kind & UNKNOWN_OPTION_ACTION != 0 {
                    return Err(Malformed::UnknownExtension);
                }
                after.get(usize::from(length)..).ok_or(Malformed::BadLength)?
            }
            [_] => return Err(Malformed::BadLength),
        };
    }
}

/// Writes a header without extensions, and returns its length.
pub(super) fn emit_header(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    fields: Fields,
    out: &mut [u8],
) -> usize {
    let payload_len =
        u16::try_from(fields.payload_len).expect("a datagram's payload is under 64 KiB");
    let header = Header {
        version_class_flow: U32::new(6 << 28 | u32::from(fields.ecn.bits()) << 20),
        payload_len: U16::new(payload_len),
        next_header: fields.protocol.number(),
        hop_limit: fields.hop_limit,
        source: source.octets(),
        destination: destination.octets(),
    };
    header.write_to_prefix(out).expect("the caller gave room for the header");
    HEADER_LEN
}
