//! The network between sender and receiver: reads packets from one TUN device, lets a [`Link`]
//! decide what becomes of them, and writes them to the other; both ways, on one thread.
//!
//! It waits with the resolution of the kernel's timers, and measures how late it is: a delay that
//! the machine added would else be the network's.

use std::io;
use std::num::NonZeroU64;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::set_current_timer_slack;
use wharf_transport::PacketBatch;
use wharf_transport::device::Device as _;
use wharf_transport::device::tun::Tun;
use wharf_transport::time::Instant;

use super::link::{Link, LinkCounters};
use super::stop::{LOOK, Stop};
use crate::clock::now;
use crate::statistics::quantile;

/// Packets read or written between two looks at the clock.
const BATCH: usize = 16;

/// Longest packet that is read: beyond the MTU, so that one that should not be there is seen.
const PACKET_MAX: usize = 65_535;

/// What the network did in a run.
#[derive(Clone, Debug, Default)]
pub struct Passage {
    /// From the sender to the receiver.
    pub forth: LinkCounters,
    /// From the receiver to the sender.
    pub back: LinkCounters,
    /// Packets that a device had no room for.
    pub refused: u64,
    /// By how many microseconds packets were late, in order.
    pub late: Vec<u64>,
}

impl Passage {
    /// By how many microseconds that share of all packets was late at most.
    #[must_use]
    pub fn late_micros(&self, share: f64) -> u64 {
        quantile(&self.late, share).unwrap_or(0)
    }
}

/// One side: where packets come from, and the direction that they then take.
struct Side<'a> {
    tun: &'a mut Tun,
    link: Link,
}

/// Carries packets until the run stops. The devices stay the caller's: were they gone before both
/// hosts are, what these still send would count as lost.
pub(crate) fn run(
    near: &mut Tun,
    forth: Link,
    far: &mut Tun,
    back: Link,
    stop: &Stop,
) -> io::Result<Passage> {
    // 50 us by default, as much as a packet takes at the rate: the least, for this thread.
    set_current_timer_slack(NonZeroU64::new(1))?;
    let (mut near, mut far) = (Side { tun: near, link: forth }, Side { tun: far, link: back });
    let mut batch = PacketBatch::new(BATCH, PACKET_MAX);
    let mut passage = Passage::default();
    while !stop.is_set() {
        let is_busy = near.receive(&mut batch)? | far.receive(&mut batch)?;
        near.deliver(far.tun, &mut batch, &mut passage)?;
        far.deliver(near.tun, &mut batch, &mut passage)?;
        if !is_busy {
            wait(&near, &far)?;
        }
    }
    passage.late.sort_unstable();
    (passage.forth, passage.back) = (near.link.counters(), far.link.counters());
    Ok(passage)
}

impl Side<'_> {
    /// Takes in some packets, and says whether there may be more.
    fn receive(&mut self, batch: &mut PacketBatch) -> io::Result<bool> {
        self.tun.receive(batch)?;
        let now = now();
        for packet in &*batch {
            self.link.handle_packet(now, packet);
        }
        let is_full = batch.is_full();
        batch.clear();
        Ok(is_full)
    }

    /// Hands over what has arrived.
    fn deliver(
        &mut self,
        to: &mut Tun,
        batch: &mut PacketBatch,
        passage: &mut Passage,
    ) -> io::Result<()> {
        loop {
            let now = now();
            while !batch.is_full() {
                let Some((due, packet)) = self.link.poll_deliver(now) else { break };
                passage.late.push(now.since(due).as_micros().try_into().unwrap_or(u64::MAX));
                batch.push(&packet);
            }
            if batch.is_empty() {
                return Ok(());
            }
            passage.refused += to.send(batch)?.dropped as u64;
        }
    }
}

/// Waits for a packet on either side, or until one arrives.
fn wait(near: &Side<'_>, far: &Side<'_>) -> io::Result<()> {
    let next = [near.link.poll_timeout(), far.link.poll_timeout()].into_iter().flatten().min();
    let until = next.map_or(LOOK, |next: Instant| next.since(now()).min(LOOK));
    let timeout = Timespec { tv_sec: 0, tv_nsec: until.subsec_nanos().into() };
    let mut ready = [PollFd::new(near.tun, PollFlags::IN), PollFd::new(far.tun, PollFlags::IN)];
    poll(&mut ready, Some(&timeout))?;
    Ok(())
}
