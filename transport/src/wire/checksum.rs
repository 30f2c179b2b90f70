//! The Internet checksum: RFC 1071, with the pseudo-headers of RFC 9293, section 3.1 (IPv4) and
//! RFC 8200, section 8.1 (IPv6).
//!
//! The sum may be taken over pieces of any length in their order; an odd piece is remembered, so
//! that the two halves of a ring buffer add up as if they lay side by side. Words are added four
//! bytes at a time in the machine's own byte order, which RFC 1071, section 2 (B) allows.

use core::net::IpAddr;

/// A one's complement sum in progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum {
    /// The sum of the 16-bit words so far, in host order, not yet folded.
    sum: u64,
    /// Whether an odd number of bytes was added, so that the next byte is the low half of a word.
    odd: bool,
}

impl Checksum {
    /// A sum over nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: 0, odd: false }
    }

    /// A sum over the pseudo-header of a payload of `length` bytes, of the protocol with that number.
    #[must_use]
    pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Self {
        let mut checksum = Self::new();
        checksum.add_address(source);
        checksum.add_address(destination);
        // A length over 16 bits occurs in IPv6 alone, whose pseudo-header has 32 for it; the sum of
        // its halves is the same, and the sum of the zeros around it is nothing.
        checksum.sum += length as u64 + u64::from(protocol);
        checksum
    }

    /// Adds the octets of `address`.
    fn add_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.add(&address.octets()),
            IpAddr::V6(address) => self.add(&address.octets()),
        }
    }

    /// Adds `bytes` as they follow what was added before.
    pub fn add(&mut self, bytes: &[u8]) {
        let sum = sum(bytes);
        self.sum += u64::from(if self.odd { sum.swap_bytes() } else { sum });
        self.odd ^= bytes.len() % 2 == 1;
    }

    /// The checksum to write into the header's field, whose bytes counted as zero.
    ///
    /// Over bytes that already hold their checksum it comes out as zero.
    #[must_use]
    pub const fn finish(self) -> u16 {
        !fold(self.sum)
    }

    /// Whether bytes that hold their own checksum are whole.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.finish() == 0
    }
}

/// The checksum over `bytes` alone: of an IPv4 header, or an ICMP message.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    !sum(bytes)
}

/// The one's complement sum of the big-endian 16-bit words of `bytes`; an odd last byte counts as
/// the high half of a word.
fn sum(bytes: &[u8]) -> u16 {
    let mut total: u64 = 0;
    let mut words = bytes.chunks_exact(4);
    for word in words.by_ref() {
        total += u64::from(word.try_into().map_or(0, u32::from_ne_bytes));
    }
    let mut rest = [0; 4];
    for (to, from) in rest.iter_mut().zip(words.remainder()) {
        *to = *from;
    }
    total += u64::from(u32::from_ne_bytes(rest));
    u16::from_be(fold(total))
}

/// Folds the carries back in until 16 bits are left.
#[expect(clippy::cast_possible_truncation, reason = "the loop ends when the upper bits are zero")]
const fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071 word by word, as its section 4.1 has it.
    fn plainly(bytes: &[u8]) -> u16 {
        let mut sum: u32 = 0;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).expect("folded")
    }

    #[test]
    fn example_of_rfc_1071_section_3() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn pseudo_header_of_a_known_segment() {
        // A SYN of 192.0.2.1:1 to 192.0.2.2:2, all else zero; its sum done by hand.
        let mut header = [0; 20];
        header[1] = 1;
        header[3] = 2;
        header[12] = 0x50;
        header[13] = 0x02;
        let source = IpAddr::from([192, 0, 2, 1]);
        let destination = IpAddr::from([192, 0, 2, 2]);
        let mut checksum = Checksum::pseudo_header(source, destination, 6, header.len());
        checksum.add(&header);
        let by_hand: u32 = 0xc000 + 0x0201 + 0xc000 + 0x0202 + 6 + 20 + 1 + 2 + 0x5002;
        let folded = (by_hand & 0xffff) + (by_hand >> 16);
        assert_eq!(u32::from(checksum.finish()), 0xffff - folded);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_sum_of_the_whole(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            cuts in proptest::collection::vec(0usize..200, 0..4),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut sum = Checksum::new();
            let mut from = 0;
            for cut in cuts {
                sum.add(&bytes[from..cut]);
                from = cut;
            }
            sum.add(&bytes[from..]);
            prop_assert_eq!(sum.finish(), plainly(&bytes));
            prop_assert_eq!(checksum(&bytes), plainly(&bytes));
        }

        #[test]
        fn bytes_that_hold_their_checksum_are_valid(
            mut bytes in proptest::collection::vec(any::<u8>(), 2..100),
        ) {
            bytes[..2].fill(0);
            let sum = checksum(&bytes);
            bytes[..2].copy_from_slice(&sum.to_be_bytes());
            let mut check = Checksum::new();
            check.add(&bytes);
            prop_assert!(check.is_valid());
        }
    }
}
