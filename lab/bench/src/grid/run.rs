//! One run: a fresh network, one sender, one receiver, some seconds.
//!
//! Everything is made anew, so that no run inherits what the kernel remembers of a path. All of it
//! belongs to threads and descriptors of this process, and ends with them.

use std::io;
use std::sync::mpsc::{Sender as Channel, channel};
use std::thread::{self, ScopedJoinHandle};

use wharf_transport::device::tun::Tun;
use wharf_transport::time::Duration;

use super::cell::Cell;
use super::link::{Link, LinkConfig, Rate};
use super::loss::{LossRate, LossSequence};
use super::relay::{self, Passage};
use super::sender::{Resent, Sender, Sent};
use super::stop::Stop;
use super::{MTU, ends, receiver};
use crate::clock::{now, process_time};

/// Least queue, in packets: a machine that pauses for some milliseconds lets so many come at once.
const QUEUE_PACKETS_MIN: u64 = 64;

/// What an error is that follows from another's.
const LEFT_ALONE: io::ErrorKind = io::ErrorKind::BrokenPipe;

/// An error that follows from another's.
pub(crate) fn left_alone(reason: &str) -> io::Error {
    io::Error::new(LEFT_ALONE, reason)
}

/// What a run is made with.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The network.
    pub cell: Cell,
    /// Bits a second of the network.
    pub rate: u64,
    /// How long it lasts.
    pub duration: Duration,
    /// Decides which packets are lost.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Bytes that the receiver read, a second, as megabits.
    pub megabits: f64,
    /// What the sender sent again.
    pub resent: Resent,
    /// Packets lost outside the network: there should be none.
    pub dropped_outside: u64,
    /// Processors that sender, network and receiver kept busy, all together.
    pub processors: f64,
    /// What the network did.
    pub passage: Passage,
}

/// Runs it.
///
/// # Errors
///
/// What the system refuses, or how the connection failed.
///
/// # Panics
///
/// If one of its threads does.
pub fn run(plan: Plan, sender: Sender) -> io::Result<Outcome> {
    let (began, used) = (now(), process_time());
    let stop = &Stop::default();
    let (near_device, near) = channel();
    let (far_device, far) = channel();
    let (begin, begins) = channel();
    thread::scope(|scope| {
        let receiving = scope.spawn(move || {
            let _ends = stop.on_drop();
            receive(plan, &far_device, stop)
        });
        let sending = scope.spawn(move || {
            let _ends = stop.on_drop();
            let (device, ours) = ends::near()?;
            hand_over(&near_device, device)?;
            sender.run(ours, &begins, stop)
        });
        let mut devices = near.recv().ok().zip(far.recv().ok());
        let passage = devices.as_mut().map(|(near, far)| {
            let _ends = stop.on_drop();
            begin.send(()).map_err(|_| left_alone("the sender has ended"))?;
            relay::run(near, plan.forth(), far, plan.back(), stop)
        });
        let passage = passage.unwrap_or_else(|| Err(left_alone("a host did not come to be")));
        drop(begin);
        let (passage, sent, received) = all_of(passage, join(sending), join(receiving))?;
        Ok(Outcome {
            megabits: received as f64 * 8.0 / 1e6 / plan.duration.as_secs_f64(),
            resent: sent.resent,
            dropped_outside: sent.dropped + passage.refused,
            processors: process_time().since(used).as_secs_f64() / now().since(began).as_secs_f64(),
            passage,
        })
    })
}

fn receive(plan: Plan, device: &Channel<Tun>, stop: &Stop) -> io::Result<u64> {
    let far = ends::far()?;
    let listener = receiver::listen()?;
    hand_over(device, far)?;
    receiver::receive(&listener, plan.duration, stop)
}

fn hand_over(to: &Channel<Tun>, device: Tun) -> io::Result<()> {
    to.send(device).map_err(|_| left_alone("the relay has ended"))
}

/// The three results, or the error that is not the consequence of another's.
fn all_of(
    passage: io::Result<Passage>,
    sent: io::Result<Sent>,
    received: io::Result<u64>,
) -> io::Result<(Passage, Sent, u64)> {
    let kinds = [passage.as_ref().err(), sent.as_ref().err(), received.as_ref().err()];
    let cause = kinds.map(|error| error.is_some_and(|error| error.kind() != LEFT_ALONE));
    match cause {
        [_, true, _] => Err(sent.expect_err("it is the cause")),
        [_, _, true] => Err(received.expect_err("it is the cause")),
        [_, false, false] => Ok((passage?, sent?, received?)),
    }
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Plan {
    /// Bytes that wait at most: what is under way in a round trip, or enough for a pause.
    #[must_use]
    pub fn queue_bytes(&self) -> u64 {
        let round_trip = u64::try_from(self.cell.round_trip.as_micros()).unwrap_or(u64::MAX);
        let product = self.rate / 8 * round_trip / 1_000_000;
        product.max(QUEUE_PACKETS_MIN * u64::from(MTU))
    }

    fn forth(&self) -> Link {
        let config = LinkConfig {
            delay: self.cell.round_trip / 2,
            rate: Some(Rate { bits: self.rate, queue_bytes: self.queue_bytes() }),
            loss: LossSequence::new(self.seed, self.cell.loss),
        };
        Link::new(config, MTU)
    }

    fn back(&self) -> Link {
        let loss = LossSequence::new(self.seed, LossRate(0));
        Link::new(LinkConfig { delay: self.cell.round_trip / 2, rate: None, loss }, MTU)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_that_is_shown_is_the_cause() {
        let left = || left_alone("the other one failed");
        let cause = || io::Error::other("cause");
        let shown = |passage, sent, received| {
            all_of(passage, sent, received).map(|_| ()).unwrap_err().to_string()
        };
        let passage = || Ok(Passage::default());
        assert_eq!(shown(Err(left()), Err(cause()), Err(left())), "cause");
        assert_eq!(shown(Err(left()), Err(left()), Err(cause())), "cause");
        assert_eq!(shown(Err(cause()), Err(left()), Err(left())), "cause");
        assert_eq!(shown(passage(), Err(left()), Ok(1)), "the other one failed");
        assert!(all_of(passage(), Ok(Sent::default()), Ok(1)).is_ok());
    }

    #[test]
    fn the_queue_is_what_is_under_way_in_a_round_trip_or_bears_a_pause() {
        let plan = |cell: &str| Plan {
            cell: cell.parse().unwrap(),
            rate: 100_000_000,
            duration: Duration::from_secs(1),
            seed: 1,
        };
        assert_eq!(plan("100:0").queue_bytes(), 1_250_000);
        assert_eq!(plan("20:0").queue_bytes(), 250_000);
        assert_eq!(plan("1:0").queue_bytes(), 96_000);
    }
}
