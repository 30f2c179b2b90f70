//! What a connection tells its owner.
//!
//! Events are marks, not a queue: each kind is pending or not, so they need no memory and no limit.

use core::fmt;

/// Something the owner may want to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handshake is complete.
    Established,
    /// There are new bytes to read.
    Readable,
    /// There is room again, after a write that was not taken whole.
    Writable,
    /// Every byte sent so far is acknowledged.
    Acknowledged,
    /// After a repeated last byte: the peer has everything we sent, and we everything it sent.
    Answered,
    /// A segment begins beyond what has come: the peer has sent something that is still under way, or
    /// lost.
    Gap,
    /// The peer's FIN is reached, in order.
    PeerClosed,
    /// On a reused connection the peer sent text before it saw anything of this lease.
    ForeignText,
    /// An acknowledgement is overdue: the retransmission timer has expired, once more each time.
    /// Whether the whole path is silent says [`Stack::silence`](crate::stack::Stack::silence).
    Overdue,
    /// The connection is at its end; nothing comes after this.
    Closed(CloseReason),
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Both sides have finished.
    Normal,
    /// The peer reset our SYN.
    Refused,
    /// The peer reset the connection.
    ResetByPeer,
    /// The peer did not answer: SYN, text, probe or keepalive, or the user timeout passed.
    TimedOut,
    /// The network says that the peer cannot be reached.
    Unreachable,
    /// Our owner aborted, or closed with bytes unread.
    Aborted,
    /// The peer sent text that belongs to no lease.
    ForeignText,
    /// Our owner has closed and the peer did not finish in time.
    Lingered,
}

impl CloseReason {
    /// The reason as a word for logs and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Refused => "refused",
            Self::ResetByPeer => "reset_by_peer",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Aborted => "aborted",
            Self::ForeignText => "foreign_text",
            Self::Lingered => "lingered",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A kind of event that can be pending.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Established,
    Readable,
    Writable,
    Acknowledged,
    Answered,
    Gap,
    PeerClosed,
    ForeignText,
    Overdue,
}

/// Every mark with its event, in the order of telling.
const TELLING: [(Mark, Event); 9] = [
    (Mark::Established, Event::Established),
    (Mark::Readable, Event::Readable),
    (Mark::Writable, Event::Writable),
    (Mark::Acknowledged, Event::Acknowledged),
    (Mark::Answered, Event::Answered),
    (Mark::Gap, Event::Gap),
    (Mark::PeerClosed, Event::PeerClosed),
    (Mark::ForeignText, Event::ForeignText),
    (Mark::Overdue, Event::Overdue),
];

/// The events not yet told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    pending: u16,
    /// Why the connection is closed, once it is; stays after it was told.
    closed: Option<CloseReason>,
    closed_told: bool,
}

impl Events {
    /// Makes `mark` pending.
    pub(super) fn raise(&mut self, mark: Mark) {
        self.pending |= Self::bit(mark);
    }

    /// Ends the connection; the first reason stays.
    pub(super) fn close(&mut self, reason: CloseReason) {
        self.closed.get_or_insert(reason);
    }

    /// Why the connection is closed.
    pub(super) const fn closed(&self) -> Option<CloseReason> {
        self.closed
    }

    /// The next event. `all_read` says whether every received byte was read: a normal end is told
    /// only then, since the owner's handle dies with it.
    pub(super) fn next(&mut self, all_read: bool) -> Option<Event> {
        for (mark, event) in TELLING {
            if self.pending & Self::bit(mark) != 0 {
                self.pending &= !Self::bit(mark);
                return Some(event);
            }
        }
        let reason = self.closed.filter(|_| !self.closed_told)?;
        if reason == CloseReason::Normal && !all_read {
            return None;
        }
        self.closed_told = true;
        Some(Event::Closed(reason))
    }

    /// Whether nothing is left to tell.
    pub(super) fn all_told(&self) -> bool {
        self.pending == 0 && (self.closed.is_none() || self.closed_told)
    }

    fn bit(mark: Mark) -> u16 {
        1 << (mark as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_and_once() {
        let mut events = Events::default();
        events.close(CloseReason::ResetByPeer);
        events.close(CloseReason::TimedOut);
        events.raise(Mark::PeerClosed);
        events.raise(Mark::Readable);
        events.raise(Mark::Readable);
        assert!(!events.all_told());
        assert_eq!(events.next(false), Some(Event::Readable));
        assert_eq!(events.next(false), Some(Event::PeerClosed));
        assert_eq!(events.next(false), Some(Event::Closed(CloseReason::ResetByPeer)));
        assert_eq!(events.next(false), None);
        assert!(events.all_told());
    }

    #[test]
    fn a_normal_end_waits_until_all_is_read() {
        let mut events = Events::default();
        events.close(CloseReason::Normal);
        assert_eq!(events.next(false), None);
        assert_eq!(events.next(true), Some(Event::Closed(CloseReason::Normal)));
    }

    #[test]
    fn each_mark_has_its_own_bit() {
        let all = TELLING.iter().fold(0u16, |bits, (mark, _)| bits | Events::bit(*mark));
        assert_eq!(all.count_ones(), 9);
    }
}
