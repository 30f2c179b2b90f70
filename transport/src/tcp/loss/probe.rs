//! Tail loss probe: RFC 8985, section 7.
//!
//! Loss at the end of what was sent draws no acknowledgement that would tell of it. After two round
//! trips of silence the next segment leaves, or the last one again, so that its acknowledgement
//! tells RACK what is missing, without the timeout's collapse of the window.
//!
//! Fast recovery falls silent too: if a retransmission is lost with all that left after it, or the
//! one acknowledgement of them all. Section 7.2 leaves that to the timeout. Here what the timeout
//! would send, the first unacknowledged segment, leaves after two round trips as well; its
//! acknowledgement tells the rest. The conditions of section 7.3 hold: one probe is out at a time,
//! a round trip was measured since the last, and the timer starts anew behind it.

use crate::stack::stats::Stats;
use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use super::super::connection::Connection;
use super::super::scoreboard::Status;
use super::super::timers::Timer;
use super::{Delivery, Phase};

/// TLP.max_ack_delay: what a lone segment's acknowledgement may be held back. The peers we meet,
/// and we ourselves, hold one back for 40 ms; the rest is for their clocks.
const ACK_DELAY_MAX: Duration = Duration::from_millis(60);

/// PTO before the first measurement: section 7.2.
const PTO_INITIAL: Duration = Duration::from_secs(1);

/// Least PTO: a round trip of microseconds is shorter than what hosts take to be scheduled.
const PTO_MIN: Duration = Duration::from_millis(2);

/// TLP.*.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct LossProbe {
    /// TLP.end_seq.
    end: Option<SeqNumber>,
    /// TLP.is_retrans.
    is_retrans: bool,
    /// Whether a round trip was measured since the last probe.
    measured: bool,
    /// Where the segment sent last begins.
    last: SeqNumber,
    /// A probe is to leave.
    pub(in crate::tcp) due: bool,
}

impl LossProbe {
    /// TLP_init().
    pub(super) const fn new(iss: SeqNumber) -> Self {
        Self { end: None, is_retrans: false, measured: false, last: iss, due: false }
    }

    /// A segment that begins at `seq` is the last one sent.
    pub(super) fn note_last(&mut self, seq: SeqNumber) {
        self.last = seq;
    }

    /// A round trip was measured.
    pub(super) fn on_round_trip(&mut self) {
        self.measured = true;
    }

    /// Where the segment sent last begins.
    pub(in crate::tcp) const fn last(&self) -> SeqNumber {
        self.last
    }
}

impl Connection {
    /// TLP_calc_PTO() and its conditions: section 7.2; those of 7.3 too, so that the retransmission
    /// timer is not put off for a probe that may not leave.
    pub(super) fn schedule_probe(&mut self, now: Instant) {
        let probe = &self.recovery.probe;
        let wanted = self.sack_permitted
            && self.is_silence_for_probes()
            && self.state().is_synchronized()
            && (1..=self.snd.wnd).contains(&self.snd.flight())
            && probe.end.is_none()
            && probe.measured;
        if !wanted {
            return self.timers.stop(Timer::LossProbe);
        }
        let lone = self.snd.flight() <= u32::from(self.snd.mss);
        let pto = match self.rtt.srtt() {
            Some(srtt) => {
                (2 * srtt).max(PTO_MIN) + if lone { ACK_DELAY_MAX } else { Duration::ZERO }
            }
            None => PTO_INITIAL,
        };
        let due = now + pto + 2 * self.recovery.rack.resolution();
        self.timers.set_before(Timer::LossProbe, due, Timer::Retransmit);
    }

    /// Whether nothing else finds out what became of what is out: neither the reordering timer nor
    /// F-RTO.
    fn is_silence_for_probes(&self) -> bool {
        match self.recovery.phase {
            Phase::Open => self.recovery.scoreboard.sacked() == 0,
            Phase::Fast => true,
            Phase::Timeout => false,
        }
    }

    /// The probe timer has expired.
    pub(in crate::tcp) fn on_probe_timeout(&mut self, now: Instant, stats: &mut Stats) {
        if self.recovery.phase == Phase::Fast {
            return self.probe_in_recovery(now, stats);
        }
        // The peer's window may have shrunk since; and a recovery that was undone has left reports
        // behind, which tell enough, and which the last segment may lie in.
        let flight = self.snd.flight();
        let may_leave = (1..=self.snd.wnd).contains(&flight) && self.is_silence_for_probes();
        self.recovery.probe.due = may_leave;
        if self.recovery.probe.due {
            // It may have been due at the same time.
            self.timers.set(Timer::Retransmit, now + self.rtt.rto());
        }
    }

    /// Recovery has fallen silent: the first unacknowledged segment is taken for lost, and so leaves
    /// whatever the windows say. Not if it is reported: then the peer has taken its reports back,
    /// which the retransmission timer finds.
    fn probe_in_recovery(&mut self, now: Instant, stats: &mut Stats) {
        let scoreboard = &mut self.recovery.scoreboard;
        let Some(front) = scoreboard.front().filter(|it| it.status == Status::InFlight) else {
            return;
        };
        let end = front.seq + front.largest();
        scoreboard.mark_front_lost(end);
        self.on_probe_sent(now, false, stats);
    }

    /// TLP_send_probe(): the probe has left; `again` says that it was no new text. The
    /// retransmission timer starts anew.
    pub(in crate::tcp) fn on_probe_sent(&mut self, now: Instant, again: bool, stats: &mut Stats) {
        stats.tlp_probes += 1;
        let end = Some(self.snd.nxt);
        self.recovery.probe = LossProbe {
            end,
            is_retrans: again,
            measured: false,
            due: false,
            ..self.recovery.probe
        };
        self.timers.stop(Timer::LossProbe);
        self.timers.set(Timer::Retransmit, now + self.rtt.rto());
    }

    /// TLP_init(), when a recovery begins.
    pub(super) fn stop_probing(&mut self) {
        self.recovery.probe.end = None;
        self.put_off_probing();
    }

    /// Nothing is out any more. What became of the last probe is still to be heard.
    pub(super) fn put_off_probing(&mut self) {
        self.recovery.probe.due = false;
        self.timers.stop(Timer::LossProbe);
    }

    /// TLP_process_ack(): section 7.4.2. A probe that mended a loss by itself leaves no other sign
    /// of it.
    pub(super) fn judge_probe(&mut self, delivery: &Delivery, stats: &mut Stats) {
        let Some(end) = self.recovery.probe.end.filter(|end| self.snd.una.at_or_after(*end)) else {
            return;
        };
        let was_needless = delivery.dsack.is_some_and(|(_, right)| right == end);
        let is_bare_duplicate =
            self.snd.una == end && delivery.duplicate && delivery.dsack.is_none();
        if !self.recovery.probe.is_retrans || was_needless || is_bare_duplicate {
            self.recovery.probe.end = None;
        } else if self.snd.una.after(end) {
            self.recovery.probe.end = None;
            stats.tlp_recovery += 1;
            if self.recovery.phase == Phase::Open {
                // What an earlier reduction has changed is no longer what stands.
                self.recovery.undo = None;
                self.reduce_window();
            }
        }
    }
}
