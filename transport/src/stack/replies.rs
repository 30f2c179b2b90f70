//! What the stack answers for itself, not for a connection: resets, the ACKs of TIME-WAIT, echo
//! replies.
//!
//! Bounded twice: in a second by a budget for each kind, so that strangers cannot make the stack
//! an amplifier, and at a time by the queue.

use core::net::IpAddr;
use std::collections::VecDeque;

use super::budget::Budget;
use super::stats::Stats;
use super::transmit::Ends;
use crate::time::Instant;
use crate::wire::tcp::Segment;

/// Resets in a second for segments that belong to nobody; RFC 5961, section 7 leaves the number
/// to us, 1000 is Linux's for challenges.
const RESETS_PER_SECOND: u32 = 1_000;

/// Echo replies in a second: Linux's `icmp_msgs_per_sec`.
const ECHOES_PER_SECOND: u32 = 1_000;

/// Replies that may wait for room in a batch.
const QUEUE_MAX: usize = 256;

/// A packet of the stack's own.
#[derive(Debug)]
pub(super) enum Reply {
    /// A segment without text.
    Segment { ends: Ends, segment: Segment<'static> },
    /// A whole ICMP message.
    Icmp { source: IpAddr, destination: IpAddr, message: Box<[u8]> },
}

/// Replies that wait to leave.
#[derive(Debug)]
pub(super) struct Replies {
    queue: VecDeque<Reply>,
    resets: Budget,
    echoes: Budget,
}

impl Replies {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            resets: Budget::new(RESETS_PER_SECOND),
            echoes: Budget::new(ECHOES_PER_SECOND),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Reply> {
        self.queue.pop_front()
    }

    /// Queues a segment of TIME-WAIT, a listener or nobody, within the budget.
    pub(super) fn push_segment(
        &mut self,
        now: Instant,
        ends: Ends,
        segment: Segment<'static>,
        stats: &mut Stats,
    ) {
        if self.queue.len() < QUEUE_MAX && self.resets.take(now) {
            self.queue.push_back(Reply::Segment { ends, segment });
        } else {
            stats.out_replies_limited += 1;
        }
    }

    /// Queues an echo reply, within the budget; `message` is made only if it may leave.
    pub(super) fn push_echo(
        &mut self,
        now: Instant,
        source: IpAddr,
        destination: IpAddr,
        message: impl FnOnce() -> Box<[u8]>,
        stats: &mut Stats,
    ) {
        if self.queue.len() < QUEUE_MAX && self.echoes.take(now) {
            self.queue.push_back(Reply::Icmp { source, destination, message: message() });
        } else {
            stats.icmp_out_limited += 1;
        }
    }
}
