//! Bytes to messages and back: one table of fields per message, the same for both ways.

mod client;
mod daemon;
mod field;

pub use client::{client_data_header, decode_client, encode_client};
pub use daemon::{daemon_data_header, decode_daemon, encode_daemon};

use self::field::Writer;
use crate::error::DecodeError;
use crate::frame::{CRITICAL, HEADER_LEN, Header};

/// A frame as it stands in a buffer, its payload not read yet.
struct RawFrame<'a> {
    header: Header,
    payload: &'a [u8],
    /// Bytes of header and payload.
    length: usize,
}

/// The frame at the front of `bytes`, or `None` if it is not there in full.
fn split_frame(bytes: &[u8]) -> Result<Option<RawFrame<'_>>, DecodeError> {
    let Some(header) = Header::parse(bytes)? else {
        return Ok(None);
    };
    let length = HEADER_LEN.saturating_add(header.length);
    Ok(bytes.get(HEADER_LEN..length).map(|payload| RawFrame { header, payload, length }))
}

/// Appends a frame whose payload `emit` writes.
///
/// Every kind of minor 0 is critical: nobody can do without any of them.
fn append(kind: u8, lease: u16, out: &mut Vec<u8>, emit: impl FnOnce(&mut Writer<'_>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_LEN]);
    emit(&mut Writer::new(out));
    let length = out.len() - start - HEADER_LEN;
    let header = Header { length, kind, flags: CRITICAL, lease }.emit();
    out[start..start + HEADER_LEN].copy_from_slice(&header);
}

/// Which lease numbers a kind may carry.
#[derive(Clone, Copy)]
enum Belongs {
    /// To the session: number 0.
    Session,
    /// To a lease: any number but 0.
    Lease,
    /// To either.
    Either,
}

/// Checks that the frame's number fits its kind.
fn check_lease(header: &Header, belongs: Belongs) -> Result<(), DecodeError> {
    let fits = match belongs {
        Belongs::Session => header.lease == 0,
        Belongs::Lease => header.lease != 0,
        Belongs::Either => true,
    };
    if fits {
        return Ok(());
    }
    Err(DecodeError::WrongLease { kind: header.kind, lease: header.lease })
}
