//! The options of what leaves: RFC 9293, section 3.2; RFC 2018; RFC 7323.

use crate::time::Instant;
use crate::wire::{Options, SackBlocks, Timestamps};

use super::connection::Connection;
use super::state::State;
use super::timestamps::clock;

/// SACK blocks that fit beside timestamps: RFC 2018, section 3.
const SACK_BLOCKS_BESIDE_TIMESTAMPS: usize = 3;

impl Connection {
    /// Options of a segment without SYN.
    pub(super) fn options(&self, now: Instant) -> Options {
        let timestamps = self.timestamps.as_ref().map(|state| state.option(now));
        let mut sack = SackBlocks::default();
        if let Some((left, right)) = self.rcv.duplicate {
            sack.push(left, right);
        }
        if self.sack_permitted && self.assembler.has_early() {
            let most = if timestamps.is_some() {
                SACK_BLOCKS_BESIDE_TIMESTAMPS
            } else {
                crate::wire::options::SACK_BLOCKS_MAX
            };
            for (left, right) in self.assembler.early_ranges(most - sack.len()) {
                sack.push(self.rcv.nxt + left, self.rcv.nxt + right);
            }
        }
        Options { timestamps, sack, ..Options::default() }
    }

    /// Options of our SYN: all that we know; of our SYN-ACK: what the peer has offered too.
    pub(super) fn syn_options(&self, now: Instant) -> Options {
        let first = self.state() == State::SynSent;
        let window_scale = (if first { self.config.window_scale } else { self.scaling })
            .then_some(self.config.receive_shift());
        let timestamps = match &self.timestamps {
            Some(state) => Some(state.option(now)),
            None if first && self.config.timestamps => {
                Some(Timestamps { value: clock(now, self.start.timestamp_offset), echo: 0 })
            }
            None => None,
        };
        Options {
            mss: Some(self.start.mss),
            window_scale,
            sack_permitted: if first { self.config.sack } else { self.sack_permitted },
            timestamps,
            sack: SackBlocks::default(),
        }
    }
}
