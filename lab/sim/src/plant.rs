//! Faults of the simulation's own: what a test of the tool plants, to see it found.
//!
//! A tool that has never failed proves nothing. Each of these breaks one promise in a way that a
//! mistake in the transport or in the daemon would.

use clap::ValueEnum;

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Plant {
    /// Nothing.
    #[default]
    None,
    /// The first host's retransmission timer is lost, and no other comes after it.
    ForgetTimer,
    /// Text that the first host sends again is dropped.
    DropRetransmissions,
    /// One byte of what the first host reads is another.
    FlipByte,
    /// The daemon never hears that a client has hung up.
    ForgetHangUp,
}
