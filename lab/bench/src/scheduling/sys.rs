//! sched_setscheduler(2), which no crate offers without `unsafe`.
#![expect(unsafe_code, reason = "sched_setscheduler, with the reason why it is sound")]

use std::io;

/// Puts the calling thread, and those that it starts, into the lowest real-time class.
pub(super) fn set_realtime() -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: 1 };
    // SAFETY: 0 is the calling thread, and the kernel reads the parameter, which outlives the call.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const parameter) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_put_there_or_told_that_it_may_not() {
        let put = std::thread::spawn(set_realtime).join().unwrap();
        let is_refused =
            |error: io::Error| matches!(error.raw_os_error(), Some(libc::EPERM | libc::EINVAL));
        assert!(put.map_or_else(is_refused, |()| true));
    }
}
