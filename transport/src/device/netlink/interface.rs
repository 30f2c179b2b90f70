//! What the kernel tells of an interface.

use core::net::IpAddr;

use super::abi::{
    ADDRESS_HEADER_LEN, AF_INET, AF_INET6, IFA_ADDRESS, IFA_LOCAL, IFF_UP, IFLA_IFNAME,
    IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINKINFO, IFLA_MTU, IFLA_TUN_GROUP, IFLA_TUN_MULTI_QUEUE,
    IFLA_TUN_OWNER, IFLA_TUN_PERSIST, IFLA_TUN_TYPE, LINK_HEADER_LEN, TUN_TYPE_TUN,
};
use super::reply::{find, read_text, read_u32};

/// One interface, as it was when asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The number by which other requests name it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Longest packet, in bytes.
    pub mtu: u32,
    /// Whether it is set up.
    pub is_up: bool,
    /// What made it, such as `veth`; hardware has none.
    pub kind: Option<String>,
    /// What only TUN and TAP devices have.
    pub tun: Option<TunSettings>,
}

/// Settings of a TUN or TAP device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunSettings {
    /// User that may attach to it without a capability.
    pub owner: Option<u32>,
    /// Group that may.
    pub group: Option<u32>,
    /// Whether it carries Ethernet frames rather than IP packets.
    pub is_tap: bool,
    /// Whether it outlives the process that holds it.
    pub is_persistent: bool,
    /// Whether many descriptors may share it.
    pub is_multi_queue: bool,
}

/// An address of an interface, with the prefix that is reached through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Bits of the prefix.
    pub prefix_len: u8,
}

impl core::fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

/// Reads the body of an RTM_NEWLINK.
pub(super) fn read_interface(body: &[u8]) -> Option<Interface> {
    let (header, attributes) = body.split_at_checked(LINK_HEADER_LEN)?;
    let info = find(attributes, IFLA_LINKINFO).unwrap_or_default();
    let kind = find(info, IFLA_INFO_KIND).map(read_text);
    let is_tun = kind.as_deref() == Some("tun");
    Some(Interface {
        index: read_u32(header.get(4..)?)?,
        name: find(attributes, IFLA_IFNAME).map(read_text)?,
        mtu: find(attributes, IFLA_MTU).and_then(read_u32)?,
        is_up: read_u32(header.get(8..)?)? & IFF_UP != 0,
        kind,
        tun: is_tun.then(|| read_tun(find(info, IFLA_INFO_DATA).unwrap_or_default())),
    })
}

fn read_tun(data: &[u8]) -> TunSettings {
    let octet = |kind| find(data, kind).and_then(|value| value.first().copied());
    TunSettings {
        owner: find(data, IFLA_TUN_OWNER).and_then(read_u32),
        group: find(data, IFLA_TUN_GROUP).and_then(read_u32),
        is_tap: octet(IFLA_TUN_TYPE).is_some_and(|kind| kind != TUN_TYPE_TUN),
        is_persistent: octet(IFLA_TUN_PERSIST).is_some_and(|flag| flag != 0),
        is_multi_queue: octet(IFLA_TUN_MULTI_QUEUE).is_some_and(|flag| flag != 0),
    }
}

/// Reads the body of an RTM_NEWADDR: the interface's index, and the address.
pub(super) fn read_address(body: &[u8]) -> Option<(u32, InterfaceAddress)> {
    let (header, attributes) = body.split_at_checked(ADDRESS_HEADER_LEN)?;
    let [family, prefix_len, ..] = *header else { return None };
    // On a link with a peer the first attribute is the peer's address, the second our own.
    let octets = find(attributes, IFA_LOCAL).or_else(|| find(attributes, IFA_ADDRESS))?;
    let address = match family {
        AF_INET => IpAddr::from(*octets.first_chunk::<4>()?),
        AF_INET6 => IpAddr::from(*octets.first_chunk::<16>()?),
        _ => return None,
    };
    Some((read_u32(header.get(4..)?)?, InterfaceAddress { address, prefix_len }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(0u8..30, 0..200)) {
            let _ = read_interface(&bytes);
            let _ = read_address(&bytes);
        }
    }

    #[test]
    fn an_address_shows_its_prefix() {
        let address = InterfaceAddress { address: IpAddr::from([10, 213, 0, 1]), prefix_len: 30 };
        assert_eq!(address.to_string(), "10.213.0.1/30");
    }
}
