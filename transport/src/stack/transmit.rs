//! What leaves: the stack's own replies first, then what connections have due.
//!
//! Only connections that were called since they last had nothing to send are asked, so idle ones
//! cost nothing. A connection gives a bounded number of segments before the next one has its
//! turn.

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU8;

use super::Stack;
use super::replies::Reply;
use super::slots::ConnectionId;
use super::standing::Queue;
use super::stats::Stats;
use crate::batch::PacketBatch;
use crate::time::Instant;
use crate::wire::ip::{self, Ecn, Protocol};
use crate::wire::tcp::{Ports, Segment};

/// Segments of one connection in a row: enough for offload to make large packets of them, few
/// enough that one bulk transfer does not fill a batch.
const SEGMENTS_IN_A_ROW: usize = 16;

/// What routers may take off on the way, unless it is set: RFC 1700 and all of today's hosts.
pub(super) const HOP_LIMIT: NonZeroU8 = NonZeroU8::new(64).expect("64 is not 0");

/// Both ends of a packet that leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

impl Stack {
    /// Sets what routers may take off on the way, 64 until then, of every packet that leaves from
    /// now on: RFC 9293, section 3.9.2 (MUST-49).
    pub fn set_hop_limit(&mut self, hop_limit: NonZeroU8) {
        self.hop_limit = hop_limit;
    }

    /// Appends the packets that are due to `batch`, until none is left or it is full. Returns
    /// whether it appended any; call it until it did not.
    pub fn poll_transmit(&mut self, now: Instant, batch: &mut PacketBatch) -> bool {
        self.watched.tell(now);
        let before = batch.len();
        while !batch.is_full() {
            let Some(reply) = self.replies.pop() else { break };
            push_reply(batch, self.hop_limit, &reply, &mut self.stats);
        }
        while !batch.is_full() {
            let Some(id) = self.ready.pop_front() else { break };
            self.transmit(now, id, batch);
        }
        batch.len() > before
    }

    /// Gives one connection its turn.
    fn transmit(&mut self, now: Instant, id: ConnectionId, batch: &mut PacketBatch) {
        if !self.connections.is_alive(id) {
            return;
        }
        let index = id.index();
        let Some(tuple) = self.connections.at(index).map(|entry| entry.tuple) else { return };
        let ends = self.ends_of(tuple);
        self.share_path_mtu(now, index);
        let Some(entry) = self.connections.at_mut(index) else { return };
        entry.standing.leave(Queue::Ready);
        let Some(connection) = entry.body.live_mut() else { return };
        let mut left = SEGMENTS_IN_A_ROW;
        while left > 0 && !batch.is_full() {
            let Some(segment) = connection.poll_transmit(now, &mut self.stats) else {
                return self.sent_all(now, index);
            };
            push_segment(batch, self.hop_limit, ends, &segment, &mut self.stats);
            left -= 1;
        }
        self.charge(index);
        self.rearm(index);
        self.mark_ready(index);
    }

    /// A connection has nothing more to send for now: its timer is set, and it may be over.
    fn sent_all(&mut self, now: Instant, index: u32) {
        self.settle(index);
        self.reap(now, index);
    }
}

fn push_reply(batch: &mut PacketBatch, hops: NonZeroU8, reply: &Reply, stats: &mut Stats) {
    match reply {
        Reply::Segment { ends, segment } => {
            stats.out_segs += 1;
            stats.out_rsts += u64::from(segment.flags.rst);
            push_segment(batch, hops, *ends, segment, stats);
        }
        Reply::Icmp { source, destination, message } => {
            stats.icmp_out_echo_reps += 1;
            push_icmp(batch, hops, *source, *destination, message, stats);
        }
    }
}

fn push_segment(
    batch: &mut PacketBatch,
    hops: NonZeroU8,
    ends: Ends,
    segment: &Segment<'_>,
    stats: &mut Stats,
) {
    let (source, destination) = (ends.local.ip(), ends.remote.ip());
    let ports = Ports { source: ends.local.port(), destination: ends.remote.port() };
    let header = ip::header_len(destination);
    let payload = segment.header_len() + segment.text.len();
    stats.ip_out_requests += 1;
    let pushed = batch.push_with(header + payload, |out| {
        let (head, body) = out.split_at_mut(header);
        ip::emit_header(source, destination, Protocol::Tcp, hops.get(), segment.ecn, payload, head);
        header + segment.emit(ports, source, destination, body)
    });
    assert!(pushed, "a batch that is not full has room for a packet of the MTU");
}

fn push_icmp(
    batch: &mut PacketBatch,
    hops: NonZeroU8,
    source: IpAddr,
    destination: IpAddr,
    message: &[u8],
    stats: &mut Stats,
) {
    let protocol = if destination.is_ipv4() { Protocol::Icmp } else { Protocol::Icmpv6 };
    let header = ip::header_len(destination);
    stats.ip_out_requests += 1;
    let pushed = batch.push_with(header + message.len(), |out| {
        let (head, body) = out.split_at_mut(header);
        ip::emit_header(
            source,
            destination,
            protocol,
            hops.get(),
            Ecn::NotEct,
            message.len(),
            head,
        );
        body.copy_from_slice(message);
        header + message.len()
    });
    assert!(pushed, "a batch that is not full has room for a packet of the MTU");
}
