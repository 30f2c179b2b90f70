//! When new text has to wait although both windows would let it go: RFC 7661, section 4.4.2; RFC
//! 3168, section 6.1.2.
//!
//! [`Timer::Pace`] is a gate and not a deed: while it is armed no new text is planned. How fast text
//! may leave is known by [`super::congestion`]; what was lost and is sent again does not wait here.

use crate::time::Instant;

use super::connection::Connection;
use super::timers::Timer;

impl Connection {
    /// Text follows a pause in which nothing was out.
    pub(super) fn restart_after_idle(&mut self, now: Instant) {
        if self.snd.flight() == 0 && self.unsent() > 0 && now > self.text_sent_at {
            self.congestion.on_idle(now, self.rtt.srtt().unwrap_or_default());
        }
    }

    /// New text waits until it is due.
    pub(super) fn pace(&mut self, now: Instant) {
        if self.unsent() == 0 || self.is_held() {
            return;
        }
        let srtt = self.rtt.srtt().unwrap_or_default();
        if let Some(due) = self.congestion.next_send(now, srtt) {
            self.timers.set(Timer::Pace, due);
        }
    }

    /// New text waits as long as a retransmission would.
    pub(super) fn hold_text(&mut self, now: Instant) {
        let until = now + self.rtt.rto();
        self.timers.set(Timer::Pace, until);
        if self.snd.flight() > 0 {
            self.timers.set(Timer::Retransmit, until);
        }
    }

    /// Whether new text waits.
    pub(super) fn is_held(&self) -> bool {
        self.timers.is_armed(Timer::Pace)
    }
}
