//! What the fields of a head say about framing and persistence: RFC 9112, sections 6.3 and 9.3.

use super::body::Framing;

/// What is wrong with the fields that frame a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldError {
    /// A Content-Length that is no number, or several that differ.
    #[error("the Content-Length is not one number")]
    ContentLength,
}

/// The fields that frame a message and decide what happens to its connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FramingFields {
    /// All Content-Length values agree on this one.
    pub(super) content_length: Option<u64>,
    /// There is a Transfer-Encoding.
    pub(super) transfer_encoding: bool,
    /// Its last coding is `chunked`, so it says where the message ends.
    pub(super) chunked_last: bool,
    /// Connection: close.
    pub(super) close: bool,
    /// Connection: keep-alive.
    pub(super) keep_alive: bool,
    /// Expect: 100-continue.
    pub(super) expect_continue: bool,
}

impl FramingFields {
    /// Reads the fields that matter, in any case and in any order.
    pub(super) fn read(fields: &[httparse::Header<'_>]) -> Result<Self, FieldError> {
        let mut found = Self::default();
        for field in fields {
            let name = field.name;
            if name.eq_ignore_ascii_case("content-length") {
                found.take_content_length(field.value)?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                found.transfer_encoding = true;
                found.chunked_last =
                    tokens(field.value).last().is_some_and(|token| is(token, "chunked"));
            } else if name.eq_ignore_ascii_case("connection") {
                found.close |= tokens(field.value).any(|token| is(token, "close"));
                found.keep_alive |= tokens(field.value).any(|token| is(token, "keep-alive"));
            } else if name.eq_ignore_ascii_case("expect") {
                found.expect_continue |= is(field.value.trim_ascii(), "100-continue");
            }
        }
        Ok(found)
    }

    /// Equal values may repeat, in one field or in several; anything else hides where the message
    /// ends and is an error (RFC 9112, section 6.3, item 5).
    fn take_content_length(&mut self, value: &[u8]) -> Result<(), FieldError> {
        for token in value.split(|&byte| byte == b',') {
            let length = decimal(token.trim_ascii()).ok_or(FieldError::ContentLength)?;
            if self.content_length.is_some_and(|known| known != length) {
                return Err(FieldError::ContentLength);
            }
            self.content_length = Some(length);
        }
        Ok(())
    }

    /// Whether the connection outlives the message: RFC 9112, section 9.3. A message framed twice
    /// or by a 1.0 sender's Transfer-Encoding may have been framed otherwise by somebody on the
    /// way, so its connection is not trusted further (section 6.1).
    pub(super) fn persists(&self, minor_version: u8) -> bool {
        let doubtful =
            self.transfer_encoding && (self.content_length.is_some() || minor_version == 0);
        let wanted = if minor_version == 0 { self.keep_alive } else { true };
        wanted && !self.close && !doubtful
    }

    /// Framing by Transfer-Encoding, if there is one; `None` leaves it to Content-Length.
    pub(super) fn coded(&self) -> Option<Framing> {
        match (self.transfer_encoding, self.chunked_last) {
            (false, _) => None,
            (true, true) => Some(Framing::Chunked),
            (true, false) => Some(Framing::UntilClose),
        }
    }
}

/// The members of a comma-separated list, without the spaces around them.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// Equality of tokens, which have no case.
fn is(token: &[u8], name: &str) -> bool {
    token.eq_ignore_ascii_case(name.as_bytes())
}

/// Digits alone: `str::parse` would take a plus sign too.
fn decimal(token: &[u8]) -> Option<u64> {
    if token.is_empty() || !token.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(token).ok()?.parse().ok()
}
