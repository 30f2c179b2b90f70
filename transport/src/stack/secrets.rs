//! What an outsider must not predict, and what is derived from it.
//!
//! The keys come from the caller, once, at start; nothing here reads randomness.

use core::fmt;
use core::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// The keys of a stack: random bytes, drawn anew at each start.
#[derive(Clone)]
pub struct Secrets {
    /// Keys the initial sequence numbers (RFC 6528).
    pub isn: [u8; 16],
    /// Keys the two hashes of port selection (RFC 6056, algorithm 4).
    pub ports: [u8; 16],
    /// Fills the increments' table of port selection, so that each start draws its ports from
    /// elsewhere in the range than the last one did.
    pub stripe: [u8; 16],
    /// Keys the offsets of the timestamps.
    pub timestamps: [u8; 16],
    /// Keys the tables that find a connection by its tuple.
    pub demux: [u8; 16],
}

impl Secrets {
    /// How many random bytes [`from_bytes`](Self::from_bytes) takes.
    pub const LEN: usize = 80;

    /// Cuts the keys out of `bytes`, which the caller drew from the kernel.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let mut keys = bytes.chunks_exact(16).map(|chunk| {
            <[u8; 16]>::try_from(chunk).expect("chunks_exact gives chunks of 16 bytes")
        });
        let mut next = || keys.next().expect("80 bytes hold five keys of 16");
        Self { isn: next(), ports: next(), stripe: next(), timestamps: next(), demux: next() }
    }
}

/// Keys are not shown.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets { .. }")
    }
}

/// A hash of `bytes` under `key`.
pub(super) fn keyed_hash(key: &[u8; 16], bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_key(key);
    hasher.write(bytes);
    hasher.finish()
}

/// The low half of a hash.
pub(super) fn low_half(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).expect("masked to 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_key_and_bytes() {
        assert_eq!(keyed_hash(&[1; 16], b"a"), keyed_hash(&[1; 16], b"a"));
        assert_ne!(keyed_hash(&[1; 16], b"a"), keyed_hash(&[2; 16], b"a"));
        assert_ne!(keyed_hash(&[1; 16], b"a"), keyed_hash(&[1; 16], b"b"));
        assert_eq!(low_half(0x1234_5678_9abc_def0), 0x9abc_def0);
    }

    #[test]
    fn keys_are_cut_from_different_bytes_and_never_shown() {
        let mut bytes = [0; Secrets::LEN];
        for (value, byte) in (0..).zip(&mut bytes) {
            *byte = value;
        }
        let secrets = Secrets::from_bytes(&bytes);
        assert_eq!(secrets.isn[0], 0);
        assert_eq!(secrets.demux[15], 79);
        assert_eq!(format!("{secrets:?}"), "Secrets { .. }");
    }
}
