//! Explicit congestion notification: RFC 3168, section 6.1.
//!
//! Both sides agree in their SYNs. Then new text leaves marked ECT(0); a router that is congested
//! marks it CE instead of dropping it; the receiver sets ECE in all that it sends, until CWR tells it
//! that the sender has reduced its window. A SYN that went unanswered is sent again without the
//! offer: something on the path may have dropped it for its flags (section 6.1.1.1).
//!
//! Never marked: what is sent again, pure acknowledgements, window probes (sections 6.1.4 to 6.1.6).
//! The reduction itself, and that there is one in a window, is the congestion window's.

use crate::wire::{Ecn, Flags, Segment};

/// Whether both sides speak ECN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreement {
    /// Not both, or not known yet.
    None,
    /// Our SYN has offered it, and no other SYN has left.
    Offered,
    /// Both do.
    Both,
}

/// ECN of a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct EcnState {
    agreement: Agreement,
    /// Congestion was met on the way to us, and the peer has not answered for it: ECE is due.
    echo: bool,
}

impl EcnState {
    /// Before any SYN.
    pub(in crate::tcp) const fn new() -> Self {
        Self { agreement: Agreement::None, echo: false }
    }

    /// As it was agreed before.
    pub(in crate::tcp) const fn restored(agreed: bool) -> Self {
        let agreement = if agreed { Agreement::Both } else { Agreement::None };
        Self { agreement, echo: false }
    }

    /// Whether both sides speak ECN.
    pub(in crate::tcp) fn is_agreed(&self) -> bool {
        self.agreement == Agreement::Both
    }

    /// Our SYN leaves for the first time.
    pub(in crate::tcp) fn offer(&mut self) {
        self.agreement = Agreement::Offered;
    }

    /// Our SYN leaves again, without the offer.
    pub(in crate::tcp) fn withdraw(&mut self) {
        self.agreement = Agreement::None;
    }

    /// The peer's SYN, or SYN-ACK, has come: section 6.1.1. `willing` says whether we may agree to
    /// an offer of the peer's.
    pub(in crate::tcp) fn on_syn(&mut self, flags: Flags, willing: bool) {
        let offered = self.agreement == Agreement::Offered;
        let agreed = if flags.ack {
            // Both flags in a SYN-ACK are an echo of ours, by who does not know them.
            offered && flags.ece && !flags.cwr
        } else {
            (offered || willing) && flags.ece && flags.cwr
        };
        self.agreement = if agreed { Agreement::Both } else { Agreement::None };
    }

    /// New text inside the window has come: section 6.1.3. Says whether the peer should hear of
    /// congestion at once.
    pub(in crate::tcp) fn on_text(&mut self, seg: &Segment<'_>) -> bool {
        if !self.is_agreed() {
            return false;
        }
        if seg.flags.cwr {
            self.echo = false;
        }
        let news = seg.ecn == Ecn::Ce && !self.echo;
        self.echo |= news;
        news
    }

    /// Whether an acknowledgement with these flags reports congestion.
    pub(in crate::tcp) fn is_echo(&self, flags: Flags) -> bool {
        self.is_agreed() && flags.ece
    }

    /// ECE and CWR of our SYN, or of our SYN-ACK if `ack`.
    pub(in crate::tcp) fn syn_flags(&self, ack: bool) -> Flags {
        let offers = !ack && self.agreement == Agreement::Offered;
        let agrees = ack && self.is_agreed();
        Flags { ece: offers || agrees, cwr: offers, ..Flags::NONE }
    }

    /// ECE of any later segment.
    pub(in crate::tcp) fn echoes(&self) -> bool {
        self.is_agreed() && self.echo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(ack: bool, ece: bool, cwr: bool) -> Flags {
        Flags { syn: true, ack, ece, cwr, ..Flags::NONE }
    }

    #[test]
    fn both_sides_have_to_agree() {
        for (offered, willing, syn, agreed) in [
            (true, false, flags(true, true, false), true),
            (true, false, flags(true, true, true), false),
            (true, false, flags(true, false, false), false),
            (false, true, flags(true, true, false), false),
            (false, true, flags(false, true, true), true),
            (false, true, flags(false, true, false), false),
            (false, true, flags(false, false, true), false),
            (false, false, flags(false, true, true), false),
            (true, false, flags(false, true, true), true),
        ] {
            let mut state = EcnState::new();
            if offered {
                state.offer();
            }
            state.on_syn(syn, willing);
            assert_eq!(state.is_agreed(), agreed, "offered {offered}, willing {willing}, {syn}");
        }
    }

    #[test]
    fn an_offer_that_was_withdrawn_is_none() {
        let mut state = EcnState::new();
        state.offer();
        assert_eq!(state.syn_flags(false), Flags { ece: true, cwr: true, ..Flags::NONE });
        state.withdraw();
        assert_eq!(state.syn_flags(false), Flags::NONE);
        state.on_syn(flags(true, true, false), false);
        assert!(!state.is_agreed());
    }

    #[test]
    fn congestion_is_echoed_until_it_is_answered_for() {
        let mut state = EcnState::new();
        state.on_syn(flags(false, true, true), true);
        let text = |ecn, cwr| Segment {
            ecn,
            flags: Flags { ack: true, cwr, ..Flags::NONE },
            ..Segment::default()
        };
        assert!(!state.on_text(&text(Ecn::Ect0, false)) && !state.echoes());
        assert!(state.on_text(&text(Ecn::Ce, false)) && state.echoes());
        assert!(!state.on_text(&text(Ecn::Ce, false)) && state.echoes());
        assert!(!state.on_text(&text(Ecn::Ect0, false)) && state.echoes());
        assert!(!state.on_text(&text(Ecn::Ect0, true)) && !state.echoes());
        assert!(state.on_text(&text(Ecn::Ce, true)) && state.echoes(), "CWR, and marked again");
    }

    #[test]
    fn without_agreement_marks_mean_nothing() {
        let mut state = EcnState::new();
        assert!(!state.on_text(&Segment { ecn: Ecn::Ce, ..Segment::default() }));
        assert!(!state.echoes() && !state.is_echo(Flags { ece: true, ..Flags::ACK }));
    }
}
