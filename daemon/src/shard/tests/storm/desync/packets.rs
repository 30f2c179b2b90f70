//! What the network saw of the upstreams' connections: which bytes of each stream left when, and what
//! had been received by then.

use std::collections::HashMap;

use wharf_pool::time::Instant;

use super::super::super::world::Seen;

/// A segment of an upstream, with text or without, in offsets of the two streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) at: Instant,
    from: u32,
    to: u32,
    /// Bytes of the daemon that it acknowledges.
    pub(super) acked: u32,
}

/// One connection.
#[derive(Debug, Default)]
struct Streams {
    /// Number of the first byte in each direction: the daemon's, the upstream's.
    first: [u32; 2],
    sent: Vec<Sent>,
}

/// All connections, by the daemon's port.
#[derive(Debug, Default)]
pub(super) struct Packets {
    streams: HashMap<u16, Streams>,
}

impl Packets {
    /// A packet has reached the upstreams, or has left them.
    pub(super) fn see(&mut self, seen: &Seen) {
        let packet = &seen.packet;
        let short = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        let long = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|next| packet[at + next]));
        // IPv4 without options; RFC 791, section 3.1, and RFC 9293, section 3.1.
        let header = usize::from(packet[32] >> 4) * 4;
        let len = u32::from(short(2)) - 20 - u32::try_from(header).expect("60 at most");
        let is_syn = packet[33] & 2 != 0;
        let (port, side) = if seen.is_up { (short(20), 0) } else { (short(22), 1) };
        let streams = self.streams.entry(port).or_default();
        if is_syn {
            streams.first[side] = long(24).wrapping_add(1);
        } else if side == 1 {
            let [daemon, upstream] = streams.first;
            let from = long(24).wrapping_sub(upstream);
            let acked = long(28).wrapping_sub(daemon);
            streams.sent.push(Sent { at: seen.at, from, to: from + len, acked });
        }
    }

    /// Every time that a byte of the upstream left, the first one first.
    pub(super) fn sent(&self, port: u16, offset: u32) -> impl Iterator<Item = Sent> {
        self.all(port).filter(move |sent| (sent.from..sent.to).contains(&offset))
    }

    /// Whether a mere acknowledgement of what was behind `knew` said that the byte at `offset` had been
    /// sent, before it was sent again at `again`.
    pub(super) fn is_foretold(&self, port: u16, offset: u32, knew: u32, again: Instant) -> bool {
        let mut acks = self.all(port).filter(|sent| sent.from == sent.to && sent.at < again);
        acks.any(|ack| ack.acked > knew && ack.from > offset)
    }

    fn all(&self, port: u16) -> impl Iterator<Item = Sent> {
        let sent = self.streams.get(&port).map_or(&[][..], |streams| &streams.sent);
        sent.iter().copied()
    }
}
