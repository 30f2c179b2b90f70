//! Byte-exact release: may this connection serve another lease? POOL.md, rule U.
//!
//! The one place that decides it, as a pure function of what the client says, what the session
//! carried, and what the connection holds. It changes nothing.

use wharf_pool::time::Instant;
use wharf_pool::{CloseCause, Condition};
use wharf_protocol::Disposition;
use wharf_transport::tcp::Quiescence;

/// What a session carried for one lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Upstream bytes that were put into `DATA` frames for the client.
    pub(super) delivered: u64,
    /// The client's bytes that were put into the connection.
    pub(super) written: u64,
    /// The peer's FIN was reported to the client.
    pub(super) peer_finished: bool,
    /// The client half-closed.
    pub(super) client_finished: bool,
}

/// What the client says at release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// What it thinks of the connection.
    pub(super) disposition: Disposition,
    /// Upstream bytes that it consumed.
    pub(super) consumed: u64,
    /// Bytes that it wrote.
    pub(super) written: u64,
    /// The lease was of the class `opaque`: the connection carries state of this client's own.
    pub(super) opaque: bool,
    /// Until when an acknowledgement that is still owed is waited for.
    pub(super) settle_by: Instant,
}

/// Whether the connection may be used again, and if not, why.
pub(super) fn judge(claim: Claim, totals: Totals, quiescence: Quiescence) -> Condition {
    match claim.disposition {
        Disposition::Discard => Condition::Spent(CloseCause::ClientDiscard),
        Disposition::Unused => judge_unused(totals, quiescence),
        Disposition::Reusable => judge_reusable(claim, totals, quiescence),
    }
}

/// A connection given back without a byte on it. Also what becomes of a client that vanished with
/// a lease it never used (rules W and G).
pub(super) fn judge_unused(totals: Totals, quiescence: Quiescence) -> Condition {
    if totals.written > 0 {
        return Condition::Spent(CloseCause::ClientDiscard);
    }
    if totals.delivered > 0 {
        return Condition::Spent(CloseCause::UnreadBytes);
    }
    if totals.peer_finished || totals.client_finished {
        return Condition::Spent(CloseCause::HalfClosed);
    }
    spent_by(quiescence).map_or(Condition::Unused, Condition::Spent)
}

fn judge_reusable(claim: Claim, totals: Totals, quiescence: Quiescence) -> Condition {
    if totals.peer_finished || totals.client_finished {
        return Condition::Spent(CloseCause::HalfClosed);
    }
    if claim.consumed != totals.delivered {
        return Condition::Spent(CloseCause::UnreadBytes);
    }
    if claim.written != totals.written {
        return Condition::Spent(CloseCause::UnsentBytes);
    }
    if claim.opaque {
        return Condition::Spent(CloseCause::Opaque);
    }
    match spent_by(quiescence) {
        None => Condition::Reusable,
        Some(CloseCause::UnackedBytes) => Condition::Settling { until: claim.settle_by },
        Some(cause) => Condition::Spent(cause),
    }
}

/// What the connection itself says against a further lease.
fn spent_by(quiescence: Quiescence) -> Option<CloseCause> {
    match quiescence {
        Quiescence::Clean => None,
        Quiescence::Unacknowledged { .. } => Some(CloseCause::UnackedBytes),
        Quiescence::Unsent { .. } => Some(CloseCause::UnsentBytes),
        Quiescence::Unread { .. } => Some(CloseCause::UnreadBytes),
        Quiescence::OutOfOrder => Some(CloseCause::OutOfOrder),
        Quiescence::HalfClosed => Some(CloseCause::HalfClosed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Totals =
        Totals { delivered: 100, written: 50, peer_finished: false, client_finished: false };

    const SETTLE_BY: Instant = Instant::from_nanos(7);

    fn reusable(consumed: u64, written: u64) -> Claim {
        Claim {
            disposition: Disposition::Reusable,
            consumed,
            written,
            opaque: false,
            settle_by: SETTLE_BY,
        }
    }

    #[test]
    fn equal_totals_on_a_quiet_connection_are_reusable() {
        assert_eq!(judge(reusable(100, 50), CLEAN, Quiescence::Clean), Condition::Reusable);
    }

    #[test]
    fn one_byte_more_or_less_closes() {
        for consumed in [99, 101] {
            let condition = judge(reusable(consumed, 50), CLEAN, Quiescence::Clean);
            assert_eq!(condition, Condition::Spent(CloseCause::UnreadBytes));
        }
        for written in [49, 51] {
            let condition = judge(reusable(100, written), CLEAN, Quiescence::Clean);
            assert_eq!(condition, Condition::Spent(CloseCause::UnsentBytes));
        }
    }

    #[test]
    fn the_connection_has_the_last_word() {
        let cases = [
            (Quiescence::Unacknowledged { bytes: 1 }, Condition::Settling { until: SETTLE_BY }),
            (Quiescence::Unsent { bytes: 1 }, Condition::Spent(CloseCause::UnsentBytes)),
            (Quiescence::Unread { bytes: 1 }, Condition::Spent(CloseCause::UnreadBytes)),
            (Quiescence::OutOfOrder, Condition::Spent(CloseCause::OutOfOrder)),
            (Quiescence::HalfClosed, Condition::Spent(CloseCause::HalfClosed)),
        ];
        for (quiescence, expected) in cases {
            assert_eq!(judge(reusable(100, 50), CLEAN, quiescence), expected, "{quiescence:?}");
        }
    }

    #[test]
    fn a_fin_either_way_closes_whatever_the_client_says() {
        for disposition in [Disposition::Reusable, Disposition::Unused] {
            for (peer_finished, client_finished) in [(true, false), (false, true)] {
                let totals = Totals { peer_finished, client_finished, ..Totals::default() };
                let claim = Claim { disposition, ..reusable(0, 0) };
                let condition = judge(claim, totals, Quiescence::Clean);
                assert_eq!(condition, Condition::Spent(CloseCause::HalfClosed));
            }
        }
    }

    #[test]
    fn unused_means_without_a_byte_either_way() {
        let claim = Claim { disposition: Disposition::Unused, ..reusable(0, 0) };
        let none = Totals::default();
        assert_eq!(judge(claim, none, Quiescence::Clean), Condition::Unused);
        let wrote = Totals { written: 1, ..none };
        let condition = judge(claim, wrote, Quiescence::Clean);
        assert_eq!(condition, Condition::Spent(CloseCause::ClientDiscard));
        let heard = Totals { delivered: 1, ..none };
        let condition = judge(claim, heard, Quiescence::Clean);
        assert_eq!(condition, Condition::Spent(CloseCause::UnreadBytes));
        let condition = judge(claim, none, Quiescence::Unread { bytes: 1 });
        assert_eq!(condition, Condition::Spent(CloseCause::UnreadBytes));
    }

    #[test]
    fn discard_and_opaque_close() {
        let discard = Claim { disposition: Disposition::Discard, ..reusable(100, 50) };
        let condition = judge(discard, CLEAN, Quiescence::Clean);
        assert_eq!(condition, Condition::Spent(CloseCause::ClientDiscard));
        let opaque = Claim { opaque: true, ..reusable(100, 50) };
        let condition = judge(opaque, CLEAN, Quiescence::Clean);
        assert_eq!(condition, Condition::Spent(CloseCause::Opaque));
    }
}
