//! Recovery with SACK: RFC 8985, section 6.2, for what is lost; RFC 6937 for how fast it is mended.
//!
//! Every hole that RACK has marked is sent again as the window allows, so that one round trip mends
//! many; a retransmission that is lost is found in the same way as an original, without a timeout.

use crate::stack::stats::Stats;
use crate::time::{Duration, Instant};

use super::super::connection::Connection;
use super::super::prr::{Progress, Prr};
use super::super::rack::Path;
use super::super::scoreboard::{Status, Verdict};
use super::super::timers::Timer;
use super::new_reno::DUPLICATES;
use super::spurious::Undo;
use super::{Delivery, Phase, Recovery};

impl Connection {
    pub(super) fn recover_by_sack(&mut self, now: Instant, delivery: &Delivery, stats: &mut Stats) {
        if delivery.sacked {
            self.recovery.duplicates = self.recovery.duplicates.saturating_add(1);
        }
        if delivery.acked > 0 {
            self.restart_retransmission_timer(now);
        }
        self.judge_probe(delivery, stats);
        self.judge_duplicate(now, delivery, stats);
        let was_reducing = self.recovery.phase == Phase::Fast;
        self.end_recovery_if_over();
        let found = self.detect_losses(now, stats);
        if found {
            self.answer_loss(now, delivery.bytes, stats);
        }
        if self.recovery.phase == Phase::Fast {
            self.reduce_proportionally(delivery.bytes, delivery.acked > 0 && !found);
        } else if delivery.acked > 0 && !was_reducing {
            self.grow_window(now, delivery, stats);
        }
        if delivery.acked > 0 || delivery.sacked {
            self.schedule_probe(now);
        }
    }

    /// The reordering timer has expired: RFC 8985, section 6.2, step 5.
    pub(in crate::tcp) fn on_reordering_timeout(&mut self, now: Instant, stats: &mut Stats) {
        let found = self.detect_losses(now, stats);
        if found {
            self.answer_loss(now, 0, stats);
        }
        if self.recovery.phase == Phase::Fast {
            self.reduce_proportionally(0, false);
        }
    }

    /// RACK_detect_loss_and_arm_timer(). Says whether more is lost than before.
    fn detect_losses(&mut self, now: Instant, stats: &mut Stats) -> bool {
        let window = self.reordering_window();
        let Recovery { scoreboard, rack, .. } = &mut self.recovery;
        // Originals left in the order of their numbers: after the first that nothing sent later has
        // overtaken there is nothing to find.
        let only_originals = scoreboard.resent() == 0;
        let mut wait_until: Option<Instant> = None;
        let found = scoreboard.judge(|sent| match rack.lost_at(sent, window) {
            Some(at) if at <= now => {
                stats.lost_retransmit += u64::from(sent.resent);
                Verdict::Lost
            }
            Some(at) => {
                wait_until = Some(wait_until.map_or(at, |until| until.max(at)));
                Verdict::InFlight
            }
            None if only_originals => Verdict::AndAllBeyond,
            None => Verdict::InFlight,
        });
        match wait_until {
            Some(until) => self.timers.set(Timer::Reordering, until),
            None => self.timers.stop(Timer::Reordering),
        }
        found
    }

    /// RACK.reo_wnd as things stand.
    fn reordering_window(&self) -> Duration {
        let mss = u32::from(self.snd.mss);
        let min_rtt = self.rtt.min_rtt().unwrap_or_default();
        self.recovery.rack.window(&Path {
            in_recovery: self.recovery.phase != Phase::Open,
            many_sacked: self.recovery.duplicates >= DUPLICATES
                || self.recovery.scoreboard.sacked() > 2 * mss,
            min_rtt,
            srtt: self.rtt.srtt().unwrap_or(min_rtt),
        })
    }

    /// Something was found lost: that begins a recovery, unless it is a probe of a larger size alone
    /// (RFC 4821, section 7.6.2).
    fn answer_loss(&mut self, now: Instant, delivered: u32, stats: &mut Stats) {
        if self.recovery.phase == Phase::Open && !self.mtu_probe_alone_is_lost(now, stats) {
            self.begin_fast_recovery(delivered, stats);
        }
    }

    /// `delivered` is what the acknowledgement that began it has brought.
    fn begin_fast_recovery(&mut self, delivered: u32, stats: &mut Stats) {
        stats.sack_recovery += 1;
        self.recovery.phase = Phase::Fast;
        self.recovery.recover = self.snd.nxt;
        self.recovery.undo = Some(Undo::of_fast_recovery());
        let sacked = self.recovery.scoreboard.sacked();
        self.recovery.prr = Prr::begin(self.snd.flight(), sacked, delivered);
        self.stop_probing();
        self.reduce_window();
    }

    /// RFC 6937, section 3: cwnd for the time of recovery.
    fn reduce_proportionally(&mut self, delivered: u32, is_safe: bool) {
        let pipe = self.pipe();
        let mss = u32::from(self.snd.mss);
        let ssthresh = self.congestion.ssthresh();
        let progress = Progress { delivered, pipe, ssthresh, mss, is_safe };
        let allowed = self.recovery.prr.on_ack(&progress);
        // Without a segment on its way nothing would ask for the next.
        let least = if pipe == 0 { mss } else { 0 };
        self.set_window_to(pipe.saturating_add(allowed.max(least)));
    }

    /// Everything that was out when recovery began has arrived: RFC 6675, section 5, step A.
    fn end_recovery_if_over(&mut self) {
        if self.snd.una.before(self.recovery.recover) {
            return;
        }
        match self.recovery.phase {
            Phase::Open => return,
            Phase::Fast => self.settle_window_at_target(),
            Phase::Timeout => {}
        }
        self.recovery.phase = Phase::Open;
        self.recovery.rack.on_recovered();
    }

    /// What a timeout says of what is out: with SACK by RFC 8985, section 6.3; everything without.
    ///
    /// A peer that reports the very text which it does not acknowledge has taken its reports back
    /// (RFC 2018, section 8).
    pub(super) fn mark_lost_on_timeout(&mut self, now: Instant, stats: &mut Stats) {
        let is_reneging =
            self.recovery.scoreboard.front().is_some_and(|it| it.status == Status::Sacked);
        if is_reneging {
            stats.sack_reneging += 1;
            self.recovery.scoreboard.forget_sacked();
        }
        let by_time = self.sack_permitted && !is_reneging;
        let window = self.reordering_window();
        let una = self.snd.una;
        let Recovery { scoreboard, rack, .. } = &mut self.recovery;
        scoreboard.judge(|sent| {
            let is_lost = !by_time || sent.seq == una || rack.is_overdue(now, sent, window);
            if is_lost { Verdict::Lost } else { Verdict::InFlight }
        });
    }
}
