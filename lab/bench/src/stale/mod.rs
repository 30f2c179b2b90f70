//! Stale storm: many clients whose pauses end as the server closes their idle connections:
//! `cargo xtask bench stale`.
//!
//! The whole daemon beside hyper-util's client, against the same server, over the same network, with
//! the same pauses; what the clients are told of the requests that got lost is held against the
//! server's log.
//!
//! - [`case`]: the servers, by how long each lets a connection idle.
//! - [`schedule`]: when each client asks. `storm`: how all of them do.
//! - `network`: the two hosts, and the way between them. `server`, `http`, `daemon`.
//! - `ours`, `hyper`: the clients of either contender.
//! - [`log`], [`tally`], [`figures`]: what the server, the clients and the daemon have seen.
//! - [`run`](mod@run) is one contender's turn, `table` what came of all.
//!
//! Invariant: each request is asked once. What a contender sends again by itself is its own affair,
//! and shows in the server's log.
//!
//! Not here: any help against stale connections beyond what the contenders do by themselves.

pub mod case;
mod daemon;
pub mod figures;
mod http;
mod hyper;
pub mod log;
mod network;
mod ours;
pub mod run;
pub mod schedule;
mod server;
mod storm;
mod table;
pub mod tally;

use std::io;
use std::path::PathBuf;

pub use self::case::Case;
pub use self::daemon::{COMMAND, serve};
pub use self::network::ROUND_TRIP;
use self::run::{Plan, Run, run};
pub use self::table::{json, report};

/// Requests of one contender to one server, unless told otherwise: they take some 74 000 connections,
/// most of which the daemon closes first, so that each keeps its port for a minute (TIME-WAIT). That is
/// more than the 55 536 ports that it has towards one address, so ports are used again meanwhile.
pub const LEASES: u32 = 100_000;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// wharfd, through its client.
    Ours,
    /// hyper-util's client as it is by default.
    Hyper,
    /// The same, told not to send again what was not begun.
    HyperWithoutRetries,
}

impl Contender {
    /// All, in the order of their turns.
    pub const ALL: [Self; 3] = [Self::Ours, Self::Hyper, Self::HyperWithoutRetries];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "wharfd",
            Self::Hyper => "hyper-util",
            Self::HyperWithoutRetries => "hyper-util, no retries",
        }
    }
}

/// How much is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Requests of one contender to one server.
    pub leases: u32,
    /// This benchmark's own program, which is the daemon too.
    pub program: PathBuf,
}

/// What was measured with one server.
#[derive(Clone, Debug)]
pub struct Row {
    /// The server.
    pub case: Case,
    /// How many clients asked.
    pub clients: u32,
    /// Each contender's turn.
    pub runs: Vec<(Contender, Run)>,
}

impl Row {
    /// The turn of one contender.
    #[must_use]
    pub fn of(&self, who: Contender) -> Option<&Run> {
        self.runs.iter().find(|(contender, _)| *contender == who).map(|(_, run)| run)
    }
}

/// Measures all contenders with one server, in turn. From then on the process counts no
/// allocations.
///
/// # Errors
///
/// What the system refuses.
pub fn measure(case: Case, extent: &Extent) -> io::Result<Row> {
    crate::allocation::stop_counting();
    wharfd::descriptors::raise_descriptor_limit();
    let runs = Contender::ALL.into_iter().map(|contender| {
        let Extent { leases, ref program } = *extent;
        let plan = Plan { case, contender, leases, program: program.clone() };
        run(&plan).map(|run| (contender, run))
    });
    let runs = runs.collect::<io::Result<Vec<_>>>()?;
    Ok(Row { case, clients: storm::clients(&case, extent.leases), runs })
}
