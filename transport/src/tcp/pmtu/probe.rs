//! A probe of a larger size: RFC 4821, sections 7.4 to 7.6.
//!
//! A probe is the next text in one larger segment, so nothing is sent that would not have been, and
//! what it carries goes again in smaller ones if it is lost. That it alone was lost is no sign of
//! congestion. Only SACK tells soon and exactly what was lost (section 4), so that there are no
//! probes without it: a size that was lowered lasts as long as the connection then, and new
//! connections begin with the largest again once the stack's record is old.

use crate::stack::stats::Stats;
use crate::time::{Duration, Instant};
use crate::wire::{Options, SeqNumber};

use super::super::connection::Connection;
use super::super::loss::Phase;
use super::super::sequence_len;
use super::RAISED_AFTER;
use super::search::Probe;

/// Segments that have to follow a probe, so that their reports tell at once if it is lost:
/// Tcprexmtthresh of section 7.4, DupThresh of RFC 5681.
const FOLLOWERS: u32 = 3;

/// How much longer the next probe waits after one that a timeout found lost: section 7.6.3.
const TIMEOUT_FACTOR: u32 = 5;

impl Connection {
    /// Says whether the next text is to leave in a probe: section 7.4. Costs nothing while the
    /// largest size is in use.
    pub(in crate::tcp) fn choose_mtu_probe(&mut self, now: Instant) {
        self.path_mtu.search.due = None;
        if self.snd.mss >= self.path_mtu.ceiling || !self.sack_permitted {
            return;
        }
        let Some(size) = self.path_mtu.search.candidate(now, self.snd.mss) else { return };
        if self.may_probe(size) {
            self.path_mtu.search.due = Some(size);
        }
    }

    /// Nothing is lost, and there is text and room for the probe and its followers.
    fn may_probe(&self, size: u16) -> bool {
        let scoreboard = &self.recovery.scoreboard;
        let is_calm = self.recovery.phase == Phase::Open
            && scoreboard.lost() == 0
            && scoreboard.sacked() == 0
            && !self.recovery.probe.due;
        let needed = u32::from(size) + FOLLOWERS * u32::from(self.snd.mss);
        let room = self.unsent().min(self.snd.window_left()).min(self.congestion_left());
        is_calm && self.state().may_send_text() && !self.is_held() && room > needed
    }

    /// Text of the probe that is due.
    pub(in crate::tcp) fn mtu_probe_len(&self, options: &Options) -> Option<u32> {
        let size = self.path_mtu.search.due?;
        Some(u32::from(size).saturating_sub(sequence_len(options.len())))
    }

    /// New text has left; it was the probe, if one was due.
    pub(in crate::tcp) fn note_mtu_probe(&mut self, seq: SeqNumber, end: SeqNumber) {
        let search = &mut self.path_mtu.search;
        if let Some(size) = search.due.take() {
            search.probe = Some(Probe { seq, end, size });
        }
    }

    /// The probe on its way.
    pub(in crate::tcp) const fn mtu_probe(&self) -> Option<Probe> {
        self.path_mtu.search.probe
    }

    /// Segments have arrived; `text` is the largest of them. If one was the probe, its size is in
    /// use from now on.
    pub(in crate::tcp) fn on_sizes_delivered(
        &mut self,
        now: Instant,
        text: u32,
        probe_arrived: bool,
        stats: &mut Stats,
    ) {
        if text > 0 {
            let size = text + self.standing_options(now);
            self.path_mtu.on_delivered(size, self.snd.mss);
            self.path_mtu.suspicion.on_delivered(text);
        }
        let Some(probe) = self.path_mtu.search.probe.filter(|_| probe_arrived) else { return };
        stats.mtup_success += 1;
        self.snd.mss = probe.size;
        self.resize_window();
        self.path_mtu.on_raised(now, probe.size);
    }

    /// Something was found lost, outside recovery. Says whether it is the probe and nothing else:
    /// then it goes again, and that is all.
    pub(in crate::tcp) fn mtu_probe_alone_is_lost(
        &mut self,
        now: Instant,
        stats: &mut Stats,
    ) -> bool {
        let Some(probe) = self.path_mtu.search.probe else { return false };
        let scoreboard = &self.recovery.scoreboard;
        let is_alone = scoreboard.first_lost() == Some((probe.seq, probe.end))
            && scoreboard.lost() == probe.end.offset_from(probe.seq);
        let (in_use, ceiling) = (self.snd.mss, self.path_mtu.ceiling);
        if is_alone {
            stats.mtup_fail += 1;
            let headway = self.headway();
            self.path_mtu.search.on_failure(now, in_use, ceiling, headway);
            self.path_mtu.tell(now, in_use, now + RAISED_AFTER);
        }
        is_alone
    }

    /// `[seq, end)` leaves again. If the probe is in it, it was lost beside others, or is late: that
    /// tells nothing.
    pub(in crate::tcp) fn on_mtu_probe_resent(
        &mut self,
        now: Instant,
        seq: SeqNumber,
        end: SeqNumber,
    ) {
        let overlaps = |probe: Probe| seq.before(probe.end) && probe.seq.before(end);
        if self.path_mtu.search.probe.is_some_and(overlaps) {
            let headway = self.headway();
            self.path_mtu.search.on_inconclusive(now, headway);
        }
    }

    /// The retransmission timer has expired: section 7.6.3. Says whether it was for the probe.
    pub(super) fn time_out_mtu_probe(&mut self, now: Instant, stats: &mut Stats) -> bool {
        let is_first = |probe: &Probe| probe.seq == self.snd.una;
        if self.path_mtu.search.probe.filter(is_first).is_none() {
            return false;
        }
        stats.mtup_fail += 1;
        let (in_use, ceiling) = (self.snd.mss, self.path_mtu.ceiling);
        let headway = self.headway() * TIMEOUT_FACTOR;
        self.path_mtu.search.on_failure(now, in_use, ceiling, headway);
        self.path_mtu.tell(now, in_use, now + RAISED_AFTER);
        true
    }

    /// A router says that the path carries `size`. If it speaks of the probe, the probe goes again at
    /// once in smaller segments, and the search goes on from there. Says whether that was all.
    pub(super) fn take_word_on_probe(
        &mut self,
        now: Instant,
        quoted_seq: SeqNumber,
        size: u16,
        stats: &mut Stats,
    ) -> bool {
        let quoted = |probe: &Probe| probe.seq == quoted_seq && size < probe.size;
        if self.path_mtu.search.probe.filter(quoted).is_none() {
            return false;
        }
        stats.mtup_fail += 1;
        let (in_use, ceiling) = (self.snd.mss, self.path_mtu.ceiling);
        let headway = self.headway();
        self.path_mtu.search.on_too_big(now, size, in_use, ceiling, headway);
        self.path_mtu.tell(now, in_use, now + RAISED_AFTER);
        self.resend_larger(self.text_room(now, in_use));
        size >= in_use
    }

    /// The largest size that is on its way: the one in use, or the probe's.
    pub(super) fn largest_in_use(&self) -> u16 {
        self.path_mtu.search.probe.map_or(self.snd.mss, |probe| probe.size.max(self.snd.mss))
    }

    /// How long a failed probe puts off the next one, so that losses which are not answered for are
    /// rarer than those that are: a round trip for each segment of the window (section 4).
    fn headway(&self) -> Duration {
        let segments = self.congestion.cwnd() / u32::from(self.snd.mss).max(1);
        self.rtt.srtt().unwrap_or_default().saturating_mul(segments.max(1))
    }
}
