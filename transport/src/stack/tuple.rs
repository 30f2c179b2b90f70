//! What names a connection: the stack's own addresses, and the four-tuple.
//!
//! A tuple holds the remote address in 16 bytes (IPv4 in its mapped form) and the local one as an
//! index, so that it fits into 22 bytes: the TIME-WAIT table and the demultiplexer are counted in
//! bytes an entry. Mapped addresses never occur on the wire as such (`stack::receive` drops
//! them), so the mapped form is unambiguous.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An address of the stack, as an index into [`Addresses`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LocalAddress(u16);

/// The addresses that the stack answers for.
#[derive(Debug)]
pub(super) struct Addresses(Vec<IpAddr>);

impl Addresses {
    /// Most addresses that a stack can have: the range of a [`LocalAddress`].
    const MAX: usize = 1 << 16;

    pub(super) fn new(mut addresses: Vec<IpAddr>) -> Self {
        addresses.truncate(Self::MAX);
        Self(addresses)
    }

    /// The index of `address`, if it is one of ours.
    pub(super) fn find(&self, address: IpAddr) -> Option<LocalAddress> {
        let index = self.0.iter().position(|own| *own == address)?;
        u16::try_from(index).ok().map(LocalAddress)
    }

    /// The addresses of the family that `remote` has, in the order of the configuration.
    pub(super) fn of_family(&self, remote: IpAddr) -> impl Iterator<Item = LocalAddress> + '_ {
        let wants_ipv4 = remote.is_ipv4();
        (0..=u16::MAX)
            .zip(&self.0)
            .filter(move |(_, own)| own.is_ipv4() == wants_ipv4)
            .map(|(index, _)| LocalAddress(index))
    }

    /// The address that `local` stands for.
    pub(super) fn address(&self, local: LocalAddress) -> IpAddr {
        *self.0.get(usize::from(local.0)).expect("a local address is made by find or of_family")
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FourTuple {
    remote: [u8; 16],
    remote_port: u16,
    local_port: u16,
    local: LocalAddress,
}

impl FourTuple {
    pub(super) fn new(local: LocalAddress, local_port: u16, remote: SocketAddr) -> Self {
        let octets = match remote.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        Self { remote: octets, remote_port: remote.port(), local_port, local }
    }

    /// The same with another local port.
    pub(super) const fn with_port(self, local_port: u16) -> Self {
        Self { local_port, ..self }
    }

    pub(super) fn local(&self) -> LocalAddress {
        self.local
    }

    pub(super) fn local_port(&self) -> u16 {
        self.local_port
    }

    pub(super) fn remote(&self) -> SocketAddr {
        SocketAddr::new(Ipv6Addr::from(self.remote).to_canonical(), self.remote_port)
    }

    /// The tuple in bytes, for the keyed hashes.
    pub(super) fn to_bytes(self) -> [u8; 22] {
        let mut bytes = [0; 22];
        let (remote, rest) = bytes.split_at_mut(16);
        remote.copy_from_slice(&self.remote);
        let words = [self.remote_port, self.local_port, self.local.0];
        for (place, word) in rest.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        Addresses::new(vec![
            "10.213.0.2".parse().unwrap(),
            "fd00:213::2".parse().unwrap(),
            "10.213.0.3".parse().unwrap(),
        ])
    }

    #[test]
    fn addresses_are_found_and_told_apart_by_family() {
        let ours = addresses();
        let second = ours.find("10.213.0.3".parse().unwrap()).unwrap();
        assert_eq!(ours.address(second), "10.213.0.3".parse::<IpAddr>().unwrap());
        assert!(ours.find("10.213.0.4".parse().unwrap()).is_none());
        let ipv4: Vec<_> = ours.of_family("192.0.2.1".parse().unwrap()).collect();
        assert_eq!(ipv4, [LocalAddress(0), LocalAddress(2)]);
        let ipv6: Vec<_> = ours.of_family("2001:db8::1".parse().unwrap()).collect();
        assert_eq!(ipv6, [LocalAddress(1)]);
    }

    #[test]
    fn a_tuple_gives_back_the_remote_end_of_either_family() {
        for remote in ["192.0.2.7:80", "[2001:db8::7]:443"] {
            let remote: SocketAddr = remote.parse().unwrap();
            let tuple = FourTuple::new(LocalAddress(0), 4000, remote);
            assert_eq!(tuple.remote(), remote);
        }
    }

    #[test]
    fn each_part_of_a_tuple_counts_in_its_bytes() {
        let remote: SocketAddr = "192.0.2.7:80".parse().unwrap();
        let other_port: SocketAddr = "192.0.2.7:81".parse().unwrap();
        let other_host: SocketAddr = "192.0.2.8:80".parse().unwrap();
        let base = FourTuple::new(LocalAddress(0), 4000, remote);
        for other in [
            FourTuple::new(LocalAddress(1), 4000, remote),
            FourTuple::new(LocalAddress(0), 4001, remote),
            FourTuple::new(LocalAddress(0), 4000, other_port),
            FourTuple::new(LocalAddress(0), 4000, other_host),
        ] {
            assert_ne!(base.to_bytes(), other.to_bytes());
        }
    }
}
