//! The ioctls of the TUN device that no safe crate offers. The only `unsafe` of this crate.
#![expect(unsafe_code, reason = "ioctls, and a descriptor that tun-tap lends only as a number")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use tun_tap::Iface;

/// Sets what the device may leave for us to do (checksums, segmentation): `TUN_F_*` of
/// `linux/if_tun.h`, 0 for nothing.
pub(super) fn set_offload(device: BorrowedFd<'_>, bits: libc::c_uint) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as it is borrowed, and TUNSETOFFLOAD takes its
    // argument by value, so the kernel reads and writes no memory of ours.
    let result =
        unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETOFFLOAD, libc::c_ulong::from(bits)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The descriptor of an interface, for as long as that is borrowed.
pub(super) fn descriptor(iface: &Iface) -> BorrowedFd<'_> {
    // SAFETY: the interface owns the descriptor and closes it when dropped; it is borrowed for as
    // long as the result lives, so the descriptor stays open.
    unsafe { BorrowedFd::borrow_raw(iface.as_raw_fd()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn what_is_no_tun_device_has_no_offload() {
        let file = tempfile::tempfile().expect("a file");
        let error = set_offload(file.as_fd(), 0).expect_err("a file is no device");
        assert_eq!(error.raw_os_error(), Some(libc::ENOTTY));
    }
}
