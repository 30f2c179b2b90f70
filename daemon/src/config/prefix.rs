//! Networks of the link: the gateway's addresses with their prefixes.

use std::net::IpAddr;

/// An address with the length of its network's prefix: `10.213.0.1/30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The host's address, not the network's.
    pub address: IpAddr,
    /// Leading bits that name the network: at most 32 for IPv4, 128 for IPv6.
    pub length: u8,
}

impl Prefix {
    /// Whether `other` is in the same network.
    #[must_use]
    pub fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(mine), IpAddr::V4(other)) => {
                let host_bits = 32_u32.saturating_sub(u32::from(self.length));
                let differing = mine.to_bits() ^ other.to_bits();
                differing.checked_shr(host_bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(mine), IpAddr::V6(other)) => {
                let host_bits = 128_u32.saturating_sub(u32::from(self.length));
                let differing = mine.to_bits() ^ other.to_bits();
                differing.checked_shr(host_bits).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether `other` is this network's own address or its broadcast address, which IPv4 keeps
    /// from hosts where the prefix is shorter than 31 bits (RFC 3021).
    #[must_use]
    pub fn reserves(&self, other: IpAddr) -> bool {
        let IpAddr::V4(other) = other else {
            return false;
        };
        if self.length > 30 || !self.contains(IpAddr::V4(other)) {
            return false;
        }
        let host_mask = u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
        let host = other.to_bits() & host_mask;
        host == 0 || host == host_mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(address: &str, length: u8) -> Prefix {
        Prefix { address: address.parse().unwrap(), length }
    }

    #[test]
    fn contains_compares_the_leading_bits() {
        let cases = [
            ("10.213.0.1", 30, "10.213.0.2", true),
            ("10.213.0.1", 30, "10.213.0.4", false),
            ("10.213.0.1", 32, "10.213.0.1", true),
            ("10.213.0.1", 32, "10.213.0.0", false),
            ("10.213.0.1", 1, "127.0.0.1", true),
            ("10.213.0.1", 1, "128.0.0.1", false),
            ("10.213.0.1", 0, "255.1.1.1", true),
            ("fd00:213::1", 64, "fd00:213::ffff:2", true),
            ("fd00:213::1", 64, "fd00:213:0:1::2", false),
            ("fd00:213::1", 128, "fd00:213::2", false),
            ("::1", 0, "fd00::1", true),
            ("10.213.0.1", 1, "fd00::1", false),
        ];
        for (address, length, other, expected) in cases {
            let found = prefix(address, length).contains(other.parse().unwrap());
            assert_eq!(found, expected, "{address}/{length} and {other}");
        }
    }

    #[test]
    fn first_and_last_of_an_ipv4_network_are_reserved() {
        let cases = [
            ("10.213.0.1", 30, "10.213.0.0", true),
            ("10.213.0.1", 30, "10.213.0.3", true),
            ("10.213.0.1", 30, "10.213.0.2", false),
            ("10.213.0.1", 31, "10.213.0.0", false),
            ("10.213.0.1", 30, "10.213.0.7", false),
            ("fd00::1", 64, "fd00::", false),
        ];
        for (address, length, other, expected) in cases {
            let found = prefix(address, length).reserves(other.parse().unwrap());
            assert_eq!(found, expected, "{address}/{length} and {other}");
        }
    }
}
