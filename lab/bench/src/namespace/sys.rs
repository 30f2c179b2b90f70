//! unshare(2), which no crate offers without `unsafe`.
#![expect(unsafe_code, reason = "unshare, with the reason why it is sound")]

use std::io;

use rustix::thread::UnshareFlags;

/// Moves the calling thread, and it alone, into a new network namespace.
pub(super) fn unshare_network() -> io::Result<()> {
    // SAFETY: the call is unsafe for CLONE_FILES alone, after which a thread could use a
    // descriptor that another one closed in its own table; the flag here is CLONE_NEWNET.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_moved_or_told_that_it_may_not() {
        let moved = std::thread::spawn(unshare_network).join().unwrap();
        assert!(moved.is_ok_and(|()| true) || !rustix::process::geteuid().is_root());
    }
}
