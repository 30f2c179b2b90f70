//! How much may be in flight: RFC 5681, RFC 6928, RFC 9438, RFC 9406, RFC 3168, RFC 7661.
//!
//! [`CongestionWindow`] keeps cwnd and ssthresh and what every algorithm shares: the initial window,
//! slow start with [`hystart`], the rule that a window which was not used does not grow, the floors.
//! What differs stands behind [`CongestionController`]: [`reno`] and [`cubic`]. Windows grow by bytes
//! acknowledged, never by acknowledgements counted (RFC 3465), so a peer that divides its
//! acknowledgements gains nothing. [`ecn`] says who speaks ECN, [`validation`] whether
//! cwnd was used of late, [`pacer`] when the next segment may leave.
//!
//! Not here: which segments are lost, and when recovery begins and ends; that is decided by
//! [`super::loss`].

mod ack_train;
mod controller;
mod cubic;
mod curve;
mod ecn;
mod hystart;
mod pacer;
mod path;
mod reno;
mod resize;
mod validation;

use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use self::controller::{CongestionController, Controller};
pub(super) use self::ecn::EcnState;
pub(in crate::tcp) use self::hystart::Sign;
use self::hystart::{HyStart, Step};
use self::pacer::{Pacer, Rate};
use self::path::Inheritance;
use self::validation::Validation;
use super::config::Config;

/// ssthresh before any loss: arbitrarily high (RFC 5681, section 3.1).
const UNLIMITED: u32 = u32::MAX;

/// Most segments that one acknowledgement adds in a slow start after the first: RFC 3465, section
/// 2.3.
const SLOW_START_SEGMENTS: u32 = 2;

/// A window whose ssthresh is a guess grows by at least this part of itself in a round trip.
const PROBE_DIVISOR: u32 = 20;

/// Upper bound of cwnd in bytes: no window is larger.
const CWND_MAX: u32 = 1 << 30;

/// An acknowledgement of new data, outside recovery.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct Ack {
    pub(in crate::tcp) now: Instant,
    /// Bytes newly acknowledged.
    pub(in crate::tcp) acked: u32,
    /// SND.UNA, as it is now.
    pub(in crate::tcp) una: SeqNumber,
    /// SND.NXT.
    pub(in crate::tcp) nxt: SeqNumber,
    /// The round trip that this acknowledgement tells, if it tells one.
    pub(in crate::tcp) rtt: Option<Duration>,
    /// SRTT; zero before the first measurement.
    pub(in crate::tcp) srtt: Duration,
}

/// A sign of congestion, and what was out when it came.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct Congested {
    /// FlightSize in bytes.
    pub(in crate::tcp) flight: u32,
    /// SND.UNA.
    pub(in crate::tcp) una: SeqNumber,
    /// SND.NXT.
    pub(in crate::tcp) nxt: SeqNumber,
}

/// What a controller has to know of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    /// cwnd in bytes.
    cwnd: u32,
    /// SMSS in bytes.
    mss: u32,
}

/// cwnd, ssthresh, and how they change.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct CongestionWindow {
    /// Congestion window in bytes.
    cwnd: u32,
    /// Slow start threshold in bytes.
    ssthresh: u32,
    /// SMSS in bytes.
    mss: u32,
    /// Most that was in flight when text last left, in bytes.
    used: u32,
    /// Whether that used up cwnd as it was then: a window that is not used up says nothing about the
    /// path, and does not grow. RFC 9438, section 5.8.
    ///
    /// As it was then: of several acknowledgements that come in one turn each enlarges cwnd, and
    /// text leaves after the last.
    used_up: bool,
    hystart: HyStart,
    /// Whether HyStart++ has ended slow start and nothing was lost since. That end is a guess, and
    /// below what the path carries if other delays feigned a queue; from there the curve of RFC 9438,
    /// section 4.10 would take seconds to grow. So cwnd grows by a twentieth in a round trip, as
    /// Linux has it, until a loss tells.
    is_guessed: bool,
    inheritance: Inheritance,
    controller: Controller,
    validation: Validation,
    pacer: Pacer,
    /// Whether all new text is paced, and not only what follows a pause.
    pacing: bool,
    /// What a window that was not validated is answered for by, in recovery: RFC 7661, section
    /// 4.4.1.
    unvalidated: Option<Unvalidated>,
    /// Up to where what is out has been answered for by a reduction: one a window of data (RFC
    /// 3168, section 6.1.2).
    reduced_to: Option<SeqNumber>,
    /// Whether the peer is to hear that the window was reduced: CWR.
    cwr_due: bool,
    /// Whether the acknowledgement under way reports congestion, and so grows nothing.
    echoed: bool,
    /// What stood before the last reduction, should it prove needless.
    before: Option<Before>,
}

/// What is kept of a connection at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tcp) struct AtRest {
    /// cwnd in bytes.
    cwnd: u32,
    /// ssthresh in bytes.
    ssthresh: u32,
}

/// A loss in the non-validated phase.
#[derive(Clone, Copy, Debug)]
struct Unvalidated {
    /// max(pipeACK, LossFlightSize) in bytes.
    used: u32,
    /// R: bytes sent again.
    resent: u32,
}

/// What a reduction has changed.
#[derive(Clone, Copy, Debug)]
struct Before {
    cwnd: u32,
    ssthresh: u32,
    controller: Controller,
    is_guessed: bool,
    reduced_to: Option<SeqNumber>,
}

impl CongestionWindow {
    /// The initial window: RFC 6928, section 2; one segment if the SYN was lost (RFC 5681, section
    /// 3.1).
    pub(in crate::tcp) fn new(config: &Config, mss: u32, syn_lost: bool) -> Self {
        Self {
            cwnd: if syn_lost { mss } else { initial_window(mss) },
            ssthresh: UNLIMITED,
            mss,
            used: 0,
            used_up: false,
            hystart: HyStart::new(),
            is_guessed: false,
            inheritance: Inheritance::default(),
            controller: Controller::new(config.congestion),
            validation: Validation::new(),
            pacer: Pacer::new(initial_window(mss)),
            pacing: config.pacing,
            unvalidated: None,
            reduced_to: None,
            cwr_due: false,
            echoed: false,
            before: None,
        }
    }

    /// The window of a connection that was at rest, not validated since `since`: kept (RFC 7661,
    /// section 4.3). Congestion avoidance begins anew, from where the window is.
    pub(in crate::tcp) fn restored(
        config: &Config,
        mss: u32,
        kept: AtRest,
        since: Instant,
    ) -> Self {
        let AtRest { cwnd, ssthresh } = kept;
        let validation = Validation::unused(since);
        let mut window = Self { cwnd, ssthresh, validation, ..Self::new(config, mss, false) };
        if ssthresh != UNLIMITED {
            // It may have grown old: slow start up to it goes on under the eyes of HyStart++.
            window.inheritance = Inheritance::of(ssthresh);
            window.controller.on_slow_start_exit(window.window());
        }
        window
    }

    /// For how long, up to `now`, cwnd has not been validated.
    pub(in crate::tcp) fn unvalidated_for(&self, now: Instant) -> Duration {
        self.validation.off_for(now)
    }

    /// What a connection at rest keeps.
    pub(in crate::tcp) const fn at_rest(&self) -> AtRest {
        AtRest { cwnd: self.cwnd, ssthresh: self.ssthresh }
    }

    /// Whether the peer is still to hear of a reduction: CWR.
    pub(in crate::tcp) const fn cwr_due(&self) -> bool {
        self.cwr_due
    }

    /// Takes up what the peer is to hear.
    pub(in crate::tcp) fn owe_cwr(&mut self, due: bool) {
        self.cwr_due = due;
    }

    /// cwnd in bytes.
    pub(in crate::tcp) const fn cwnd(&self) -> u32 {
        self.cwnd
    }

    /// ssthresh in bytes.
    pub(in crate::tcp) const fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    /// New text of so many `bytes` has left; `flight` bytes are out now.
    pub(in crate::tcp) fn on_sent(&mut self, bytes: u32, flight: u32) {
        self.used = flight;
        self.used_up = flight.saturating_add(self.mss) > self.cwnd;
        self.pacer.on_sent(bytes);
    }

    /// Whether a report of congestion by routers is being answered for: what was out when it came is
    /// not acknowledged up to `una` yet.
    pub(in crate::tcp) fn answers_echo(&self, una: SeqNumber) -> bool {
        self.before.is_none() && self.reduced_to.is_some_and(|end| una.before(end))
    }

    /// So many `bytes` have been sent again.
    pub(in crate::tcp) fn on_resent(&mut self, bytes: u32) {
        if let Some(unvalidated) = &mut self.unvalidated {
            unvalidated.resent = unvalidated.resent.saturating_add(bytes);
        }
    }

    /// New data was acknowledged outside recovery. The sign by which that has ended slow start,
    /// if it has.
    pub(in crate::tcp) fn on_ack(&mut self, ack: &Ack) -> Option<Sign> {
        self.reduced_to = self.reduced_to.filter(|end| ack.una.at_or_before(*end));
        let full = self.used_up;
        let round_is_over = self.validation.on_ack(ack);
        let mut sign = None;
        if core::mem::take(&mut self.echoed) {
            self.controller.on_pause(ack.now);
        } else if self.in_slow_start() {
            sign = self.slow_start(ack, full);
        } else if full {
            let growth = self.controller.on_ack(self.window(), ack);
            let least = if self.is_guessed { ack.acked / PROBE_DIVISOR } else { 0 };
            self.grow(growth.max(least));
        } else {
            self.controller.on_pause(ack.now);
        }
        if round_is_over {
            self.validate(ack.now, ack.srtt, full);
        }
        sign
    }

    /// Sending goes on after a pause in which nothing was out. The pause was no time of growth, and
    /// the window is what it was, if it was not too long: RFC 7661, which takes the place of RFC
    /// 5681, section 4.1.
    pub(in crate::tcp) fn on_idle(&mut self, now: Instant, srtt: Duration) {
        self.controller.on_pause(now);
        self.pacer.on_pause(now, initial_window(self.mss));
        self.validate(now, srtt, false);
    }

    /// When the next new segment may leave, if that is later than `now`: RFC 7661, section 4.4.2.
    pub(in crate::tcp) fn next_send(&mut self, now: Instant, srtt: Duration) -> Option<Instant> {
        if !self.pacing && !self.validation.is_off() {
            return None;
        }
        let rate = Rate::of(self.cwnd, self.in_slow_start(), srtt)?;
        Some(self.pacer.next_send(now, rate, self.mss)).filter(|at| *at > now)
    }

    /// Data was lost, as acknowledgements tell: RFC 5681, section 3.2; RFC 9438, section 4.6. Does
    /// nothing if what was out was answered for already.
    pub(in crate::tcp) fn on_congestion_event(&mut self, event: &Congested) {
        self.remember();
        if self.reduced_to.is_some_and(|end| event.una.before(end)) {
            return;
        }
        self.answer_for(event);
        let used = self.used_unvalidated(event.flight);
        self.unvalidated = used.map(|used| Unvalidated { used, resent: 0 });
        let ssthresh = self.reduced(event.flight, used);
        self.ssthresh = ssthresh.max(2 * self.mss);
        self.cwnd = self.ssthresh.min(CWND_MAX);
    }

    /// An acknowledgement up to `event.una` reports that routers on the way were congested: a
    /// reduction as for a loss, once a window of data, but down to one segment. RFC 3168, section
    /// 6.1.2; RFC 9438, section 4.6. Says whether the window was at that already: then the sender
    /// has to wait for its retransmission timer.
    pub(in crate::tcp) fn on_ecn_echo(&mut self, event: &Congested) -> bool {
        self.echoed = true;
        // The segment with CWR begins where the last reduction ended: an echo up to there is old.
        if self.reduced_to.is_some_and(|end| event.una.at_or_before(end)) {
            return false;
        }
        let was_least = self.cwnd <= self.mss;
        self.answer_for(event);
        // What routers have said is never needless: nothing from before it comes back.
        self.before = None;
        let used = self.used_unvalidated(event.flight);
        let ssthresh = self.reduced(event.flight, used);
        self.cwnd = ssthresh.clamp(self.mss, CWND_MAX);
        self.ssthresh = self.cwnd.max(2 * self.mss);
        self.validation.reset();
        was_least
    }

    /// Whether the next new segment tells the peer of a reduction; it is told once.
    pub(in crate::tcp) fn take_cwr(&mut self) -> bool {
        core::mem::take(&mut self.cwr_due)
    }

    /// A retransmission timeout: RFC 5681, section 3.1; RFC 9438, section 4.8. Only the `first` of a
    /// segment lowers ssthresh; in a window of data that was answered for already it lowers what that
    /// left (RFC 5681, section 4.3: the loss of a retransmission is a second sign of congestion).
    pub(in crate::tcp) fn on_rto(&mut self, event: &Congested, first: bool) {
        if first {
            let again = self.reduced_to.is_some_and(|end| event.una.before(end));
            let flight = if again { event.flight.min(self.ssthresh) } else { event.flight };
            self.remember();
            self.answer_for(event);
            let ssthresh = self.controller.on_rto(self.window(), flight);
            self.ssthresh = ssthresh.max(2 * self.mss);
        }
        self.cwnd = self.mss;
        self.unvalidated = None;
        self.validation.reset();
    }

    /// The last reduction was needless: what it changed is as before, unless cwnd has passed that
    /// since. RFC 9438, section 4.9.
    pub(in crate::tcp) fn undo(&mut self, now: Instant) {
        self.unvalidated = None;
        let Some(before) = self.before.take().filter(|before| self.cwnd < before.cwnd) else {
            return;
        };
        self.cwnd = before.cwnd;
        self.ssthresh = before.ssthresh;
        self.controller = before.controller;
        self.is_guessed = before.is_guessed;
        self.reduced_to = before.reduced_to;
        self.controller.on_pause(now);
    }

    /// Window inflation of fast recovery: so much has left the network. RFC 5681, section 3.2,
    /// steps 3 and 4.
    pub(in crate::tcp) fn inflate(&mut self, segments: u32) {
        self.grow(segments * self.mss);
    }

    /// A partial acknowledgement deflates: RFC 6582, section 3.2, step 3.
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
        if let Some(Unvalidated { used, resent }) = self.unvalidated.take() {
            self.ssthresh = (used.saturating_sub(resent) / 2).max(2 * self.mss);
        }
        self.validation.reset();
        self.cwnd = self.ssthresh.min(flight.max(self.mss).saturating_add(self.mss));
    }

    /// cwnd, for as long as recovery itself decides: RFC 6937, RFC 5682.
    pub(in crate::tcp) fn set_cwnd(&mut self, bytes: u32) {
        self.cwnd = bytes.clamp(self.mss, CWND_MAX);
    }

    /// Slow start: RFC 5681, section 3.1; the first one of a connection by RFC 9406. Later ones end
    /// at the ssthresh that a loss has found. The sign by which it has ended, if it has.
    fn slow_start(&mut self, ack: &Ack, full: bool) -> Option<Sign> {
        let round_end = self.round_end(ack, full);
        let limit = if self.is_first_slow_start() {
            match self.hystart.on_ack(ack, round_end, self.pacing) {
                Step::Grow { divisor, .. } if self.pacing => (ack.acked / divisor, u32::MAX),
                Step::Grow { divisor, segments } => (ack.acked / divisor, segments),
                Step::Done(sign) => {
                    self.leave_slow_start();
                    return Some(sign);
                }
            }
        } else {
            (ack.acked, SLOW_START_SEGMENTS)
        };
        let (acked, segments) = limit;
        let validated = !self.validation.is_off() && self.used >= self.cwnd / 2;
        if full || validated {
            self.grow(acked.min(segments.saturating_mul(self.mss)));
        }
        None
    }

    /// The last number of a round of slow start that begins with this acknowledgement: what has left,
    /// or will leave for acknowledgements that came before it in this turn. Were that left out, the
    /// next round would begin within the burst of this one.
    fn round_end(&self, ack: &Ack, full: bool) -> SeqNumber {
        let owed = ack.una + self.cwnd.saturating_sub(ack.acked);
        if full && owed.after(ack.nxt) { owed } else { ack.nxt }
    }

    /// The delay has grown: the path is about full. RFC 9406, section 4.2; RFC 9438, section 4.10.
    fn leave_slow_start(&mut self) {
        self.ssthresh = self.cwnd;
        self.is_guessed = true;
        self.controller.on_slow_start_exit(self.window());
    }

    /// Judges whether the window was used of late, and takes back half of one that was not for too
    /// long: RFC 7661, section 4.4.3.
    fn validate(&mut self, now: Instant, srtt: Duration, full: bool) {
        let (cwnd, mss) = (self.cwnd, self.mss);
        let ended = self.validation.take_periods(now);
        self.validation.judge(now, srtt, cwnd, mss, full);
        let periods = ended.max(self.validation.take_periods(now));
        for _ in 0..periods.min(u32::BITS) {
            self.ssthresh = self.ssthresh.max(self.cwnd / 4 * 3);
            self.cwnd = self.cwnd.min((self.cwnd / 2).max(initial_window(mss)));
        }
    }

    /// What a window that is not validated was really used for: max(pipeACK, LossFlightSize).
    fn used_unvalidated(&self, flight: u32) -> Option<u32> {
        let pipe_ack = self.validation.pipe_ack().filter(|_| self.validation.is_off())?;
        Some(pipe_ack.max(flight))
    }

    /// ssthresh after congestion: the algorithm's, or half of what was really used.
    fn reduced(&mut self, flight: u32, used: Option<u32>) -> u32 {
        let ssthresh = self.controller.on_congestion_event(self.window(), flight);
        used.map_or(ssthresh, |used| used / 2)
    }

    fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    const fn window(&self) -> Window {
        Window { cwnd: self.cwnd, mss: self.mss }
    }

    /// Keeps what a reduction is about to change.
    fn remember(&mut self) {
        let Self { cwnd, ssthresh, controller, is_guessed, reduced_to, .. } = *self;
        self.before = Some(Before { cwnd, ssthresh, controller, is_guessed, reduced_to });
    }

    /// All that is out is answered for by the reduction that follows, and the peer is to hear of it.
    fn answer_for(&mut self, event: &Congested) {
        self.reduced_to = Some(event.nxt);
        self.cwr_due = true;
        self.is_guessed = false;
        self.inheritance.on_reduction();
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
mod tests;
