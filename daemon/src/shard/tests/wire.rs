//! One direction of the link between the shard and its upstreams: late, lossy or cut as told.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use wharf_pool::time::{Duration, Instant};

use super::random::Random;

/// What a link does to each packet by chance, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) late: u64,
}

/// Packets on their way in one direction.
#[derive(Debug, Default)]
pub(super) struct Wire {
    under_way: VecDeque<(Instant, Vec<u8>)>,
    /// How long each packet takes.
    delay: Duration,
    /// Packets wait here until told otherwise.
    pub(super) is_held: bool,
    /// Packets are lost until told otherwise.
    pub(super) is_cut: bool,
    /// So many packets are lost next.
    pub(super) lose_next: usize,
    /// Packets from or to this IPv4 address are lost until told otherwise.
    pub(super) black_hole: Option<Ipv4Addr>,
    /// Packets of IPv4 from or to this port are lost until told otherwise.
    pub(super) lost_port: Option<u16>,
    /// What happens by chance.
    pub(super) faults: Faults,
}

impl Wire {
    /// A link on which each packet takes `delay`.
    pub(super) fn new(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// A packet enters.
    pub(super) fn send(&mut self, now: Instant, chance: &mut Random, packet: &[u8]) {
        let is_unlucky = chance.is_one_of_thousand(self.faults.lost);
        if self.is_cut || self.lose_next > 0 || is_unlucky || self.swallows(packet) {
            self.lose_next = self.lose_next.saturating_sub(1);
            return;
        }
        let late = chance.is_one_of_thousand(self.faults.late);
        let extra = Duration::from_millis(if late { chance.below(30) } else { 0 });
        self.put(now + self.delay + extra, packet);
        if chance.is_one_of_thousand(self.faults.doubled) {
            self.put(now + self.delay, packet);
        }
    }

    /// Whether packets as this one get lost. IPv4 without options: addresses are at 12 and 16, ports
    /// at 20 and 22 (RFC 791, section 3.1; RFC 9293, section 3.1).
    fn swallows(&self, packet: &[u8]) -> bool {
        let address = self.black_hole.map(|address| address.octets());
        let port = self.lost_port.map(u16::to_be_bytes);
        let is_at = |part: &[u8], at: usize| packet.get(at..at + part.len()) == Some(part);
        address.is_some_and(|address| is_at(&address, 12) || is_at(&address, 16))
            || port.is_some_and(|port| is_at(&port, 20) || is_at(&port, 22))
    }

    /// In the order of arrival; those of one moment in the order of sending.
    fn put(&mut self, due: Instant, packet: &[u8]) {
        let at = self.under_way.partition_point(|(earlier, _)| *earlier <= due);
        self.under_way.insert(at, (due, packet.to_vec()));
    }

    /// The next packet that arrives by `now`.
    pub(super) fn receive(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.is_held || self.under_way.front()?.0 > now {
            return None;
        }
        self.under_way.pop_front().map(|(_, packet)| packet)
    }

    /// Takes the next packet out, wherever it is.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.under_way.pop_front().map(|(_, packet)| packet)
    }

    /// When the next packet arrives.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.is_held {
            return None;
        }
        self.under_way.front().map(|(due, _)| *due)
    }
}
