//! A path that swallows what is too large, and says nothing: RFC 4821, section 7.7; RFC 2923,
//! section 2.1.
//!
//! From its end a black hole looks like an outage, but that small segments pass: the handshake is
//! complete, and the first full segment is never answered. So when one times out again and again,
//! smaller ones are sent. If it was an outage, the search that begins at once tries the largest size
//! first, and little was lost.

use crate::stack::stats::Stats;
use crate::time::Instant;

use super::super::connection::Connection;
use super::PathMtu;
use super::search::CONVERGED;

/// Timeouts in a row at which a size is given up of which no segment has ever arrived. RFC 4821 names
/// R1 of RFC 9293, three or more; the second comes after some hundred milliseconds, and to be wrong
/// costs no more than a search.
const TIMEOUTS_UNPROVEN: u8 = 2;

/// The same for a size that has passed before: the path must have changed, which is rarer than that a
/// lossy one takes a segment three times.
const TIMEOUTS_PROVEN: u8 = 4;

/// Initial search_low: an MTU that works nearly everywhere. RFC 4821, section 7.2.
const SEARCH_LOW_MTU: u16 = 1_024;

impl PathMtu {
    /// The next step down from `size`: search_low, if that is worth a step; then the floor.
    fn next_below(&self, size: u16) -> Option<u16> {
        let low = self.size_of(SEARCH_LOW_MTU);
        let is_a_step = low.saturating_add(CONVERGED) <= size;
        if is_a_step { Some(low) } else { Some(self.floor).filter(|floor| *floor < size) }
    }
}

impl Connection {
    /// The retransmission timer has expired, for the first segment that is out: what that may say of
    /// the path's MTU. One thing at a time.
    pub(in crate::tcp) fn judge_path_on_timeout(&mut self, now: Instant, stats: &mut Stats) {
        if self.believe_claim(now, stats) || self.time_out_mtu_probe(now, stats) {
            return;
        }
        let is_proven = self.path_mtu.largest_acked >= self.snd.mss;
        let enough = if is_proven { TIMEOUTS_PROVEN } else { TIMEOUTS_UNPROVEN };
        let in_a_row = self.recovery.retries.saturating_add(1);
        if in_a_row >= enough && !self.soft_error {
            self.suspect_black_hole(now, stats);
        }
    }

    /// Goes a step down, if what has timed out was larger than that.
    fn suspect_black_hole(&mut self, now: Instant, stats: &mut Stats) {
        let Some(next) = self.path_mtu.next_below(self.snd.mss) else { return };
        let room = self.text_room(now, next);
        let was_larger = self.recovery.scoreboard.front().is_some_and(|it| it.largest() > room);
        if was_larger {
            stats.pmtu_black_holes += 1;
            self.lower_segment_size(now, next, now);
        }
    }
}
