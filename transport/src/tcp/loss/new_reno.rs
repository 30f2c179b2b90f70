//! Recovery without SACK: RFC 5681, section 3.2; RFC 6582; limited transmit of RFC 3042.
//!
//! A third duplicate acknowledgement resends the first unacknowledged segment and no more, each
//! partial acknowledgement the next: one hole a round trip, for nobody says where the others are.

use crate::stack::stats::Stats;
use crate::time::Instant;

use super::super::connection::Connection;
use super::spurious::Undo;
use super::{Delivery, Phase, Recovery};

/// Duplicates that mean a loss: RFC 5681, section 3.2.
pub(super) const DUPLICATES: u8 = 3;

impl Connection {
    /// Segments beyond cwnd that the first two duplicates allow: RFC 3042. With SACK what was
    /// reported has left the pipe, which makes the same room.
    pub(in crate::tcp) fn limited_transmit(&self) -> u32 {
        let Recovery { phase, scoreboard, duplicates, .. } = &self.recovery;
        let waiting = !self.sack_permitted && *phase != Phase::Fast && scoreboard.lost() == 0;
        if waiting { u32::from((*duplicates).min(2)) } else { 0 }
    }

    pub(super) fn recover_by_duplicates(
        &mut self,
        now: Instant,
        delivery: &Delivery,
        stats: &mut Stats,
    ) {
        if delivery.acked > 0 {
            let restart_timer = self.on_progress_without_sack(now, delivery, stats);
            if restart_timer || self.snd.flight() == 0 {
                self.restart_retransmission_timer(now);
            }
        } else if delivery.duplicate {
            self.on_duplicate_ack(stats);
        }
    }

    /// Says whether the retransmission timer restarts.
    fn on_progress_without_sack(
        &mut self,
        now: Instant,
        delivery: &Delivery,
        stats: &mut Stats,
    ) -> bool {
        if self.recovery.phase == Phase::Fast {
            return self.on_ack_in_recovery(delivery.acked);
        }
        let Recovery { phase, recover, .. } = &mut self.recovery;
        if self.snd.una.at_or_after(*recover) {
            *phase = Phase::Open;
        }
        // It follows behind, or 2^31 numbers later it would seem to lie ahead.
        if self.snd.una.after(*recover) {
            *recover = self.snd.una - 1;
        }
        self.grow_window(now, delivery, stats);
        true
    }

    /// A full acknowledgement ends recovery; a partial one resends the next hole. Says whether the
    /// retransmission timer restarts: for the first partial one alone (RFC 6582, section 3.2, step
    /// 3).
    fn on_ack_in_recovery(&mut self, acked: u32) -> bool {
        if self.snd.una.at_or_after(self.recovery.recover) {
            self.recovery.phase = Phase::Open;
            self.recovery.scoreboard.unmark_lost();
            self.settle_window();
            return true;
        }
        self.congestion.on_partial_ack(acked);
        self.mark_first_lost();
        !core::mem::replace(&mut self.recovery.partial_seen, true)
    }

    /// An acknowledgement that repeats SND.UNA while something is out.
    fn on_duplicate_ack(&mut self, stats: &mut Stats) {
        self.recovery.duplicates = self.recovery.duplicates.saturating_add(1);
        if self.recovery.phase == Phase::Fast {
            self.congestion.inflate(1);
            return;
        }
        // RFC 6582, section 3.2, step 2: duplicates of what recovery itself sent twice are no loss.
        let covered = self.snd.una.after(self.recovery.recover);
        let waiting = self.recovery.scoreboard.lost() == 0;
        if self.recovery.duplicates >= DUPLICATES && covered && waiting {
            stats.reno_recovery += 1;
            self.recovery.phase = Phase::Fast;
            self.recovery.partial_seen = false;
            self.recovery.recover = self.snd.nxt;
            self.recovery.undo = Some(Undo::of_fast_recovery());
            self.reduce_window();
            self.congestion.inflate(u32::from(DUPLICATES));
            self.mark_first_lost();
        }
    }

    /// Puts the first unacknowledged segment up for sending again: as much as left in one, which with
    /// options is less than SMSS.
    fn mark_first_lost(&mut self) {
        let scoreboard = &mut self.recovery.scoreboard;
        let segment = scoreboard.front().map_or(0, |front| front.segment.min(self.snd.mss));
        let numbers = u32::from(segment).min(self.snd.flight());
        scoreboard.mark_front_lost(self.snd.una + numbers);
    }
}
