//! The blocks of a pcapng file: draft-ietf-opsawg-pcapng, section 3.1 and 4.
//!
//! Every block is type, length, body padded to four bytes, length again. Written little-endian,
//! which the section header's magic number tells the reader.

use super::Direction;
use crate::time::Duration;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// "The section's length is not given."
const LENGTH_UNKNOWN: u64 = u64::MAX;
/// LINKTYPE_RAW: the packet begins with its IPv4 or IPv6 header.
const LINKTYPE_RAW: u16 = 101;

const OPTION_END: u16 = 0;
const OPTION_USER_APPLICATION: u16 = 4;
const OPTION_TIME_RESOLUTION: u16 = 9;
const OPTION_PACKET_FLAGS: u16 = 2;

/// Ten to the minus nine of a second.
const NANOSECONDS: u8 = 9;

/// Begins a section of the file.
pub(super) fn section_header(out: &mut Vec<u8>) {
    block(out, SECTION_HEADER, |out| {
        put_u32(out, BYTE_ORDER_MAGIC);
        put_u16(out, 1);
        put_u16(out, 0);
        out.extend_from_slice(&LENGTH_UNKNOWN.to_le_bytes());
        option(out, OPTION_USER_APPLICATION, b"wharf");
        option(out, OPTION_END, &[]);
    });
}

/// Describes the interface with number 0, the only one of our files.
pub(super) fn interface_description(out: &mut Vec<u8>, snap_len: u32) {
    block(out, INTERFACE_DESCRIPTION, |out| {
        put_u16(out, LINKTYPE_RAW);
        put_u16(out, 0);
        put_u32(out, snap_len);
        option(out, OPTION_TIME_RESOLUTION, &[NANOSECONDS]);
        option(out, OPTION_END, &[]);
    });
}

/// One packet at `time` since the epoch; of a long one the first `snap_len` bytes, unless that is 0.
pub(super) fn enhanced_packet(
    out: &mut Vec<u8>,
    time: Duration,
    direction: Direction,
    packet: &[u8],
    snap_len: u32,
) {
    let original_len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    let kept_len = if snap_len == 0 { original_len } else { original_len.min(snap_len) };
    let kept = usize::try_from(kept_len).ok().and_then(|len| packet.get(..len)).unwrap_or(packet);
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).to_be_bytes();
    let [h0, h1, h2, h3, l0, l1, l2, l3] = nanos;
    let flags: u32 = match direction {
        Direction::Inbound => 1,
        Direction::Outbound => 2,
    };
    block(out, ENHANCED_PACKET, |out| {
        put_u32(out, 0);
        put_u32(out, u32::from_be_bytes([h0, h1, h2, h3]));
        put_u32(out, u32::from_be_bytes([l0, l1, l2, l3]));
        put_u32(out, kept_len);
        put_u32(out, original_len);
        out.extend_from_slice(kept);
        pad(out);
        option(out, OPTION_PACKET_FLAGS, &flags.to_le_bytes());
        option(out, OPTION_END, &[]);
    });
}

/// Writes one block around `body`, which keeps to four bytes itself.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put_u32(out, kind);
    put_u32(out, 0);
    body(out);
    let total = u32::try_from(out.len() - start + 4).expect("a block is far under 4 GiB");
    if let Some(field) = out.get_mut(start + 4..start + 8) {
        field.copy_from_slice(&total.to_le_bytes());
    }
    put_u32(out, total);
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    put_u16(out, code);
    put_u16(out, u16::try_from(value.len()).expect("our options are short"));
    out.extend_from_slice(value);
    pad(out);
}

/// Pads to four bytes. Blocks begin there, so the file's length may stand for the block's.
fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}
