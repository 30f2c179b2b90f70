//! One direction of a bad network: a state machine that is told the time, replayed from a seed.
//!
//! [`Link::handle_packet`] takes a packet in, [`Link::poll_deliver`] gives out those whose time has
//! come, [`Link::poll_timeout`] says when to look again. What happens to a packet is drawn when it
//! is taken in, with the same count of numbers for each, so that changing one fault of a run leaves
//! the others where they were. Two links make a path. Not a [`Device`](super::Device), because those
//! are not told the time.

mod faults;
pub mod prng;
mod rate;

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::batch::PacketBatch;
use crate::time::{Duration, Instant};

pub use faults::{Chance, Faults, RateLimit};
use prng::Prng;
use rate::Backlog;

/// One direction of a network.
#[derive(Debug)]
pub struct Link {
    faults: Faults,
    prng: Prng,
    backlog: Backlog,
    in_flight: BinaryHeap<Reverse<Flight>>,
    /// Arrival of the latest packet that keeps its place in the order.
    latest: Instant,
    /// Packets taken in, copies included: breaks ties among equal arrivals.
    serial: u64,
    stats: LinkStats,
}

/// What became of the packets. Each that was taken in and its copy is counted in one of the last
/// six, or is still on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Packets taken in.
    pub taken: u64,
    /// Copies made.
    pub duplicated: u64,
    /// Packets with a flipped bit.
    pub corrupted: u64,
    /// Packets held back.
    pub reordered: u64,
    /// Packets given out.
    pub delivered: u64,
    /// Packets lost by chance.
    pub lost: u64,
    /// Packets over the rate limit.
    pub rate_dropped: u64,
    /// Packets longer than the link's MTU.
    pub oversized: u64,
    /// Packets beyond [`Faults::in_flight_max`].
    pub overflowed: u64,
    /// Packets longer than the batch that was to take them out.
    pub undeliverable: u64,
}

/// A packet on its way. Ordered by arrival, then as it was taken in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    arrival: Instant,
    serial: u64,
    packet: Box<[u8]>,
}

/// What chance has decided for one packet.
struct Fate {
    lost: bool,
    corrupted: Option<u64>,
    held_back: bool,
    jitter: Duration,
}

impl Link {
    /// An empty link; `seed` decides all that is left to chance.
    #[must_use]
    pub fn new(faults: Faults, seed: u64) -> Self {
        Self {
            faults,
            prng: Prng::new(seed),
            backlog: Backlog::default(),
            in_flight: BinaryHeap::new(),
            latest: Instant::ORIGIN,
            serial: 0,
            stats: LinkStats::default(),
        }
    }

    /// Changes the faults for packets to come; those on their way are not touched.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// The faults as they are.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What became of the packets so far.
    #[must_use]
    pub const fn stats(&self) -> &LinkStats {
        &self.stats
    }

    /// Packets on their way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Takes in a packet that is sent now.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.stats.taken += 1;
        let fate = self.draw_fate();
        let (duplicated, copys_fate) =
            (self.faults.duplicate.strikes(&mut self.prng), self.draw_fate());
        if packet.len() > self.faults.mtu {
            self.stats.oversized += 1;
            return;
        }
        self.send(now, packet, &fate);
        if duplicated {
            self.stats.duplicated += 1;
            self.send(now, packet, &copys_fate);
        }
    }

    /// Appends the packets that have arrived by `now` to `batch`, until it is full; returns how many.
    pub fn poll_deliver(&mut self, now: Instant, batch: &mut PacketBatch) -> usize {
        let before = batch.len();
        while !batch.is_full() && self.poll_timeout().is_some_and(|due| due <= now) {
            let Some(Reverse(flight)) = self.in_flight.pop() else { break };
            if batch.push(&flight.packet) {
                self.stats.delivered += 1;
            } else {
                self.stats.undeliverable += 1;
            }
        }
        batch.len() - before
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.in_flight.peek().map(|Reverse(flight)| flight.arrival)
    }

    /// Draws what will happen to one packet; always five numbers.
    fn draw_fate(&mut self) -> Fate {
        let lost = self.faults.loss.strikes(&mut self.prng);
        let corrupted = self.faults.corrupt.strikes(&mut self.prng);
        let bit = self.prng.next_u64();
        let held_back = self.faults.reorder.strikes(&mut self.prng);
        let spread = u64::try_from(self.faults.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = Duration::from_nanos(self.prng.below(spread.saturating_add(1)));
        Fate { lost, corrupted: corrupted.then_some(bit), held_back, jitter }
    }

    /// Puts one packet on its way, or drops it.
    fn send(&mut self, now: Instant, packet: &[u8], fate: &Fate) {
        if fate.lost {
            self.stats.lost += 1;
            return;
        }
        if self.in_flight.len() >= self.faults.in_flight_max {
            self.stats.overflowed += 1;
            return;
        }
        let departure = match self.faults.rate {
            None => Some(now),
            Some(limit) => self.backlog.admit(now, packet.len(), limit),
        };
        let Some(departure) = departure else {
            self.stats.rate_dropped += 1;
            return;
        };
        let arrival = self.arrival(departure, fate);
        let mut packet: Box<[u8]> = packet.into();
        if let Some(bit) = fate.corrupted {
            self.stats.corrupted += 1;
            flip(&mut packet, bit);
        }
        self.serial += 1;
        self.in_flight.push(Reverse(Flight { arrival, serial: self.serial, packet }));
    }

    /// When a packet that left at `departure` arrives. One that is held back does not hold those
    /// behind it.
    fn arrival(&mut self, departure: Instant, fate: &Fate) -> Instant {
        let in_order = (departure + self.faults.delay + fate.jitter).max(self.latest);
        if fate.held_back {
            self.stats.reordered += 1;
            return in_order + self.faults.reorder_by;
        }
        self.latest = in_order;
        in_order
    }
}

/// Flips the bit that `number` chooses.
fn flip(packet: &mut [u8], number: u64) {
    let bits = (packet.len() as u64 * 8).max(1);
    let bit = number % bits;
    let place = usize::try_from(bit / 8).ok().and_then(|index| packet.get_mut(index));
    if let Some(octet) = place {
        *octet ^= 1 << (bit % 8);
    }
}

#[cfg(test)]
mod tests;
