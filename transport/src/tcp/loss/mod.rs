//! Loss: what to send again, and when it is known to have arrived.
//!
//! With SACK: RACK-TLP (RFC 8985) says what is lost, proportional rate reduction (RFC 6937) how
//! fast it is mended (`sack`, `probe`). Without: NewReno (RFC 5681, section 3.2; RFC 6582) with
//! limited transmit (RFC 3042), in `new_reno`. On both, a timeout is looked at by F-RTO (RFC 5682),
//! and a recovery that D-SACK shows to have been in vain is undone (`spurious`). Every call to
//! congestion control stands in `hooks`.
//!
//! What is lost is marked on the scoreboard, and only what is marked is sent again.

mod hooks;
mod new_reno;
mod probe;
mod resize;
mod sack;
mod spurious;

use crate::stack::stats::Stats;
use crate::time::{Duration, Instant};
use crate::wire::SeqNumber;

use super::config::Start;
use super::connection::Connection;
use super::event::{CloseReason, Mark};
use super::prr::Prr;
use super::rack::Rack;
use super::scoreboard::Scoreboard;
use super::timers::Timer;
use super::timestamps::{clock, is_older};
pub(super) use probe::LossProbe;
use spurious::{Frto, Undo};

/// What recovery is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// None.
    Open,
    /// Fast recovery: RFC 6582, RFC 6675, RFC 8985.
    Fast,
    /// After a retransmission timeout: RFC 5681, section 3.1.
    Timeout,
}

/// What one acknowledgement tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    /// Numbers newly acknowledged.
    pub(super) acked: u32,
    /// Numbers newly acknowledged or reported: DeliveredData of RFC 6937.
    pub(super) bytes: u32,
    /// Segments that those numbers have left in.
    segments: u32,
    /// Whether any is newly reported by SACK.
    pub(super) sacked: bool,
    /// The highest number newly acknowledged or reported.
    pub(super) highest: Option<SeqNumber>,
    /// A duplicate that it reports: RFC 2883.
    pub(super) dsack: Option<(SeqNumber, SeqNumber)>,
    /// Whether it is a duplicate acknowledgement by RFC 5681, section 2.
    pub(super) duplicate: bool,
    /// Text of the largest segment that has newly arrived.
    largest: u32,
    /// Whether the probe of a larger size has arrived.
    mtu_probe_arrived: bool,
    /// TSecr.
    pub(super) echo: Option<u32>,
    /// The round trip that it tells, if it tells one.
    rtt: Option<Duration>,
}

impl Delivery {
    /// Nothing yet.
    pub(super) fn new(echo: Option<u32>) -> Self {
        Self {
            acked: 0,
            bytes: 0,
            segments: 0,
            sacked: false,
            highest: None,
            dsack: None,
            duplicate: false,
            largest: 0,
            mtu_probe_arrived: false,
            echo,
            rtt: None,
        }
    }
}

/// State of loss recovery.
#[derive(Debug)]
pub(super) struct Recovery {
    /// What recovery is on.
    pub(super) phase: Phase,
    /// What is out, and what became of it.
    pub(super) scoreboard: Scoreboard,
    /// RACK.*.
    pub(super) rack: Rack,
    prr: Prr,
    /// TLP.*.
    pub(super) probe: LossProbe,
    frto: Frto,
    undo: Option<Undo>,
    /// Duplicate acknowledgements in a row; stops at its largest value.
    pub(super) duplicates: u8,
    /// Whether this recovery has seen a partial acknowledgement.
    partial_seen: bool,
    /// RecoveryPoint; `recover` of RFC 6582, section 3.2: what was sent when recovery last began.
    recover: SeqNumber,
    /// Timeouts in a row without progress.
    pub(super) retries: u8,
    /// Reported duplicates of what was sent again.
    pub(super) dsack_dups: u32,
    /// The segment being timed: acknowledged at this number, sent at this time, and only once.
    timed: Option<(SeqNumber, Instant)>,
}

impl Recovery {
    /// Nothing lost yet; `recover` is ISS.
    pub(super) const fn new(start: &Start, resolution: Duration) -> Self {
        let iss = start.isn;
        Self {
            phase: Phase::Open,
            scoreboard: Scoreboard::new(),
            rack: Rack::new(iss, resolution, start.path.reordering),
            prr: Prr::new(),
            probe: LossProbe::new(iss),
            frto: Frto::Off,
            undo: None,
            duplicates: 0,
            partial_seen: false,
            recover: iss,
            retries: 0,
            dsack_dups: 0,
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

    /// What is to be sent again next, unless F-RTO wants to see new text leave first: RFC 5682,
    /// section 3.1, step 2b.
    pub(super) fn next_lost(&self) -> Option<(SeqNumber, SeqNumber)> {
        if self.frto == Frto::Probing { None } else { self.scoreboard.first_lost() }
    }

    /// The peer's window was closed and has opened: what was sent into it after a timeout was
    /// refused, and goes again.
    pub(super) fn on_window_opened(&mut self) {
        if self.phase == Phase::Timeout {
            self.scoreboard.mark_resent_lost();
        }
    }
}

impl Connection {
    /// Pipe of RFC 6675, section 4: numbers believed to be on their way.
    pub(super) fn pipe(&self) -> u32 {
        self.snd.flight().saturating_sub(self.recovery.scoreboard.not_in_pipe())
    }

    /// New text or our FIN has left, from `seq` up to SND.NXT.
    pub(super) fn on_first_sending(&mut self, now: Instant, seq: SeqNumber) {
        let nxt = self.snd.nxt;
        self.recovery.scoreboard.on_sent(seq, nxt, now);
        self.recovery.prr.on_sent(nxt.offset_from(seq));
        self.recovery.time(nxt, now);
        self.timers.set_if_stopped(Timer::Retransmit, now + self.rtt.rto());
        self.recovery.probe.note_last(seq);
        self.schedule_probe(now);
    }

    /// `[seq, end)` has left again.
    pub(super) fn on_resending(
        &mut self,
        now: Instant,
        seq: SeqNumber,
        end: SeqNumber,
        stats: &mut Stats,
    ) {
        let first = seq == self.snd.una;
        self.on_mtu_probe_resent(now, seq, end);
        self.recovery.scoreboard.on_resent(seq, end, now);
        self.recovery.prr.on_sent(end.offset_from(seq));
        self.recovery.stop_timing();
        if let Some(undo) = &mut self.recovery.undo {
            undo.on_resent(end.offset_from(seq));
        }
        if self.recovery.phase == Phase::Fast {
            stats.fast_retransmits += 1;
        }
        // RFC 6675, section 6: the timer guards what was just sent for SND.UNA.
        if first && self.sack_permitted {
            self.timers.set(Timer::Retransmit, now + self.rtt.rto());
        } else {
            self.timers.set_if_stopped(Timer::Retransmit, now + self.rtt.rto());
        }
        if self.recovery.phase == Phase::Fast {
            self.schedule_probe(now);
        }
    }

    /// SND.UNA has advanced over what `delivery.acked` counts: takes it off the scoreboard.
    pub(super) fn deliver_acked(&mut self, now: Instant, delivery: &mut Delivery) {
        let una = self.snd.una;
        self.path_mtu.on_acked(una);
        let echo = delivery.echo;
        self.deliver(now, delivery, echo, |scoreboard, told| scoreboard.acknowledge(una, told));
        delivery.highest = Some(delivery.highest.filter(|it| it.after(una)).unwrap_or(una));
    }

    /// The peer reports `[left, right)`.
    pub(super) fn deliver_sacked(
        &mut self,
        now: Instant,
        delivery: &mut Delivery,
        (left, right): (SeqNumber, SeqNumber),
    ) {
        let before = delivery.bytes;
        self.path_mtu.on_sacked(left, right);
        self.deliver(now, delivery, None, |scoreboard, told| scoreboard.sack(left, right, told));
        delivery.sacked |= delivery.bytes > before;
    }

    /// RFC 8985, section 6.2, steps 2 and 3, for each part that has newly come.
    ///
    /// `echo` tells a retransmission from its original, where SND.UNA has advanced over it. What
    /// SACK reports the peer has kept for later, and its TS.Recent is still that of a segment before
    /// the hole (RFC 7323, section 4.3): taken for the echo of what is reported, it would make every
    /// retransmission behind a hole ambiguous, and a lost one before it could not be found.
    fn deliver(
        &mut self,
        now: Instant,
        delivery: &mut Delivery,
        echo: Option<u32>,
        walk: impl FnOnce(&mut Scoreboard, &mut dyn FnMut(&super::scoreboard::Sent)),
    ) {
        let min_rtt = self.rtt.min_rtt().unwrap_or_default();
        let mss = u32::from(self.snd.mss);
        let mtu_probe = self.mtu_probe();
        let stamp = self.timestamps.as_ref().map(|state| state.offset()).zip(echo);
        let Recovery { scoreboard, rack, .. } = &mut self.recovery;
        walk(scoreboard, &mut |sent| {
            delivery.bytes += sent.len();
            delivery.segments += sent.segments();
            delivery.largest = delivery.largest.max(sent.largest());
            delivery.mtu_probe_arrived |= mtu_probe.is_some_and(|probe| probe.is_whole_in(sent));
            let highest = delivery.highest.filter(|it| it.after(sent.end)).unwrap_or(sent.end);
            delivery.highest = Some(highest);
            let is_ambiguous =
                stamp.is_some_and(|(offset, echo)| is_older(echo, clock(sent.sent_at, offset)));
            rack.on_delivered(now, sent, min_rtt, is_ambiguous, mss);
        });
    }

    /// An acknowledgement has been taken in: what follows for recovery.
    pub(super) fn on_acknowledgement(
        &mut self,
        now: Instant,
        delivery: &mut Delivery,
        stats: &mut Stats,
    ) {
        stats.delivered += u64::from(delivery.segments);
        self.figures.delivered += u64::from(delivery.segments);
        if delivery.acked > 0 {
            let sample = self.sample_round_trip(now, delivery.echo);
            delivery.rtt = sample.or_else(|| self.echoed_round_trip(now, delivery.echo));
            self.recovery.retries = 0;
            self.recovery.duplicates = 0;
        }
        self.on_sizes_delivered(now, delivery.largest, delivery.mtu_probe_arrived, stats);
        if delivery.acked > 0 {
            self.judge_path_on_ack(now, delivery.acked, stats);
        }
        self.look_for_spurious_timeout(now, delivery, stats);
        if self.sack_permitted {
            self.recover_by_sack(now, delivery, stats);
        } else {
            self.recover_by_duplicates(now, delivery, stats);
        }
    }

    /// Our SYN is acknowledged.
    pub(super) fn on_syn_acked(&mut self, now: Instant, echo: Option<u32>) {
        self.sample_round_trip(now, echo);
        self.recovery.retries = 0;
        self.unreported.syns_delivered += 1;
        self.figures.delivered += 1;
        self.restart_retransmission_timer(now);
    }

    /// RFC 6298, sections 5.2 and 5.3. Nothing waits for what is not out.
    fn restart_retransmission_timer(&mut self, now: Instant) {
        if self.snd.flight() == 0 {
            self.timers.stop(Timer::Retransmit);
            self.timers.stop(Timer::Reordering);
            self.put_off_probing();
        } else {
            self.timers.set(Timer::Retransmit, now + self.rtt.rto());
        }
    }

    /// The retransmission timer has expired: RFC 6298, sections 5.4 to 5.7; RFC 5681, section 3.1;
    /// RFC 8985, section 6.3.
    pub(super) fn on_retransmission_timeout(&mut self, now: Instant, stats: &mut Stats) {
        if !self.state().is_synchronized() {
            return self.on_syn_timeout(now, stats);
        }
        if self.recovery.retries >= self.config.retries {
            self.unreported.abort_on_timeout += 1;
            return self.reset(now, self.timeout_reason());
        }
        stats.timeouts += 1;
        self.events.raise(Mark::Overdue);
        self.judge_path_on_timeout(now, stats);
        self.collapse_window(self.recovery.retries == 0);
        self.recovery.retries += 1;
        self.begin_timeout_recovery();
        self.mark_lost_on_timeout(now, stats);
        self.rtt.back_off();
        self.timers.set(Timer::Retransmit, now + self.rtt.rto());
    }

    fn begin_timeout_recovery(&mut self) {
        self.begin_looking_for_spurious_timeout();
        self.recovery.phase = Phase::Timeout;
        self.recovery.duplicates = 0;
        self.recovery.recover = self.snd.nxt;
        self.recovery.undo = Some(Undo::of_timeout());
        self.recovery.stop_timing();
        self.timers.stop(Timer::Reordering);
        self.stop_probing();
    }

    /// The SYN or SYN-ACK is unanswered.
    fn on_syn_timeout(&mut self, now: Instant, stats: &mut Stats) {
        if self.recovery.retries >= self.config.syn_retries {
            return self.fail(now, self.timeout_reason());
        }
        stats.timeouts += 1;
        self.events.raise(Mark::Overdue);
        self.recovery.retries += 1;
        self.recovery.stop_timing();
        self.syn_lost = true;
        self.pending.syn = true;
        self.rtt.back_off();
        self.timers.set(Timer::Retransmit, now + self.rtt.rto());
    }

    /// Why silence ended the connection: the network may have said.
    pub(super) fn timeout_reason(&self) -> CloseReason {
        if self.soft_error { CloseReason::Unreachable } else { CloseReason::TimedOut }
    }

    /// A round trip, by the segment being timed; or by the echoed timestamp, if what was timed had
    /// to be sent again (RFC 7323, section 4.1: only an acknowledgement that advances SND.UNA
    /// counts).
    fn sample_round_trip(&mut self, now: Instant, echo: Option<u32>) -> Option<Duration> {
        let rtt = match self.recovery.timed {
            Some((end, sent)) if self.snd.una.at_or_after(end) => {
                self.recovery.timed = None;
                Some(now.since(sent))
            }
            Some(_) => None,
            None => self.echoed_round_trip(now, echo),
        };
        if let Some(rtt) = rtt {
            self.rtt.on_sample(now, rtt);
            self.recovery.rack.on_round_trip(rtt);
            self.recovery.probe.on_round_trip();
        }
        rtt
    }

    fn echoed_round_trip(&self, now: Instant, echo: Option<u32>) -> Option<Duration> {
        self.timestamps.as_ref()?.round_trip(now, echo?)
    }
}
