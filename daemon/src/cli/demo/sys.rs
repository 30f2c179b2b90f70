//! The system calls of the demo that no crate offers without `unsafe`.

use std::io;

use rustix::thread::UnshareFlags;

/// Moves this process into new namespaces; see unshare(2).
///
/// The caller has one thread: a user namespace demands it, and a process namespace would
/// otherwise hold for this thread's children alone.
pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    assert!(!flags.contains(UnshareFlags::FILES), "descriptors stay shared");
    // SAFETY: the call is unsafe for CLONE_FILES alone, after which a thread could use a
    // descriptor that another one closed in its own table; the flag is refused above.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}

/// Brings the interface `name` up in this process's network namespace.
pub(super) fn interface_up(name: &str) -> io::Result<()> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: `ifreq` is plain data of the kernel's, for which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().take(room).zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request_flags(&socket, libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: the kernel has just written this member of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    let up = libc::c_short::try_from(libc::IFF_UP).map_err(io::Error::other)?;
    request.ifr_ifru.ifru_flags = flags | up;
    request_flags(&socket, libc::SIOCSIFFLAGS, &mut request)
}

/// One of the two ioctls that read and write an interface's flags.
fn request_flags(
    socket: &std::net::UdpSocket,
    number: libc::Ioctl,
    request: &mut libc::ifreq,
) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open for the call, and both ioctls read and write one `ifreq`,
    // which `request` borrows alone.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), number, std::ptr::from_mut(request)) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        let error = interface_up("wharf-none").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
