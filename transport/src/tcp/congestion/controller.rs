//! What algorithms of congestion control differ in.

use crate::time::Instant;

use super::super::config::Congestion;
use super::cubic::Cubic;
use super::reno::Reno;
use super::{Ack, Window};

/// How a window grows in congestion avoidance, and how far it falls.
///
/// An algorithm is told of events and answers in bytes; cwnd and ssthresh themselves, slow start and
/// the floors are the caller's.
pub(super) trait CongestionController {
    /// New data was acknowledged in congestion avoidance while the window was full: how many bytes
    /// it grows.
    fn on_ack(&mut self, window: Window, ack: &Ack) -> u32;

    /// Time up to `now` was no time of growth: the owner or the peer's window left cwnd unused.
    fn on_pause(&mut self, now: Instant);

    /// Congestion, with `flight` bytes out: the new ssthresh.
    fn on_congestion_event(&mut self, window: Window, flight: u32) -> u32;

    /// A timeout, with `flight` bytes out: the new ssthresh.
    fn on_rto(&mut self, window: Window, flight: u32) -> u32;

    /// Slow start has ended without a loss.
    fn on_slow_start_exit(&mut self, window: Window);
}

/// The algorithm of a connection: without indirection, so that it can be copied for an undo.
#[derive(Clone, Copy, Debug)]
pub(super) enum Controller {
    Reno(Reno),
    Cubic(Cubic),
}

impl Controller {
    pub(super) const fn new(algorithm: Congestion) -> Self {
        match algorithm {
            Congestion::Reno => Self::Reno(Reno::new()),
            Congestion::Cubic => Self::Cubic(Cubic::new()),
        }
    }

    fn algorithm(&mut self) -> &mut dyn CongestionController {
        match self {
            Self::Reno(reno) => reno,
            Self::Cubic(cubic) => cubic,
        }
    }
}

impl CongestionController for Controller {
    fn on_ack(&mut self, window: Window, ack: &Ack) -> u32 {
        self.algorithm().on_ack(window, ack)
    }

    fn on_pause(&mut self, now: Instant) {
        self.algorithm().on_pause(now);
    }

    fn on_congestion_event(&mut self, window: Window, flight: u32) -> u32 {
        self.algorithm().on_congestion_event(window, flight)
    }

    fn on_rto(&mut self, window: Window, flight: u32) -> u32 {
        self.algorithm().on_rto(window, flight)
    }

    fn on_slow_start_exit(&mut self, window: Window) {
        self.algorithm().on_slow_start_exit(window);
    }
}
