//! Loss: what to send again, and when it is known to have arrived.
//!
//! NewReno without a scoreboard: RFC 5681, section 3.2; RFC 6582; limited transmit of RFC 3042. A
//! third duplicate acknowledgement resends the first unacknowledged segment and no more; a timeout
//! takes everything out for lost and resends it as slow start allows, from the front.
//!
//! SACK blocks of the peer count in one respect: an acknowledgement that carries one above SND.UNA
//! is a duplicate whatever its window field says. Choosing what to resend by them is not done here.

use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use super::congestion::{Ack, Congested};
use super::connection::Connection;
use super::event::CloseReason;
use super::timers::Timer;
use crate::stack::stats::Stats;

/// Duplicates that mean a loss: RFC 5681, section 3.2.
const DUPLICATES: u8 = 3;

/// Numbers to be sent again: `next` moves to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resend {
    pub(super) next: SeqNumber,
    pub(super) end: SeqNumber,
}

/// State of loss recovery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recovery {
    /// Duplicate acknowledgements in a row; stops at its largest value.
    duplicates: u8,
    /// Whether fast recovery is on.
    fast: bool,
    /// Whether this recovery has seen a partial acknowledgement.
    partial_seen: bool,
    /// `recover` of RFC 6582, section 3.2: what was sent when recovery last began.
    recover: SeqNumber,
    /// What is to be sent again.
    pub(super) resend: Option<Resend>,
    /// Timeouts in a row without progress.
    pub(super) retries: u8,
    /// The segment being timed: acknowledged at this number, sent at this time, and only once.
    timed: Option<(SeqNumber, Instant)>,
}

impl Recovery {
    /// Nothing lost yet; `recover` is ISS.
    pub(super) const fn new(iss: SeqNumber) -> Self {
        Self {
            duplicates: 0,
            fast: false,
            partial_seen: false,
            recover: iss,
            resend: None,
            retries: 0,
            timed: None,
        }
    }

    /// Times the segment that ends before `end`, unless another is being timed: one a round trip.
    pub(super) fn time(&mut self, end: SeqNumber, now: Instant) {
        self.timed.get_or_insert((end, now));
    }

    /// Something was sent again: what is being timed can no longer be told apart. Karn's rule, RFC
    /// 6298, section 3.
    pub(super) fn stop_timing(&mut self) {
        self.timed = None;
    }

    /// Segments beyond cwnd that the first two duplicates allow: RFC 3042.
    pub(super) fn limited_transmit(&self) -> u32 {
        if self.fast || self.resend.is_some() { 0 } else { u32::from(self.duplicates.min(2)) }
    }

    /// Drops what has been acknowledged from what is to be sent again.
    fn trim_resend(&mut self, una: SeqNumber) {
        if let Some(resend) = &mut self.resend {
            if resend.next.before(una) {
                resend.next = una;
            }
            if resend.next.at_or_after(resend.end) {
                self.resend = None;
            }
        }
    }

    /// The peer's window was closed and has opened: what was sent into it was refused, and goes
    /// again.
    pub(super) fn on_window_opened(&mut self, una: SeqNumber) {
        if let Some(resend) = &mut self.resend {
            resend.next = una;
        }
    }

    /// Resending has come as far as `next`.
    pub(super) fn resent_to(&mut self, next: SeqNumber) {
        self.resend = self
            .resend
            .map(|resend| Resend { next, ..resend })
            .filter(|resend| resend.next.before(resend.end));
    }
}

impl Connection {
    /// `acked` numbers were newly acknowledged.
    pub(super) fn on_new_ack(&mut self, now: Instant, acked: u32, echo: Option<u32>) {
        let rtt = self.sample_round_trip(now, echo).or_else(|| self.echoed_round_trip(now, echo));
        self.recovery.retries = 0;
        self.recovery.duplicates = 0;
        self.recovery.trim_resend(self.snd.una);
        let restart_timer = if self.recovery.fast {
            self.on_ack_in_recovery(acked)
        } else {
            self.congestion.on_ack(&Ack {
                now,
                acked,
                una: self.snd.una,
                nxt: self.snd.nxt,
                rtt,
                srtt: self.rtt.srtt().unwrap_or_default(),
            });
            true
        };
        if self.snd.flight() == 0 {
            self.timers.stop(Timer::Retransmit);
        } else if restart_timer {
            self.timers.set(Timer::Retransmit, now + self.rtt.rto());
        }
    }

    /// A full acknowledgement ends recovery; a partial one resends the next hole. Says whether the
    /// retransmission timer restarts: for the first partial one alone (RFC 6582, section 3.2, step
    /// 3).
    fn on_ack_in_recovery(&mut self, acked: u32) -> bool {
        if self.snd.una.at_or_after(self.recovery.recover) {
            self.recovery.fast = false;
            self.recovery.resend = None;
            self.congestion.on_recovered(self.snd.flight());
            return true;
        }
        self.congestion.on_partial_ack(acked);
        self.resend_first();
        !core::mem::replace(&mut self.recovery.partial_seen, true)
    }

    /// An acknowledgement that repeats SND.UNA while something is out: RFC 5681, section 3.2.
    /// `sacked` says that it reports text above SND.UNA.
    pub(super) fn on_duplicate_ack(&mut self, sacked: bool, stats: &mut Stats) {
        self.recovery.duplicates = self.recovery.duplicates.saturating_add(1);
        if self.recovery.fast {
            self.congestion.inflate(1);
            return;
        }
        // RFC 6582, section 3.2, step 2: duplicates of what recovery itself sent twice are no loss.
        // At `recover` itself they may be; text reported above it says that they are not.
        let covered = self.snd.una.after(self.recovery.recover)
            || (sacked && self.snd.una == self.recovery.recover);
        if self.recovery.duplicates >= DUPLICATES && covered && self.recovery.resend.is_none() {
            stats.fast_retransmits += 1;
            self.recovery.fast = true;
            self.recovery.partial_seen = false;
            self.recovery.recover = self.snd.nxt;
            self.congestion.on_congestion_event(&self.congested());
            self.congestion.inflate(u32::from(DUPLICATES));
            self.resend_first();
        }
    }

    /// The retransmission timer has expired: RFC 6298, sections 5.4 to 5.7; RFC 5681, section 3.1.
    pub(super) fn on_retransmission_timeout(&mut self, now: Instant, stats: &mut Stats) {
        if !self.state().is_synchronized() {
            return self.on_syn_timeout(now, stats);
        }
        if self.recovery.retries >= self.config.retries {
            self.unreported.abort_on_timeout += 1;
            return self.reset(now, self.timeout_reason());
        }
        stats.timeouts += 1;
        self.congestion.on_rto(&self.congested(), self.recovery.retries == 0);
        self.recovery.retries += 1;
        self.recovery.fast = false;
        self.recovery.duplicates = 0;
        self.recovery.recover = self.snd.nxt;
        self.recovery.resend = Some(Resend { next: self.snd.una, end: self.snd.nxt });
        self.recovery.stop_timing();
        self.rtt.back_off();
        self.timers.set(Timer::Retransmit, now + self.rtt.rto());
    }

    /// The SYN or SYN-ACK is unanswered.
    fn on_syn_timeout(&mut self, now: Instant, stats: &mut Stats) {
        if self.recovery.retries >= self.config.syn_retries {
            return self.fail(now, self.timeout_reason());
        }
        stats.timeouts += 1;
        self.recovery.retries += 1;
        self.recovery.stop_timing();
        self.syn_lost = true;
        self.pending.syn = true;
        self.rtt.back_off();
        self.timers.set(Timer::Retransmit, now + self.rtt.rto());
    }

    /// What is out, at a sign of congestion.
    fn congested(&self) -> Congested {
        Congested { flight: self.snd.flight(), una: self.snd.una, nxt: self.snd.nxt }
    }

    /// Why silence ended the connection: the network may have said.
    pub(super) fn timeout_reason(&self) -> CloseReason {
        if self.soft_error { CloseReason::Unreachable } else { CloseReason::TimedOut }
    }

    /// Puts the first unacknowledged segment up for sending again.
    fn resend_first(&mut self) {
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        let end = if self.snd.flight() > u32::from(self.snd.mss) {
            una + u32::from(self.snd.mss)
        } else {
            nxt
        };
        self.recovery.resend = Some(Resend { next: una, end });
    }

    /// A round trip, by the segment being timed; or by the echoed timestamp, if what was timed had
    /// to be sent again (RFC 7323, section 4.1: only an acknowledgement that advances SND.UNA
    /// counts).
    fn sample_round_trip(&mut self, now: Instant, echo: Option<u32>) -> Option<Duration> {
        let rtt = match self.recovery.timed {
            Some((end, sent)) if self.snd.una.at_or_after(end) => {
                self.recovery.timed = None;
                now.since(sent)
            }
            Some(_) => return None,
            None => self.echoed_round_trip(now, echo)?,
        };
        self.rtt.on_sample(rtt);
        Some(rtt)
    }

    fn echoed_round_trip(&self, now: Instant, echo: Option<u32>) -> Option<Duration> {
        self.timestamps.as_ref()?.round_trip(now, echo?)
    }
}
