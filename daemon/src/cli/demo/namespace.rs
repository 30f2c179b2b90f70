//! The demo's own network, mount and process namespaces, and its user namespace where it needs
//! one; what they need, and what to say where they are forbidden.
//!
//! [`enter`] is called while the process has one thread. From then on its next child is the first
//! process of the new process namespace, and the end of that one ends everything inside: the
//! kernel kills what runs there, and the interface, the addresses and the mounts go with the
//! namespaces that held them. The host's own are not touched.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::process::{getegid, geteuid};
use rustix::thread::UnshareFlags;

use super::sys;

/// The node through which TUN devices are made.
const TUN_NODE: &str = "/dev/net/tun";

/// Why the demo's namespaces cannot be had. Each says which right is missing and how to get it.
#[derive(Debug, thiserror::Error)]
pub(super) enum NamespaceError {
    /// The node of TUN devices is not there.
    #[error(
        "{TUN_NODE} does not exist, and the demo makes a TUN device through it. \
         As root: `modprobe tun`; in a container: start it with `--device {TUN_NODE}`"
    )]
    NoTunNode,
    /// The node is there, and nothing answers behind it.
    #[error(
        "{TUN_NODE} cannot be opened: {0}. The kernel's TUN driver is missing: \
         as root, `modprobe tun`"
    )]
    NoTunDriver(io::Error),
    /// The node's mode keeps this user out.
    #[error(
        "{TUN_NODE} may not be opened by this user: {node}, you are {user}. \
         The right to read and write it is all that is missing: run the demo as root, or open the \
         node to all users, as root: `chmod 0666 {TUN_NODE}` (its usual mode; to make a device in \
         the host's network still takes CAP_NET_ADMIN)"
    )]
    TunMode {
        /// What the node is.
        node: String,
        /// Who asks.
        user: String,
    },
    /// Any other failure to open the node.
    #[error("{TUN_NODE} cannot be opened: {0}")]
    Tun(io::Error),
    /// Namespaces are forbidden.
    #[error(
        "this user may not create {what}: {error}. {hint}; or run the demo as root \
         (in a container: with CAP_SYS_ADMIN, for example `--privileged`)"
    )]
    Forbidden {
        /// Which namespaces.
        what: &'static str,
        /// What the kernel said.
        error: io::Error,
        /// What forbids them, as far as it can be told.
        hint: String,
    },
    /// A step inside the new namespaces failed.
    #[error("{step}: {error}. {hint}")]
    Step {
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        error: io::Error,
        /// What forbids it, as far as it can be told.
        hint: String,
    },
}

/// Checks that a TUN device can be made here, before anything is changed.
pub(super) fn check_tun_node() -> Result<(), NamespaceError> {
    let node = Path::new(TUN_NODE);
    let Err(error) = OpenOptions::new().read(true).write(true).open(node) else { return Ok(()) };
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    Err(match errno {
        Some(rustix::io::Errno::NOENT) => NamespaceError::NoTunNode,
        Some(rustix::io::Errno::NODEV | rustix::io::Errno::NXIO) => {
            NamespaceError::NoTunDriver(error)
        }
        Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => NamespaceError::TunMode {
            node: describe(node),
            user: format!("uid {} gid {}", geteuid().as_raw(), getegid().as_raw()),
        },
        Some(_) | None => NamespaceError::Tun(error),
    })
}

/// Moves this process, and the children it will have, into namespaces of their own, with an empty
/// `/run`. Root needs no user namespace, unless it is a root without rights, as in containers; the
/// answer is whether one was made.
pub(super) fn enter() -> Result<bool, NamespaceError> {
    let own = UnshareFlags::NEWNET | UnshareFlags::NEWNS | UnshareFlags::NEWPID;
    let is_root = geteuid().is_root();
    let as_root = if is_root { sys::unshare(own).is_ok() } else { false };
    if !as_root {
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        sys::unshare(UnshareFlags::NEWUSER)
            .map_err(|error| forbidden("a user namespace", error))?;
        map_identity(uid, gid)
            .map_err(|error| step("mapping the user into its namespace", error))?;
        sys::unshare(own)
            .map_err(|error| forbidden("network, mount and process namespaces", error))?;
    }
    // Without this, mounts made below would show outside where the host's are shared.
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(|error| step("making the mounts private", error.into()))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount("wharf-demo", "/run", "tmpfs", flags, Some(c"mode=0755"))
        .map_err(|error| step("mounting an empty /run", error.into()))?;
    Ok(!as_root)
}

/// Mounts the `/proc` of the new process namespace; called by its first process.
pub(super) fn mount_proc() -> Result<(), NamespaceError> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("proc", "/proc", "proc", flags, None)
        .map_err(|error| step("mounting /proc of the new namespace", error.into()))
}

/// Makes this user the root of the new user namespace. `setgroups` is given up first: without
/// that, an unprivileged process may not write its group map (user_namespaces(7)).
fn map_identity(uid: u32, gid: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))
}

/// The error for namespaces that cannot be created.
fn forbidden(what: &'static str, error: io::Error) -> NamespaceError {
    NamespaceError::Forbidden { what, error, hint: culprit() }
}

/// The error for a step after they were created.
fn step(step: &'static str, error: io::Error) -> NamespaceError {
    NamespaceError::Step { step, error, hint: culprit() }
}

/// The switches that forbid namespaces to users, and what mends each. More than one may be set;
/// the first that is found is named.
fn culprit() -> String {
    const SWITCHES: &[(&str, &str, &str)] = &[
        ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
        ("/proc/sys/user/max_net_namespaces", "0", "sysctl user.max_net_namespaces=10000"),
        (
            "/proc/sys/kernel/unprivileged_userns_clone",
            "0",
            "sysctl kernel.unprivileged_userns_clone=1",
        ),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ];
    for (path, forbids, command) in SWITCHES {
        if fs::read_to_string(path).is_ok_and(|value| value.trim() == *forbids) {
            return format!("{path} is {forbids}; as root: `{command}`");
        }
    }
    "No sysctl forbids it, so a container's seccomp profile, a security module or a chroot does"
        .to_owned()
}

/// A node as `ls -l` describes it, in short.
fn describe(node: &Path) -> String {
    match fs::metadata(node) {
        Ok(found) => Node {
            mode: found.mode() & 0o7777,
            uid: found.uid(),
            gid: found.gid(),
            is_device: found.file_type().is_char_device(),
        }
        .to_string(),
        Err(error) => format!("its folder is closed ({error})"),
    }
}

/// What decides who may open a node.
struct Node {
    mode: u32,
    uid: u32,
    gid: u32,
    is_device: bool,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, uid, gid, is_device } = self;
        write!(f, "its mode is {mode:04o}, its owner uid {uid} gid {gid}")?;
        if !is_device { f.write_str(", and it is no device") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_node_is_told_with_its_mode_and_the_way_out() {
        let node = Node { mode: 0o600, uid: 0, gid: 0, is_device: true };
        let error = NamespaceError::TunMode {
            node: node.to_string(),
            user: "uid 1000 gid 1000".to_owned(),
        };
        let text = error.to_string();
        assert!(
            text.contains("its mode is 0600, its owner uid 0 gid 0, you are uid 1000"),
            "{text}"
        );
        assert!(text.contains("`chmod 0666 /dev/net/tun`"), "{text}");
        assert!(!text.contains('\n'));
    }

    #[test]
    fn a_forbidden_namespace_is_told_with_what_forbids_it() {
        let error = io::Error::from(rustix::io::Errno::PERM);
        let text = forbidden("a user namespace", error).to_string();
        assert!(text.starts_with("this user may not create a user namespace: "), "{text}");
        assert!(text.contains("or run the demo as root"), "{text}");
    }
}
