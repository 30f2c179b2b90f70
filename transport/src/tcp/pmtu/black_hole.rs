//! A path that swallows what is too large, and says nothing: RFC 4821, section 7.7; RFC 8899, section
//! 4.3; RFC 2923, section 2.1.
//!
//! From its end a black hole looks like an outage or a congested path, but that small segments pass
//! and large ones never do. So a timeout alone proves nothing, however often it comes: what has timed
//! out twice goes again in a smaller segment, the *trial*, while the size in use stays. In an outage
//! no trial is answered. On a congested path a large segment arrives sooner or later, and all that
//! was held against its size is forgotten. If trials are answered and large segments time out before
//! and after them, size is what matters, and the trial's is in use from then on.
//!
//! If that was wrong nevertheless, the search that begins at once tries the largest size first.

use crate::stack::stats::Stats;
use crate::time::Instant;

use super::super::connection::Connection;
use super::PathMtu;
use super::search::CONVERGED;

/// Timeouts from which on trials are sent. The first is mostly one of congestion, and a smaller
/// segment is one more for the same text.
const TIMEOUTS_TO_TRIAL: u8 = 2;

/// Timeouts at which a size is given up of which no segment has ever arrived: R1 of RFC 9293, at
/// least three, by section 7.7. It is more than [`TIMEOUTS_TO_TRIAL`], so that some have come after
/// answered trials, and an outage is over by then.
const TIMEOUTS_UNPROVEN: u8 = 5;

/// The same for a size that has passed before: the path must have changed, which is rarer than that
/// a crowded one takes a segment three times. A queue that is always full can lock a flow out for
/// longer than chance would have it, and lets a small segment in where a large one does not fit. A
/// hole is found 3 s after it has opened nevertheless, for answered trials keep RTO short.
const TIMEOUTS_PROVEN: u8 = 10;

/// Initial search_low: an MTU that works nearly everywhere. RFC 4821, section 7.2.
const SEARCH_LOW_MTU: u16 = 1_024;

/// What is held against the size in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Suspicion {
    /// Timeouts of large segments since one as large as the largest of them has arrived.
    timeouts: u8,
    /// Text of the largest of them. What is less may pass, and says nothing of it.
    text: u16,
    /// Size of the trial on its way, or that is to leave; 0 without one.
    trial: u16,
    /// Whether another of its size, from the same number, was lost before it.
    is_repeat: bool,
    /// Size of the last trial that was answered; 0 before one was.
    answered: u16,
}

impl Suspicion {
    /// A segment with so much text has arrived.
    pub(super) fn on_delivered(&mut self, text: u32) {
        if self.timeouts > 0 && text >= u32::from(self.text) {
            *self = Self::default();
        }
    }

    /// A large segment, with so much text, has timed out.
    fn on_timeout(&mut self, text: u32) {
        let text = u16::try_from(text).unwrap_or(u16::MAX);
        self.text = self.text.max(text);
        self.timeouts = self.timeouts.saturating_add(1);
    }
}

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
        let unanswered = core::mem::take(&mut self.path_mtu.suspicion.trial);
        if self.believe_claim(now, stats) || self.time_out_mtu_probe(now, stats) || self.soft_error
        {
            return;
        }
        if unanswered > 0 {
            // An outage; or the path carries even less.
            let next = self.path_mtu.next_below(unanswered);
            let suspicion = &mut self.path_mtu.suspicion;
            suspicion.trial = next.unwrap_or(unanswered);
            suspicion.is_repeat = next.is_none();
            return;
        }
        let text = self.recovery.scoreboard.front().map_or(0, |it| it.largest());
        let size = u16::try_from(text + self.standing_options(now)).unwrap_or(u16::MAX);
        let Some(next) = self.path_mtu.next_below(size.min(self.snd.mss)) else { return };
        let suspicion = &mut self.path_mtu.suspicion;
        suspicion.on_timeout(text);
        if suspicion.timeouts >= TIMEOUTS_TO_TRIAL {
            let is_usable = suspicion.answered > 0 && suspicion.answered < size;
            suspicion.trial = if is_usable { suspicion.answered } else { next };
            suspicion.is_repeat = false;
        }
    }

    /// SND.UNA has advanced by `acked`. If a trial was on its way, and that is no more than it, it
    /// is answered; it may be one too many for the size in use.
    pub(in crate::tcp) fn judge_path_on_ack(
        &mut self,
        now: Instant,
        acked: u32,
        stats: &mut Stats,
    ) {
        let trial = core::mem::take(&mut self.path_mtu.suspicion.trial);
        if trial == 0 {
            return;
        }
        let room = self.text_room(now, trial);
        if acked > room {
            // More than was in the trial: the large segment was late, or what follows had come before.
            return;
        }
        self.path_mtu.suspicion.answered = trial;
        let Suspicion { timeouts, text, is_repeat, .. } = self.path_mtu.suspicion;
        if !is_repeat && self.timestamps.is_none() {
            // It ends where nothing else did: no retransmission is ambiguous that is cut anew, and
            // RTO need not stay backed off (Karn's rule, RFC 6298, section 3).
            self.rtt.on_sample(now, now.since(self.text_sent_at));
        }
        let size = u32::from(text) + self.standing_options(now);
        let is_proven = u32::from(self.path_mtu.largest_acked) >= size;
        let enough = if is_proven { TIMEOUTS_PROVEN } else { TIMEOUTS_UNPROVEN };
        if timeouts >= enough {
            stats.pmtu_black_holes += 1;
            self.lower_segment_size(now, trial, now);
            self.recovery.scoreboard.mark_larger_lost(room);
        }
    }

    /// Whether a trial is on its way, or to leave next: nothing else leaves again meanwhile, so that
    /// its answer speaks of it alone.
    pub(in crate::tcp) const fn is_mtu_trial_out(&self) -> bool {
        self.path_mtu.suspicion.trial > 0
    }

    /// Room for text in the first segment that is out, if it goes again, where a segment of the size
    /// in use has `room`.
    pub(in crate::tcp) fn first_room(&self, room: u32) -> u32 {
        match self.path_mtu.suspicion.trial {
            0 => room,
            trial => room.saturating_sub(u32::from(self.snd.mss.saturating_sub(trial))).max(1),
        }
    }
}
