//! The response to one request, read to its last byte: RFC 9112, sections 4, 6.3 and 9.3.
//!
//! Interim responses (1xx) are read and passed over. The reader answers what a lease needs to
//! know at the end: whether the message is complete, and whether the connection may serve another.
//! It is not for HEAD or CONNECT, whose responses are framed otherwise; nobody here sends them.

use super::body::{BodyError, BodyReader, Framing, Taken};
use super::fields::{FieldError, FramingFields};
use super::{FIELDS_MAX, HEAD_BYTES_MAX, head_end};

/// Why a response cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResponseError {
    /// The status line or a field is not HTTP/1.
    #[error("the upstream's answer is not HTTP/1.1: {0}")]
    Malformed(httparse::Error),
    /// The head does not end.
    #[error("the head of the upstream's answer is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    /// 101, which nobody asked for.
    #[error("the upstream switched protocols without being asked")]
    Upgraded,
    /// The fields do not say where the message ends.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The body breaks its own framing.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The connection ended before the message.
    #[error("the upstream closed the connection before its answer was complete")]
    Truncated,
}

/// What the head of a final response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    framing: Framing,
    persists: bool,
}

/// Reads one response. Feed it what arrives; it takes no byte beyond the message.
#[derive(Clone, Debug)]
pub(crate) struct ResponseReader {
    /// Bytes of a head that has not ended yet.
    partial: Vec<u8>,
    message: Option<(Head, BodyReader)>,
}

impl ResponseReader {
    /// A reader before the first byte.
    pub(crate) fn new() -> Self {
        Self { partial: Vec::new(), message: None }
    }

    /// The final response's status code, once its head has come.
    pub(crate) fn status(&self) -> Option<u16> {
        self.message.as_ref().map(|(head, _)| head.status)
    }

    /// Whether the last byte of the message was taken.
    pub(crate) fn is_complete(&self) -> bool {
        self.message.as_ref().is_some_and(|(_, body)| body.is_complete())
    }

    /// Whether the connection may serve another request once the message is complete. A message
    /// that the connection's end ends leaves nothing to reuse.
    pub(crate) fn leaves_reusable(&self) -> bool {
        self.message.as_ref().is_some_and(|(head, body)| {
            body.is_complete() && head.persists && head.framing != Framing::UntilClose
        })
    }

    /// Takes what it can in one piece. Call again while input is left and the message is not
    /// complete.
    pub(crate) fn handle_bytes<'a>(&mut self, input: &'a [u8]) -> Result<Taken<'a>, ResponseError> {
        match &mut self.message {
            Some((_, body)) => Ok(body.handle_bytes(input)?),
            None => Ok(Taken { consumed: self.take_head(input)?, text: &[] }),
        }
    }

    /// The connection has ended: complete if the message was, or if its end was to say so.
    pub(crate) fn handle_eof(&mut self) -> Result<(), ResponseError> {
        match &mut self.message {
            Some((_, body)) if body.ends_with_connection() => {
                *body = BodyReader::new(Framing::Length(0));
                Ok(())
            }
            Some(_) | None => Err(ResponseError::Truncated),
        }
    }

    /// Collects a head, which may come in pieces, and says how much of the input was its own.
    fn take_head(&mut self, input: &[u8]) -> Result<usize, ResponseError> {
        let seen = self.partial.len();
        self.partial.extend_from_slice(input);
        let Some(end) = head_end(&self.partial, seen) else {
            return if self.partial.len() > HEAD_BYTES_MAX {
                Err(ResponseError::HeadTooLong)
            } else {
                Ok(input.len())
            };
        };
        self.partial.truncate(end);
        let head = Head::parse(&self.partial)?;
        self.partial.clear();
        if head.status >= 200 {
            self.message = Some((head, BodyReader::new(head.framing)));
        }
        Ok(end.saturating_sub(seen))
    }
}

impl Head {
    /// Parses the bytes of a whole head.
    fn parse(bytes: &[u8]) -> Result<Self, ResponseError> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let parsed = response.parse(bytes).map_err(ResponseError::Malformed)?;
        let (httparse::Status::Complete(_), Some(status), Some(minor)) =
            (parsed, response.code, response.version)
        else {
            return Err(ResponseError::Malformed(httparse::Error::Status));
        };
        if status == 101 {
            return Err(ResponseError::Upgraded);
        }
        let framing_fields = FramingFields::read(response.headers)?;
        let framing = match (status, framing_fields.coded(), framing_fields.content_length) {
            (204 | 304, _, _) => Framing::Length(0),
            (_, Some(coded), _) => coded,
            (_, None, Some(length)) => Framing::Length(length),
            (_, None, None) => Framing::UntilClose,
        };
        Ok(Self { status, framing, persists: framing_fields.persists(minor) })
    }
}

#[cfg(test)]
mod tests;
