//! A cable between two ends in one process.
//!
//! What one end sends the other receives, in order, unharmed. Each direction holds a bounded number
//! of packets; more are dropped, as are packets over the MTU. For anything worse, put
//! [`simulated`](super::simulated) between.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Device, Sent};
use crate::batch::PacketBatch;

/// One direction's packets on their way.
type Queue = Arc<Mutex<VecDeque<Box<[u8]>>>>;

/// One end of a cable. The ends may live on different threads.
#[derive(Debug)]
pub struct End {
    incoming: Queue,
    outgoing: Queue,
    mtu: u16,
    capacity: usize,
    undeliverable: u64,
}

/// Makes a cable for packets of up to `mtu` bytes; each direction holds `capacity` of them.
#[must_use]
pub fn pair(mtu: u16, capacity: usize) -> (End, End) {
    let (there, back) = (Queue::default(), Queue::default());
    let near = End {
        incoming: Arc::clone(&back),
        outgoing: Arc::clone(&there),
        mtu,
        capacity,
        undeliverable: 0,
    };
    let far = End { incoming: there, outgoing: back, mtu, capacity, undeliverable: 0 };
    (near, far)
}

impl End {
    /// Packets that wait to be received at this end.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.incoming).len()
    }

    /// Packets lost at this end because they were longer than the batch that was to take them.
    #[must_use]
    pub const fn undeliverable(&self) -> u64 {
        self.undeliverable
    }
}

impl Device for End {
    fn mtu(&self) -> u16 {
        self.mtu
    }

    fn receive(&mut self, batch: &mut PacketBatch) -> io::Result<usize> {
        let mut incoming = lock(&self.incoming);
        let before = batch.len();
        while !batch.is_full() {
            let Some(packet) = incoming.pop_front() else { break };
            if !batch.push(&packet) {
                self.undeliverable += 1;
            }
        }
        Ok(batch.len() - before)
    }

    fn send(&mut self, batch: &mut PacketBatch) -> io::Result<Sent> {
        let mut outgoing = lock(&self.outgoing);
        let mut sent = Sent::default();
        for packet in &*batch {
            if packet.len() <= usize::from(self.mtu) && outgoing.len() < self.capacity {
                outgoing.push_back(packet.into());
                sent.packets += 1;
            } else {
                sent.dropped += 1;
            }
        }
        batch.clear();
        Ok(sent)
    }
}

/// Locks a queue. A panic at the other end leaves it whole: each push and pop is one step.
fn lock(queue: &Queue) -> MutexGuard<'_, VecDeque<Box<[u8]>>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch_of(packets: &[&[u8]]) -> PacketBatch {
        let mut batch = PacketBatch::new(16, 100);
        for packet in packets {
            assert!(batch.push(packet));
        }
        batch
    }

    #[test]
    fn each_end_receives_what_the_other_sent() {
        let (mut near, mut far) = pair(100, 8);
        let mut batch = batch_of(&[b"one", b"two"]);
        assert_eq!(near.send(&mut batch).expect("sends"), Sent { packets: 2, dropped: 0 });
        assert!(batch.is_empty());
        assert_eq!((near.waiting(), far.waiting()), (0, 2));
        assert_eq!(near.receive(&mut batch).expect("receives"), 0);
        assert_eq!(far.receive(&mut batch).expect("receives"), 2);
        assert_eq!(batch.iter().collect::<Vec<_>>(), [b"one", b"two"]);

        assert_eq!(far.send(&mut batch).expect("sends").packets, 2);
        assert_eq!(near.receive(&mut batch).expect("receives"), 2);
    }

    #[test]
    fn what_has_no_room_is_dropped_and_counted() {
        let (mut near, mut far) = pair(4, 2);
        let mut batch = batch_of(&[b"12345", b"1", b"2", b"3"]);
        assert_eq!(near.send(&mut batch).expect("sends"), Sent { packets: 2, dropped: 2 });
        assert_eq!(far.receive(&mut batch).expect("receives"), 2);
        assert_eq!(batch.iter().collect::<Vec<_>>(), [b"1", b"2"]);
    }

    #[test]
    fn a_full_batch_leaves_the_rest_on_the_cable() {
        let (mut near, mut far) = pair(100, 8);
        near.send(&mut batch_of(&[b"1", b"2", b"3"])).expect("sends");
        let mut small = PacketBatch::new(2, 100);
        assert_eq!(far.receive(&mut small).expect("receives"), 2);
        assert_eq!(far.receive(&mut small).expect("receives"), 0);
        small.clear();
        assert_eq!(far.receive(&mut small).expect("receives"), 1);
        assert_eq!(small.iter().collect::<Vec<_>>(), [b"3"]);
    }

    #[test]
    fn a_packet_too_long_for_the_batch_is_counted() {
        let (mut near, mut far) = pair(100, 8);
        near.send(&mut batch_of(&[b"1234", b"1"])).expect("sends");
        let mut narrow = PacketBatch::new(8, 3);
        assert_eq!(far.receive(&mut narrow).expect("receives"), 1);
        assert_eq!(far.undeliverable(), 1);
    }

    #[test]
    fn the_cable_says_its_mtu() {
        assert_eq!(pair(1400, 1).1.mtu(), 1400);
    }
}
