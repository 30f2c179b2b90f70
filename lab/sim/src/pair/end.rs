//! One end of a connection: the application that writes a stream and reads the other's.

use wharf_transport::stack::{ConnectionId, Stack};
use wharf_transport::tcp::{CloseReason, Read};
use wharf_transport::time::{Duration, Instant};

use super::scenario::{Ending, Part};
use crate::stream::{Digest, Reading, Stream};
use crate::violation::{Kind, Violation};

/// Where the planted fault changes what is read.
const FLIPPED: u64 = 100;

/// How an end came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its connection was closed, for this reason.
    Closed(CloseReason),
    /// It reset the connection itself.
    Aborted,
    /// Its peer is gone, and the word of it was lost: it gave up.
    GaveUp,
}

/// One end.
#[derive(Debug)]
pub(super) struct End {
    part: Part,
    stream: Stream,
    pub(super) id: Option<ConnectionId>,
    pub(super) written: Digest,
    pub(super) reading: Reading,
    pub(super) established: bool,
    finished: bool,
    /// It called `close` and hears only how that ends.
    pub(super) let_go: bool,
    eof: bool,
    pub(super) outcome: Option<Outcome>,
    /// When it reads again, after a pause.
    paused: Option<Instant>,
    flips: bool,
}

impl End {
    /// An end that writes `stream` and expects `peers`.
    pub(super) fn new(part: Part, stream: Stream, peers: Stream, flips: bool) -> Self {
        Self {
            part,
            stream,
            id: None,
            written: Digest::EMPTY,
            reading: Reading::of(peers),
            established: false,
            finished: false,
            let_go: false,
            eof: false,
            outcome: None,
            paused: None,
            flips,
        }
    }

    /// The connection, while it is this end's to use.
    fn usable(&self) -> Option<ConnectionId> {
        self.id.filter(|_| self.outcome.is_none() && !self.let_go)
    }

    /// When it does something by itself.
    pub(super) fn next(&self) -> Option<Instant> {
        self.paused.filter(|_| self.usable().is_some())
    }

    /// Writes and reads what the stack takes and gives, and ends when it is time. `truly` is the
    /// true time, `now` what the host's clock shows.
    pub(super) fn drive(
        &mut self,
        truly: Instant,
        now: Instant,
        stack: &mut Stack,
    ) -> Result<(), Violation> {
        let Some(id) = self.usable() else { return Ok(()) };
        if let Ending::Abort(after) = self.part.ending
            && self.written.bytes() + self.reading.digest().bytes() >= after
            && stack.abort(now, id).is_ok()
        {
            self.outcome = Some(Outcome::Aborted);
            return Ok(());
        }
        self.write(now, stack, id);
        if self.paused.is_none_or(|until| until <= truly) && !self.let_go {
            self.paused = None;
            self.read(truly, now, stack, id)?;
        }
        Ok(())
    }

    fn write(&mut self, now: Instant, stack: &mut Stack, id: ConnectionId) {
        while !self.finished {
            let from = self.written.bytes();
            let left = usize::try_from(self.part.bytes - from).unwrap_or(usize::MAX);
            if left == 0 {
                self.end_writing(now, stack, id);
                return;
            }
            let piece = self.stream.bytes(from, left.min(self.part.piece));
            match stack.write(now, id, &piece) {
                Ok(taken) if taken > 0 => self.written.add(&piece[..taken]),
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn end_writing(&mut self, now: Instant, stack: &mut Stack, id: ConnectionId) {
        match self.part.ending {
            Ending::Finish | Ending::Abort(_) => self.finished = stack.finish(now, id).is_ok(),
            Ending::Close => {
                self.let_go = stack.close(now, id).is_ok();
                self.finished = self.let_go;
            }
        }
    }

    fn read(
        &mut self,
        truly: Instant,
        now: Instant,
        stack: &mut Stack,
        id: ConnectionId,
    ) -> Result<(), Violation> {
        let mut buffer = vec![0; self.part.piece];
        loop {
            match stack.read(now, id, &mut buffer) {
                Ok(Read::Bytes(count)) => self.take(buffer.get_mut(..count).unwrap_or_default())?,
                Ok(Read::Eof) => {
                    self.eof = true;
                    return Ok(());
                }
                Ok(Read::Empty) | Err(_) => return Ok(()),
            }
            if self.part.pause > Duration::ZERO {
                self.paused = Some(truly + self.part.pause);
                return Ok(());
            }
        }
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), Violation> {
        let from = self.reading.digest().bytes();
        let place = FLIPPED.checked_sub(from).and_then(|at| usize::try_from(at).ok());
        if let Some(byte) = place.and_then(|at| bytes.get_mut(at))
            && self.flips
        {
            *byte ^= 0x20;
        }
        self.reading
            .take(bytes)
            .map_err(|difference| Violation::new(Kind::Stream, difference.to_string()))
    }

    /// The connection is over; what came in order before can still be read.
    pub(super) fn closed(
        &mut self,
        truly: Instant,
        now: Instant,
        stack: &mut Stack,
        reason: CloseReason,
    ) -> Result<(), Violation> {
        self.outcome = Some(Outcome::Closed(reason));
        let Some(id) = self.id.filter(|_| !self.let_go) else { return Ok(()) };
        self.part.pause = Duration::ZERO;
        self.read(truly, now, stack, id)
    }

    /// Its peer is gone and it cannot know: it resets the connection.
    pub(super) fn give_up(&mut self, now: Instant, stack: &mut Stack) {
        if let Some(id) = self.usable() {
            // Whatever it answers, nothing of it is left after this.
            let _gone = stack.abort(now, id);
        }
        self.outcome = Some(Outcome::GaveUp);
    }

    /// The stream that its peer writes.
    pub(super) fn peers(&self) -> Stream {
        self.reading.stream()
    }

    /// All that it was to write.
    pub(super) fn total(&self) -> u64 {
        self.part.bytes
    }

    /// Whether it read to the peer's FIN.
    pub(super) fn read_all(&self) -> bool {
        self.eof
    }
}
