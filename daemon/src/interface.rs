//! The TUN device of the daemon, and the kernel's side of it.
//!
//! A device that wharfd created is its own: it sets the addresses and sets it up. One that it
//! attached to is its operator's: it is checked, and what differs is said. Forwarding and address
//! translation are nobody's business here (deploy/nftables).

use wharf_transport::device::netlink::{InterfaceAddress, Netlink, NetlinkError};
use wharf_transport::device::tun::{OpenError, Origin, Tun, Unowned};

use crate::config::Config;

/// Why there is no device to work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterfaceError {
    /// The device could not be opened; the reason names the right that is missing.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The kernel refused to change or show the interface.
    #[error("{name}: {error}")]
    Netlink {
        /// The interface.
        name: String,
        /// What was refused.
        #[source]
        error: NetlinkError,
    },
    /// It was there a moment ago.
    #[error("the interface {0} disappeared while it was being set up")]
    Vanished(String),
}

/// Opens the device that `config` names and makes it ready, or says what its operator has to do.
///
/// # Errors
///
/// No device, no right, or the kernel refused; each says what to do.
pub fn open(config: &Config) -> Result<Tun, InterfaceError> {
    let name = &config.device.name;
    let unowned = match config.device.allow_unowned {
        true => Unowned::Accept,
        false => Unowned::Refuse,
    };
    let mut tun = Tun::open_with(name, unowned)?;
    let netlink_error = |error| InterfaceError::Netlink { name: name.clone(), error };
    let mut netlink = Netlink::open().map_err(netlink_error)?;
    let interface = netlink.interface(name).map_err(netlink_error)?;
    let interface = interface.ok_or_else(|| InterfaceError::Vanished(name.clone()))?;
    match tun.origin() {
        Origin::Created => {
            let gateways: Vec<InterfaceAddress> = wanted(config).collect();
            netlink
                .configure(interface.index, config.device.mtu, &gateways)
                .map_err(netlink_error)?;
            tun.refresh_mtu()?;
        }
        Origin::Attached => {
            let has = netlink.addresses(interface.index).map_err(netlink_error)?;
            let differences = differences(config, &has, interface.mtu, interface.is_up);
            for difference in differences {
                tracing::warn!(interface = name, "{difference}");
            }
        }
    }
    Ok(tun)
}

fn wanted(config: &Config) -> impl Iterator<Item = InterfaceAddress> {
    let gateways = config.transport.gateway.iter();
    gateways
        .map(|gateway| InterfaceAddress { address: gateway.address, prefix_len: gateway.length })
}

/// What an attached interface has that the configuration does not expect, and what to do.
fn differences(config: &Config, has: &[InterfaceAddress], mtu: u32, is_up: bool) -> Vec<String> {
    let name = &config.device.name;
    let mut found = Vec::new();
    for missing in wanted(config).filter(|address| !has.contains(address)) {
        found.push(format!("{missing} is missing; ip address add {missing} dev {name}"));
    }
    for address in has.iter().map(|has| has.address) {
        if config.transport.addresses.contains(&address) {
            found.push(format!(
                "{address} is the stack's own address (transport.addresses), and the kernel would \
                 answer for it; ip address del {address} dev {name}"
            ));
        }
    }
    if mtu != u32::from(config.device.mtu) {
        let wanted = config.device.mtu;
        found.push(format!("its MTU is {mtu}, not {wanted}; ip link set dev {name} mtu {wanted}"));
    }
    if !is_up {
        found.push(format!("it is down; ip link set dev {name} up"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateways() -> Vec<InterfaceAddress> {
        wanted(&Config::default()).collect()
    }

    #[test]
    fn an_interface_as_configured_has_no_difference() {
        let config = Config::default();
        assert!(differences(&config, &gateways(), 1500, true).is_empty());
    }

    #[test]
    fn every_difference_is_said_with_its_command() {
        let config = Config::default();
        let own = config.transport.addresses.first().copied().expect("a default address");
        let has = [InterfaceAddress { address: own, prefix_len: 32 }];
        let said = differences(&config, &has, 9000, false);
        assert_eq!(said.len(), gateways().len() + 3, "{said:?}");
        assert!(said.iter().all(|difference| difference.contains("; ip ")), "{said:?}");
    }
}
