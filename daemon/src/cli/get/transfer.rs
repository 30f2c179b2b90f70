//! One request and its response over anything to read from and write to.
//!
//! Bodies stream through one buffer each way. The response is read to its last byte and no
//! further, so that afterwards it can be said whether the connection may serve another request.

use std::io::{self, Read, Write};
use std::time::Instant;

use crate::cli::clock;
use crate::cli::http::{Framing, ResponseError, ResponseReader, Url};

/// Bytes moved at a time: one DATA frame of the lease protocol.
const PIECE_BYTES: usize = 64 * 1024;

/// What is sent with the request.
pub(super) struct Upload {
    /// Where the bytes come from.
    pub(super) source: Box<dyn Read>,
    /// How many they are, where that is known before the last one is read.
    pub(super) length: Option<u64>,
}

/// What came of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transferred {
    /// The response's status code.
    pub(super) status: u16,
    /// Bytes of its body.
    pub(super) bytes: u64,
    /// When its first byte came.
    pub(super) first_byte: Instant,
    /// Whether the connection may serve another request.
    pub(super) reusable: bool,
}

/// Why a transfer failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransferError {
    /// Reading or writing the connection failed; a lease's own error may be inside.
    #[error(transparent)]
    Connection(io::Error),
    /// The upstream's answer cannot be used.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// What was to be uploaded cannot be read.
    #[error("reading what is to be sent: {0}")]
    Source(io::Error),
    /// The file to be uploaded has not the length that was announced.
    #[error("what is to be sent changed its length while it was read")]
    SourceLength,
    /// The body cannot be written where it was to go.
    #[error("writing what came: {0}")]
    Sink(io::Error),
}

/// A request on its way: a first piece that can leave together with the lease, and the rest.
pub(super) struct Outgoing<'a> {
    piece: Vec<u8>,
    rest: Rest<'a>,
}

/// What of a request's body is behind the first piece.
enum Rest<'a> {
    /// Nothing.
    Nothing,
    /// This many bytes of the source.
    Counted(&'a mut dyn Read, u64),
    /// All of the source, in chunks.
    Chunked(&'a mut dyn Read),
}

impl<'a> Outgoing<'a> {
    /// The request for `url`, with as much of its body in the first piece as there is room for.
    pub(super) fn new(url: &Url, upload: Option<&'a mut Upload>) -> Result<Self, TransferError> {
        let framing = |upload: &Upload| upload.length.map_or(Framing::Chunked, Framing::Length);
        let head = url.request_head(upload.as_deref().map(framing));
        let mut outgoing = Self { piece: head.into_bytes(), rest: Rest::Nothing };
        match upload {
            None => {}
            Some(Upload { source, length: None }) => outgoing.rest = Rest::Chunked(&mut **source),
            Some(Upload { source, length: Some(length) }) => {
                outgoing.rest = Rest::Counted(&mut **source, *length);
                outgoing.fill_counted()?;
            }
        }
        Ok(outgoing)
    }

    /// The first piece: the whole request, if it is short.
    pub(super) fn first(&self) -> &[u8] {
        &self.piece
    }

    /// Writes what follows the first piece, which was written.
    pub(super) fn send_rest(mut self, connection: &mut impl Write) -> Result<(), TransferError> {
        loop {
            self.piece.clear();
            match &mut self.rest {
                Rest::Nothing => break,
                Rest::Counted(..) => self.fill_counted()?,
                Rest::Chunked(_) => self.fill_chunk()?,
            }
            connection.write_all(&self.piece).map_err(TransferError::Connection)?;
        }
        connection.flush().map_err(TransferError::Connection)
    }

    /// Appends as many of the announced bytes as there is room for.
    fn fill_counted(&mut self) -> Result<(), TransferError> {
        let Rest::Counted(source, left) = &mut self.rest else { return Ok(()) };
        let room = PIECE_BYTES.saturating_sub(self.piece.len());
        let wanted = u64::try_from(room).unwrap_or(u64::MAX).min(*left);
        let came = source.take(wanted).read_to_end(&mut self.piece);
        let came = came.map_err(TransferError::Source)?;
        if u64::try_from(came).unwrap_or(u64::MAX) != wanted {
            return Err(TransferError::SourceLength);
        }
        *left -= wanted;
        if *left == 0 {
            self.rest = Rest::Nothing;
        }
        Ok(())
    }

    /// Appends a chunk; the last one is empty. RFC 9112, section 7.1.
    fn fill_chunk(&mut self) -> Result<(), TransferError> {
        let Rest::Chunked(source) = &mut self.rest else { return Ok(()) };
        let mut text = Vec::with_capacity(PIECE_BYTES);
        let wanted = u64::try_from(PIECE_BYTES).unwrap_or(u64::MAX);
        source.take(wanted).read_to_end(&mut text).map_err(TransferError::Source)?;
        if !text.is_empty() {
            self.piece.extend_from_slice(format!("{:x}\r\n", text.len()).as_bytes());
            self.piece.extend_from_slice(&text);
            self.piece.extend_from_slice(b"\r\n");
        }
        if text.len() < PIECE_BYTES {
            self.piece.extend_from_slice(b"0\r\n\r\n");
            self.rest = Rest::Nothing;
        }
        Ok(())
    }
}

/// Writes the rest of a request and gives the response's body to `sink`.
///
/// A server that will not read on answers and closes: its answer is worth more than the error
/// that writing ran into.
pub(super) fn finish(
    connection: &mut (impl Read + Write),
    outgoing: Outgoing<'_>,
    sink: &mut dyn Write,
) -> Result<Transferred, TransferError> {
    match outgoing.send_rest(connection) {
        Ok(()) => receive(connection, sink),
        Err(TransferError::Connection(error)) => match receive(connection, sink) {
            Ok(answer) => Ok(Transferred { reusable: false, ..answer }),
            Err(_) => Err(TransferError::Connection(error)),
        },
        Err(error) => Err(error),
    }
}

/// Reads the response to its last byte.
fn receive(connection: &mut impl Read, sink: &mut dyn Write) -> Result<Transferred, TransferError> {
    let mut reader = ResponseReader::new();
    let mut buffer = vec![0; PIECE_BYTES];
    let mut first_byte = None;
    let mut bytes = 0;
    let mut excess = false;
    while !reader.is_complete() {
        let count = match connection.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result.map_err(TransferError::Connection)?,
        };
        first_byte.get_or_insert_with(clock::now);
        if count == 0 {
            reader.handle_eof()?;
            break;
        }
        let mut rest = buffer.get(..count).unwrap_or_default();
        while !rest.is_empty() && !reader.is_complete() {
            let taken = reader.handle_bytes(rest)?;
            sink.write_all(taken.text).map_err(TransferError::Sink)?;
            bytes += u64::try_from(taken.text.len()).unwrap_or(0);
            rest = rest.get(taken.consumed..).unwrap_or_default();
        }
        // Bytes after the message answer nothing that was asked on this connection.
        excess = !rest.is_empty();
    }
    sink.flush().map_err(TransferError::Sink)?;
    Ok(Transferred {
        status: reader.status().ok_or(ResponseError::Truncated)?,
        bytes,
        first_byte: first_byte.unwrap_or_else(clock::now),
        reusable: reader.leaves_reusable() && !excess,
    })
}

#[cfg(test)]
mod tests;
