//! What a client has said and the shard has not dealt with yet: bytes, read as frames.
//!
//! Bounded by construction: the reactor reads only while [`Inbox::wants_more`], and one read adds
//! at most [`READ_MAX`] to less than one frame.

use wharf_protocol::{ClientMessage, DecodeError, FRAME_MAX, Frame, HEADER_LEN};

/// The most that one read of a session's socket brings in.
pub const READ_MAX: usize = FRAME_MAX;

/// Memory that an empty inbox may keep for the next frame; more is given back.
const KEPT_BYTES: usize = 4096;

/// Bytes of one client, oldest first.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// Where the first frame that is not dealt with begins.
    start: usize,
    /// How much of the first frame's `DATA` payload has gone upstream already.
    data_gone: usize,
}

impl Inbox {
    /// Adds what the socket gave.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether a read of [`READ_MAX`] bytes may be added.
    pub(super) fn wants_more(&self) -> bool {
        self.len() < FRAME_MAX
    }

    /// The first frame and its length in bytes; `None` while it is not whole.
    ///
    /// # Errors
    ///
    /// The bytes are not a frame: nothing after them can be trusted.
    pub(super) fn frame(&self) -> Result<Option<(Frame<ClientMessage<'_>>, usize)>, DecodeError> {
        wharf_protocol::decode_client(self.bytes.get(self.start..).unwrap_or_default())
    }

    /// What has not gone upstream of the first frame, which is `DATA` of `frame_len` bytes.
    pub(super) fn data_left(&self, frame_len: usize) -> &[u8] {
        let from = self.start + HEADER_LEN + self.data_gone;
        self.bytes.get(from..self.start + frame_len).unwrap_or_default()
    }

    /// Upstream took `count` more bytes of the first frame's payload.
    pub(super) fn data_went(&mut self, count: usize) {
        self.data_gone += count;
    }

    /// The first frame, `frame_len` bytes long, has been dealt with.
    pub(super) fn consume(&mut self, frame_len: usize) {
        self.start += frame_len;
        self.data_gone = 0;
        assert!(self.start <= self.bytes.len(), "a frame ends inside what was read");
        if self.start == self.bytes.len() {
            self.clear();
        }
    }

    /// Forgets everything: the session is over, or nothing is left.
    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.data_gone = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use wharf_protocol::encode_client;

    use super::*;

    fn data_frame(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let frame = Frame { lease: 1, message: ClientMessage::Data(payload) };
        encode_client(&frame, &mut bytes).expect("fits");
        bytes
    }

    #[test]
    fn a_frame_is_whole_only_with_its_last_byte() {
        let bytes = data_frame(b"hello");
        let mut inbox = Inbox::default();
        for (at, byte) in bytes.iter().enumerate() {
            assert!(matches!(inbox.frame(), Ok(None)), "whole after {at} bytes");
            inbox.push(&[*byte]);
        }
        let (frame, length) = inbox.frame().expect("decodes").expect("whole");
        assert_eq!(frame.message, ClientMessage::Data(b"hello"));
        assert_eq!(length, bytes.len());
    }

    #[test]
    fn a_payload_may_go_in_pieces() {
        let mut inbox = Inbox::default();
        let bytes = data_frame(b"hello");
        inbox.push(&bytes);
        inbox.push(&data_frame(b"next"));
        assert_eq!(inbox.data_left(bytes.len()), b"hello");
        inbox.data_went(2);
        assert_eq!(inbox.data_left(bytes.len()), b"llo");
        inbox.consume(bytes.len());
        let (frame, _) = inbox.frame().expect("decodes").expect("whole");
        assert_eq!(frame.message, ClientMessage::Data(b"next"));
    }

    #[test]
    fn memory_is_given_back_when_empty() {
        let mut inbox = Inbox::default();
        let bytes = data_frame(&[7; 60_000]);
        inbox.push(&bytes);
        assert!(inbox.wants_more(), "less than the largest frame");
        inbox.push(&bytes);
        assert!(!inbox.wants_more());
        inbox.consume(bytes.len());
        inbox.consume(bytes.len());
        assert!(inbox.bytes.capacity() <= KEPT_BYTES);
    }
}
