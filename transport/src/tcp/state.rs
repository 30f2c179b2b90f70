//! The eleven states: RFC 9293, section 3.3.2.
//!
//! ```text
//!                      CLOSED
//!                passive │  │ active open
//!                        ▼  └───────────────► SYN-SENT
//!                     LISTEN                   │   │
//!                        │ SYN         SYN     │   │ SYN+ACK
//!                        ▼      ◄──────────────┘   ▼
//!                  SYN-RECEIVED ────────────► ESTABLISHED
//!                                   ACK        │      │ FIN
//!                            close ┌───────────┘      ▼
//!                                  ▼             CLOSE-WAIT
//!      ACK of FIN            FIN-WAIT-1               │ close
//!     ┌────────────────────────  │  │ FIN             ▼
//!     ▼              FIN+ACK ┌───┘  ▼             LAST-ACK
//!  FIN-WAIT-2                │   CLOSING              │ ACK of FIN
//!     │ FIN                  ▼      │                 ▼
//!     └────────────────► TIME-WAIT ◄┘ ─────────►   CLOSED
//! ```
//!
//! Every state also goes to CLOSED by a reset, an abort or a timer. A connection here never stands
//! in LISTEN: the stack's listeners do, and a SYN makes a connection that begins in SYN-RECEIVED.

use core::fmt;

/// The state of a connection, by the RFC's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No connection.
    Closed,
    /// Waits for a SYN; a listener's state, never that of a [`super::Connection`].
    Listen,
    /// Has sent a SYN and waits for its match.
    SynSent,
    /// Has sent and received a SYN, and waits for the acknowledgement of its own.
    SynReceived,
    /// Open: data flows both ways.
    Established,
    /// Has finished; the FIN is not acknowledged yet.
    FinWait1,
    /// Has finished, the FIN is acknowledged; waits for the peer's.
    FinWait2,
    /// The peer has finished; we have not.
    CloseWait,
    /// Both have finished at once; waits for the acknowledgement of our FIN.
    Closing,
    /// The peer has finished, then we; waits for the acknowledgement of our FIN.
    LastAck,
    /// Both have finished; old segments are let die out.
    TimeWait,
}

impl State {
    /// All eleven, in the order of the RFC.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// The name as a metric label: `syn_sent`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Listen => "listen",
            Self::SynSent => "syn_sent",
            Self::SynReceived => "syn_received",
            Self::Established => "established",
            Self::FinWait1 => "fin_wait_1",
            Self::FinWait2 => "fin_wait_2",
            Self::CloseWait => "close_wait",
            Self::Closing => "closing",
            Self::LastAck => "last_ack",
            Self::TimeWait => "time_wait",
        }
    }

    /// Whether the diagram has an edge from this state to `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Closed => matches!(next, Self::SynSent | Self::Listen),
            Self::Listen => matches!(next, Self::SynReceived | Self::SynSent | Self::Closed),
            Self::SynSent => matches!(next, Self::SynReceived | Self::Established | Self::Closed),
            Self::SynReceived => matches!(
                next,
                Self::Established | Self::FinWait1 | Self::CloseWait | Self::Listen | Self::Closed
            ),
            Self::Established => matches!(next, Self::FinWait1 | Self::CloseWait | Self::Closed),
            Self::FinWait1 => {
                matches!(next, Self::FinWait2 | Self::Closing | Self::TimeWait | Self::Closed)
            }
            Self::FinWait2 | Self::Closing => matches!(next, Self::TimeWait | Self::Closed),
            Self::CloseWait => matches!(next, Self::LastAck | Self::Closed),
            Self::LastAck | Self::TimeWait => matches!(next, Self::Closed),
        }
    }

    /// Whether both sides know each other's sequence numbers: ESTABLISHED and all after it.
    #[must_use]
    pub const fn is_synchronized(self) -> bool {
        match self {
            Self::Closed | Self::Listen | Self::SynSent | Self::SynReceived => false,
            Self::Established
            | Self::FinWait1
            | Self::FinWait2
            | Self::CloseWait
            | Self::Closing
            | Self::LastAck
            | Self::TimeWait => true,
        }
    }

    /// Whether the peer's text may still come: it has sent no FIN.
    #[must_use]
    pub const fn takes_text(self) -> bool {
        matches!(self, Self::Established | Self::FinWait1 | Self::FinWait2)
    }

    /// Whether text and FIN may leave in this state, new or again.
    #[must_use]
    pub const fn may_send_text(self) -> bool {
        matches!(
            self,
            Self::Established | Self::FinWait1 | Self::CloseWait | Self::Closing | Self::LastAck
        )
    }
}

impl fmt::Display for State {
    /// The RFC's spelling: `SYN-SENT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_but_closed_may_close() {
        for state in State::ALL {
            assert_eq!(state.may_become(State::Closed), state != State::Closed, "{state}");
        }
    }

    #[test]
    fn no_state_follows_itself() {
        for state in State::ALL {
            assert!(!state.may_become(state), "{state}");
        }
    }

    #[test]
    fn names_are_the_spelling_in_lower_case() {
        for state in State::ALL {
            assert_eq!(state.name(), state.to_string().to_lowercase().replace('-', "_"));
        }
    }

    #[test]
    fn time_wait_is_reached_only_with_our_fin_sent() {
        let before: Vec<State> =
            State::ALL.into_iter().filter(|state| state.may_become(State::TimeWait)).collect();
        assert_eq!(before, [State::FinWait1, State::FinWait2, State::Closing]);
    }
}
