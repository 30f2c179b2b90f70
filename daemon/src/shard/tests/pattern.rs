//! Streams of bytes that tell of themselves where they belong.

use std::sync::LazyLock;

use super::random::Random;

/// A prime, so that no power of two is a shift that goes unseen.
const PERIOD: u64 = 1_048_573;

/// What the streams are cut from.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = Random::new(0);
    (0..PERIOD).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect()
});

/// The stream with this `seed` from byte `from` on, in pieces as long as they come.
fn pieces(seed: u64, from: u64) -> impl Iterator<Item = &'static [u8]> {
    // Streams begin far apart.
    let start = (seed.wrapping_mul(7_919) + from) % PERIOD;
    let start = usize::try_from(start).expect("a place in memory");
    std::iter::once(&BYTES[start..]).chain(std::iter::repeat(BYTES.as_slice()))
}

/// A piece of the stream with this `seed`.
pub(super) fn piece(seed: u64, from: u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    for piece in pieces(seed, from) {
        bytes.extend_from_slice(&piece[..piece.len().min(len - bytes.len())]);
        if bytes.len() == len {
            break;
        }
    }
    bytes
}

/// Panics unless `bytes` are what the stream with this `seed` has from `from` on.
pub(super) fn check(seed: u64, from: u64, mut bytes: &[u8]) {
    for piece in pieces(seed, from) {
        let (now, rest) = bytes.split_at(piece.len().min(bytes.len()));
        assert!(now == &piece[..now.len()], "stream {seed} is another somewhere behind {from}");
        bytes = rest;
        if bytes.is_empty() {
            return;
        }
    }
}
