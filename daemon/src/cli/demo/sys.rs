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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_leave_is_no_error_and_an_unknown_flag_is_one() {
        unshare(UnshareFlags::empty()).unwrap();
        // CLONE_VM belongs to clone(2) with a stack; unshare refuses bits that it does not know.
        let error = unshare(UnshareFlags::from_bits_retain(0x8000_0000)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    #[should_panic(expected = "descriptors stay shared")]
    fn descriptors_are_never_unshared() {
        let _ = unshare(UnshareFlags::FILES);
    }
}
