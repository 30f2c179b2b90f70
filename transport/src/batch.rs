//! A batch of packets on their way between a stack and a device.
//!
//! The packets lie one after the other in one allocation that is made once: filling and emptying a
//! batch allocates nothing. What does not fit waits where it is; a batch never grows.

use core::fmt;

/// A bounded number of packets, in order.
pub struct PacketBatch {
    /// Room for the packets, back to back.
    bytes: Box<[u8]>,
    /// Where each packet ends; it begins where the one before it ends.
    ends: Vec<usize>,
    /// Most packets.
    capacity: usize,
    /// Longest packet.
    packet_max: usize,
}

impl PacketBatch {
    /// An empty batch with room for `capacity` packets of up to `packet_max` bytes each.
    ///
    /// # Panics
    ///
    /// If either is zero: such a batch is full for ever, and its owner would wait for ever.
    #[must_use]
    pub fn new(capacity: usize, packet_max: usize) -> Self {
        assert!(capacity > 0 && packet_max > 0, "a batch has room for a packet");
        Self {
            bytes: vec![0; capacity * packet_max].into_boxed_slice(),
            ends: Vec::with_capacity(capacity),
            capacity,
            packet_max,
        }
    }

    /// Appends a packet of up to `max_len` bytes: `write` fills the room it is given and says how
    /// many bytes the packet has; 0 means that there is none after all.
    ///
    /// Returns whether a packet was appended. `write` is not called when the batch is full, or
    /// `max_len` is over the length that the batch was made for.
    ///
    /// # Panics
    ///
    /// If `write` claims more bytes than it was given.
    pub fn push_with(&mut self, max_len: usize, write: impl FnOnce(&mut [u8]) -> usize) -> bool {
        if self.is_full() || max_len > self.packet_max {
            return false;
        }
        let start = self.used();
        let Some(room) = self.bytes.get_mut(start..start + max_len) else { return false };
        let len = write(room);
        assert!(len <= max_len, "a packet is no longer than its room");
        if len > 0 {
            self.ends.push(start + len);
        }
        len > 0
    }

    /// Appends a copy of `packet`; false if there is no room for it, or nothing in it.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        self.push_with(packet.len(), |room| {
            room.copy_from_slice(packet);
            packet.len()
        })
    }

    /// The packets in their order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { batch: self, next: 0 }
    }

    /// Forgets all packets.
    pub fn clear(&mut self) {
        self.ends.clear();
    }

    /// Whether it holds as many packets as it takes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.ends.len() == self.capacity
    }

    /// Whether there are no packets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many packets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes in all packets together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.used()
    }

    /// Most packets it takes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Longest packet it is made for.
    #[must_use]
    pub fn packet_max(&self) -> usize {
        self.packet_max
    }

    /// Bytes taken; where the next packet begins.
    fn used(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}

impl fmt::Debug for PacketBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacketBatch({} of {} packets, {} B)", self.len(), self.capacity, self.used())
    }
}

impl<'a> IntoIterator for &'a PacketBatch {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The packets of a [`PacketBatch`], in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    batch: &'a PacketBatch,
    next: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = *self.batch.ends.get(self.next)?;
        let start = match self.next.checked_sub(1) {
            Some(before) => *self.batch.ends.get(before)?,
            None => 0,
        };
        self.next += 1;
        self.batch.bytes.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_as_they_went_in() {
        let mut batch = PacketBatch::new(3, 10);
        assert!(batch.is_empty() && !batch.is_full());
        assert!(batch.push(b"one"));
        assert!(batch.push_with(10, |room| {
            room[..5].copy_from_slice(b"three");
            5
        }));
        assert_eq!(batch.iter().collect::<Vec<_>>(), [&b"one"[..], b"three"]);
        assert_eq!((batch.len(), batch.bytes()), (2, 8));
    }

    #[test]
    fn nothing_written_is_no_packet() {
        let mut batch = PacketBatch::new(1, 10);
        assert!(!batch.push_with(10, |_| 0));
        assert!(!batch.push(b""));
        assert!(batch.is_empty());
    }

    #[test]
    fn a_full_batch_calls_nobody() {
        let mut batch = PacketBatch::new(1, 4);
        assert!(batch.push(b"x"));
        assert!(batch.is_full());
        assert!(!batch.push_with(1, |_| panic!("there is no room")));
        batch.clear();
        assert!(batch.push(b"yyyy"));
        assert_eq!(batch.iter().next(), Some(&b"yyyy"[..]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut batch = PacketBatch::new(2, 4);
        assert!(!batch.push(b"12345"));
        assert!(batch.push(b"1234") && batch.push(b"5678"));
        assert!(!batch.push(b"9"));
        assert_eq!(batch.len(), 2);
    }

    #[test]
    fn a_batch_of_nothing_cannot_be_made() {
        assert!(std::panic::catch_unwind(|| PacketBatch::new(0, 1500)).is_err());
        assert!(std::panic::catch_unwind(|| PacketBatch::new(1, 0)).is_err());
    }
}
