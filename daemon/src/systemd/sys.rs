//! The descriptors that systemd hands over, from bare numbers to owned values: `sd_listen_fds(3)`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// The first descriptor handed over: those before it are the standard streams.
const FIRST: RawFd = 3;

/// Takes over `count` descriptors and closes them on exec. Each is checked to be open.
///
/// The numbers are systemd's promise to this process, so they are owned by nobody else as long as
/// this is called once and first; [`super::Environment::inherited`] says so to its callers.
pub(super) fn take(count: RawFd) -> io::Result<Vec<OwnedFd>> {
    (FIRST..FIRST.saturating_add(count)).map(take_one).collect()
}

fn take_one(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the number is not -1, and the borrow ends with this block; that it is open is what
    // the call finds out, and a closed one is an error that goes no further.
    let flags = fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) })?;
    // SAFETY: it is open (asked just now), and systemd gave it to this process alone.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    debug_assert_eq!(fd.as_raw_fd(), number, "the number is the descriptor");
    fcntl_setfd(&fd, flags | FdFlags::CLOEXEC)?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_handed_over_is_nothing_taken() {
        assert!(take(0).unwrap().is_empty());
    }

    #[test]
    fn a_number_that_is_not_open_is_an_error() {
        let error = take_one(100_000).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    }
}
