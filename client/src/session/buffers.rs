//! The two buffers of a session: bytes to be written, bytes that were read.

/// Bytes that one read takes in at most, and the longest run that is copied twice: larger reads
/// of data go straight to the caller.
pub(super) const INBOX_BYTES: usize = 16 * 1024;

/// Bytes that wait to be written.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    pub(super) fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// Takes off what was written; the memory stays for the next frames.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(count);
        if self.sent >= self.bytes.len() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }

    /// Where frames are appended.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

/// Bytes that were read and not yet used.
///
/// ```text
///  0 ... start ............ end ......... INBOX_BYTES
///        |  to be used      |  room      |
/// ```
#[derive(Default)]
pub(super) struct Inbox {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; INBOX_BYTES].into_boxed_slice(), start: 0, end: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn is_full(&self) -> bool {
        self.end - self.start == self.buffer.len()
    }

    /// Takes off what was used.
    pub(super) fn used(&mut self, count: usize) {
        assert!(count <= self.end - self.start, "only what is there is used");
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Where the next bytes go; all the room there is.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Counts what was put into the room.
    pub(super) fn filled(&mut self, count: usize) {
        self.end += count;
        assert!(self.end <= self.buffer.len(), "only room is filled");
    }
}

/// Copies the front of `from`, at most `limit` bytes, as far as `out` goes.
pub(super) fn copy_front(from: &[u8], limit: usize, out: &mut [u8]) -> usize {
    let count = limit.min(from.len()).min(out.len());
    if let (Some(to), Some(from)) = (out.get_mut(..count), from.get(..count)) {
        to.copy_from_slice(from);
    }
    count
}
