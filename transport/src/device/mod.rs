//! Devices: where packets come from and go to.
//!
//! A [`Device`] moves packets in batches and never blocks; whoever drives it waits for readiness
//! elsewhere. It behaves as a link does: what it has no room for is dropped and counted, and TCP
//! sends it again. The stack never holds a device; packets are carried between them.
//!
//! - [`tun`]: a TUN device of the kernel, through the crate tun-tap; [`netlink`] looks interfaces up
//!   and configures them.
//! - [`memory`]: two ends in one process.
//! - [`simulated`]: one direction of a bad network, told the time, replayed from a seed.
//! - [`pcap`]: tees any device into a pcapng file.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used))]

pub mod memory;
pub mod netlink;
pub mod pcap;
pub mod simulated;
mod sys;
#[cfg(test)]
mod test_namespace;
pub mod tun;

use std::io;

use crate::batch::PacketBatch;

/// Moves packets in batches, without blocking.
pub trait Device {
    /// Longest packet that it carries, in bytes.
    fn mtu(&self) -> u16;

    /// Appends what has come to `batch` until nothing is left or the batch is full, and returns how
    /// many packets that were: 0 means that a read would block, or that the batch was full before.
    /// Make the batch for packets as long as the MTU: longer ones are lost or cut.
    ///
    /// # Errors
    ///
    /// What the system says of the device; see [`Fault::of`]. Packets appended before stay.
    fn receive(&mut self, batch: &mut PacketBatch) -> io::Result<usize>;

    /// Sends all packets of `batch` and leaves it empty, whatever the result. Packets that the
    /// device has no room for, or does not take as packets, are dropped and counted.
    ///
    /// # Errors
    ///
    /// What the system says of the device itself; see [`Fault::of`]. What was not sent is lost.
    fn send(&mut self, batch: &mut PacketBatch) -> io::Result<Sent>;
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packets that the device took.
    pub packets: usize,
    /// Packets that it did not take; they are gone.
    pub dropped: usize,
}

/// A state of the device itself that its user should name, rather than an errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The interface was set down. It may come up again: keep the device, and try later.
    #[error("the interface is down; set it up with `ip link set dev NAME up`")]
    Down,
    /// The interface was deleted. Nothing will ever come: open the device anew.
    #[error("the interface was deleted")]
    Gone,
}

impl Fault {
    /// The fault that `error`, from a [`Device`], stands for, if it is one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).copied()
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        let kind = match fault {
            Fault::Down => io::ErrorKind::NetworkDown,
            Fault::Gone => io::ErrorKind::NotConnected,
        };
        Self::new(kind, fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_survives_being_an_io_error() {
        for fault in [Fault::Down, Fault::Gone] {
            assert_eq!(Fault::of(&io::Error::from(fault)), Some(fault));
        }
        assert_eq!(Fault::of(&io::Error::from(io::ErrorKind::NetworkDown)), None);
    }
}
