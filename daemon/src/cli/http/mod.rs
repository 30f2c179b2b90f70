//! HTTP/1.1 messages as pure nouns: bytes in, text and the exact end of the message out.
//!
//! RFC 9112, sections 2 to 7, as far as `wharf get` and the demo's upstream need it. A lease is
//! given back byte-exactly, so the end of a message is found to the byte, and whatever follows it
//! is left where it was.
//!
//! Nothing here opens a socket, waits, or knows a clock; nothing here panics on what came in.

mod body;
mod fields;
mod request;
mod response;
mod url;

pub(crate) use body::{BodyReader, Framing};
pub(crate) use request::{Method, RequestHead, RequestReader};
pub(crate) use response::{ResponseError, ResponseReader};
pub(crate) use url::Url;

/// Most bytes of a head (start line and fields), as of the trailer section and of the line that
/// opens a chunk. Apache and nginx take 8 KiB for one line; 64 KiB for all is generous.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Most fields of a head, as many as nginx and Apache take together with room.
const FIELDS_MAX: usize = 128;

/// Where the head ends that `bytes` begins with: the index after its empty line.
///
/// `seen` bytes were searched before; the search starts just before them, because an empty line
/// may have come in two pieces.
fn head_end(bytes: &[u8], seen: usize) -> Option<usize> {
    let start = seen.saturating_sub(3);
    let tail = bytes.get(start..)?;
    tail.iter().enumerate().find_map(|(index, &byte)| {
        if byte != b'\n' {
            return None;
        }
        let rest = tail.get(index + 1..)?;
        if rest.starts_with(b"\n") {
            Some(start + index + 2)
        } else if rest.starts_with(b"\r\n") {
            Some(start + index + 3)
        } else {
            None
        }
    })
}
