//! The body of a message: where its text is, and where it ends. RFC 9112, sections 6 and 7.

use super::HEAD_BYTES_MAX;

/// How the end of a message is found: RFC 9112, section 6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// After the chunk of size zero and its trailer section.
    Chunked,
    /// Where the connection ends.
    UntilClose,
}

/// Why a body cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// A chunk's size is missing, not hexadecimal, or does not fit 64 bits.
    #[error("a chunk of the body has no valid size")]
    ChunkSize,
    /// A line end of the chunked coding is not where it must be.
    #[error("a chunk of the body does not end where its size says")]
    ChunkEnd,
    /// More extension or trailer bytes than anybody needs.
    #[error("the trailer section or a chunk extension is too long")]
    TooLong,
}

/// What one call took from its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken<'a> {
    /// Bytes of the input that belonged to the message and are done with.
    pub(crate) consumed: usize,
    /// Body text among them.
    pub(crate) text: &'a [u8],
}

/// Reads one body to its last byte, and not one byte further.
#[derive(Clone, Debug)]
pub(crate) struct BodyReader {
    phase: Phase,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Text; this many bytes are left.
    Length(u64),
    /// Text, until the connection ends.
    UntilClose,
    /// Part of the chunked coding's own syntax.
    Syntax(Syntax),
    /// Text of a chunk; this many bytes are left of it.
    ChunkText(u64),
    /// Not of this message.
    Done,
}

/// The chunked coding between the texts: RFC 9112, section 7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    /// Digits of chunk-size.
    Size { size: u64, digits: u8 },
    /// chunk-ext, which nobody uses and everybody must skip.
    Extension { size: u64, length: usize },
    /// The LF of the chunk's first line.
    SizeLf { size: u64 },
    /// The CR after a chunk's text.
    TextCr,
    /// The LF after a chunk's text.
    TextLf,
    /// The trailer section; `line` counts the bytes of its present line.
    Trailer { line: usize, length: usize },
    /// The LF of a trailer line.
    TrailerLf { line: usize, length: usize },
}

impl BodyReader {
    /// A reader at the first byte after the head.
    pub(crate) fn new(framing: Framing) -> Self {
        let phase = match framing {
            Framing::Length(0) => Phase::Done,
            Framing::Length(left) => Phase::Length(left),
            Framing::Chunked => Phase::Syntax(Syntax::Size { size: 0, digits: 0 }),
            Framing::UntilClose => Phase::UntilClose,
        };
        Self { phase }
    }

    /// Whether the last byte of the message was taken.
    pub(crate) fn is_complete(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether an end of the connection here is the end of the message too.
    pub(crate) fn ends_with_connection(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::UntilClose)
    }

    /// Takes what it can in one piece: syntax up to the next text, and that text. Call again while
    /// input is left and the body is not complete.
    pub(crate) fn handle_bytes<'a>(&mut self, input: &'a [u8]) -> Result<Taken<'a>, BodyError> {
        let mut consumed = 0;
        for &byte in input {
            let Phase::Syntax(syntax) = self.phase else { break };
            self.phase = syntax.next(byte)?;
            consumed += 1;
        }
        let rest = input.get(consumed..).unwrap_or_default();
        let text = self.take_text(rest);
        Ok(Taken { consumed: consumed + text.len(), text })
    }

    /// The text at the head of `rest`, as much of it as belongs to this body.
    fn take_text<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let (Phase::Length(left) | Phase::ChunkText(left)) = self.phase else {
            return if self.phase == Phase::UntilClose { rest } else { &[] };
        };
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        let left = left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
        self.phase = match (self.phase, left) {
            (Phase::Length(_), 0) => Phase::Done,
            (Phase::Length(_), left) => Phase::Length(left),
            (_, 0) => Phase::Syntax(Syntax::TextCr),
            (_, left) => Phase::ChunkText(left),
        };
        rest.get(..here).unwrap_or_default()
    }
}

impl Syntax {
    /// What follows `byte`. Line ends are CRLF and nothing else here: a lenient reader and a
    /// strict one on the same connection would disagree on where a message ends.
    fn next(self, byte: u8) -> Result<Phase, BodyError> {
        let next = match self {
            Self::Size { size, digits } => return Self::in_size(size, digits, byte),
            Self::Extension { length, .. } if length >= HEAD_BYTES_MAX => {
                return Err(BodyError::TooLong);
            }
            Self::Extension { size, .. } if byte == b'\r' => Self::SizeLf { size },
            Self::Extension { size, length } if byte != b'\n' => {
                Self::Extension { size, length: length + 1 }
            }
            Self::SizeLf { size: 0 } if byte == b'\n' => Self::Trailer { line: 0, length: 0 },
            Self::SizeLf { size } if byte == b'\n' => return Ok(Phase::ChunkText(size)),
            Self::TextCr if byte == b'\r' => Self::TextLf,
            Self::TextLf if byte == b'\n' => Self::Size { size: 0, digits: 0 },
            Self::Trailer { length, .. } if length >= HEAD_BYTES_MAX => {
                return Err(BodyError::TooLong);
            }
            Self::Trailer { line, length } if byte == b'\r' => Self::TrailerLf { line, length },
            Self::Trailer { line, length } if byte != b'\n' => {
                Self::Trailer { line: line + 1, length: length + 1 }
            }
            Self::TrailerLf { line: 0, .. } if byte == b'\n' => return Ok(Phase::Done),
            Self::TrailerLf { length, .. } if byte == b'\n' => Self::Trailer { line: 0, length },
            Self::Extension { .. }
            | Self::SizeLf { .. }
            | Self::TextCr
            | Self::TextLf
            | Self::Trailer { .. }
            | Self::TrailerLf { .. } => return Err(BodyError::ChunkEnd),
        };
        Ok(Phase::Syntax(next))
    }

    /// A digit of the size, or what may follow the last one.
    fn in_size(size: u64, digits: u8, byte: u8) -> Result<Phase, BodyError> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            let size = size.checked_mul(16).ok_or(BodyError::ChunkSize)? + u64::from(digit);
            return Ok(Phase::Syntax(Self::Size { size, digits: digits.saturating_add(1) }));
        }
        match byte {
            _ if digits == 0 => Err(BodyError::ChunkSize),
            b'\r' => Ok(Phase::Syntax(Self::SizeLf { size })),
            b';' | b' ' | b'\t' => Ok(Phase::Syntax(Self::Extension { size, length: 0 })),
            _ => Err(BodyError::ChunkSize),
        }
    }
}

#[cfg(test)]
mod tests;
