//! What a lease of the pool asks of its connection.
//!
//! L is the number that the lease's first byte has. From it follow, by sequence arithmetic alone
//! and for any protocol: text of the peer that belongs to no lease, whether a connection is
//! quiescent, what became of the lease's bytes, and the proof that a peer which reset the
//! connection has not read them.
//!
//! Not here: what is done with it. Whether it is kept, repeated or reported is the pool's and the
//! daemon's.

use crate::time::Instant;
use crate::wire::{Segment, SeqNumber};

use super::connection::Connection;
use super::state::State;

/// Whether a connection could serve another lease, and if not, why: the first reason that holds, in
/// the order in which they name the cause of a close. What settles by itself comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiescence {
    /// Nothing is left in either direction.
    Clean,
    /// Received bytes were not read.
    Unread {
        /// How many.
        bytes: usize,
    },
    /// Written bytes have not left.
    Unsent {
        /// How many.
        bytes: usize,
    },
    /// Bytes came early and wait behind a hole.
    OutOfOrder,
    /// One side has finished, or the connection is not open.
    HalfClosed,
    /// All bytes have left; some are not acknowledged.
    Unacknowledged {
        /// How many.
        bytes: usize,
    },
}

/// What became of the bytes written since the lease began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseFigures {
    /// Bytes that have left at least once.
    pub bytes_sent: u64,
    /// Bytes that the peer's TCP has acknowledged.
    pub bytes_acked: u64,
    /// Whether any byte of the peer has come since the lease began.
    pub peer_spoke: bool,
    /// Whether the peer's reset proves that its application has read none of the lease's bytes.
    pub proof: bool,
}

/// The lease's place in the stream, and what has happened since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    /// L: number of the lease's first byte.
    start: SeqNumber,
    /// L as a count of bytes since the connection began.
    start_offset: u64,
    /// Whether text acknowledging nothing above L is foreign.
    speaks_first: bool,
    /// Text of the peer has come.
    peer_spoke: bool,
    /// The peer has reported, by SACK, text above L.
    sacked: bool,
    /// Segments that carried the lease's bytes, each repetition counted, and those behind them with
    /// the same ACK number.
    segments: u32,
    /// RCV.NXT that the first of them carried.
    carried_ack: SeqNumber,
    /// The reset that came is proof.
    proof: bool,
    /// A repeated last byte waits for its answer.
    pub(super) awaits_answer: bool,
}

impl Lease {
    /// The connection's first lease: the peer may speak first.
    pub(super) fn first(iss: SeqNumber) -> Self {
        Self::begin(iss + 1, 0, false)
    }

    /// The lease of a connection at rest, whose stream stands at number `end` after `written` bytes.
    /// All that it has written is acknowledged, so no reset can be proof of anything any more, unless
    /// it has written nothing yet.
    pub(super) fn at_rest(
        (end, written): (SeqNumber, u64),
        start_offset: u64,
        speaks_first: bool,
        peer_spoke: bool,
    ) -> Self {
        let since = written.saturating_sub(start_offset) & u64::from(u32::MAX);
        let since = u32::try_from(since).expect("masked to 32 bits");
        Self { peer_spoke, ..Self::begin(end - since, start_offset, speaks_first) }
    }

    /// L as a count of bytes since the connection began.
    pub(super) const fn start_offset(&self) -> u64 {
        self.start_offset
    }

    /// Whether text acknowledging nothing above L is foreign.
    pub(super) const fn speaks_first(&self) -> bool {
        self.speaks_first
    }

    /// Whether text of the peer has come since the lease began.
    pub(super) const fn peer_spoke(&self) -> bool {
        self.peer_spoke
    }

    fn begin(start: SeqNumber, start_offset: u64, speaks_first: bool) -> Self {
        Self {
            start,
            start_offset,
            speaks_first,
            peer_spoke: false,
            sacked: false,
            segments: 0,
            carried_ack: SeqNumber::new(0),
            proof: false,
            awaits_answer: false,
        }
    }

    /// Whether text that acknowledges `ack` was sent before the peer saw anything of this lease.
    ///
    /// `acked` is how many bytes of the lease are acknowledged. Once a gibibyte is, such a segment
    /// is too old to pass the check of its ACK field (RFC 5961, section 5), and the comparison
    /// would wrap.
    pub(super) fn is_foreign(&self, ack: SeqNumber, acked: u64) -> bool {
        self.speaks_first && acked < 1 << 30 && ack.at_or_before(self.start)
    }

    /// A segment with `len` bytes from `seq` on leaves, acknowledging `ack`.
    pub(super) fn on_text_sent(&mut self, seq: SeqNumber, len: u32, ack: SeqNumber) {
        if (seq + len).after(self.start) {
            if self.segments == 0 {
                self.carried_ack = ack;
            }
            self.segments = self.segments.saturating_add(1);
        }
    }

    /// A segment of `len` numbers leaves, acknowledging `ack`. One without text, behind the lease's
    /// bytes and with the ACK number that they carried, may be what a bare reset answers.
    pub(super) fn on_leaving(&mut self, len: u32, ack: SeqNumber) {
        if len == 0 && self.segments > 0 && ack == self.carried_ack {
            self.segments = self.segments.saturating_add(1);
        }
    }

    /// The peer's text has come.
    pub(super) fn on_peer_text(&mut self) {
        self.peer_spoke = true;
    }

    /// The peer reports text up to `right` by SACK.
    pub(super) fn on_sack(&mut self, right: SeqNumber) {
        self.sacked |= right.after(self.start);
    }

    /// Judges a reset of the peer: does it prove that its application read nothing of the lease?
    ///
    /// A RST|ACK that acknowledges exactly L says that nothing above was received. A bare RST
    /// answers one segment of ours, with that segment's ACK number; if all bytes went in one
    /// segment, once, and nothing with its ACK number went behind it, the segment it answers is theirs, so no
    /// socket took them. Sent twice, or before a bare ACK (which a late duplicate of the peer may
    /// draw), it might answer the later one: the bytes were read, and the reset that said so lost.
    pub(super) fn judge_reset(&mut self, seg: &Segment<'_>, una: SeqNumber) {
        let nothing_acknowledged = una == self.start && !self.sacked && !self.peer_spoke;
        let refused = if seg.flags.ack {
            seg.ack == self.start
        } else {
            self.segments == 1 && seg.seq == self.carried_ack
        };
        self.proof = nothing_acknowledged && self.segments > 0 && refused;
    }
}

impl Connection {
    /// A lease begins: its first byte is the next one written. With `speaks_first`, which every
    /// lease of a reused connection has, text that acknowledges nothing of this lease is foreign:
    /// it is not delivered, the connection is reset, and `ForeignText` says why.
    pub fn begin_lease(&mut self, speaks_first: bool) {
        let start = self.stream_end();
        self.lease = Lease::begin(start, self.written_bytes(), speaks_first);
    }

    /// Whether the connection could serve another lease.
    #[must_use]
    pub fn quiescence(&self) -> Quiescence {
        let unread = self.assembler.readable();
        let unsent = super::byte_len(self.unsent());
        if unread > 0 {
            Quiescence::Unread { bytes: unread }
        } else if unsent > 0 {
            Quiescence::Unsent { bytes: unsent }
        } else if self.assembler.has_early() {
            Quiescence::OutOfOrder
        } else if self.state() != State::Established || self.rcv.fin.is_some() {
            Quiescence::HalfClosed
        } else if !self.send_buffer.is_empty() {
            Quiescence::Unacknowledged { bytes: self.send_buffer.len() }
        } else {
            Quiescence::Clean
        }
    }

    /// Sends the last byte again, which draws an immediate acknowledgement from any peer;
    /// `Answered` comes when one says that nothing is under way in either direction. False if no
    /// byte was ever sent, or our FIN was.
    ///
    /// It is not a retransmission: no loss recovery begins.
    pub fn repeat_last_byte(&mut self, _now: Instant) -> bool {
        let open = matches!(self.state(), State::Established | State::CloseWait);
        if !open || self.snd.fin.is_some() || self.last_sent_byte().is_none() {
            return false;
        }
        self.pending.repeat = true;
        self.lease.awaits_answer = true;
        true
    }

    /// What became of the bytes written since the lease began.
    #[must_use]
    pub fn lease_figures(&self) -> LeaseFigures {
        let since = |total: u64| total.saturating_sub(self.lease.start_offset);
        LeaseFigures {
            bytes_sent: since(self.sent_bytes()),
            bytes_acked: since(self.figures.bytes_acked),
            peer_spoke: self.lease.peer_spoke,
            proof: self.lease.proof,
        }
    }

    /// Bytes of the lease that are acknowledged.
    pub(super) fn lease_acked(&self) -> u64 {
        self.figures.bytes_acked.saturating_sub(self.lease.start_offset)
    }

    /// Number of the next byte that will be written.
    fn stream_end(&self) -> SeqNumber {
        self.snd.first_byte() + super::sequence_len(self.send_buffer.len())
    }

    /// Bytes written since the connection began.
    fn written_bytes(&self) -> u64 {
        let buffered = super::sequence_len(self.send_buffer.len());
        self.figures.bytes_acked + u64::from(buffered)
    }

    /// Bytes of the stream that have left at least once.
    fn sent_bytes(&self) -> u64 {
        // A window probe's byte has left too, though SND.NXT does not say so.
        let probed = self.snd.max.offset_from(self.snd.nxt);
        self.figures.bytes_acked + u64::from(self.snd.text_out() + probed)
    }
}

#[cfg(test)]
mod tests;
