//! What a session still has to say to its client: encoded frames, in order, bounded.
//!
//! Two kinds share the one stream. Upstream bytes (`DATA`) stop where [`Outbox::room`] ends,
//! which leaves the rest in the connection's receive buffer and closes its window. Control replies
//! always fit: there are at most [`CONTROL_WAITING_MAX`] of them before the session is no longer
//! read, so neither direction can block the other (DESIGN: "Directions are independent").
//!
//! It is *not* a socket: the reactor takes bytes from [`Outbox::bytes`] and says how many went.

use std::collections::VecDeque;

/// How many control replies may wait before the session's requests are left unread.
pub(super) const CONTROL_WAITING_MAX: usize = 16;

/// Memory that an empty outbox may keep for the next frame; more is given back.
const KEPT_BYTES: usize = 4096;

/// Frames on their way to one client.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// How much of `bytes` has gone to the socket.
    sent: usize,
    /// Ends of the control frames in `bytes`, oldest first.
    control_ends: VecDeque<usize>,
    /// Where in `bytes` a descriptor goes along, and the lease that it is for; oldest first.
    descriptors: VecDeque<(usize, u16)>,
}

impl Outbox {
    /// What the socket has not taken yet, up to where the next descriptor goes along.
    #[must_use]
    pub(super) fn bytes(&self) -> &[u8] {
        let mut marks = self.descriptors.iter().map(|(at, _)| *at);
        let end = marks.find(|at| *at > self.sent).unwrap_or(self.bytes.len());
        self.bytes.get(self.sent..end).unwrap_or_default()
    }

    /// The lease whose descriptor goes along with the first of [`Outbox::bytes`].
    #[must_use]
    pub(super) fn descriptor(&self) -> Option<u16> {
        let (at, lease) = self.descriptors.front()?;
        (*at == self.sent).then_some(*lease)
    }

    /// A descriptor for `lease` goes along with the first byte that is queued next.
    pub(super) fn mark_descriptor(&mut self, lease: u16) {
        self.descriptors.push_back((self.bytes.len(), lease));
    }

    /// Whether everything has gone.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// How many bytes wait.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// How many more bytes may be queued under a bound of `limit_bytes`.
    #[must_use]
    pub(super) fn room(&self, limit_bytes: usize) -> usize {
        limit_bytes.saturating_sub(self.len())
    }

    /// Whether so many replies wait that no further request should be read.
    #[must_use]
    pub(super) fn is_congested(&self) -> bool {
        self.control_ends.len() >= CONTROL_WAITING_MAX
    }

    /// Queues a control frame that `encode` appends.
    pub(super) fn push_control(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        self.control_ends.push_back(self.bytes.len());
    }

    /// Queues a frame of upstream bytes that `fill` appends; `fill` says whether it added one.
    pub(super) fn push_data<R>(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        fill(&mut self.bytes)
    }

    /// The socket took `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.sent += count;
        assert!(self.sent <= self.bytes.len(), "the socket took more than was there");
        while self.control_ends.front().is_some_and(|end| *end <= self.sent) {
            self.control_ends.pop_front();
        }
        while self.descriptors.front().is_some_and(|(at, _)| *at < self.sent) {
            self.descriptors.pop_front();
        }
        if self.is_empty() {
            self.reset();
        } else if self.sent > self.bytes.len() / 2 {
            self.compact();
        }
    }

    /// Starts anew: nothing waits. A large buffer is given back, since most sessions are quiet.
    fn reset(&mut self) {
        self.sent = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
    }

    /// Moves what waits to the front. Called when more than half has gone, so each byte moves at
    /// most once on average.
    fn compact(&mut self) {
        self.bytes.drain(..self.sent);
        for end in &mut self.control_ends {
            *end -= self.sent;
        }
        for (at, _) in &mut self.descriptors {
            *at -= self.sent;
        }
        self.sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_order_whatever_the_socket_takes() {
        let mut outbox = Outbox::default();
        let mut taken = Vec::new();
        for round in 0..50_u8 {
            outbox.push_control(|bytes| bytes.extend([round; 7]));
            let count = outbox.len().min(usize::from(round % 11));
            taken.extend_from_slice(&outbox.bytes()[..count]);
            outbox.consume(count);
        }
        taken.extend_from_slice(outbox.bytes());
        let expected: Vec<u8> = (0..50_u8).flat_map(|round| [round; 7]).collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn congestion_counts_replies_that_wait_and_not_those_gone() {
        let mut outbox = Outbox::default();
        outbox.push_data(|bytes| bytes.extend([0; 100]));
        for _ in 0..CONTROL_WAITING_MAX {
            assert!(!outbox.is_congested());
            outbox.push_control(|bytes| bytes.extend([1; 10]));
        }
        assert!(outbox.is_congested());
        outbox.consume(109);
        assert!(outbox.is_congested(), "half a reply still waits");
        outbox.consume(1);
        assert!(!outbox.is_congested());
    }

    #[test]
    fn a_descriptor_goes_with_the_first_byte_of_its_frame_whatever_the_socket_takes() {
        for step in 1..30 {
            let mut outbox = Outbox::default();
            outbox.push_control(|bytes| bytes.extend([0; 20]));
            for lease in [1, 2] {
                outbox.mark_descriptor(lease);
                outbox.push_control(|bytes| bytes.extend([0; 20]));
            }
            let (mut at, mut found) = (0, Vec::new());
            while !outbox.is_empty() {
                found.extend(outbox.descriptor().map(|lease| (at, lease)));
                let count = outbox.bytes().len().min(step);
                outbox.consume(count);
                at += count;
            }
            assert_eq!((at, found.as_slice()), (60, [(20, 1), (40, 2)].as_slice()), "by {step}");
        }
    }

    #[test]
    fn room_is_for_data_alone() {
        let mut outbox = Outbox::default();
        outbox.push_control(|bytes| bytes.extend([0; 4]));
        assert_eq!(outbox.room(64), 60);
        outbox.push_data(|bytes| bytes.extend([0; 60]));
        assert_eq!(outbox.room(64), 0);
        outbox.push_control(|bytes| bytes.extend([0; 4]));
        assert_eq!(outbox.room(64), 0);
    }

    #[test]
    fn an_empty_outbox_keeps_little_memory() {
        let mut outbox = Outbox::default();
        outbox.push_data(|bytes| bytes.resize(1 << 20, 0));
        outbox.consume(1 << 20);
        assert!(outbox.is_empty());
        assert!(outbox.bytes.capacity() <= KEPT_BYTES);
    }
}
