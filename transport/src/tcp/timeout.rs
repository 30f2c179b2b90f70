//! What time and the network bring: RFC 9293, section 3.10.8, and ICMP.

use crate::stack::stats::Stats;
use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use super::connection::Connection;
use super::event::CloseReason;
use super::state::State;
use super::timers::Timer;

impl Connection {
    /// Acts on every timer that is due. Calling it early does nothing.
    pub fn handle_timeout(&mut self, now: Instant, stats: &mut Stats) {
        while let Some(timer) = self.timers.take_expired(now) {
            match timer {
                Timer::LossProbe => self.on_probe_timeout(now, stats),
                Timer::Retransmit => self.on_retransmission_timeout(now, stats),
                Timer::Reordering => self.on_reordering_timeout(now, stats),
                Timer::Persist => self.on_persist(now),
                Timer::DelayedAck => self.on_delayed_ack(stats),
                // Its end is all that it is for: text may leave again.
                Timer::Pace => {}
                Timer::Keepalive => self.on_keepalive(now),
                Timer::User => self.on_user_timeout(now),
                Timer::Orphan => self.on_orphan_timeout(now),
                Timer::TimeWait => self.enter(now, State::Closed),
            }
        }
        self.report(stats);
    }

    /// An ICMP message says that the peer cannot be reached; the caller has checked that it quotes
    /// a segment of this connection's tuple.
    ///
    /// RFC 5927: believed only if the number quoted is in flight; ends an attempt to connect if
    /// `hard`, and no connection that is open, for which it only explains a later timeout (RFC
    /// 9293, section 3.9.2.2). Says whether it was believed.
    pub fn handle_unreachable(&mut self, now: Instant, hard: bool, quoted_seq: SeqNumber) -> bool {
        if !self.is_in_flight(quoted_seq) || self.state() == State::Closed {
            return false;
        }
        self.soft_error = true;
        if hard && !self.state().is_synchronized() {
            self.fail(now, CloseReason::Unreachable);
        }
        true
    }

    /// Whether the segment with that number is out: what an ICMP message has to quote.
    pub(super) fn is_in_flight(&self, seq: SeqNumber) -> bool {
        seq.at_or_after(self.snd.una) && seq.before(self.snd.max)
    }

    /// The peer's window has been closed, or too small, for long: probe it, or send what fits.
    fn on_persist(&mut self, now: Instant) {
        if self.snd.window_left() > 0 {
            self.pending.override_silly = true;
            return;
        }
        if self.probes >= self.config.retries {
            self.unreported.abort_on_timeout += 1;
            return self.reset(now, self.timeout_reason());
        }
        self.probes += 1;
        self.persist_backoff = self.persist_backoff.saturating_add(1);
        self.pending.window_probe = true;
        self.timers.set(Timer::Persist, now + self.rtt.backed_off(self.persist_backoff));
    }

    fn on_delayed_ack(&mut self, stats: &mut Stats) {
        if self.acks.on_timeout() {
            stats.delayed_acks += 1;
        }
    }

    /// Silence for the configured time: RFC 9293, section 3.8.4. What is out has its own timer, and
    /// probes wait until it is settled.
    fn on_keepalive(&mut self, now: Instant) {
        let Some(keepalive) = self.config.keepalive else { return };
        let idle_until = self.heard_at + keepalive.idle;
        let busy = self.snd.flight() > 0 || self.unsent() > 0;
        if busy || (self.probes == 0 && now < idle_until) {
            let next = if busy { now + keepalive.idle } else { idle_until };
            return self.timers.set(Timer::Keepalive, next);
        }
        if self.probes >= keepalive.probes {
            self.unreported.abort_on_timeout += 1;
            return self.reset(now, self.timeout_reason());
        }
        self.probes += 1;
        self.pending.keepalive = true;
        self.timers.set(Timer::Keepalive, now + keepalive.interval);
    }

    /// Sends what draws an answer from a peer that is there: the last byte again, or a keepalive
    /// probe where none was ever sent. Nothing is expected of it.
    pub fn ask(&mut self) {
        let open = matches!(self.state(), State::Established | State::CloseWait);
        if !open || self.snd.fin.is_some() {
            return;
        }
        if self.last_sent_byte().is_some() {
            self.pending.repeat = true;
        } else {
            self.pending.keepalive = true;
        }
    }

    /// When a segment of the peer last came; before the first, when the connection began.
    pub(crate) const fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// How long silence after something was sent has to last before it says more than the loss of
    /// one segment: RTO without back-off, and three smoothed round trips at least.
    pub(crate) fn silence_window(&self) -> Duration {
        let round_trips = self.rtt.srtt().map_or(Duration::ZERO, |srtt| srtt.saturating_mul(3));
        self.rtt.backed_off(0).max(round_trips)
    }

    fn on_user_timeout(&mut self, now: Instant) {
        self.unreported.abort_on_timeout += 1;
        if self.state().is_synchronized() {
            self.reset(now, self.timeout_reason());
        } else {
            self.fail(now, self.timeout_reason());
        }
    }

    fn on_orphan_timeout(&mut self, now: Instant) {
        self.unreported.abort_on_linger += 1;
        self.reset(now, CloseReason::Lingered);
    }
}
