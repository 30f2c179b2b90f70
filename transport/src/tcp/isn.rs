//! Initial sequence numbers: RFC 6528. And timestamp offsets, by the same means.
//!
//! ISN = M + F(tuple, secret): M a clock of 4 us, so that a later connection of the same tuple
//! starts after the earlier one; F SipHash, so that nobody outside can tell one tuple's numbers
//! from another's.

use core::hash::Hasher;
use core::net::{IpAddr, SocketAddr};

use siphasher::sip::SipHasher24;

use crate::time::Instant;
use crate::wire::SeqNumber;

/// What tells the two uses of one secret apart.
const FOR_ISN: u8 = 1;
const FOR_TIMESTAMPS: u8 = 2;

/// The generator: a secret, and nothing else.
#[derive(Clone)]
pub struct Isn {
    secret: [u8; 16],
}

impl Isn {
    /// Numbers under `secret`, which the caller has from the kernel.
    #[must_use]
    pub const fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// The ISN for a connection between `local` and `remote` that begins now.
    #[must_use]
    pub fn generate(&self, now: Instant, local: SocketAddr, remote: SocketAddr) -> SeqNumber {
        let ticks = now.as_micros() / 4;
        let clock = u32::try_from(ticks & u64::from(u32::MAX)).expect("masked to 32 bits");
        SeqNumber::new(hash(&self.secret, FOR_ISN, local, remote)) + clock
    }
}

impl core::fmt::Debug for Isn {
    /// Without the secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Isn").finish_non_exhaustive()
    }
}

/// The offset of the timestamps of all connections between `local` and `remote`.
///
/// The same for every connection of a tuple, so that its timestamps only grow, which RFC 6191 and
/// PAWS at the peer's TIME-WAIT rely on.
#[must_use]
pub fn timestamp_offset(secret: &[u8; 16], local: SocketAddr, remote: SocketAddr) -> u32 {
    hash(secret, FOR_TIMESTAMPS, local, remote)
}

fn hash(secret: &[u8; 16], purpose: u8, local: SocketAddr, remote: SocketAddr) -> u32 {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write_u8(purpose);
    for end in [local, remote] {
        match end.ip() {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
        hasher.write(&end.port().to_be_bytes());
    }
    let low = hasher.finish() & u64::from(u32::MAX);
    u32::try_from(low).expect("masked to 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_grow_by_one_every_4_us_for_the_same_tuple() {
        let isn = Isn::new([7; 16]);
        let (local, remote) = (end("10.213.0.2:40000"), end("10.213.0.1:80"));
        let first = isn.generate(Instant::from_millis(1), local, remote);
        let second = isn.generate(Instant::from_millis(2), local, remote);
        assert_eq!(second.offset_from(first), 250);
    }

    #[test]
    fn tuples_and_secrets_are_unrelated() {
        let now = Instant::from_millis(1);
        let (local, remote) = (end("[fd00:213::2]:40000"), end("[fd00:213::1]:80"));
        let isn = Isn::new([7; 16]);
        let number = isn.generate(now, local, remote);
        for (name, other) in [
            ("next port", isn.generate(now, end("[fd00:213::2]:40001"), remote)),
            ("exchanged ends", isn.generate(now, remote, local)),
            ("other secret", Isn::new([8; 16]).generate(now, local, remote)),
        ] {
            assert!(number.offset_from(other).min(other.offset_from(number)) > 1_000, "{name}");
        }
    }

    #[test]
    fn the_timestamp_offset_is_the_tuples_and_tells_nothing_of_the_isn() {
        let secret = [7; 16];
        let (local, remote) = (end("10.213.0.2:40000"), end("10.213.0.1:80"));
        let offset = timestamp_offset(&secret, local, remote);
        assert_eq!(offset, timestamp_offset(&secret, local, remote));
        let isn = Isn::new(secret).generate(Instant::ORIGIN, local, remote);
        assert_ne!(offset, isn.value());
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Isn::new([250; 16])), "Isn { .. }");
    }
}
