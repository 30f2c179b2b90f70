//! The demo's network: the addresses in it, and the loopback interface.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wharf_transport::device::netlink::{Netlink, NetlinkError};

/// The interface side of the TUN device: where the upstream listens on the kernel's TCP.
pub(super) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 1);
/// The same in IPv6.
const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x213, 0, 0, 0, 0, 0, 1);
/// The upstream's port. The namespace is new, so any port is free.
pub(super) const UPSTREAM_PORT: u16 = 8080;

/// Where the upstream listens.
pub(super) fn upstream_addresses() -> [SocketAddr; 2] {
    [IpAddr::from(GATEWAY), IpAddr::from(GATEWAY_V6)]
        .map(|address| SocketAddr::new(address, UPSTREAM_PORT))
}

/// Brings the loopback interface up: the kernel then gives it its addresses itself.
pub(super) fn loopback_up() -> Result<(), NetlinkError> {
    let mut netlink = Netlink::open()?;
    // Every network namespace is born with it.
    match netlink.interface("lo")? {
        Some(lo) => netlink.set_up(lo.index),
        None => Ok(()),
    }
}
