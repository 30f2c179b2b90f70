//! One direction of the network between sender and receiver: losses by index, a rate with a queue
//! before it, a delay. A state machine: it is told the time.

use std::collections::VecDeque;

use wharf_transport::time::{Duration, Instant};
use wharf_transport::wire::{ip, tcp};

use super::loss::LossSequence;

/// Bits a second, and the queue before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bits a second.
    pub bits: u64,
    /// Most bytes that wait; what comes beyond that is dropped.
    pub queue_bytes: u64,
}

/// What a direction does to packets.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// How long each packet takes, queueing apart.
    pub delay: Duration,
    /// How fast packets leave; at once without.
    pub rate: Option<Rate>,
    /// Which packets with text are lost.
    pub loss: LossSequence,
}

/// What a direction has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Packets that came.
    pub packets: u64,
    /// Those with text; these have an index.
    pub with_text: u64,
    /// Lost by their index.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
    /// Packets above the MTU: there must be none, or segmentation was offloaded to us.
    pub oversize: u64,
}

/// One direction.
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
    mtu: usize,
    /// When the last packet in the queue has left it.
    free_at: Instant,
    under_way: VecDeque<(Instant, Box<[u8]>)>,
    counters: LinkCounters,
}

impl Link {
    /// A direction without packets on it.
    #[must_use]
    pub fn new(config: LinkConfig, mtu: u16) -> Self {
        let mtu = usize::from(mtu);
        let (free_at, under_way) = (Instant::ORIGIN, VecDeque::new());
        Self { config, mtu, free_at, under_way, counters: LinkCounters::default() }
    }

    /// Takes in a packet.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.counters.packets += 1;
        self.counters.oversize += u64::from(packet.len() > self.mtu);
        if carries_text(packet) {
            self.counters.with_text += 1;
            if self.config.loss.takes_next() {
                self.counters.lost += 1;
                return;
            }
        }
        match self.leaves(now, packet.len() as u64) {
            Some(leaves) => {
                self.under_way.push_back((leaves + self.config.delay, packet.into()));
            }
            None => self.counters.overflowed += 1,
        }
    }

    /// When a packet that comes now has left the queue; none if there is no room in it.
    fn leaves(&mut self, now: Instant, len: u64) -> Option<Instant> {
        let Some(rate) = self.config.rate else { return Some(now) };
        let time_of = |bytes: u64| Duration::from_nanos(bytes * 8 * 1_000_000_000 / rate.bits);
        if self.free_at.since(now) + time_of(len) > time_of(rate.queue_bytes) {
            return None;
        }
        self.free_at = self.free_at.max(now) + time_of(len);
        Some(self.free_at)
    }

    /// The next packet that has arrived, and when that was due.
    pub fn poll_deliver(&mut self, now: Instant) -> Option<(Instant, Box<[u8]>)> {
        self.under_way.pop_front_if(|(due, _)| *due <= now)
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.under_way.front().map(|(due, _)| *due)
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> LinkCounters {
        self.counters
    }
}

/// Whether a packet carries text. Others (handshake, acknowledgements, FIN) have no index and are
/// never lost, so that all runs begin alike.
fn carries_text(packet: &[u8]) -> bool {
    let payload = ip::parse(packet).map(|datagram| datagram.payload);
    let segment = payload.and_then(tcp::parse_unverified);
    segment.is_ok_and(|(_, segment)| !segment.text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::loss::LossRate;
    use super::*;
    use wharf_transport::wire::tcp::{Flags, Ports, Segment};

    fn packet(text: &[u8]) -> Vec<u8> {
        let (near, far) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let segment = Segment { flags: Flags::ACK, text: text.into(), ..Segment::default() };
        let payload = segment.header_len() + text.len();
        let mut bytes = vec![0; 20 + payload];
        let (head, body) = bytes.split_at_mut(20);
        ip::emit_header(near, far, ip::Protocol::Tcp, 64, ip::Ecn::NotEct, payload, head);
        segment.emit(Ports { source: 1, destination: 2 }, near, far, body);
        bytes
    }

    fn link(delay: u64, rate: Option<Rate>, loss: u32) -> Link {
        let loss = LossSequence::new(3, LossRate(loss));
        Link::new(LinkConfig { delay: Duration::from_millis(delay), rate, loss }, 1_500)
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_packet_arrives_after_its_delay_and_not_before() {
        let mut link = link(10, None, 0);
        link.handle_packet(at(5), &packet(b"x"));
        assert_eq!(link.poll_timeout(), Some(at(15)));
        assert_eq!(link.poll_deliver(at(14)), None);
        let (due, arrived) = link.poll_deliver(at(16)).unwrap();
        assert_eq!((due, &*arrived), (at(15), &*packet(b"x")));
        assert_eq!(link.poll_timeout(), None);
    }

    #[test]
    fn packets_leave_at_the_rate_and_overflow_the_queue() {
        // 1000 bytes a millisecond, and room for three packets of 1000 bytes.
        let mut link = link(0, Some(Rate { bits: 8_000_000, queue_bytes: 3_000 }), 0);
        let text = packet(&[0; 960]);
        assert_eq!(text.len(), 1_000);
        for _ in 0..5 {
            link.handle_packet(at(1), &text);
        }
        assert_eq!(link.counters().overflowed, 2);
        let due: Vec<_> = std::iter::from_fn(|| link.poll_deliver(at(99))).map(|it| it.0).collect();
        assert_eq!(due, [at(2), at(3), at(4)]);
        link.handle_packet(at(100), &text);
        assert_eq!(link.poll_timeout(), Some(at(101)), "a pause saves no rate up");
    }

    #[test]
    fn only_packets_with_text_have_an_index() {
        let mut link = link(0, None, super::super::loss::OUT_OF);
        link.handle_packet(at(1), &packet(b""));
        link.handle_packet(at(1), &packet(b"x"));
        let counters = link.counters();
        assert_eq!((counters.packets, counters.with_text, counters.lost), (2, 1, 1));
    }

    #[test]
    fn two_directions_of_one_seed_lose_the_same_packets_by_index() {
        let lost = |sizes: &[usize]| {
            let mut link = link(0, None, 20_000);
            let lost = sizes.iter().map(|size| {
                let before = link.counters().lost;
                link.handle_packet(at(1), &packet(&vec![0; *size]));
                link.counters().lost > before
            });
            lost.collect::<Vec<_>>()
        };
        assert_eq!(lost(&[1; 200]), lost(&[1_400; 200]));
    }

    #[test]
    fn a_packet_above_the_mtu_is_seen() {
        let mut link = link(0, None, 0);
        link.handle_packet(at(1), &packet(&[0; 1_461]));
        link.handle_packet(at(1), &packet(&[0; 1_460]));
        assert_eq!(link.counters().oversize, 1);
    }
}
