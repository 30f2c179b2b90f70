//! Which port a new connection leaves from: RFC 6056, section 3.3.4 (algorithm 4, double hash).
//!
//! Every destination has the whole range to itself: two connections may share a port if they
//! differ in anything else. The first hash says where a destination begins, the second which
//! counter it shares with some others; so ports towards one destination are handed out in turn
//! (a port comes back as late as can be), and what one destination sees tells little of another.

use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;

use super::secrets::{Secrets, keyed_hash, low_half};

/// Counters of increments. RFC 6056 shows that 10 already help; a power of two spares a division.
const COUNTERS: usize = 256;

/// Chooses local ports.
#[derive(Debug)]
pub(super) struct Ports {
    range: RangeInclusive<u16>,
    key: [u8; 16],
    counters: Box<[u32]>,
}

impl Ports {
    pub(super) fn new(range: RangeInclusive<u16>, secrets: &Secrets) -> Self {
        let counters = (0..COUNTERS)
            .map(|index| low_half(keyed_hash(&secrets.stripe, &index.to_be_bytes())))
            .collect();
        Self { range, key: secrets.ports, counters }
    }

    /// The next port towards `remote` that `is_free` lets pass, or none in the whole range.
    pub(super) fn choose(
        &mut self,
        local: IpAddr,
        remote: SocketAddr,
        mut is_free: impl FnMut(u16) -> bool,
    ) -> Option<u16> {
        let (first, last) = (u32::from(*self.range.start()), u32::from(*self.range.end()));
        let count = (last + 1).checked_sub(first).filter(|count| *count > 0)?;
        let destination = destination_bytes(local, remote);
        // F and G of the RFC are the two halves of one keyed hash.
        let hash = keyed_hash(&self.key, &destination);
        let offset = low_half(hash);
        let index = usize::try_from(hash >> 32).expect("32 bits fit") % COUNTERS;
        let counter = self.counters.get_mut(index)?;
        for _ in 0..count {
            let port = first + offset.wrapping_add(*counter) % count;
            *counter = counter.wrapping_add(1);
            let port = u16::try_from(port).expect("the range ends at 65535");
            if is_free(port) {
                return Some(port);
            }
        }
        None
    }
}

/// Both addresses and the remote port, for the hashes.
fn destination_bytes(local: IpAddr, remote: SocketAddr) -> [u8; 34] {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let mut bytes = [0; 34];
    let parts = octets(local).into_iter().chain(octets(remote.ip()));
    for (place, byte) in bytes.iter_mut().zip(parts.chain(remote.port().to_be_bytes())) {
        *place = byte;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(range: RangeInclusive<u16>, seed: u8) -> Ports {
        Ports::new(range, &Secrets::from_bytes(&[seed; Secrets::LEN]))
    }

    fn local() -> IpAddr {
        "10.0.0.1".parse().unwrap()
    }

    fn remote(port: u16) -> SocketAddr {
        SocketAddr::new("10.0.0.2".parse().unwrap(), port)
    }

    #[test]
    fn a_destination_walks_the_whole_range_before_a_port_comes_again() {
        let mut ports = ports(50_000..=50_099, 1);
        let mut seen: Vec<u16> =
            (0..100).map(|_| ports.choose(local(), remote(80), |_| true).unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (50_000..=50_099).collect::<Vec<_>>());
    }

    #[test]
    fn ports_in_use_are_passed_over_and_a_full_range_is_said() {
        let mut ports = ports(50_000..=50_009, 1);
        for _ in 0..30 {
            assert_eq!(ports.choose(local(), remote(80), |port| port == 50_007), Some(50_007));
        }
        assert_eq!(ports.choose(local(), remote(80), |_| false), None);
    }

    #[test]
    fn the_upper_end_of_all_ports_can_be_used() {
        let mut ports = ports(65_535..=65_535, 1);
        assert_eq!(ports.choose(local(), remote(80), |_| true), Some(65_535));
    }

    #[test]
    fn an_empty_range_has_no_port() {
        #[expect(clippy::reversed_empty_ranges, reason = "the empty range is the case")]
        let mut ports = ports(5..=4, 1);
        assert_eq!(ports.choose(local(), remote(80), |_| true), None);
    }

    #[test]
    fn destinations_and_starts_begin_at_different_ports() {
        let first = |seed, port| {
            ports(1024..=65_535, seed).choose(local(), remote(port), |_| true).unwrap()
        };
        assert_ne!(first(1, 80), first(2, 80));
        assert_ne!(first(1, 80), first(1, 81));
        assert_eq!(first(1, 80), first(1, 80));
    }

    #[test]
    fn the_stripe_alone_moves_the_ports_of_a_start() {
        let mut secrets = Secrets::from_bytes(&[1; Secrets::LEN]);
        let before = Ports::new(1024..=65_535, &secrets).choose(local(), remote(80), |_| true);
        secrets.stripe = [9; 16];
        let after = Ports::new(1024..=65_535, &secrets).choose(local(), remote(80), |_| true);
        assert_ne!(before, after);
    }
}
