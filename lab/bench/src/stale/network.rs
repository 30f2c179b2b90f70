//! The network: the clients' namespace and the server's, and between them the relay of the grid,
//! which here only delays.
//!
//! ```text
//! clients' namespace                             relay             server's namespace
//! hyper's sockets --------------> wharf-near ==> half a trip ==> wharf-far -> the server's sockets
//! wharfd = wharf-stale (a TUN) -> wharf-near         (and back the same way)
//! ```
//!
//! Both contenders enter the relay through the same device: the kernel routes its own packets to
//! it, and forwards the daemon's.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use wharf_transport::device::tun::Tun;

use crate::grid::ends::{NEAR_DEVICE, device};
use crate::grid::{Link, LinkConfig, LossRate, LossSequence, MTU};
use crate::namespace;

/// The clients' host.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 213, 1, 1);

/// The server's.
const FAR: Ipv4Addr = Ipv4Addr::new(10, 213, 3, 1);

/// Where the server listens.
pub(super) const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(FAR), 8080);

/// Where the clients' hosts are: each asks one of its own, and so has connections of its own. All of
/// them are the one server.
pub(super) const DOMAIN: &str = "storm";

/// The time from a packet to the answer to it: a request that leaves within it after the server's
/// FIN, or before that arrives, is lost.
pub const ROUND_TRIP: Duration = Duration::from_millis(20);

/// Local ports of the kernel, as many as there can be: the server keeps those that it closed for a
/// minute.
const PORTS: &str = "1024 65535";

/// The host that this client asks.
pub(super) fn host(client: u32) -> String {
    format!("client-{client}.{DOMAIN}")
}

/// Makes the clients' namespace around the calling thread, and the device into the relay. The
/// daemon makes its own.
pub(super) fn near() -> io::Result<Tun> {
    namespace::enter()?;
    let near = device(NEAR_DEVICE, NEAR)?;
    namespace::set("ipv4/ip_forward", "1")?;
    namespace::set("ipv4/ip_local_port_range", PORTS)?;
    namespace::run(&format!("ip route add {FAR}/32 dev {NEAR_DEVICE}"))?;
    Ok(near)
}

/// Makes the server's namespace around the calling thread, and the device into the relay.
pub(super) fn far() -> io::Result<Tun> {
    namespace::enter()?;
    let far = device("wharf-far", FAR)?;
    namespace::run("ip route add default dev wharf-far")?;
    Ok(far)
}

/// One direction: nothing is lost, and nothing waits but for the way itself.
pub(super) fn direction() -> Link {
    let loss = LossSequence::new(0, LossRate(0));
    Link::new(LinkConfig { delay: ROUND_TRIP / 2, rate: None, loss }, MTU)
}
