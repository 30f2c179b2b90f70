//! Why a TUN device could not be opened, and what to do about it.

use std::io;

use rustix::io::Errno;

use crate::device::netlink::{Interface, NetlinkError};

/// Why a TUN device could not be opened. Each message names what is missing and how to get it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The name would be cut.
    #[error("interface name {name:?} is {} bytes long; at most {} fit", name.len(), super::NAME_LEN_MAX)]
    NameTooLong {
        /// The name that was asked for.
        name: String,
    },
    /// No interface can have that name.
    #[error("{name:?} cannot be the name of an interface; letters, digits, '-', '_' and '.' can")]
    BadName {
        /// The name that was asked for.
        name: String,
    },
    /// There is no node, or no driver behind it.
    #[error(
        "there is no {}; load the driver with `modprobe tun`, or give the container the device",
        super::NODE
    )]
    NoNode,
    /// The node's mode forbids opening it.
    #[error(
        "{} may not be opened by this user; its mode must allow reading and writing (0666 is usual), \
         or in a container the device must be allowed",
        super::NODE
    )]
    NodeMode,
    /// The device would have to be created, and there is no right to.
    #[error(
        "there is no device {name}, and creating it needs CAP_NET_ADMIN; have it made for this user with \
         `ip tuntap add dev {name} mode tun user USER`"
    )]
    NotPermittedToCreate {
        /// The name that was asked for.
        name: String,
    },
    /// The device belongs to somebody else.
    #[error(
        "device {name} belongs to {holder}; attaching needs to be that user, a member of that group, or \
         CAP_NET_ADMIN"
    )]
    NotPermitted {
        /// The name that was asked for.
        name: String,
        /// Whose it is, by uid and gid.
        holder: String,
    },
    /// Another process holds it.
    #[error("device {name} is held by another process; stop that one, or use another name")]
    Busy {
        /// The name that was asked for.
        name: String,
    },
    /// There is an interface of that name that is something else.
    #[error("{name} is a {kind} interface, not a TUN device; use another name")]
    NotATun {
        /// The name that was asked for.
        name: String,
        /// What it is.
        kind: String,
    },
    /// The device was made for many queues, and one opener with a single queue cannot attach.
    #[error("device {name} was made with multi_queue; make it without")]
    MultiQueue {
        /// The name that was asked for.
        name: String,
    },
    /// The device has neither owner nor group, so that any local user could attach to it.
    #[error(
        "device {name} has neither owner nor group, so any local user could take it over; make it with \
         `ip tuntap add dev {name} mode tun user USER`, or allow it in the configuration"
    )]
    Unowned {
        /// The name that was asked for.
        name: String,
    },
    /// The kernel could not be asked about the interface.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// Anything else.
    #[error("cannot open the TUN device")]
    Io(#[from] io::Error),
}

impl From<io::ErrorKind> for OpenError {
    fn from(kind: io::ErrorKind) -> Self {
        Self::Io(kind.into())
    }
}

impl OpenError {
    /// What a failure to open the node means.
    pub(super) fn of_node(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::NXIO | Errno::NODEV) => Self::NoNode,
            Some(Errno::ACCESS | Errno::PERM) => Self::NodeMode,
            _ => Self::Io(error),
        }
    }

    /// What a failure to attach to `name`, or to create it, means; `found` is what was there before.
    pub(super) fn of_attach(error: io::Error, name: &str, found: Option<&Interface>) -> Self {
        let name = name.to_owned();
        match (Errno::from_io_error(&error), found) {
            (Some(Errno::PERM), None) => Self::NotPermittedToCreate { name },
            (Some(Errno::PERM), Some(interface)) => {
                Self::NotPermitted { name, holder: holder_of(interface) }
            }
            (Some(Errno::BUSY), _) => Self::Busy { name },
            // What was there was looked at before; so somebody has just put another one there.
            (Some(Errno::INVAL), _) => Self::NotATun { name, kind: "different".to_owned() },
            _ => Self::Io(error),
        }
    }
}

/// Whose the device is, in words.
fn holder_of(interface: &Interface) -> String {
    let settings = interface.tun.unwrap_or_default();
    match (settings.owner, settings.group) {
        (Some(uid), Some(gid)) => format!("uid {uid} and gid {gid}"),
        (Some(uid), None) => format!("uid {uid}"),
        (None, Some(gid)) => format!("gid {gid}"),
        (None, None) => "nobody".to_owned(),
    }
}
