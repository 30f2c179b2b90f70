//! Send sequence space: RFC 9293, section 3.3.1.
//!
//! ```text
//!              1         2          3          4
//!         ──────────┬──────────┬──────────┬──────────
//!                SND.UNA    SND.NXT    SND.UNA+SND.WND
//!  1 acknowledged   2 in flight   3 may be sent   4 not yet allowed
//! ```
//!
//! SND.MAX is SND.NXT, or one more while a window probe's byte is out: a probe does not advance
//! SND.NXT, so that our acknowledgements stay acceptable to a peer whose window is closed, and two
//! such peers do not acknowledge each other for ever (RFC 9293, appendix A.2).

use crate::wire::SeqNumber;

/// Least segment size believed: a peer that names less would cost us a packet for a few bytes.
pub(super) const MSS_MIN: u16 = 48;

/// SND.*, and what the peer has told us about its receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snd {
    /// ISS: initial send sequence number.
    pub(super) iss: SeqNumber,
    /// SND.UNA: first number not acknowledged.
    pub(super) una: SeqNumber,
    /// SND.NXT: next number to be sent.
    pub(super) nxt: SeqNumber,
    /// SND.MAX: first number that has never left.
    pub(super) max: SeqNumber,
    /// SND.WND in bytes, scaled.
    pub(super) wnd: u32,
    /// SND.WL1: SEG.SEQ of the last window update.
    pub(super) wl1: SeqNumber,
    /// SND.WL2: SEG.ACK of the last window update.
    pub(super) wl2: SeqNumber,
    /// MAX.SND.WND: largest window the peer ever offered, in bytes (RFC 5961, section 5.2).
    pub(super) max_wnd: u32,
    /// Snd.Wind.Shift: what the peer's windows are shifted by.
    pub(super) shift: u8,
    /// Number of our FIN, once the owner has finished. It never changes afterwards.
    pub(super) fin: Option<SeqNumber>,
    /// Largest text of one segment, options not yet taken off, in bytes: what both sides allow.
    pub(super) mss: u16,
    /// Whether our SYN is acknowledged. A fact of its own: SND.UNA comes round to ISS every 2^32
    /// numbers.
    syn_acked: bool,
}

impl Snd {
    /// Before the SYN is sent.
    pub(super) const fn new(iss: SeqNumber, mss: u16) -> Self {
        Self {
            iss,
            una: iss,
            nxt: iss,
            max: iss,
            wnd: 0,
            wl1: iss,
            wl2: iss,
            max_wnd: 0,
            shift: 0,
            fin: None,
            mss,
            syn_acked: false,
        }
    }

    /// Our SYN is acknowledged.
    pub(super) fn on_syn_acked(&mut self) {
        self.una = self.iss + 1;
        self.syn_acked = true;
    }

    /// FlightSize: numbers sent and not acknowledged.
    pub(super) fn flight(&self) -> u32 {
        self.nxt.offset_from(self.una)
    }

    /// Whether our SYN is acknowledged.
    pub(super) const fn syn_acked(&self) -> bool {
        self.syn_acked
    }

    /// Whether our FIN has left.
    pub(super) fn fin_sent(&self) -> bool {
        self.fin.is_some_and(|fin| self.nxt.after(fin))
    }

    /// Whether our FIN is acknowledged.
    pub(super) fn fin_acked(&self) -> bool {
        self.fin.is_some_and(|fin| self.una.after(fin))
    }

    /// Whether everything sent is acknowledged, the peer's window with it, and no FIN is to follow.
    pub(super) fn is_at_rest(&self) -> bool {
        let una = self.una;
        una == self.nxt && una == self.max && una == self.wl2 && self.fin.is_none()
    }

    /// Number of the send buffer's first byte.
    pub(super) fn first_byte(&self) -> SeqNumber {
        if self.syn_acked() { self.una } else { self.iss + 1 }
    }

    /// Number after the last text byte sent: SND.NXT without our FIN, at least the first byte's.
    pub(super) fn text_end(&self) -> SeqNumber {
        match self.fin {
            Some(fin) if self.nxt.after(fin) => fin,
            Some(_) | None if !self.syn_acked => self.iss + 1,
            Some(_) | None => self.nxt,
        }
    }

    /// Bytes of text sent and not acknowledged: FlightSize without SYN and FIN.
    pub(super) fn text_out(&self) -> u32 {
        let (first, end) = (self.first_byte(), self.text_end());
        if end.after(first) { end.offset_from(first) } else { 0 }
    }

    /// Takes in the peer's window, if `seq` and `ack` are newer than what last set it: RFC 9293,
    /// section 3.10.7.4, fifth step. Says whether it did.
    ///
    /// The acknowledgement is looked at first, as Linux does: a peer's acknowledgements never go
    /// back, while its SEG.SEQ does when it sends again. By SEG.SEQ first, a retransmission would
    /// advance SND.UNA and leave the window as it was, and we would send beyond its right edge.
    ///
    /// Of two windows with the same numbers the larger counts, as in Linux: a peer that reads sends
    /// both, and they may overtake each other. Taken for a shrunk window, the smaller would put
    /// [`bare_seq`](Self::bare_seq) below what the peer has, and our acknowledgements would be old
    /// to it. A closed window counts always.
    pub(super) fn update_window(&mut self, seq: SeqNumber, ack: SeqNumber, window: u32) -> bool {
        let is_later =
            self.wl1.before(seq) || (self.wl1 == seq && (window >= self.wnd || window == 0));
        let newer = self.wl2.before(ack) || (self.wl2 == ack && is_later);
        if newer {
            self.set_window(seq, ack, window);
        }
        newer
    }

    /// Sets the peer's window, whatever it was.
    pub(super) fn set_window(&mut self, seq: SeqNumber, ack: SeqNumber, window: u32) {
        self.wnd = window;
        self.wl1 = seq;
        self.wl2 = ack;
        self.max_wnd = self.max_wnd.max(window);
    }

    /// Numbers that the peer's window still allows after SND.NXT; zero if it shrank below what is
    /// out.
    pub(super) fn window_left(&self) -> u32 {
        self.wnd.saturating_sub(self.flight())
    }

    /// Whether `ack` lies where RFC 5961, section 5.2 lets it: SND.UNA - MAX.SND.WND to what was
    /// sent.
    pub(super) fn is_plausible_ack(&self, ack: SeqNumber) -> bool {
        ack.at_or_before(self.max) && ack.at_or_after(self.una - self.max_wnd)
    }

    /// SEG.SEQ of a segment without text: SND.NXT, or the last number that a shrunk window allows,
    /// so that the peer does not find it outside and drop our acknowledgement.
    pub(super) fn bare_seq(&self) -> SeqNumber {
        if self.flight() <= self.wnd { self.nxt } else { self.una + self.wnd }
    }

    /// What holds between calls.
    pub(super) fn assert_invariants(&self) {
        assert!(self.una.at_or_before(self.nxt), "SND.UNA passed SND.NXT");
        assert!(self.nxt.at_or_before(self.max), "SND.NXT passed SND.MAX");
        assert!(self.max.offset_from(self.nxt) <= 1, "more than a probe beyond SND.NXT");
        let syn_and_fin = 2;
        assert!(
            self.flight() <= self.max_wnd.saturating_add(syn_and_fin),
            "sent beyond any window"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(iss: u32) -> Snd {
        let mut snd = Snd::new(SeqNumber::new(iss), 1000);
        snd.on_syn_acked();
        snd.nxt = snd.iss + 1;
        snd.max = snd.nxt;
        snd.set_window(SeqNumber::new(5), snd.una, 10_000);
        snd
    }

    const STARTS: [u32; 4] = [0, u32::MAX, u32::MAX - 500, (1 << 31) - 500];

    #[test]
    fn a_shrunk_window_leaves_nothing_rather_than_underflow() {
        for iss in STARTS {
            let mut snd = open(iss);
            snd.nxt += 6_000;
            snd.max = snd.nxt;
            assert_eq!(snd.window_left(), 4_000);
            assert!(snd.update_window(SeqNumber::new(6), snd.una, 2_000));
            assert_eq!(snd.window_left(), 0);
            assert_eq!(snd.bare_seq(), snd.una + 2_000);
            snd.assert_invariants();
        }
    }

    #[test]
    fn old_segments_do_not_set_the_window() {
        let mut snd = open(7);
        snd.nxt += 100;
        snd.max = snd.nxt;
        assert!(!snd.update_window(SeqNumber::new(4), snd.una, 1));
        assert!(!snd.update_window(SeqNumber::new(6), snd.una - 1, 1));
        assert!(snd.update_window(SeqNumber::new(6), snd.una, 1));
        assert_eq!((snd.wnd, snd.max_wnd), (1, 10_000));
    }

    #[test]
    fn of_equal_numbers_the_larger_window_counts_and_a_closed_one() {
        let mut snd = open(7);
        assert!(!snd.update_window(SeqNumber::new(5), snd.una, 9_999));
        assert_eq!(snd.wnd, 10_000);
        for window in [10_000, 12_000, 0] {
            assert!(snd.update_window(SeqNumber::new(5), snd.una, window));
            assert_eq!(snd.wnd, window);
        }
    }

    #[test]
    fn a_retransmission_with_a_newer_ack_brings_its_window() {
        let mut snd = open(7);
        snd.nxt += 100;
        snd.max = snd.nxt;
        assert!(snd.update_window(SeqNumber::new(4), snd.una + 100, 1));
        assert_eq!(snd.wnd, 1);
    }

    #[test]
    fn plausible_acks_reach_from_the_largest_window_back_to_what_was_sent() {
        for iss in STARTS {
            let mut snd = open(iss);
            snd.nxt += 500;
            snd.max = snd.nxt;
            for (ack, plausible) in [
                (snd.nxt, true),
                (snd.nxt + 1, false),
                (snd.una, true),
                (snd.una - 10_000, true),
                (snd.una - 10_001, false),
            ] {
                assert_eq!(snd.is_plausible_ack(ack), plausible, "iss {iss}, {ack}");
            }
        }
    }

    #[test]
    fn the_syn_stays_acknowledged_when_una_comes_round_to_iss() {
        for iss in STARTS {
            let mut snd = open(iss);
            snd.una = snd.iss;
            snd.nxt = snd.iss + 700;
            snd.max = snd.nxt;
            assert!(snd.syn_acked());
            assert_eq!((snd.first_byte(), snd.text_out()), (snd.iss, 700));
            snd.nxt = snd.iss;
            assert_eq!((snd.text_end(), snd.text_out()), (snd.iss, 0));
        }
    }

    #[test]
    fn the_fin_is_neither_text_nor_forgotten() {
        for iss in STARTS {
            let mut snd = open(iss);
            snd.nxt += 10;
            snd.fin = Some(snd.nxt);
            assert!(!snd.fin_sent());
            assert_eq!(snd.text_end(), snd.nxt);
            snd.nxt += 1;
            snd.max = snd.nxt;
            assert!(snd.fin_sent() && !snd.fin_acked());
            assert_eq!(snd.text_end(), snd.nxt - 1);
            snd.una = snd.nxt;
            assert!(snd.fin_acked());
        }
    }
}
