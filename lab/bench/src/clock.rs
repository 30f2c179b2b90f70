//! The only place where the benchmarks read a clock.

use rustix::time::{ClockId, Timespec, clock_gettime};
use wharf_transport::time::Instant;

/// The monotonic clock.
#[must_use]
pub fn now() -> Instant {
    instant(clock_gettime(ClockId::Monotonic))
}

/// The processor's time that the calling thread has used: what others do on a machine that is
/// shared disturbs it less than it does the time on the wall.
#[must_use]
pub fn thread_time() -> Instant {
    instant(clock_gettime(ClockId::ThreadCPUTime))
}

/// The same of all threads of this process.
#[must_use]
pub fn process_time() -> Instant {
    instant(clock_gettime(ClockId::ProcessCPUTime))
}

/// The kernel's seconds and nanoseconds as one number; a clock before its origin reads as zero.
fn instant(at: Timespec) -> Instant {
    let seconds = u64::try_from(at.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(at.tv_nsec).unwrap_or(0);
    Instant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_move_forward() {
        for clock in [now, thread_time, process_time] {
            let first = clock();
            assert!(clock() >= first && first > Instant::ORIGIN);
        }
    }
}
