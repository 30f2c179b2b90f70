//! One TCP connection as a pure state machine.
//!
//! RFC 9293 and its family: 6298 (retransmission timer), 5681, 9438, 9406 and 7661 (congestion
//! control), 3168 (ECN), 6582 (fast retransmit), 2018, 2883 and 6675 (SACK and D-SACK),
//! 8985 (RACK-TLP), 6937 (proportional rate reduction), 5682 (F-RTO), 7323 (window scale,
//! timestamps, PAWS), 5961 (blind attacks), 6528 (initial sequence numbers), 1337 and 6191
//! (TIME-WAIT), 5927 (ICMP), 1191, 8201 and 4821 (path MTU), 9040 (what earlier connections have
//! found out of the path).
//!
//! A [`Connection`] is told the time and handed parsed segments; it gives out segments, events and
//! the time of its next timer. It owns no clock, socket, thread or lock, and allocates nothing per
//! segment. It does not know its own addresses and ports: whoever carries its segments does.
//!
//! Not here: listeners, the SYN queue, ports, the table of TIME-WAITs ([`crate::stack`]); urgent
//! data (RFC 6093 advises against it: the pointer is ignored, the bytes are ordinary text);
//! security labels (RFC 9293, appendix A.1).

mod assembler;
mod challenge;
mod config;
mod congestion;
mod connection;
mod delayed_ack;
mod dormant;
mod error;
mod event;
mod info;
pub mod input;
mod isn;
mod lease;
mod loss;
mod output;
mod owner;
mod pace;
mod path;
mod pmtu;
mod prr;
mod rack;
mod rcv;
mod right_size;
mod rtt;
mod scoreboard;
mod send_buffer;
mod sent_options;
mod setting;
mod snd;
mod state;
mod time_wait;
mod timeout;
mod timers;
mod timestamps;

pub use config::{Config, Congestion, Keepalive, Start};
pub use connection::Connection;
pub use dormant::Dormant;
pub use error::{Read, ReadError, WriteError};
pub use event::{CloseReason, Event};
pub use info::{CaState, Info};
pub use isn::{Isn, timestamp_offset};
pub use lease::{LeaseFigures, Quiescence};
pub use path::{KnownMtu, PathRecord, RoundTrip};
pub(crate) use pmtu::PathMtuNews;
pub(crate) use right_size::Allowance;
pub use setting::Setting;
pub use state::State;
pub use time_wait::{TimeWait, Verdict};

/// A length in sequence numbers. Buffers are bounded far below 2^32, so it always fits.
fn sequence_len(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("buffers are bounded at 1 GiB")
}

/// A length in bytes of memory.
fn byte_len(numbers: u32) -> usize {
    usize::try_from(numbers).expect("usize has at least 32 bits here")
}

#[cfg(test)]
mod tests;
