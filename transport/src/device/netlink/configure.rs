//! The gateway's side of a device that we created: everything at once, in the order that works.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use super::{InterfaceAddress, Netlink, NetlinkError};

/// Pause between two looks at whether an address is in use.
const IN_USE_PAUSE: Duration = Duration::from_millis(1);

/// Looks before giving up: about two seconds, where the kernel's worker needs microseconds.
const IN_USE_LOOKS: usize = 2000;

impl Netlink {
    /// Sets the MTU, keeps the kernel from making a link-local address, sets the interface up, adds
    /// the addresses, and returns when the kernel takes packets for them.
    ///
    /// The order matters: a link-local address is made the moment the interface goes up, and IPv6
    /// addresses come into use on an interface that is up alone, by a worker of the kernel that runs
    /// after the request was answered. Packets sent before would be lost.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`]; what was done before stays.
    pub fn configure(
        &mut self,
        index: u32,
        mtu: u16,
        addresses: &[InterfaceAddress],
    ) -> Result<(), NetlinkError> {
        self.set_mtu(index, mtu)?;
        self.set_no_link_local(index)?;
        self.set_up(index)?;
        for address in addresses {
            self.add_address(index, *address)?;
        }
        addresses.iter().try_for_each(|address| self.wait_until_in_use(address.address))
    }

    fn wait_until_in_use(&mut self, address: IpAddr) -> Result<(), NetlinkError> {
        for _ in 0..IN_USE_LOOKS {
            if self.is_local(address)? {
                return Ok(());
            }
            sleep(IN_USE_PAUSE);
        }
        Err(NetlinkError::NotInUse { address })
    }
}
