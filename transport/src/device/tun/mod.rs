//! A TUN device of the kernel, one packet a call: the plain path that works everywhere.
//!
//! Opened through the crate tun-tap, which leaves four things to its user. It creates the device
//! silently when the name is absent and there is the right to; so the name is looked up first. It
//! cuts names over 15 bytes; so they are refused. It does not say which call failed; so the node is
//! opened once before, and errors get the name of the right that is missing. And an earlier opener of a persistent
//! device may have left offload bits set, with which packets arrive unsegmented and with unfilled
//! checksums, and no header to tell; so they are cleared.
//!
//! A device without owner and group can be attached to by any local user who may open the node, and
//! so be taken over while we are down. It is refused unless told otherwise.
//!
//! Not here: addresses and flags of the interface ([`netlink`](super::netlink)).

mod error;

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use tun_tap::{Iface, Mode};

use super::netlink::{Interface, Netlink};
use super::{Device, Fault, Sent, sys};
use crate::batch::PacketBatch;

pub use error::OpenError;

/// The node through which the kernel makes TUN devices.
pub const NODE: &str = "/dev/net/tun";

/// Longest name of an interface: IFNAMSIZ without the final zero.
pub const NAME_LEN_MAX: usize = 15;

/// Whether the device was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was made by opening it, and goes away with it. Its addresses are ours to set.
    Created,
    /// It was there. Its addresses are its administrator's.
    Attached,
}

/// Whether a device that belongs to nobody is attached to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unowned {
    /// It is refused: any local user could take it over.
    #[default]
    Refuse,
    /// It is taken all the same.
    Accept,
}

/// An open TUN device. Ready when [`AsFd`] says so to epoll.
#[derive(Debug)]
pub struct Tun {
    iface: Iface,
    origin: Origin,
    index: u32,
    mtu: u16,
}

impl Tun {
    /// Attaches to the device of that name, or creates it, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// [`OpenError`], whose message names the right that is missing and how to get it.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        Self::open_with(name, Unowned::default())
    }

    /// As [`open`](Self::open), with a say about devices that belong to nobody.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(name: &str, unowned: Unowned) -> Result<Self, OpenError> {
        check_name(name)?;
        check_node()?;
        let mut netlink = Netlink::open()?;
        let found = netlink.interface(name)?;
        if let Some(interface) = &found {
            check_interface(interface, unowned)?;
        }
        let iface = Iface::without_packet_info(name, Mode::Tun)
            .map_err(|error| OpenError::of_attach(error, name, found.as_ref()))?;
        sys::set_offload(sys::descriptor(&iface), 0)?;
        iface.set_non_blocking()?;
        let interface = netlink.interface(name)?.ok_or(io::ErrorKind::NotFound)?;
        let origin = if found.is_some() { Origin::Attached } else { Origin::Created };
        Ok(Self { iface, origin, index: interface.index, mtu: mtu_of(&interface) })
    }

    /// The name of the interface.
    #[must_use]
    pub fn name(&self) -> &str {
        self.iface.name()
    }

    /// The number by which [`Netlink`] knows the interface.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// Whether the device was there before.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Asks the kernel for the MTU again, after somebody has set it.
    ///
    /// # Errors
    ///
    /// [`OpenError::Netlink`], or [`OpenError::Io`] if the interface is gone.
    pub fn refresh_mtu(&mut self) -> Result<(), OpenError> {
        let interface = Netlink::open()?.interface(self.name())?.ok_or(io::ErrorKind::NotFound)?;
        self.mtu = mtu_of(&interface);
        Ok(())
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        sys::descriptor(&self.iface)
    }
}

impl Device for Tun {
    fn mtu(&self) -> u16 {
        self.mtu
    }

    fn receive(&mut self, batch: &mut PacketBatch) -> io::Result<usize> {
        let before = batch.len();
        while !batch.is_full() {
            let mut result = Ok(0);
            batch.push_with(batch.packet_max(), |room| {
                result = self.iface.recv(room);
                result.as_ref().map_or(0, |len| *len)
            });
            match result {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(of_device(error)),
            }
        }
        Ok(batch.len() - before)
    }

    fn send(&mut self, batch: &mut PacketBatch) -> io::Result<Sent> {
        let result = self.send_each(batch);
        batch.clear();
        result
    }
}

impl Tun {
    fn send_each(&self, batch: &PacketBatch) -> io::Result<Sent> {
        let mut sent = Sent::default();
        for packet in batch {
            match self.send_one(packet) {
                Ok(()) => sent.packets += 1,
                Err(error) if is_drop(&error) => sent.dropped += 1,
                Err(error) => return Err(of_device(error)),
            }
        }
        Ok(sent)
    }

    fn send_one(&self, packet: &[u8]) -> io::Result<()> {
        loop {
            match self.iface.send(packet) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether a failed write is the loss of one packet: no room or no memory just now, or bytes that
/// the kernel does not take for a packet.
fn is_drop(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM | Errno::INVAL | Errno::MSGSIZE)
    )
}

/// Gives the states of a device their names: a write to a downed interface is EIO, anything on a
/// deleted one EBADFD, or EFAULT for a read that was under way.
fn of_device(error: io::Error) -> io::Error {
    match Errno::from_io_error(&error) {
        Some(Errno::IO) => Fault::Down.into(),
        Some(Errno::BADFD | Errno::FAULT) => Fault::Gone.into(),
        _ => error,
    }
}

fn mtu_of(interface: &Interface) -> u16 {
    u16::try_from(interface.mtu).unwrap_or(u16::MAX)
}

/// A name that the kernel takes as it is: no pattern, nothing that it would cut.
fn check_name(name: &str) -> Result<(), OpenError> {
    if name.len() > NAME_LEN_MAX {
        return Err(OpenError::NameTooLong { name: name.to_owned() });
    }
    let is_bad = |c: char| !c.is_ascii_graphic() || matches!(c, '/' | ':' | '%');
    if name.is_empty() || matches!(name, "." | "..") || name.contains(is_bad) {
        return Err(OpenError::BadName { name: name.to_owned() });
    }
    Ok(())
}

/// Opens the node and closes it again, because tun-tap's error would not say that it was this.
fn check_node() -> Result<(), OpenError> {
    match OpenOptions::new().read(true).write(true).open(NODE) {
        Ok(_) => Ok(()),
        Err(error) => Err(OpenError::of_node(error)),
    }
}

/// Whether an existing interface is one that we may and want to attach to.
fn check_interface(interface: &Interface, unowned: Unowned) -> Result<(), OpenError> {
    let name = interface.name.clone();
    let Some(settings) = interface.tun.filter(|settings| !settings.is_tap) else {
        let kind = match (&interface.kind, interface.tun) {
            (_, Some(_)) => "tap",
            (Some(kind), None) => kind,
            (None, None) => "network",
        };
        return Err(OpenError::NotATun { name, kind: kind.to_owned() });
    };
    if settings.is_multi_queue {
        return Err(OpenError::MultiQueue { name });
    }
    if settings.owner.is_none() && settings.group.is_none() && unowned == Unowned::Refuse {
        return Err(OpenError::Unowned { name });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
