//! What no safe wrapper asks of Unix sockets: who is at the other end, and what it has not read.
//!
//! The only `unsafe` of the reactor. Each call reads into memory of ours whose size they are told.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

/// `SO_PEERPIDFD` of `asm-generic/socket.h`; since Linux 6.5, not yet in every libc crate.
const SO_PEERPIDFD: libc::c_int = 77;

/// Supplementary groups that are looked at; a peer with more is judged by the first so many.
const GROUPS_MAX: usize = 1024;

/// A descriptor of the process that connected, whatever became of its number since.
///
/// # Errors
///
/// `ENOPROTOOPT` before Linux 6.5; `ESRCH` when the process is gone.
pub(super) fn peer_pidfd(socket: impl AsFd) -> io::Result<OwnedFd> {
    let mut fd: RawFd = -1;
    let mut length = socklen(size_of::<RawFd>());
    // SAFETY: `fd` and `length` live through the call, and `length` is the size of `fd`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PEERPIDFD,
            (&raw mut fd).cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so the kernel made this descriptor for us and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Who connected, frozen at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    /// Its process; 0 where that has no number in our namespace.
    pub(super) pid: i32,
    /// Its effective user.
    pub(super) uid: u32,
    /// Its effective group.
    pub(super) gid: u32,
}

/// Who connected to this socket. (rustix has a process number that cannot be 0, and ours can.)
///
/// # Errors
///
/// What the kernel says.
pub(super) fn peer_credentials(socket: impl AsFd) -> io::Result<Credentials> {
    let mut ucred = libc::ucred { pid: 0, uid: libc::uid_t::MAX, gid: libc::gid_t::MAX };
    let mut length = socklen(size_of::<libc::ucred>());
    // SAFETY: `ucred` and `length` live through the call, and `length` is the size of `ucred`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut ucred).cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Credentials { pid: ucred.pid, uid: ucred.uid, gid: ucred.gid })
}

/// The supplementary groups that the peer had when it connected.
///
/// # Errors
///
/// What the kernel says; a peer with more than [`GROUPS_MAX`] groups is `ERANGE`.
pub(super) fn peer_groups(socket: impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups = vec![0_u32; GROUPS_MAX];
    let mut length = socklen(size_of_val(groups.as_slice()));
    // SAFETY: `groups` holds `length` bytes, and both live through the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let bytes = usize::try_from(length).unwrap_or(0);
    groups.truncate(bytes / size_of::<u32>());
    Ok(groups)
}

/// Whether and how much of what was written to a Unix socket its peer has not read yet: 0 if it has
/// read everything, else the memory that the rest takes, which is more than its bytes.
///
/// # Errors
///
/// What the kernel says; `EINVAL` where it cannot tell.
pub(super) fn unread_bytes(socket: impl AsFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, which is TIOCOUTQ by another name, writes one int, and `count` is one that
    // lives through the call.
    let result = unsafe {
        libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, std::ptr::from_mut(&mut count))
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// A size of ours as the kernel counts it; ours are all far below its bound.
fn socklen(bytes: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(bytes).unwrap_or(libc::socklen_t::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_peer_of_a_pair_is_this_process() {
        let (ours, _theirs) = UnixStream::pair().expect("a socket pair");
        let pidfd = match peer_pidfd(&ours) {
            Ok(pidfd) => pidfd,
            Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => return,
            Err(error) => panic!("SO_PEERPIDFD: {error}"),
        };
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()));
        let pid = format!("Pid:\t{}", std::process::id());
        assert!(info.expect("fdinfo").lines().any(|line| line == pid));
    }

    #[test]
    fn credentials_are_those_of_this_process() {
        let (ours, _theirs) = UnixStream::pair().expect("a socket pair");
        let credentials = peer_credentials(&ours).expect("credentials");
        assert_eq!(credentials.pid.unsigned_abs(), std::process::id());
        assert_eq!(credentials.uid, rustix::process::geteuid().as_raw());
        assert_eq!(credentials.gid, rustix::process::getegid().as_raw());
    }

    #[test]
    fn unread_bytes_are_none_only_after_the_last_was_read() {
        use std::io::{Read as _, Write as _};
        let (mut ours, mut theirs) = UnixStream::pair().expect("a socket pair");
        assert_eq!(unread_bytes(&ours).expect("told"), 0);
        ours.write_all(b"four").expect("written");
        assert_ne!(unread_bytes(&ours).expect("told"), 0);
        theirs.read_exact(&mut [0; 3]).expect("read");
        assert_ne!(unread_bytes(&ours).expect("told"), 0, "one byte is left");
        theirs.read_exact(&mut [0; 1]).expect("read");
        assert_eq!(unread_bytes(&ours).expect("told"), 0);
    }

    #[test]
    fn groups_are_those_of_this_process() {
        let (ours, _theirs) = UnixStream::pair().expect("a socket pair");
        let mut groups = peer_groups(&ours).expect("groups");
        let mut expected: Vec<u32> =
            rustix::process::getgroups().expect("groups").iter().map(|gid| gid.as_raw()).collect();
        groups.sort_unstable();
        expected.sort_unstable();
        assert_eq!(groups, expected);
    }
}
