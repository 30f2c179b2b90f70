//! One direction of a network that takes all its memory beforehand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wharf_transport::PacketBatch;
use wharf_transport::device::simulated::prng::Prng;
use wharf_transport::time::{Duration, Instant};

/// Longest packet.
pub(crate) const MTU: u16 = 1500;

/// Packets that can be on their way at a time, in one direction.
const IN_FLIGHT_MAX: usize = 2_000;

/// What a wire does to packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// How long a packet travels.
    pub(crate) delay: Duration,
    /// Packets in a thousand that are lost.
    pub(crate) lost: u64,
    /// Packets in a thousand that are overtaken by those of the next 2 ms.
    pub(crate) late: u64,
}

struct Flight {
    len: usize,
    bytes: [u8; MTU as usize],
}

/// One direction.
pub(crate) struct Wire {
    quality: Quality,
    prng: Prng,
    flights: Vec<Flight>,
    vacant: Vec<usize>,
    /// By arrival, then as they left.
    order: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    serial: u64,
}

impl Wire {
    pub(crate) fn new(quality: Quality, seed: u64) -> Self {
        let empty = || Flight { len: 0, bytes: [0; MTU as usize] };
        Self {
            quality,
            prng: Prng::new(seed),
            flights: (0..IN_FLIGHT_MAX).map(|_| empty()).collect(),
            vacant: (0..IN_FLIGHT_MAX).collect(),
            order: BinaryHeap::with_capacity(IN_FLIGHT_MAX),
            serial: 0,
        }
    }

    /// Takes in the packets of `batch`, which leave now.
    pub(crate) fn send(&mut self, now: Instant, batch: &PacketBatch) {
        for packet in batch {
            if self.prng.below(1_000) < self.quality.lost {
                continue;
            }
            let late = self.prng.below(1_000) < self.quality.late;
            let behind = if late { Duration::from_millis(2) } else { Duration::ZERO };
            let place = self.vacant.pop().expect("the windows of a test fit on the wire");
            self.flights[place].len = packet.len();
            self.flights[place].bytes[..packet.len()].copy_from_slice(packet);
            self.serial += 1;
            self.order.push(Reverse((now + self.quality.delay + behind, self.serial, place)));
        }
    }

    /// When the next packet arrives.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.peek().map(|Reverse((arrival, ..))| *arrival)
    }

    /// Shows `taken` the packets that have arrived.
    pub(crate) fn deliver(&mut self, now: Instant, mut taken: impl FnMut(&[u8])) {
        while self.next().is_some_and(|arrival| arrival <= now) {
            let Some(Reverse((_, _, place))) = self.order.pop() else { return };
            let flight = &self.flights[place];
            taken(&flight.bytes[..flight.len]);
            self.vacant.push(place);
        }
    }
}
