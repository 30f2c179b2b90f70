//! NewReno: slow start, congestion avoidance, fast recovery.
//!
//! RFC 5681 with the window inflation of RFC 6582; initial window of RFC 6928; growth by bytes
//! acknowledged (RFC 3465), so that a peer that divides its acknowledgements gains nothing.

/// ssthresh before any loss: arbitrarily high (RFC 5681, section 3.1).
const UNLIMITED: u32 = u32::MAX;

/// Most segments that one acknowledgement adds in slow start: RFC 3465, section 2.3.
const SLOW_START_SEGMENTS: u32 = 2;

/// Upper bound of cwnd in bytes: no window is larger.
const CWND_MAX: u32 = 1 << 30;

/// cwnd, ssthresh.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct NewReno {
    /// Congestion window in bytes.
    cwnd: u32,
    /// Slow start threshold in bytes.
    ssthresh: u32,
    /// Bytes acknowledged that have not moved cwnd yet, in congestion avoidance.
    acked: u32,
    /// SMSS in bytes.
    mss: u32,
}

impl NewReno {
    /// The initial window: RFC 6928, section 2; one segment if the SYN was lost (RFC 5681, section
    /// 3.1).
    pub(in crate::tcp) fn new(mss: u32, syn_lost: bool) -> Self {
        let initial = initial_window(mss);
        Self { cwnd: if syn_lost { mss } else { initial }, ssthresh: UNLIMITED, acked: 0, mss }
    }

    /// cwnd in bytes.
    pub(in crate::tcp) const fn cwnd(&self) -> u32 {
        self.cwnd
    }

    /// ssthresh in bytes.
    pub(in crate::tcp) const fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    /// New data was acknowledged outside recovery, with `flight` bytes out before: RFC 5681,
    /// section 3.1.
    ///
    /// A window that was not used says nothing about the path, and does not grow.
    pub(in crate::tcp) fn on_ack(&mut self, acked: u32, flight: u32) {
        if self.cwnd < self.ssthresh {
            if flight >= self.cwnd / 2 {
                self.grow(acked.min(SLOW_START_SEGMENTS * self.mss));
            }
            return;
        }
        if flight.saturating_add(self.mss) <= self.cwnd / 2 {
            return;
        }
        self.acked = self.acked.saturating_add(acked);
        if self.acked >= self.cwnd {
            self.acked -= self.cwnd;
            self.grow(self.mss);
        }
    }

    /// Fast retransmit: RFC 5681, section 3.2, steps 2 and 3.
    pub(in crate::tcp) fn on_fast_retransmit(&mut self, flight: u32) {
        self.ssthresh = self.half_of(flight);
        self.cwnd = (self.ssthresh + 3 * self.mss).min(CWND_MAX);
        self.acked = 0;
    }

    /// A further duplicate in recovery: one more segment has left the network (step 4).
    pub(in crate::tcp) fn on_duplicate(&mut self) {
        self.grow(self.mss);
    }

    /// A partial acknowledgement: RFC 6582, section 3.2, step 3.
    pub(in crate::tcp) fn on_partial_ack(&mut self, acked: u32) {
        self.cwnd = self.cwnd.saturating_sub(acked);
        if acked >= self.mss {
            self.grow(self.mss);
        }
        self.cwnd = self.cwnd.max(self.mss);
    }

    /// Recovery is over, with `flight` bytes still out: RFC 6582, section 3.2, step 3, option 1,
    /// which does not burst.
    pub(in crate::tcp) fn on_recovered(&mut self, flight: u32) {
        self.cwnd = self.ssthresh.min(flight.max(self.mss).saturating_add(self.mss));
        self.acked = 0;
    }

    /// A retransmission timeout: RFC 5681, section 3.1. Only the `first` of a segment halves
    /// ssthresh.
    pub(in crate::tcp) fn on_timeout(&mut self, flight: u32, first: bool) {
        if first {
            self.ssthresh = self.half_of(flight);
        }
        self.cwnd = self.mss;
        self.acked = 0;
    }

    /// Nothing was sent for longer than RTO: RFC 5681, section 4.1.
    pub(in crate::tcp) fn on_idle(&mut self) {
        self.cwnd = self.cwnd.min(initial_window(self.mss));
    }

    fn half_of(&self, flight: u32) -> u32 {
        (flight / 2).max(2 * self.mss)
    }

    fn grow(&mut self, bytes: u32) {
        self.cwnd = self.cwnd.saturating_add(bytes).min(CWND_MAX);
    }
}

/// IW: RFC 6928, section 2.
fn initial_window(mss: u32) -> u32 {
    (10 * mss).min((2 * mss).max(14_600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_window_is_ten_segments_within_bounds() {
        for (mss, window) in [(48, 480), (1460, 14_600), (1000, 10_000), (9000, 18_000)] {
            assert_eq!(NewReno::new(mss, false).cwnd(), window, "{mss}");
            assert_eq!(NewReno::new(mss, true).cwnd(), mss);
        }
    }

    #[test]
    fn slow_start_grows_by_what_was_acknowledged() {
        let mut reno = NewReno::new(1000, false);
        reno.on_ack(1000, 10_000);
        assert_eq!(reno.cwnd(), 11_000);
        reno.on_ack(100, 10_000);
        assert_eq!(reno.cwnd(), 11_100, "a divided acknowledgement gains nothing");
        reno.on_ack(50_000, 11_000);
        assert_eq!(reno.cwnd(), 13_100, "one acknowledgement, two segments at most");
    }

    #[test]
    fn an_unused_window_does_not_grow() {
        let mut reno = NewReno::new(1000, false);
        for _ in 0..1000 {
            reno.on_ack(100, 100);
        }
        assert_eq!(reno.cwnd(), 10_000);
    }

    #[test]
    fn congestion_avoidance_adds_a_segment_a_round() {
        let mut reno = NewReno::new(1000, false);
        reno.on_timeout(20_000, true);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (1000, 10_000));
        while reno.cwnd() < 10_000 {
            reno.on_ack(1000, reno.cwnd());
        }
        for _ in 0..10 {
            assert_eq!(reno.cwnd(), 10_000);
            reno.on_ack(1000, 10_000);
        }
        assert_eq!(reno.cwnd(), 11_000);
    }

    #[test]
    fn recovery_inflates_and_deflates() {
        let mut reno = NewReno::new(1000, false);
        reno.on_fast_retransmit(10_000);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (8_000, 5_000));
        reno.on_duplicate();
        assert_eq!(reno.cwnd(), 9_000);
        reno.on_partial_ack(2_000);
        assert_eq!(reno.cwnd(), 8_000);
        reno.on_recovered(1_000);
        assert_eq!(reno.cwnd(), 2_000);
    }

    #[test]
    fn a_repeated_timeout_does_not_halve_again() {
        let mut reno = NewReno::new(1000, false);
        reno.on_timeout(20_000, true);
        reno.on_timeout(1_000, false);
        assert_eq!(reno.ssthresh(), 10_000);
        reno.on_timeout(1_000, true);
        assert_eq!(reno.ssthresh(), 2_000);
    }
}
