//! Recoveries that were in vain: F-RTO (RFC 5682) for timeouts, D-SACK (RFC 2883; RFC 3708) for
//! both kinds.

use crate::stack::stats::Stats;
use crate::time::Instant;

use super::super::connection::Connection;
use super::{Delivery, Phase};

/// Where F-RTO stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frto {
    /// It is not asked, or has its answer.
    Off,
    /// Step 2: the first segment has left again.
    Waiting,
    /// Step 3: new text has left, what is marked lost waits.
    Probing,
}

/// What has to be shown for the last recovery to have been in vain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Undo {
    /// Whether it began with a timeout.
    of_timeout: bool,
    /// Whether it has sent anything again.
    resent_any: bool,
    /// Numbers that it has sent again, and that were not reported as duplicates.
    unreported: u32,
}

impl Undo {
    pub(super) const fn of_timeout() -> Self {
        Self { of_timeout: true, resent_any: false, unreported: 0 }
    }

    pub(super) const fn of_fast_recovery() -> Self {
        Self { of_timeout: false, resent_any: false, unreported: 0 }
    }

    /// `numbers` have left again.
    pub(super) fn on_resent(&mut self, numbers: u32) {
        self.resent_any = true;
        self.unreported = self.unreported.saturating_add(numbers);
    }

    /// A duplicate of `numbers` was reported. Says whether that accounts for everything.
    fn on_dsack(&mut self, numbers: u32) -> bool {
        self.unreported = self.unreported.saturating_sub(numbers);
        self.resent_any && self.unreported == 0
    }
}

impl Connection {
    /// Step 1. Not within another recovery; but again if the timer expires again before any answer.
    pub(super) fn begin_looking_for_spurious_timeout(&mut self) {
        let fresh = self.recovery.phase == Phase::Open || self.recovery.frto == Frto::Waiting;
        self.recovery.frto = if fresh { Frto::Waiting } else { Frto::Off };
    }

    /// Steps 2 and 3: RFC 5682, section 3.1; without SACK 2.1.
    pub(super) fn look_for_spurious_timeout(
        &mut self,
        now: Instant,
        delivery: &Delivery,
        stats: &mut Stats,
    ) {
        match self.recovery.frto {
            Frto::Off => {}
            Frto::Waiting if delivery.acked > 0 => self.send_new_text_first(),
            Frto::Waiting => {
                if delivery.duplicate && !self.sack_permitted {
                    self.recovery.frto = Frto::Off;
                }
            }
            Frto::Probing => self.judge_timeout(now, delivery, stats),
        }
    }

    /// Step 2: if the answer to the retransmission covers it and not all that is out, new text
    /// leaves next, if there is any and it may.
    fn send_new_text_first(&mut self) {
        let partial = self.snd.una.before(self.recovery.recover);
        // An answer inside the retransmission does not cover it.
        let covers = self.recovery.scoreboard.resent() == 0;
        let full = u32::from(self.snd.mss);
        let can_send = self.state().may_send_text()
            && self.snd.window_left() >= full
            && self.unsent() >= if self.config.nagle { full } else { 1 };
        if partial && covers && can_send {
            self.recovery.frto = Frto::Probing;
            self.recovery.recover = self.snd.nxt;
        } else {
            self.recovery.frto = Frto::Off;
        }
    }

    /// Step 3: what comes next tells whether originals are still arriving.
    fn judge_timeout(&mut self, now: Instant, delivery: &Delivery, stats: &mut Stats) {
        let is_duplicate = delivery.duplicate && delivery.bytes == 0;
        if delivery.bytes == 0 && !is_duplicate {
            return;
        }
        self.recovery.frto = Frto::Off;
        let beyond = delivery.highest.is_some_and(|it| it.after(self.recovery.recover));
        if is_duplicate || beyond {
            let three = 3 * u32::from(self.snd.mss);
            return self.set_window_to(self.congestion.cwnd().min(three));
        }
        stats.spurious_rtos += 1;
        self.undo_recovery(now);
    }

    /// The peer reports a duplicate: the window for reordering is too narrow, or all that was sent
    /// again was not lost.
    ///
    /// More reports than there were retransmissions are the network's copies, or lies.
    pub(super) fn judge_duplicate(&mut self, now: Instant, delivery: &Delivery, stats: &mut Stats) {
        let Some((left, right)) = delivery.dsack else { return };
        if left.before(self.snd.una) {
            stats.dsack_recv += 1;
        } else {
            stats.dsack_ofo_recv += 1;
        }
        if u64::from(self.recovery.dsack_dups) >= self.figures.total_retrans {
            return;
        }
        self.recovery.dsack_dups += 1;
        self.recovery.rack.on_dsack(self.snd.una, self.snd.nxt);
        let Some(undo) = &mut self.recovery.undo else { return };
        if !undo.on_dsack(right.offset_from(left)) {
            return;
        }
        if undo.of_timeout {
            stats.loss_undo += 1;
        } else {
            stats.full_undo += 1;
            self.recovery.rack.on_spurious_recovery();
        }
        self.undo_recovery(now);
    }

    /// What the last recovery has changed is as before, and nothing is lost that it took for lost.
    fn undo_recovery(&mut self, now: Instant) {
        self.recovery.undo = None;
        self.recovery.frto = Frto::Off;
        self.recovery.phase = Phase::Open;
        self.recovery.duplicates = 0;
        self.recovery.recover = self.snd.una;
        self.recovery.scoreboard.unmark_lost();
        self.recovery.rack.forget_resent();
        self.restore_window(now);
    }
}
