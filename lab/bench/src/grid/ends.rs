//! Both ends of the network: two threads, each in a network namespace of its own, with the devices
//! that lead into the relay.
//!
//! ```text
//! near namespace                              relay              far namespace
//! kernel's socket ----------> wharf-near ==> forth link ==> wharf-far -> kernel's socket
//! our stack = wharf-ours ---> wharf-near         (and back the same way)
//! ```
//!
//! Both senders enter the relay through the same device: the kernel routes its own packets to it,
//! and forwards ours, which come from a TUN device as they do in the field.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use wharf_transport::device::netlink::{InterfaceAddress, Netlink};
use wharf_transport::device::tun::Tun;

use super::MTU;
use crate::namespace;

/// The kernel's address as a sender.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 213, 1, 1);

/// The kernel's address towards our stack, and the stack's.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 213, 2, 1);
pub(super) const OURS: Ipv4Addr = Ipv4Addr::new(10, 213, 2, 2);

/// The receiver's.
const FAR: Ipv4Addr = Ipv4Addr::new(10, 213, 3, 1);

/// Where the receiver listens.
pub(super) const RECEIVER: SocketAddr = SocketAddr::new(IpAddr::V4(FAR), 5001);

/// The device through which all senders enter the relay.
pub(crate) const NEAR_DEVICE: &str = "wharf-near";

/// Packets that a device holds for the relay: as many as come in a second, so that none is lost
/// there when the machine is slow. The network's queue is the relay's.
const DEVICE_QUEUE: u32 = 10_000;

/// Most bytes that the kernel's receiver may buffer: far more than any cell has under way, so that
/// its window is never what limits a sender.
pub(super) const RECEIVE_BUFFER_MAX: u32 = 64 << 20;

/// Makes the sender's namespace around the calling thread; the device into the relay, and that of
/// our stack.
pub(super) fn near() -> io::Result<(Tun, Tun)> {
    namespace::enter()?;
    let near = device(NEAR_DEVICE, NEAR)?;
    let ours = device("wharf-ours", GATEWAY)?;
    namespace::set("ipv4/ip_forward", "1")?;
    namespace::run(&format!("ip route add {FAR}/32 dev {NEAR_DEVICE}"))?;
    Ok((near, ours))
}

/// Makes the receiver's namespace around the calling thread, and the device into the relay.
pub(super) fn far() -> io::Result<Tun> {
    namespace::enter()?;
    let far = device("wharf-far", FAR)?;
    namespace::run("ip route add default dev wharf-far")?;
    let found = namespace::setting("ipv4/tcp_rmem")?;
    let mut words = found.split(' ');
    let (least, initial) = (words.next().unwrap_or("4096"), words.next().unwrap_or("131072"));
    namespace::set("ipv4/tcp_rmem", &format!("{least} {initial} {RECEIVE_BUFFER_MAX}"))?;
    Ok(far)
}

/// Makes a device with an address in the namespace of the calling thread, and room for all that
/// comes in a second.
pub(crate) fn device(name: &str, address: Ipv4Addr) -> io::Result<Tun> {
    let mut tun = Tun::open(name).map_err(io::Error::other)?;
    let address = InterfaceAddress { address: IpAddr::V4(address), prefix_len: 24 };
    let configured = Netlink::open().and_then(|mut it| it.configure(tun.index(), MTU, &[address]));
    configured.map_err(io::Error::other)?;
    tun.refresh_mtu().map_err(io::Error::other)?;
    namespace::run(&format!("ip link set dev {name} txqueuelen {DEVICE_QUEUE}"))?;
    namespace::run(&format!("tc qdisc replace dev {name} root pfifo limit {DEVICE_QUEUE}"))?;
    Ok(tun)
}
