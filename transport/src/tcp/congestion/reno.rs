//! Reno: a segment a round trip, and half: RFC 5681, section 3.1.

use crate::time::Instant;

use super::controller::CongestionController;
use super::{Ack, Window};

/// Congestion avoidance of RFC 5681, by bytes acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reno {
    /// Bytes acknowledged that have not moved cwnd yet.
    acked: u32,
}

impl Reno {
    /// Nothing acknowledged yet.
    pub(super) const fn new() -> Self {
        Self { acked: 0 }
    }

    fn halve(&mut self, flight: u32) -> u32 {
        self.acked = 0;
        flight / 2
    }
}

impl CongestionController for Reno {
    fn on_ack(&mut self, window: Window, ack: &Ack) -> u32 {
        self.acked = self.acked.saturating_add(ack.acked);
        if self.acked < window.cwnd {
            return 0;
        }
        self.acked -= window.cwnd;
        window.mss
    }

    fn on_pause(&mut self, _now: Instant) {}

    fn on_congestion_event(&mut self, _window: Window, flight: u32) -> u32 {
        self.halve(flight)
    }

    fn on_rto(&mut self, _window: Window, flight: u32) -> u32 {
        self.halve(flight)
    }

    fn on_slow_start_exit(&mut self, _window: Window) {}
}
