//! ssthresh from one connection to the next: RFC 9040, sections 6 and 8.
//!
//! A threshold that is too low costs a fast path its slow start, so one is given out only if it says
//! something about the path. Linux has ceased to keep it at all, for one early loss of a short flow
//! made all that followed slow; section 8 of the RFC asks for long flows. A flow is long here if it
//! had to reduce its window several times, so that the threshold is where the window came to rest
//! rather than where chance has struck, and if it fills its window still. What is below the initial
//! window is not given out: that much leaves in any case.

use super::{CongestionWindow, UNLIMITED, initial_window};

/// Reductions after which a threshold is the path's: one loss may be chance, and so may a second.
const REDUCTIONS_MIN: u8 = 3;

/// What a connection was born with, and how often it had to find out for itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Inheritance {
    /// ssthresh of earlier connections, in bytes.
    ssthresh: Option<u32>,
    /// Reductions so far; stops at its largest value.
    reductions: u8,
}

impl Inheritance {
    /// A threshold in bytes that is to be put to the test.
    pub(super) const fn of(ssthresh: u32) -> Self {
        Self { ssthresh: Some(ssthresh), reductions: 0 }
    }

    /// The window is about to be reduced.
    pub(super) fn on_reduction(&mut self) {
        self.reductions = self.reductions.saturating_add(1);
    }
}

impl CongestionWindow {
    /// Takes over what earlier connections to the same place have left.
    pub(in crate::tcp) fn inherit(&mut self, ssthresh: Option<u32>) {
        self.inheritance.ssthresh = ssthresh.map(|it| it.max(initial_window(self.mss)));
        self.ssthresh = self.inheritance.ssthresh.unwrap_or(UNLIMITED);
    }

    /// What later connections may take over: the threshold, or half of a window that has grown far
    /// beyond it without a loss. None of what was inherited and has not been put to the test.
    pub(in crate::tcp) fn path_ssthresh(&self) -> Option<u32> {
        if self.in_slow_start() || self.validation.is_off() {
            return None;
        }
        let ssthresh = self.ssthresh.max(self.cwnd / 2);
        let is_own = match self.inheritance.ssthresh {
            Some(inherited) if ssthresh > inherited => true,
            Some(_) | None => self.inheritance.reductions >= REDUCTIONS_MIN,
        };
        (is_own && ssthresh >= initial_window(self.mss)).then_some(ssthresh)
    }

    /// Whether ssthresh is not of this connection's own finding: slow start goes on under the eyes of
    /// HyStart++ until it is. An inherited threshold may be too high, if the path has changed.
    pub(super) fn is_first_slow_start(&self) -> bool {
        self.ssthresh == UNLIMITED || self.inheritance.ssthresh == Some(self.ssthresh)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Congested;
    use super::*;
    use crate::tcp::Config;
    use crate::wire::SeqNumber;

    const MSS: u32 = 1_000;

    fn born_with(ssthresh: Option<u32>) -> CongestionWindow {
        let mut window = CongestionWindow::new(&Config::default(), MSS, false);
        window.inherit(ssthresh);
        window
    }

    /// Losses of a whole window each, one after the other.
    fn lose(window: &mut CongestionWindow, times: u32, flight: u32) {
        for time in 0..times {
            let una = SeqNumber::new(u32::MAX) + time * flight;
            window.on_congestion_event(&Congested { flight, una, nxt: una + flight });
        }
    }

    #[test]
    fn a_threshold_is_the_paths_after_three_reductions() {
        for (times, known) in [(0, None), (1, None), (2, None), (3, Some(70_000))] {
            let mut window = born_with(None);
            lose(&mut window, times, 100_000);
            assert_eq!(window.path_ssthresh(), known, "{times}");
        }
    }

    #[test]
    fn what_was_inherited_is_not_handed_on() {
        let mut window = born_with(Some(50_000));
        assert_eq!(window.ssthresh(), 50_000);
        window.set_cwnd(60_000);
        assert_eq!(window.path_ssthresh(), None, "congestion avoidance, but not of its own");
        window.set_cwnd(120_000);
        assert_eq!(window.path_ssthresh(), Some(60_000), "it has grown far beyond");
    }

    #[test]
    fn what_is_lower_than_inherited_takes_as_many_reductions() {
        for (times, known) in [(1, None), (2, None), (3, Some(28_000))] {
            let mut window = born_with(Some(50_000));
            lose(&mut window, times, 40_000);
            assert_eq!(window.path_ssthresh(), known, "{times}");
        }
    }

    #[test]
    fn less_than_an_initial_window_is_neither_given_nor_taken() {
        let mut window = born_with(None);
        lose(&mut window, 5, 12_000);
        assert_eq!((window.ssthresh(), window.path_ssthresh()), (8_400, None));
        assert_eq!(born_with(Some(3_000)).ssthresh(), 10_000);
    }

    #[test]
    fn an_inherited_threshold_is_still_the_first_slow_start() {
        let mut window = born_with(Some(50_000));
        assert!(window.is_first_slow_start());
        lose(&mut window, 1, 40_000);
        assert!(!window.is_first_slow_start());
    }
}
