//! What another segment size does to the window: RFC 4821, section 4; RFC 1191, section 6.4.

use super::controller::CongestionController as _;
use super::{CongestionWindow, UNLIMITED, initial_window};

impl CongestionWindow {
    /// SMSS is another. A larger one leaves the window its bytes; a smaller one its segments, so that
    /// not more packets are out than before.
    pub(in crate::tcp) fn set_mss(&mut self, mss: u32) {
        let before = core::mem::replace(&mut self.mss, mss);
        if mss >= before {
            self.cwnd = self.cwnd.max(mss);
            return;
        }
        let scaled = |bytes: u32| {
            let scaled = u64::from(bytes) * u64::from(mss) / u64::from(before);
            u32::try_from(scaled).expect("less than it was")
        };
        self.cwnd = scaled(self.cwnd).max(mss);
        if self.ssthresh != UNLIMITED {
            self.ssthresh = scaled(self.ssthresh).max(2 * mss);
        }
        self.used = scaled(self.used);
        // What a reduction or the curve remembers was counted in larger segments.
        self.before = None;
        let window = self.window();
        self.controller.on_slow_start_exit(window);
    }

    /// What was out goes again though nothing was congested, and `pipe` bytes are still on their way:
    /// the window stays, but no more than an initial window leaves at once. What is above comes back
    /// by slow start, as acknowledgements show that the new size passes. RFC 1191 has one segment
    /// there, which was the initial window in its time.
    pub(in crate::tcp) fn restart(&mut self, pipe: u32) {
        let at_once = pipe.saturating_add(initial_window(self.mss));
        if self.cwnd > at_once {
            self.ssthresh = self.ssthresh.max(self.cwnd);
            self.cwnd = at_once;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::{Config, Congestion};

    fn window(algorithm: Congestion, cwnd: u32) -> CongestionWindow {
        let config = Config { congestion: algorithm, ..Config::default() };
        let mut window = CongestionWindow::new(&config, 1_460, false);
        window.cwnd = cwnd;
        window
    }

    const BOTH: [Congestion; 2] = [Congestion::Cubic, Congestion::Reno];

    #[test] // RFC 4821, section 4
    fn a_smaller_size_leaves_the_segments_and_a_larger_one_the_bytes() {
        for algorithm in BOTH {
            let mut window = window(algorithm, 146_000);
            window.ssthresh = 73_000;
            window.set_mss(1_000);
            assert_eq!((window.cwnd(), window.ssthresh()), (100_000, 50_000));
            window.set_mss(1_460);
            assert_eq!((window.cwnd(), window.ssthresh()), (100_000, 50_000));
        }
    }

    #[test]
    fn an_unlimited_threshold_stays_so_and_a_segment_always_fits() {
        let mut window = window(Congestion::Cubic, 1_460);
        window.set_mss(536);
        assert_eq!((window.cwnd(), window.ssthresh()), (536, UNLIMITED));
        window.set_mss(1_460);
        assert_eq!(window.cwnd(), 1_460);
    }

    #[test] // RFC 1191, section 6.4
    fn what_goes_again_for_its_size_is_no_burst_and_no_loss() {
        for algorithm in BOTH {
            let mut window = window(algorithm, 100_000);
            window.restart(20_000);
            assert_eq!((window.cwnd(), window.ssthresh()), (34_600, UNLIMITED));
            window.cwnd = 100_000;
            window.ssthresh = 50_000;
            window.restart(0);
            assert_eq!((window.cwnd(), window.ssthresh()), (14_600, 100_000));
            window.restart(0);
            assert_eq!((window.cwnd(), window.ssthresh()), (14_600, 100_000));
        }
    }
}
