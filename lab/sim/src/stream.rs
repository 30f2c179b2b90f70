//! Streams of bytes that a seed makes: any byte of one is known by its offset, so that the reader
//! needs no copy to compare with, and says where two streams part.

use std::fmt;

/// The bytes of one direction of a connection, or of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    seed: u64,
}

impl Stream {
    /// The stream of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The byte at `offset`.
    #[must_use]
    pub const fn byte(self, offset: u64) -> u8 {
        self.block(offset / 8).to_le_bytes()[(offset % 8) as usize]
    }

    /// `count` bytes from `offset` on.
    #[must_use]
    pub fn bytes(self, offset: u64, count: usize) -> Vec<u8> {
        (offset..).take(count).map(|at| self.byte(at)).collect()
    }

    /// Eight bytes: SplitMix64 of the block's number.
    const fn block(self, number: u64) -> u64 {
        let mut z = self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// FNV-1a of a stream as far as it has come, and how far that is: what both ends compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    hash: u64,
    bytes: u64,
}

impl Digest {
    /// Of nothing yet.
    pub const EMPTY: Self = Self { hash: 0xcbf2_9ce4_8422_2325, bytes: 0 };

    /// Goes on by `bytes`.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.bytes += bytes.len() as u64;
    }

    /// How many bytes there were.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Their hash.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }
}

/// Where a stream that came is not the one that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The first byte that differs.
    pub offset: u64,
    /// What was sent there.
    pub sent: u8,
    /// What came.
    pub came: u8,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, sent, came } = self;
        write!(f, "offset {offset}: {sent:#04x} was sent, {came:#04x} came")
    }
}

/// Compares what comes with what was sent.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    stream: Stream,
    digest: Digest,
}

impl Reading {
    /// Nothing has come yet of `stream`.
    #[must_use]
    pub const fn of(stream: Stream) -> Self {
        Self { stream, digest: Digest::EMPTY }
    }

    /// `bytes` came next.
    ///
    /// # Errors
    ///
    /// They are not what was sent.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Difference> {
        let from = self.digest.bytes();
        for (offset, came) in (from..).zip(bytes.iter().copied()) {
            let sent = self.stream.byte(offset);
            if sent != came {
                return Err(Difference { offset, sent, came });
            }
        }
        self.digest.add(bytes);
        Ok(())
    }

    /// What is expected.
    #[must_use]
    pub const fn stream(&self) -> Stream {
        self.stream
    }

    /// What has come.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_read_in_any_pieces_is_the_same() {
        let stream = Stream::new(7);
        let whole = stream.bytes(0, 100);
        let mut reading = Reading::of(stream);
        for piece in whole.chunks(7) {
            assert_eq!(reading.take(piece), Ok(()));
        }
        let mut written = Digest::EMPTY;
        written.add(&whole);
        assert_eq!(reading.digest(), written);
        assert_ne!(whole, Stream::new(8).bytes(0, 100));
    }

    #[test]
    fn the_first_byte_that_differs_is_named() {
        let stream = Stream::new(7);
        let mut reading = Reading::of(stream);
        assert_eq!(reading.take(&stream.bytes(0, 50)), Ok(()));
        let mut wrong = stream.bytes(50, 10);
        wrong[3] ^= 1;
        wrong[5] ^= 1;
        let difference = reading.take(&wrong).unwrap_err();
        assert_eq!(difference.offset, 53);
        assert_eq!(difference.came, difference.sent ^ 1);
    }
}
