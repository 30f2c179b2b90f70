//! Streams that both ends hash as they go, and the stack's end of a connection that carries one
//! each way.

use sha2::{Digest as _, Sha256};
use wharf_transport::device::simulated::prng::Prng;
use wharf_transport::stack::{ConnectionId, Stack};
use wharf_transport::tcp::{CloseReason, Read};
use wharf_transport::time::Instant;

/// The longest piece that is made or read at once, in bytes.
const PIECE_MAX: usize = 16 << 10;

/// A SHA-256 sum.
pub(crate) type Hash = [u8; 32];

/// What is to be sent: bytes that a seed decides.
pub(crate) struct Source {
    prng: Prng,
    /// Bytes not made yet.
    left: usize,
    /// Made, but not taken.
    piece: Vec<u8>,
    hash: Sha256,
    pub(crate) taken: usize,
}

impl Source {
    pub(crate) fn new(seed: u64, bytes: usize) -> Self {
        Self {
            prng: Prng::new(seed),
            left: bytes,
            piece: Vec::new(),
            hash: Sha256::new(),
            taken: 0,
        }
    }

    /// The next bytes; none at the end.
    pub(crate) fn piece(&mut self) -> &[u8] {
        while self.piece.len() < PIECE_MAX && self.left > 0 {
            let bytes = self.prng.next_u64().to_le_bytes();
            let count = self.left.min(bytes.len());
            self.piece.extend_from_slice(&bytes[..count]);
            self.left -= count;
        }
        &self.piece
    }

    /// The first `count` bytes of the piece are on their way.
    pub(crate) fn take(&mut self, count: usize) {
        self.hash.update(&self.piece[..count]);
        self.piece.drain(..count);
        self.taken += count;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0 && self.piece.is_empty()
    }

    /// The hash of what was taken.
    pub(crate) fn hash(self) -> Hash {
        self.hash.finalize().into()
    }
}

/// What has come.
#[derive(Default)]
pub(crate) struct Sink {
    hash: Sha256,
    pub(crate) bytes: usize,
}

impl Sink {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len();
    }

    pub(crate) fn hash(self) -> Hash {
        self.hash.finalize().into()
    }
}

/// What one end has sent and received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) sent: (usize, Hash),
    pub(crate) received: (usize, Hash),
}

impl Streams {
    pub(crate) fn of(source: Source, sink: Sink) -> Self {
        let (taken, bytes) = (source.taken, sink.bytes);
        Self { sent: (taken, source.hash()), received: (bytes, sink.hash()) }
    }

    /// Whether each has what the other sent, `bytes` each way.
    pub(crate) fn agree(&self, other: &Self, bytes: usize) -> bool {
        self.sent == other.received
            && self.received == other.sent
            && self.sent.0 == bytes
            && self.received.0 == bytes
    }
}

/// The stack's end: sends a stream while it receives another, finishes, and ends in order.
pub(crate) struct End {
    pub(crate) id: ConnectionId,
    source: Source,
    sink: Sink,
    finished: bool,
    pub(crate) closed: Option<CloseReason>,
}

impl End {
    pub(crate) fn new(id: ConnectionId, seed: u64, bytes: usize) -> Self {
        let (source, sink) = (Source::new(seed, bytes), Sink::default());
        Self { id, source, sink, finished: false, closed: None }
    }

    /// Reads all there is, and writes all that is taken.
    pub(crate) fn turn(&mut self, stack: &mut Stack, now: Instant) {
        self.read(stack, now);
        if self.closed.is_some() || self.finished {
            return;
        }
        while !self.source.is_empty() {
            let taken = stack.write(now, self.id, self.source.piece()).expect("not finished");
            if taken == 0 {
                return;
            }
            self.source.take(taken);
        }
        stack.finish(now, self.id).expect("not finished before");
        self.finished = true;
    }

    /// Reads all there is; after the end of the connection what it has left behind.
    pub(crate) fn read(&mut self, stack: &mut Stack, now: Instant) {
        let mut buffer = [0; PIECE_MAX];
        while let Ok(Read::Bytes(count)) = stack.read(now, self.id, &mut buffer) {
            self.sink.add(&buffer[..count]);
        }
    }

    pub(crate) fn streams(self) -> Streams {
        Streams::of(self.source, self.sink)
    }
}
