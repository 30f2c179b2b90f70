//! What the owner asks for: write, read, finish, close, abort. RFC 9293, sections 3.10.2 to 3.10.5.

use crate::time::Instant;
use crate::wire::SeqNumber;

use super::connection::Connection;
use super::error::{Read, ReadError, WriteError};
use super::event::CloseReason;
use super::sequence_len;
use super::state::State;
use super::timers::Timer;

impl Connection {
    /// Takes as many of `bytes` as fit; zero if the buffer is full. If not all are taken,
    /// `Writable` follows. Before the handshake is complete they wait.
    ///
    /// # Errors
    ///
    /// [`WriteError`]: this side has finished, or the connection is closed.
    pub fn write(&mut self, now: Instant, bytes: &[u8]) -> Result<usize, WriteError> {
        self.check_open_for_writing()?;
        if self.send_buffer.is_empty() {
            self.figures.busy_since = now;
        }
        let taken = self.send_buffer.push(bytes);
        self.write_blocked |= taken < bytes.len();
        if let Some(timeout) = self.config.user_timeout.filter(|_| taken > 0) {
            self.timers.set_if_stopped(Timer::User, now + timeout);
        }
        Ok(taken)
    }

    /// Copies received bytes to `out`. What arrived in order before a reset can still be read.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: the connection is closed, not by the peer's FIN, and everything was read.
    pub fn read(&mut self, now: Instant, out: &mut [u8]) -> Result<Read, ReadError> {
        let before = self.assembler.bytes_read();
        let count = self.assembler.read(out);
        if count > 0 {
            self.offer_room();
            // What is gained by that is no news in a hurry: the peer has half of its window left.
            self.size_receive_buffer(now, before);
            return Ok(Read::Bytes(count));
        }
        if self.assembler.readable() > 0 {
            return Ok(Read::Empty);
        }
        if self.peer_has_finished() {
            return Ok(Read::Eof);
        }
        match self.events.closed() {
            Some(reason) => Err(ReadError::Closed(reason)),
            None => Ok(Read::Empty),
        }
    }

    /// Bytes that can be read now.
    #[must_use]
    pub fn readable_bytes(&self) -> usize {
        self.assembler.readable()
    }

    /// Bytes that a write would take now.
    #[must_use]
    pub fn writable_bytes(&self) -> usize {
        if self.check_open_for_writing().is_ok() { self.send_buffer.room() } else { 0 }
    }

    /// Half-close: our FIN follows what is buffered; reading goes on. RFC 9293, section 3.10.4.
    ///
    /// # Errors
    ///
    /// [`WriteError`]: this side has already finished, or the connection is closed.
    pub fn finish(&mut self, now: Instant) -> Result<(), WriteError> {
        self.check_open_for_writing()?;
        self.snd.fin = Some(self.stream_end_after_syn());
        match self.state() {
            State::Established => self.enter(now, State::FinWait1),
            State::CloseWait => self.enter(now, State::LastAck),
            // The FIN waits for the handshake: `on_established` goes on to FIN-WAIT-1.
            State::SynSent | State::SynReceived => {}
            State::Closed
            | State::Listen
            | State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => unreachable!("checked above: open for writing"),
        }
        Ok(())
    }

    /// The owner lets go. What is buffered is still sent, then our FIN. Bytes unread, or text that
    /// comes later, reset the connection (RFC 1122, section 4.2.2.13), and so does a peer that
    /// makes no progress for the orphan timeout. The events that follow concern nobody.
    pub fn close(&mut self, now: Instant) {
        if self.orphaned {
            return;
        }
        self.orphaned = true;
        match self.state() {
            State::Closed | State::TimeWait => self.assembler.clear(),
            State::SynSent | State::Listen => self.fail(now, CloseReason::Aborted),
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => self.close_synchronized(now),
        }
    }

    /// Resets the connection at once: RFC 9293, section 3.10.5.
    pub fn abort(&mut self, now: Instant) {
        self.orphaned = true;
        match self.state() {
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait => self.reset(now, CloseReason::Aborted),
            State::Listen | State::SynSent | State::Closing | State::LastAck | State::TimeWait => {
                self.fail(now, CloseReason::Aborted)
            }
            State::Closed => self.assembler.clear(),
        }
    }

    /// Starts the orphan timer anew.
    pub(super) fn restart_orphan_timer(&mut self, now: Instant) {
        self.timers.set(Timer::Orphan, now + self.config.orphan_timeout);
    }

    fn close_synchronized(&mut self, now: Instant) {
        if self.assembler.readable() > 0 {
            self.unreported.abort_on_close += 1;
            self.reset(now, CloseReason::Aborted);
            return;
        }
        self.restart_orphan_timer(now);
        if self.snd.fin.is_none() {
            self.finish(now).expect("neither finished nor closed");
        }
    }

    /// The owner has read: the peer may hear of the room at once. RFC 9293, section 3.8.6.2.2.
    fn offer_room(&mut self) {
        let unread = sequence_len(self.assembler.readable());
        if self.state().takes_text() && self.rcv.fin.is_none() && self.rcv.wants_update(unread) {
            self.acks.demand();
        }
    }

    fn check_open_for_writing(&self) -> Result<(), WriteError> {
        if let Some(reason) = self.events.closed() {
            return Err(WriteError::Closed(reason));
        }
        if self.snd.fin.is_some() {
            return Err(WriteError::Finished);
        }
        Ok(())
    }

    /// Number that follows the last byte written.
    fn stream_end_after_syn(&self) -> SeqNumber {
        self.snd.first_byte() + sequence_len(self.send_buffer.len())
    }

    /// Whether the peer's FIN has been reached.
    fn peer_has_finished(&self) -> bool {
        self.rcv.fin.is_some_and(|fin| self.rcv.nxt.after(fin))
    }
}
