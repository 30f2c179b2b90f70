//! A router says that a packet was too big for it: RFC 1191, RFC 8201; how far it is believed: RFC
//! 5927, section 7.
//!
//! Whoever guesses ports and a number in flight can forge such a message. It can lower the size to
//! the floor, and no further; and where segments of the size in use have arrived already, it is
//! believed only once a timeout has shown that something is wrong. An acknowledgement of what it
//! quotes refutes it.

use crate::stack::stats::Stats;
use crate::time::Instant;
use crate::wire::SeqNumber;

use super::super::connection::Connection;
use super::{PathMtu, RAISED_AFTER};

/// The plateaus of RFC 1191, table 7-1: what to try next after a router that names no MTU, which it
/// did before that RFC. Below the last is the floor.
const PLATEAUS: [u16; 7] = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006];

/// Least MTU of an IPv4 link: RFC 791.
const IPV4_MTU_MIN: u32 = 68;

/// Least MTU of an IPv6 link: RFC 8200, section 5.
const IPV6_MTU_MIN: u32 = 1_280;

/// The message of a router, not believed yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// SEG.SEQ of what it quotes.
    pub(super) seq: SeqNumber,
    /// What it says that the path carries.
    pub(super) size: u16,
}

impl PathMtu {
    /// The size that a message claims, if it can be true: it is less than what is `in_use` and than
    /// what was sent, and no link carries less (RFC 8201, section 4: discard it then).
    fn claimed_size(&self, mtu: u32, in_use: u16, is_ipv4: bool) -> Option<u16> {
        let largest_packet = self.mtu_of(self.largest_sent.min(in_use));
        let mtu = if mtu == 0 && is_ipv4 { next_plateau(largest_packet) } else { mtu };
        if mtu < if is_ipv4 { IPV4_MTU_MIN } else { IPV6_MTU_MIN } {
            return None;
        }
        let size = self.size_of(u16::try_from(mtu).unwrap_or(u16::MAX));
        (size < self.largest_sent && size < in_use).then_some(size)
    }

    /// Everything before `una` has arrived: a claim that it was dropped is false.
    pub(in crate::tcp) fn on_acked(&mut self, una: SeqNumber) {
        self.claim = self.claim.filter(|claim| claim.seq.at_or_after(una));
    }

    /// `[left, right)` has arrived.
    pub(in crate::tcp) fn on_sacked(&mut self, left: SeqNumber, right: SeqNumber) {
        let is_refuted = |claim: &Claim| claim.seq.at_or_after(left) && claim.seq.before(right);
        self.claim = self.claim.filter(|claim| !is_refuted(claim));
    }
}

/// The plateau below a packet's length; the floor's is none of the table.
fn next_plateau(packet: u16) -> u32 {
    let next = PLATEAUS.into_iter().find(|plateau| *plateau < packet);
    next.map_or(IPV4_MTU_MIN, u32::from)
}

impl Connection {
    /// An ICMP message says that a packet of ours was too big for a link, which carries `mtu` bytes;
    /// zero says nothing (routers older than RFC 1191). The caller has checked that it quotes a
    /// segment of this connection's tuple.
    ///
    /// Says whether the number quoted is in flight (RFC 5927, section 4.1).
    pub fn handle_too_big(
        &mut self,
        now: Instant,
        quoted_seq: SeqNumber,
        mtu: u32,
        stats: &mut Stats,
    ) -> bool {
        if !self.is_in_flight(quoted_seq) || !self.state().is_synchronized() {
            return false;
        }
        let is_ipv4 = self.start.ipv4;
        let Some(size) = self.path_mtu.claimed_size(mtu, self.largest_in_use(), is_ipv4) else {
            stats.pmtu_ignored += 1;
            return true;
        };
        if self.take_word_on_probe(now, quoted_seq, size, stats) || size >= self.snd.mss {
            return true;
        }
        if size < self.path_mtu.largest_acked {
            // Path-MTU Update: as much as was to be lost has arrived before.
            self.path_mtu.claim.get_or_insert(Claim { seq: quoted_seq, size });
            stats.pmtu_deferred += 1;
        } else {
            // Initial Path-MTU Discovery.
            self.lower_segment_size(now, size, now + RAISED_AFTER);
            self.resend_larger(self.text_room(now, size));
            self.restart_window();
            stats.pmtu_lowered += 1;
        }
        true
    }

    /// The retransmission timer has expired: what a router has claimed is believed (MAXSEGRTO is 1).
    /// Says whether there was a claim. The timeout is answered like any other, for the claim alone
    /// proves nothing.
    pub(super) fn believe_claim(&mut self, now: Instant, stats: &mut Stats) -> bool {
        let Some(Claim { size, .. }) = self.path_mtu.claim.take() else { return false };
        if size < self.snd.mss {
            self.lower_segment_size(now, size, now + RAISED_AFTER);
            let room = self.text_room(now, size);
            self.recovery.scoreboard.mark_larger_lost(room);
            stats.pmtu_lowered += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_plateau_is_below_what_was_sent() {
        for (packet, next) in [
            (u16::MAX, 32_000),
            (9_000, 8_166),
            (1_500, 1_492),
            (1_492, 1_006),
            (1_006, 68),
            (576, 68),
        ] {
            assert_eq!(next_plateau(packet), next, "{packet}");
        }
    }
}
