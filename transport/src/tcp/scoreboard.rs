//! What has been sent and is not acknowledged: when each part last left, and what became of it.
//!
//! RFC 6675, sections 3 and 4; the per-segment variables of RFC 8985, section 5.2. A list of
//! records in the order of their numbers, without gaps from SND.UNA to SND.NXT. Segments that left
//! at one instant share a record, which is cut where an acknowledgement or a retransmission cuts
//! it; what the peer reports by SACK joins its neighbours, so that a range is one record.
//!
//! SACK is advice: nothing here frees a byte, and what is reported can be taken back
//! ([`Scoreboard::forget_sacked`]).
//!
//! Bounds: at most [`RANGES_MIN`] reported ranges, or one for each [`RANGE_BYTES`] that are out, up
//! to [`RANGES_MAX`]; a report of one more is ignored, and comes again with a later acknowledgement.
//! At most [`RECORDS_MAX`] records by sending; further segments share the last.
//!
//! Not here: which part is lost ([`super::rack`], [`super::loss`]).

use std::collections::VecDeque;

use crate::time::Instant;
use crate::wire::SeqNumber;

/// Separate ranges that the peer's reports may make, however little is out.
pub(super) const RANGES_MIN: usize = 64;

/// Bytes out that allow a further range: two of the smallest full segments that paths of today
/// carry, one lost and one reported. A range that is not noted is taken for lost, and sent again for
/// nothing.
const RANGE_BYTES: u32 = 1_024;

/// Most separate ranges: each may cut a record in three.
const RANGES_MAX: usize = 4_096;

/// Most records made by sending: 384 KiB of memory, for a window of 24 MB in full segments.
const RECORDS_MAX: usize = 16_384;

/// What is known of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Believed to be on its way.
    InFlight,
    /// Reported by SACK.
    Sacked,
    /// Taken for lost, and to be sent again.
    Lost,
}

/// A part of what was sent: `[seq, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) seq: SeqNumber,
    /// Segment.end_seq.
    pub(super) end: SeqNumber,
    /// Segment.xmit_ts: when it left last.
    pub(super) sent_at: Instant,
    pub(super) status: Status,
    /// Segment.retransmitted.
    pub(super) resent: bool,
    /// Numbers in each of its segments, the last of which may be shorter.
    pub(super) segment: u16,
}

impl Sent {
    /// Numbers that it spans.
    pub(super) fn len(&self) -> u32 {
        self.end.offset_from(self.seq)
    }

    /// Numbers in the largest segment that lies in it whole.
    pub(super) fn largest(&self) -> u32 {
        self.len().min(u32::from(self.segment))
    }

    /// Segments that it has left in; one of which a part is here counts whole.
    pub(super) fn segments(&self) -> u32 {
        self.len().div_ceil(u32::from(self.segment))
    }

    /// Whether a segment from its end on can share the record: segments of one size do, and a
    /// shorter one behind them.
    fn is_continued_by(&self, numbers: u32) -> bool {
        let segment = u32::from(self.segment);
        numbers <= segment && self.len().is_multiple_of(segment)
    }
}

/// The size of a segment that spans `[seq, end)`. No packet is longer than 64 KiB.
fn size_of_segment(seq: SeqNumber, end: SeqNumber) -> u16 {
    u16::try_from(end.offset_from(seq)).unwrap_or(u16::MAX).max(1)
}

/// What a judge says of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays in flight.
    InFlight,
    /// It is lost.
    Lost,
    /// It stays in flight, and so does everything after it.
    AndAllBeyond,
}

/// The records, and sums over them.
#[derive(Debug)]
pub(super) struct Scoreboard {
    sent: VecDeque<Sent>,
    /// Numbers reported by SACK.
    sacked: u32,
    /// Numbers taken for lost and not sent again yet.
    lost: u32,
    /// Numbers sent again that are believed to be on their way.
    resent: u32,
    /// Records that are `Sacked`.
    ranges: usize,
}

impl Scoreboard {
    /// Nothing sent, no memory.
    pub(super) const fn new() -> Self {
        Self { sent: VecDeque::new(), sacked: 0, lost: 0, resent: 0, ranges: 0 }
    }

    /// Forgets everything, and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Frees the memory if nothing is out. It is kept until then, so that a busy connection
    /// allocates nothing.
    pub(super) fn give_back(&mut self) {
        if self.sent.is_empty() {
            self.clear();
        }
    }

    /// Memory held, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.sent.capacity() * size_of::<Sent>()
    }

    /// Numbers reported by SACK: SACKd of RFC 6937.
    pub(super) const fn sacked(&self) -> u32 {
        self.sacked
    }

    /// Numbers taken for lost and not sent again yet.
    pub(super) const fn lost(&self) -> u32 {
        self.lost
    }

    /// Numbers sent again that are on their way.
    pub(super) const fn resent(&self) -> u32 {
        self.resent
    }

    /// Numbers that have left the network, or are lost: what FlightSize has more than Pipe of RFC
    /// 6675, section 4.
    pub(super) const fn not_in_pipe(&self) -> u32 {
        self.sacked + self.lost
    }

    /// The first record.
    pub(super) fn front(&self) -> Option<&Sent> {
        self.sent.front()
    }

    /// `[seq, end)` has left for the first time.
    pub(super) fn on_sent(&mut self, seq: SeqNumber, end: SeqNumber, now: Instant) {
        let full = self.sent.len() >= RECORDS_MAX;
        if let Some(last) = self.sent.back_mut() {
            let same = full || (last.sent_at == now && last.is_continued_by(end.offset_from(seq)));
            if same && last.status == Status::InFlight && !last.resent && last.end == seq {
                last.end = end;
                last.sent_at = now;
                return;
            }
        }
        let status = Status::InFlight;
        let segment = size_of_segment(seq, end);
        self.sent.push_back(Sent { seq, end, sent_at: now, status, resent: false, segment });
    }

    /// `[seq, end)` has left again: RFC 8985, section 6.1.
    pub(super) fn on_resent(&mut self, seq: SeqNumber, end: SeqNumber, now: Instant) {
        self.cut(seq);
        self.cut(end);
        let (first, after) = self.span(seq, end);
        if first == after {
            return;
        }
        for index in first..after {
            self.discount(self.sent[index]);
        }
        self.sent.drain(first + 1..after);
        let status = Status::InFlight;
        let segment = size_of_segment(seq, end);
        self.sent[first] = Sent { seq, end, sent_at: now, status, resent: true, segment };
        self.count(self.sent[first]);
    }

    /// Everything before `una` is acknowledged; `told` hears of each part that was not reported
    /// before.
    pub(super) fn acknowledge(&mut self, una: SeqNumber, mut told: impl FnMut(&Sent)) {
        while let Some(front) = self.sent.front().copied() {
            if front.seq.at_or_after(una) {
                return;
            }
            let covered = Sent { end: if front.end.after(una) { una } else { front.end }, ..front };
            self.discount(front);
            if covered.end == front.end {
                self.sent.pop_front();
            } else {
                let rest = Sent { seq: una, ..front };
                self.sent[0] = rest;
                self.count(rest);
            }
            if covered.status != Status::Sacked {
                told(&covered);
            }
        }
    }

    /// The peer reports `[left, right)`, which the caller has found inside what is out; `told`
    /// hears of each part that is new. Update() of RFC 6675, section 4.
    pub(super) fn sack(&mut self, left: SeqNumber, right: SeqNumber, mut told: impl FnMut(&Sent)) {
        let (left, right) = self.widen(left, right);
        if !self.has_room_for(left, right) {
            return;
        }
        self.cut(left);
        self.cut(right);
        let (first, after) = self.span(left, right);
        for index in first..after {
            let record = self.sent[index];
            if record.status != Status::Sacked {
                told(&record);
                self.set_status(index, Status::Sacked);
            }
        }
        self.join_sacked(first, after);
    }

    /// Asks `judge` about each record in flight, in the order of their numbers; says whether any
    /// is lost by that.
    pub(super) fn judge(&mut self, mut judge: impl FnMut(&Sent) -> Verdict) -> bool {
        let before = self.lost;
        for index in 0..self.sent.len() {
            let record = self.sent[index];
            if record.status != Status::InFlight {
                continue;
            }
            match judge(&record) {
                Verdict::InFlight => {}
                Verdict::Lost => self.set_status(index, Status::Lost),
                Verdict::AndAllBeyond => break,
            }
        }
        self.lost > before
    }

    /// Takes everything before `end` for lost that is in flight.
    pub(super) fn mark_front_lost(&mut self, end: SeqNumber) {
        self.cut(end);
        self.judge(|sent| if sent.seq.before(end) { Verdict::Lost } else { Verdict::AndAllBeyond });
    }

    /// What left in segments of more than `room` numbers, and is in flight, is lost; shorter ones
    /// behind them are not.
    pub(super) fn mark_larger_lost(&mut self, room: u32) {
        let mut index = 0;
        while let Some(record) = self.sent.get(index).copied() {
            index += 1;
            if record.status != Status::InFlight || record.largest() <= room {
                continue;
            }
            let rest = record.len() % u32::from(record.segment);
            if rest != 0 && rest <= room {
                self.cut(record.end - rest);
            }
            self.set_status(index - 1, Status::Lost);
        }
    }

    /// What was taken for lost is in flight after all.
    pub(super) fn unmark_lost(&mut self) {
        for index in 0..self.sent.len() {
            if self.sent[index].status == Status::Lost {
                self.set_status(index, Status::InFlight);
            }
        }
    }

    /// The peer has taken back what it reported: RFC 2018, section 8. Those parts are lost.
    pub(super) fn forget_sacked(&mut self) {
        for index in 0..self.sent.len() {
            if self.sent[index].status == Status::Sacked {
                self.set_status(index, Status::Lost);
            }
        }
    }

    /// What was sent again and is in flight is lost.
    pub(super) fn mark_resent_lost(&mut self) {
        self.judge(|sent| if sent.resent { Verdict::Lost } else { Verdict::InFlight });
    }

    /// The first range that is to be sent again.
    pub(super) fn first_lost(&self) -> Option<(SeqNumber, SeqNumber)> {
        if self.lost == 0 {
            return None;
        }
        let mut lost = self.sent.iter().skip_while(|sent| sent.status != Status::Lost);
        let first = lost.next()?;
        let last = lost.take_while(|sent| sent.status == Status::Lost).last().unwrap_or(first);
        Some((first.seq, last.end))
    }

    /// Where a report that lies partly in a known range ends in truth.
    fn widen(&self, left: SeqNumber, right: SeqNumber) -> (SeqNumber, SeqNumber) {
        let sacked_at = |seq: SeqNumber| {
            let record = self.sent.get(self.sent.partition_point(|it| it.end.at_or_before(seq)));
            record.filter(|it| it.status == Status::Sacked && it.seq.at_or_before(seq))
        };
        let left = sacked_at(left).map_or(left, |record| record.seq);
        let right = sacked_at(right - 1).map_or(right, |record| record.end);
        (left, right)
    }

    /// Whether a report may be taken in: it touches a known range, or there may be one more.
    fn has_room_for(&self, left: SeqNumber, right: SeqNumber) -> bool {
        if self.ranges < self.ranges_max() {
            return true;
        }
        let first = self.sent.partition_point(|it| it.end.before(left));
        let after = self.sent.partition_point(|it| it.seq.at_or_before(right));
        self.sent.range(first..after.max(first)).any(|it| it.status == Status::Sacked)
    }

    /// How many ranges there may be.
    fn ranges_max(&self) -> usize {
        let ends = self.sent.front().zip(self.sent.back());
        let out = ends.map_or(0, |(first, last)| last.end.offset_from(first.seq));
        usize::try_from(out / RANGE_BYTES).unwrap_or(RANGES_MAX).clamp(RANGES_MIN, RANGES_MAX)
    }

    /// Cuts the record around `at` in two. A reported range is never cut.
    fn cut(&mut self, at: SeqNumber) {
        let index = self.sent.partition_point(|it| it.end.at_or_before(at));
        let Some(record) = self.sent.get_mut(index) else { return };
        if record.seq.before(at) && record.status != Status::Sacked {
            let tail = Sent { seq: at, ..*record };
            record.end = at;
            self.sent.insert(index + 1, tail);
        }
    }

    /// Index of the first record in `[seq, end)`, and of the one after the last. Both ends are
    /// cuts.
    fn span(&self, seq: SeqNumber, end: SeqNumber) -> (usize, usize) {
        let first = self.sent.partition_point(|it| it.seq.before(seq));
        let after = self.sent.partition_point(|it| it.end.at_or_before(end));
        (first, after.max(first))
    }

    /// Makes one record of the reported ones from `first` to before `after`, and of those that
    /// touch them.
    fn join_sacked(&mut self, first: usize, after: usize) {
        if first == after {
            return;
        }
        let is_sacked =
            |index: usize| self.sent.get(index).is_some_and(|it| it.status == Status::Sacked);
        let from = if first > 0 && is_sacked(first - 1) { first - 1 } else { first };
        let to = if is_sacked(after) { after + 1 } else { after };
        self.sent[from].end = self.sent[to - 1].end;
        self.sent.drain(from + 1..to);
        self.ranges -= to - from - 1;
    }

    fn set_status(&mut self, index: usize, status: Status) {
        self.discount(self.sent[index]);
        self.sent[index].status = status;
        self.count(self.sent[index]);
    }

    fn count(&mut self, record: Sent) {
        match record.status {
            Status::Sacked => {
                self.sacked += record.len();
                self.ranges += 1;
            }
            Status::Lost => self.lost += record.len(),
            Status::InFlight if record.resent => self.resent += record.len(),
            Status::InFlight => {}
        }
    }

    fn discount(&mut self, record: Sent) {
        match record.status {
            Status::Sacked => {
                self.sacked -= record.len();
                self.ranges -= 1;
            }
            Status::Lost => self.lost -= record.len(),
            Status::InFlight if record.resent => self.resent -= record.len(),
            Status::InFlight => {}
        }
    }

    /// What holds between calls, when `una` to `nxt` is out.
    pub(super) fn assert_invariants(&self, una: SeqNumber, nxt: SeqNumber) {
        let (mut sacked, mut lost, mut resent, mut ranges) = (0, 0, 0, 0);
        let mut reached = una;
        for record in &self.sent {
            assert!(record.seq == reached, "the scoreboard has a gap or an overlap");
            assert!(record.end.after(record.seq), "the scoreboard has an empty record");
            reached = record.end;
            match record.status {
                Status::Sacked => {
                    sacked += record.len();
                    ranges += 1;
                }
                Status::Lost => lost += record.len(),
                Status::InFlight if record.resent => resent += record.len(),
                Status::InFlight => {}
            }
        }
        assert!(reached == nxt, "the scoreboard ends elsewhere than at SND.NXT");
        let counted = (self.sacked, self.lost, self.resent, self.ranges);
        assert!((sacked, lost, resent, ranges) == counted, "the scoreboard has miscounted");
        assert!(ranges <= RANGES_MAX, "more reported ranges than the bound");
    }
}

#[cfg(test)]
mod tests;
