//! Goodput beside the kernel's TCP: `cargo xtask bench grid`.
//!
//! Both TCPs send to the same receiver through the same network, which loses the same packets by
//! their index: round trips of 1, 20 and 100 ms, losses of 0, 0.1, 1 and 3 %, CUBIC on both, no
//! segmentation offload. `run` is one transfer, [`measure`] the rounds of a cell.

mod cell;
pub(crate) mod ends;
mod kernel_sender;
mod link;
mod loss;
mod receiver;
pub(crate) mod relay;
pub(crate) mod run;
mod sender;
mod stack_sender;
pub(crate) mod stop;
mod table;

use std::fmt;
use std::io;

use wharf_transport::time::Duration;

pub use self::cell::Cell;
pub use self::link::{Link, LinkConfig, LinkCounters, Rate};
pub use self::loss::{LossRate, LossSequence};
pub use self::relay::Passage;
pub use self::run::{Outcome, Plan, run};
pub use self::sender::{Resent, Sender};
pub use self::table::{GOAL, Row, json, report};
use crate::namespace;
use crate::scheduling::Scheduling;

/// Longest packet of both hosts and of the network.
pub(crate) const MTU: u16 = 1_500;

/// Congestion control of all sockets, and of our stack.
const CONGESTION: &str = "cubic";

/// How much is measured of each cell.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Rounds; each has one run of either sender.
    pub rounds: u64,
    /// How long a run is.
    pub duration: Duration,
    /// Bits a second of the network.
    pub rate: u64,
}

/// What the hosts were set to.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The kernel's send buffers, as found; ours is given the greatest.
    pub tcp_wmem: String,
    /// The kernel's receive buffers, as found; the greatest is raised for the receiver.
    pub tcp_rmem: String,
    /// Whom the threads wait for.
    pub scheduling: Scheduling,
}

impl Setting {
    /// Asks the system for it.
    ///
    /// # Errors
    ///
    /// If it does not say.
    pub fn here(scheduling: Scheduling) -> io::Result<Self> {
        Ok(Self {
            tcp_wmem: namespace::setting("ipv4/tcp_wmem")?,
            tcp_rmem: namespace::setting("ipv4/tcp_rmem")?,
            scheduling,
        })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tcp_wmem, tcp_rmem, scheduling } = self;
        let most = ends::RECEIVE_BUFFER_MAX;
        write!(
            f,
            "{CONGESTION} on all ends, MTU {MTU}, no offload on any device; tcp_wmem {tcp_wmem} \
             (ours: the last), tcp_rmem {tcp_rmem} (the receiver's last: {most}); {scheduling} threads"
        )
    }
}

/// Measures one cell: in each round either sender once, with the same losses.
///
/// # Errors
///
/// As [`run`](fn@run).
pub fn measure(cell: Cell, extent: Extent) -> io::Result<Row> {
    let Extent { rounds, duration, rate } = extent;
    let mut row = Row { cell, kernel: Vec::new(), ours: Vec::new() };
    for round in 1..=rounds {
        let plan = Plan { cell, rate, duration, seed: round };
        let mut order = [Sender::Kernel, Sender::Ours];
        if round % 2 == 0 {
            order.reverse();
        }
        for sender in order {
            let outcome = run(plan, sender)?;
            match sender {
                Sender::Kernel => row.kernel.push(outcome),
                Sender::Ours => row.ours.push(outcome),
            }
        }
    }
    Ok(row)
}
