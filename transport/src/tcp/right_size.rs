//! How large the buffers have to be: both sizes follow the path, within what is configured and what
//! memory allows.
//!
//! *Receiving*: dynamic right-sizing (Fisk and Feng, 2001), as Linux does in tcp_rcv_space_adjust.
//! What the owner reads within one round trip is what the peer sent in one; a peer in slow start has
//! twice as much out by the end of it, and four times as much a round trip later. A buffer four times
//! as large as what is read in a round trip never holds it back. So a connection begins with
//! [`Config::buffer_start`], and doubles its buffer once more than a quarter of it was read within one
//! round trip. The right edge of the window moves forward alone.
//!
//! *Sending*: twice the congestion window, as Linux does in tcp_sndbuf_expand: what is out, and what
//! follows when that is acknowledged.
//!
//! Both stop where the [`Allowance`] ends. It is kept by whoever owns many connections; by itself a
//! connection is only bounded by its configuration.

use crate::time::{Duration, Instant};
use crate::wire::{Segment, SeqNumber};

#[cfg(doc)]
use super::config::Config;
use super::connection::Connection;
use super::timestamps::{clock, is_older};
use super::{byte_len, sequence_len};

/// A buffer may be so many segments large, whatever the pressure: less, and silly-window avoidance
/// on either side waits for its timer.
const LEAST_SEGMENTS: u32 = 2;

/// What a connection may take of memory that it shares with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Bytes by which its buffers may still grow beyond [`Config::buffer_start`], both together.
    pub(crate) growth: usize,
    /// Most bytes of each buffer, for as long as memory is short. What the peer was promised stays
    /// promised.
    pub(crate) most: usize,
}

impl Allowance {
    /// Memory is not short.
    pub(crate) const UNLIMITED: Self = Self { growth: usize::MAX, most: usize::MAX };
}

/// A round trip as the receiver sees it.
///
/// With timestamps it ends when a segment comes that echoes what left after it began. Without them
/// it lasts as long as the shortest time in which a window's worth of text came, or the round trip
/// of what we sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    began: Instant,
    /// Bytes read before it began, since the connection's beginning.
    read: u64,
    /// The end of the window when it was last taken as a measure, and the time.
    window: Option<(SeqNumber, Instant)>,
    /// The shortest time in which a window's worth came.
    shortest: Option<Duration>,
}

impl Round {
    /// The first.
    pub(super) const fn first(now: Instant) -> Self {
        Self { began: now, read: 0, window: None, shortest: None }
    }

    /// The next begins.
    fn begin(&mut self, now: Instant, read: u64) {
        self.began = now;
        self.read = read;
    }

    /// Without timestamps: text up to `nxt` has come, and the window ends at `edge`.
    fn measure(&mut self, now: Instant, nxt: SeqNumber, edge: SeqNumber) {
        match self.window {
            Some((end, _)) if nxt.before(end) => return,
            Some((_, since)) => {
                let took = now.since(since);
                self.shortest = Some(self.shortest.map_or(took, |shortest| shortest.min(took)));
            }
            None => {}
        }
        self.window = Some((edge, now));
    }

    /// Without timestamps: whether it has lasted long enough. `srtt` is known to who has sent.
    fn is_over(&self, now: Instant, srtt: Option<Duration>) -> bool {
        let length = self.shortest.into_iter().chain(srtt).min();
        length.is_some_and(|length| now.since(self.began) > length)
    }
}

impl Connection {
    /// A segment with text of the peer's has come: the round may be over.
    pub(super) fn note_round(&mut self, now: Instant, seg: &Segment<'_>) {
        let read = self.assembler.bytes_read();
        let echo = seg.options.timestamps.map(|it| it.echo);
        if let Some((state, echo)) = self.timestamps.as_ref().zip(echo) {
            if is_older(clock(self.round.began, state.offset()), echo) {
                self.round.begin(now, read);
            }
            return;
        }
        self.round.measure(now, self.rcv.nxt, self.rcv.edge);
        if self.round.is_over(now, self.rtt.srtt()) {
            self.round.begin(now, read);
        }
    }

    /// The owner has read: the buffer doubles if that was more than a quarter of it in one round
    /// trip.
    pub(super) fn size_receive_buffer(&mut self, now: Instant, before: u64) {
        if self.timestamps.is_none() && self.round.is_over(now, self.rtt.srtt()) {
            self.round.begin(now, before);
        }
        let in_round = self.assembler.bytes_read() - self.round.read;
        let capacity = self.rcv.capacity;
        if in_round <= u64::from(capacity / 4) {
            return;
        }
        let sayable = u32::from(u16::MAX) << self.rcv.shift;
        let most = self.most_of(self.config.receive_buffer).min(sayable);
        let wanted = capacity.saturating_mul(2).min(most);
        let growth = byte_len(wanted.saturating_sub(capacity));
        if growth > 0 && growth <= self.allowance.growth {
            self.allowance.growth -= growth;
            self.rcv.capacity = wanted;
        }
    }

    /// The congestion window may have grown.
    pub(super) fn size_send_buffer(&mut self) {
        let wanted = byte_len(self.congestion.cwnd()).saturating_mul(2);
        self.send_buffer.grow_limit(wanted);
    }

    /// Takes in what memory allows from now on.
    ///
    /// A receive buffer that may not be so large any more is smaller from here on, but the window
    /// that was offered stays: it closes as text comes.
    pub(crate) fn set_allowance(&mut self, allowance: Allowance) {
        self.allowance = allowance;
        let start = sequence_len(self.config.buffer_start.min(self.config.receive_buffer));
        let most = self.most_of(self.config.receive_buffer);
        self.rcv.capacity = self.rcv.capacity.max(start).min(most);
        let memory = self.send_buffer.memory().saturating_add(allowance.growth);
        let most = byte_len(self.most_of(self.config.send_buffer));
        self.send_buffer.set_most(most.min(memory.max(self.config.buffer_start)));
    }

    /// Memory held, in bytes: the rings, and the lists that go with them.
    pub(crate) fn memory(&self) -> usize {
        self.send_buffer.memory() + self.recovery.scoreboard.memory() + self.assembler.memory()
    }

    /// As [`memory`](Self::memory), with what a window beyond [`Config::buffer_start`] lets the peer
    /// make us hold.
    pub(crate) fn memory_with_promises(&self) -> usize {
        let promised = self.promised();
        // Offers are rounded up by less than the unit of the window field.
        let is_grown = promised >= self.config.buffer_start + (1 << self.rcv.shift);
        let beside = if is_grown { promised.saturating_sub(self.assembler.memory()) } else { 0 };
        self.memory() + beside
    }

    /// Most bytes that the receive buffer may have to hold, as things stand.
    pub(super) fn promised(&self) -> usize {
        let offered = self.assembler.readable() + byte_len(self.rcv.wnd());
        offered.max(byte_len(self.rcv.capacity))
    }

    /// Most bytes of a buffer that is configured to have `configured` at most.
    fn most_of(&self, configured: usize) -> u32 {
        let least = LEAST_SEGMENTS * self.rcv.mss.max(u32::from(self.snd.mss));
        sequence_len(configured.min(self.allowance.most.max(byte_len(least))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn without_timestamps_a_round_lasts_as_long_as_a_window_takes_at_least() {
        for start in [5, u32::MAX - 1_000, (1 << 31) - 1_000] {
            let mut round = Round::first(at(0));
            let nxt = SeqNumber::new(start);
            assert!(!round.is_over(at(1_000_000), None), "nothing is known yet");
            // The window is 3000; what was slow counts until it is once faster.
            let comes = [(0, 0), (50, 2_999), (60, 3_000), (65, 5_999), (70, 6_000), (99, 9_000)];
            for (time, bytes) in comes {
                round.measure(at(time), nxt + bytes, nxt + bytes + 3_000);
            }
            round.begin(at(100), 7);
            assert!(!round.is_over(at(110), None) && round.is_over(at(111), None));
            let srtt = Duration::from_millis(4);
            assert!(!round.is_over(at(104), Some(srtt)) && round.is_over(at(105), Some(srtt)));
        }
    }
}
