//! CUBIC: RFC 9438.
//!
//! After a reduction the window grows along a cubic function of time: fast at first, flat around
//! W_max where the path was full, fast again beyond. Where Reno would be faster (short round trips,
//! small windows) it grows as Reno would on average: the Reno-friendly region.
//!
//! Time in which the owner or the peer's window left cwnd unused does not count (section 5.8), so
//! `t` is summed up from acknowledgement to acknowledgement rather than measured from a beginning.
//! Growth is by bytes acknowledged, with what is less than a byte carried over: section 4.1 counts
//! segments acknowledged, and an acknowledgement of many grows the window as one of each would.

use crate::time::{Duration, Instant};

use super::controller::CongestionController;
use super::curve::Curve;
use super::{Ack, Window};

/// beta_cubic, in tenths: section 4.6.
const BETA_TENTHS: u64 = 7;

/// alpha_cubic = 3 (1 - beta) / (1 + beta) = 9/17: section 4.3.
const ALPHA_NUMERATOR: u64 = 9;
const ALPHA_DENOMINATOR: u64 = 17;

/// CUBIC's variables, by the names of section 4.1.2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cubic {
    /// W_max in bytes; 0 before the first congestion, and after what leaves nothing to aim for.
    w_max: u32,
    /// cwnd_prior: cwnd when ssthresh was last set, in bytes.
    cwnd_prior: u32,
    /// The current congestion avoidance stage, once its first acknowledgement has come.
    stage: Option<Stage>,
}

/// A congestion avoidance stage.
#[derive(Clone, Copy, Debug)]
struct Stage {
    curve: Curve,
    /// t: how long the window has been growing.
    t: Duration,
    /// Up to when time has been looked at.
    last: Instant,
    /// W_est in bytes: what Reno's window would be.
    w_est: u32,
    /// Growth of W_est that is less than a byte, in bytes squared times alpha's denominator.
    est_rest: u64,
    /// Growth of cwnd that is less than a byte, in bytes squared.
    rest: u64,
}

impl Cubic {
    /// Before any congestion.
    pub(super) const fn new() -> Self {
        Self { w_max: 0, cwnd_prior: 0, stage: None }
    }
}

impl Stage {
    /// A stage that begins at `cwnd` and aims for `w_max`: sections 4.2 and 4.3.
    fn new(now: Instant, window: Window, w_max: u32) -> Self {
        Self {
            curve: Curve::new(window.cwnd, w_max, window.mss),
            t: Duration::ZERO,
            last: now,
            w_est: window.cwnd,
            est_rest: 0,
            rest: 0,
        }
    }

    fn advance(&mut self, now: Instant) {
        self.t += now.since(self.last);
        self.last = now;
    }

    /// W_est += alpha segments_acked / cwnd: figure 4. Alpha is 1 once W_est is back at
    /// `cwnd_prior`.
    fn estimate(&mut self, acked: u32, window: Window, cwnd_prior: u32) {
        let alpha = if self.w_est >= cwnd_prior { ALPHA_DENOMINATOR } else { ALPHA_NUMERATOR };
        self.est_rest += alpha * u64::from(acked) * u64::from(window.mss);
        let byte_at = ALPHA_DENOMINATOR * u64::from(window.cwnd.max(1));
        let bytes = u32::try_from(self.est_rest / byte_at).unwrap_or(u32::MAX);
        self.est_rest %= byte_at;
        self.w_est = self.w_est.saturating_add(bytes);
    }

    /// The target after the next round trip, bounded so that growth neither falls nor passes half
    /// of slow start's: section 4.2.
    fn target(&self, window: Window, srtt: Duration) -> u32 {
        let most = window.cwnd.saturating_add(window.cwnd / 2);
        self.curve.at(self.t + srtt, window.mss).clamp(window.cwnd, most)
    }

    /// (target - cwnd) / cwnd for each segment acknowledged: sections 4.4 and 4.5.
    fn approach(&mut self, target: u32, acked: u32, cwnd: u32) -> u32 {
        let cwnd = u64::from(cwnd.max(1));
        let ahead = u64::from(target).saturating_sub(cwnd);
        self.rest += ahead * u64::from(acked);
        let growth = self.rest / cwnd;
        self.rest %= cwnd;
        u32::try_from(growth.min(ahead)).expect("at most a window")
    }
}

impl CongestionController for Cubic {
    fn on_ack(&mut self, window: Window, ack: &Ack) -> u32 {
        let w_max = self.w_max;
        let stage = self.stage.get_or_insert_with(|| Stage::new(ack.now, window, w_max));
        stage.advance(ack.now);
        stage.estimate(ack.acked, window, self.cwnd_prior);
        if stage.curve.at(stage.t, window.mss) < stage.w_est {
            return stage.w_est.saturating_sub(window.cwnd);
        }
        let target = stage.target(window, ack.srtt);
        stage.approach(target, ack.acked, window.cwnd)
    }

    fn on_pause(&mut self, now: Instant) {
        if let Some(stage) = &mut self.stage {
            stage.last = now;
        }
    }

    /// Multiplicative decrease and fast convergence: sections 4.6 and 4.7.
    fn on_congestion_event(&mut self, window: Window, flight: u32) -> u32 {
        self.w_max = if window.cwnd < self.w_max {
            tenths(window.cwnd, 10 + BETA_TENTHS) / 2
        } else {
            window.cwnd
        };
        self.cwnd_prior = window.cwnd;
        self.stage = None;
        tenths(flight, BETA_TENTHS)
    }

    /// After a timeout the curve begins on its plateau, wherever slow start ends: section 4.8.
    fn on_rto(&mut self, window: Window, flight: u32) -> u32 {
        self.w_max = 0;
        self.cwnd_prior = window.cwnd;
        self.stage = None;
        tenths(flight, BETA_TENTHS)
    }

    /// No congestion was seen, so that there is no W_max: section 4.10.
    fn on_slow_start_exit(&mut self, window: Window) {
        self.w_max = 0;
        self.cwnd_prior = window.cwnd;
        self.stage = None;
    }
}

/// So many tenths of `bytes`.
fn tenths(bytes: u32, tenths: u64) -> u32 {
    u32::try_from(u64::from(bytes) * tenths / 10).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
