//! Receive sequence space: RFC 9293, section 3.3.1, and the window that we offer.
//!
//! ```text
//!              1          2                 3
//!         ──────────┬───────────────┬──────────────
//!                RCV.NXT        right edge
//!  1 received       2 window        3 not yet allowed
//! ```
//!
//! The right edge never moves back (RFC 9293, section 3.8.6.2.1): what was promised is kept. It
//! moves forward by at least a segment or half the buffer at once, so that a slow reader does not
//! draw small segments (section 3.8.6.2.2).

use crate::stack::stats::Stats;
use crate::wire::SeqNumber;

/// RCV.*, and what we offer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rcv {
    /// IRS: initial receive sequence number.
    pub(super) irs: SeqNumber,
    /// RCV.NXT: next number expected. Without meaning before the peer's SYN has come.
    pub(super) nxt: SeqNumber,
    /// First number that we have not allowed: RCV.NXT + RCV.WND.
    pub(super) edge: SeqNumber,
    /// Rcv.Wind.Shift: what our windows are shifted by.
    pub(super) shift: u8,
    /// Number of the peer's FIN, once a segment that carries it came, in order or early.
    pub(super) fin: Option<SeqNumber>,
    /// What came twice, until it is reported: RFC 2883.
    pub(super) duplicate: Option<(SeqNumber, SeqNumber)>,
    /// Size of the receive buffer in bytes, as things stand ([`super::right_size`]). What was
    /// offered when it was larger is still taken.
    pub(super) capacity: u32,
    /// Largest text that one segment of the peer may carry: the MSS we announced.
    pub(super) mss: u32,
    /// Whether the window that was offered last is zero.
    is_closed: bool,
}

impl Rcv {
    /// Before the peer's SYN has come.
    pub(super) const fn new(capacity: u32, mss: u16, shift: u8) -> Self {
        let none = SeqNumber::new(0);
        Self {
            irs: none,
            nxt: none,
            edge: none,
            shift,
            fin: None,
            duplicate: None,
            capacity,
            mss: mss as u32,
            is_closed: false,
        }
    }

    /// The peer's SYN: RCV.NXT is the number after it; the window is what our own SYN offers.
    pub(super) fn on_syn(&mut self, irs: SeqNumber) {
        self.irs = irs;
        self.nxt = irs + 1;
        self.edge = self.nxt + u32::from(self.syn_window());
    }

    /// A duplicate, if there is one, is about to be reported.
    pub(super) fn count_duplicate(&self, stats: &mut Stats) {
        if let Some((left, _)) = self.duplicate {
            let is_old = left.before(self.nxt);
            stats.dsack_old_sent += u64::from(is_old);
            stats.dsack_ofo_sent += u64::from(!is_old);
        }
    }

    /// RCV.WND: numbers that the peer may still send.
    pub(super) fn wnd(&self) -> u32 {
        self.edge.offset_from(self.nxt)
    }

    /// The window field of a SYN, which is never scaled: RFC 7323, section 2.2.
    pub(super) fn syn_window(&self) -> u16 {
        u16::try_from(self.capacity).unwrap_or(u16::MAX)
    }

    /// Moves the right edge as far as `unread` bytes in the buffer let it, and returns the window
    /// field that says so.
    ///
    /// What was promised is rounded up to what the shift can express, as long as that is less than
    /// 2^shift bytes more than the buffer has; then down, and the difference is still taken if it
    /// comes.
    pub(super) fn offer(&mut self, unread: u32) -> u16 {
        let unit = 1u32 << self.shift;
        if self.growth(unread) >= self.mss.min(self.capacity / 2).max(1) {
            let free = self.capacity.saturating_sub(unread);
            let grown = (free / unit * unit).min(u32::from(u16::MAX) << self.shift);
            if grown > self.wnd() {
                self.edge = self.nxt + grown;
            }
        }
        let up = self.wnd().div_ceil(unit).min(u32::from(u16::MAX));
        let field = if unread + up * unit <= self.capacity + unit { up } else { self.wnd() / unit };
        self.edge = self.nxt + (field * unit).max(self.wnd());
        u16::try_from(field).expect("bounded by u16::MAX")
    }

    /// A window `field` is about to be offered, while `unread` bytes are in the buffer.
    pub(super) fn count_window(&mut self, field: u16, unread: u32, stats: &mut Stats) {
        let is_closed = field == 0;
        let was_closed = core::mem::replace(&mut self.is_closed, is_closed);
        stats.to_zero_window_adv += u64::from(is_closed && !was_closed);
        stats.from_zero_window_adv += u64::from(was_closed && !is_closed);
        stats.want_zero_window_adv += u64::from(!is_closed && unread >= self.capacity);
    }

    /// Whether the window has grown so much since it was last offered that the peer should hear at
    /// once: two segments and a quarter of the buffer, or two segments if what it knows is small,
    /// or half.
    pub(super) fn wants_update(&self, unread: u32) -> bool {
        let growth = self.growth(unread);
        let known_is_small = self.wnd() <= self.capacity / 8 || self.capacity <= 8 * self.mss;
        let two_segments = growth >= 2 * self.mss;
        (two_segments && (known_is_small || growth >= self.capacity / 4))
            || growth >= (self.capacity / 2).max(1)
    }

    /// By how much the window would grow if it were offered now.
    fn growth(&self, unread: u32) -> u32 {
        let unit = 1u32 << self.shift;
        let free = self.capacity.saturating_sub(unread);
        (free / unit * unit).min(u32::from(u16::MAX) << self.shift).saturating_sub(self.wnd())
    }

    /// Whether a segment of `len` numbers from `seq` on is acceptable: RFC 9293, table 6, and wider
    /// in two cases (appendix A.2). A segment at RCV.NXT passes whatever the window, for its
    /// acknowledgement counts; one without text may stand at the right edge, where a peer that used
    /// up the window stands.
    pub(super) fn is_acceptable(&self, seq: SeqNumber, len: u32) -> bool {
        if seq == self.nxt {
            return true;
        }
        if len == 0 {
            return seq.at_or_after(self.nxt) && seq.at_or_before(self.edge);
        }
        self.contains(seq) || self.contains(seq + (len - 1))
    }

    /// Whether `seq` is inside the window.
    pub(super) fn contains(&self, seq: SeqNumber) -> bool {
        seq.at_or_after(self.nxt) && seq.before(self.edge)
    }

    /// What holds between calls.
    pub(super) fn assert_invariants(&self) {
        assert!(self.nxt.at_or_before(self.edge), "RCV.NXT passed the window");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(capacity: u32, shift: u8, irs: u32) -> Rcv {
        let mut rcv = Rcv::new(capacity, 1000, shift);
        rcv.on_syn(SeqNumber::new(irs));
        rcv
    }

    const STARTS: [u32; 4] = [0, u32::MAX, u32::MAX - 3_000, (1 << 31) - 3_000];

    #[test]
    fn acceptance_follows_table_6_and_its_two_exceptions() {
        for irs in STARTS {
            let rcv = open(4_000, 0, irs);
            let nxt = rcv.nxt;
            for (name, seq, len, expected) in [
                ("at the left edge", nxt, 0, true),
                ("last inside", nxt + 3_999, 0, true),
                ("at the right edge, no text", nxt + 4_000, 0, true),
                ("beyond, no text", nxt + 4_001, 0, false),
                ("before, no text", nxt - 1, 0, false),
                ("text straddling the left edge", nxt - 10, 11, true),
                ("old text", nxt - 10, 10, false),
                ("text at the right edge", nxt + 4_000, 1, false),
                ("text straddling the right edge", nxt + 3_999, 100, true),
            ] {
                assert_eq!(rcv.is_acceptable(seq, len), expected, "{name}, irs {irs}");
            }
            let mut closed = rcv;
            closed.edge = nxt;
            assert!(closed.is_acceptable(nxt, 0) && closed.is_acceptable(nxt, 100));
            assert!(!closed.is_acceptable(nxt + 1, 0) && !closed.is_acceptable(nxt + 1, 1));
        }
    }

    #[test]
    fn the_right_edge_never_moves_back() {
        for irs in STARTS {
            let mut rcv = open(100_000, 3, irs);
            rcv.offer(0);
            let mut unread = 0;
            for step in 0..2_000u32 {
                let before = rcv.edge;
                if step % 3 == 0 {
                    unread /= 2;
                } else {
                    let came = rcv.wnd().min(777);
                    rcv.nxt += came;
                    unread += came;
                }
                let field = rcv.offer(unread);
                assert!(rcv.edge.at_or_after(before), "step {step}");
                assert!(u32::from(field) << 3 <= rcv.wnd(), "step {step}");
                assert!(unread + rcv.wnd() <= 100_000 + 8, "step {step}");
                rcv.assert_invariants();
            }
        }
    }

    #[test]
    fn rounding_up_does_not_open_a_full_buffer() {
        let mut rcv = open(8_000, 3, 9);
        let (mut unread, mut field) = (0, rcv.offer(0));
        while field > 0 {
            assert!(unread < 9_000, "the window never closes");
            rcv.nxt += 1;
            unread += 1;
            field = rcv.offer(unread);
        }
        assert!((7_990..=8_008).contains(&unread), "{unread}");
    }

    #[test]
    fn a_slow_reader_does_not_open_the_window_by_little() {
        let mut rcv = open(4_000, 0, 9);
        rcv.nxt += 4_000;
        assert_eq!(rcv.offer(4_000), 0);
        assert_eq!(rcv.offer(3_001), 0);
        assert!(!rcv.wants_update(3_000));
        assert_eq!(rcv.offer(3_000), 1_000);
        assert!(rcv.wants_update(1_000));
        assert_eq!(rcv.offer(1_000), 3_000);
    }

    #[test]
    fn windows_that_close_and_open_are_counted_once() {
        let (mut rcv, mut stats) = (open(4_000, 0, 9), Stats::default());
        let mut counted = |rcv: &mut Rcv, unread| {
            let field = rcv.offer(unread);
            rcv.count_window(field, unread, &mut stats);
            (stats.to_zero_window_adv, stats.from_zero_window_adv, stats.want_zero_window_adv)
        };
        assert_eq!(counted(&mut rcv, 0), (0, 0, 0));
        rcv.nxt += 4_000;
        assert_eq!(counted(&mut rcv, 4_000), (1, 0, 0));
        assert_eq!(counted(&mut rcv, 3_999), (1, 0, 0), "it stays closed");
        assert_eq!(counted(&mut rcv, 1_000), (1, 1, 0));
        assert_eq!(counted(&mut rcv, 1_000), (1, 1, 0), "it stays open");
        rcv.capacity = 1_000;
        assert_eq!(counted(&mut rcv, 1_000), (1, 1, 1), "3000 were promised");
        rcv.nxt += 3_000;
        assert_eq!(counted(&mut rcv, 4_000), (2, 1, 1));
    }

    #[test]
    fn a_tiny_buffer_still_opens() {
        let mut rcv = open(1, 0, 9);
        rcv.nxt += 1;
        assert_eq!(rcv.offer(1), 0);
        assert!(rcv.wants_update(0));
        assert_eq!(rcv.offer(0), 1);
    }

    #[test]
    fn the_window_of_a_syn_is_not_scaled() {
        let rcv = open(1 << 20, 5, 9);
        assert_eq!(rcv.syn_window(), 65_535);
        assert_eq!(rcv.wnd(), 65_535);
    }
}
