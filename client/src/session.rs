//! One socket's conversation, without the socket: what to write, and what was read means.
//!
//! A session says [`Session::begin`], [`Session::wrote`] and
//! [`Session::release`] for the lease that it has; each appends frames to what is
//! [`unsent`](Session::unsent). Bytes that come go into its [`room`](Session::room), and the
//! questions [`granted`](Session::granted), [`read`](Session::read),
//! [`released`](Session::released) and [`figures`](Session::figures) read as many frames of them
//! as they need. `client/protocol/PROTOCOL.md` has the rules, by number.
//!
//! Invariants: a lease's number is said once; a lease is ended once; no byte of a lease is
//! given to the next; after an error that leaves the stream in doubt every question gets that
//! error again.
//!
//! What this is not: it does not wait and knows no time. The blocking and the asynchronous client
//! write, read and wait for it, in the same way.

mod buffers;
mod current;
mod descriptors;
mod incoming;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use wharf_protocol::{
    ClientMessage, DATA_MAX, Disposition, EARLY_DATA_MAX, Frame, HEADER_LEN, Hello, Info,
    LeaseRequest, Leased, Limits, Release, client_data_header, encode_client, feature, first_lease,
    next_lease,
};

use self::buffers::{INBOX_BYTES, Inbox, Outbox, copy_front};
use self::current::{Lease, Phase};
use self::descriptors::Descriptors;
use crate::error::{Error, ErrorKind};
use crate::lease::Released;

/// Bytes of an answer that are set aside, at most, when something behind them is asked for.
const ASIDE_MAX: usize = 1024 * 1024;

/// The conversation over one socket.
pub(crate) struct Session {
    outbox: Outbox,
    inbox: Inbox,
    greeting: Greeting,
    limits: Limits,
    /// What was agreed on beyond the version.
    features: u64,
    descriptors: Descriptors,
    /// Payload bytes of the `DATA` frame at the front of the inbox that were not used yet.
    data_left: usize,
    /// Whether those bytes are for the current lease, or nobody's.
    data_is_wanted: bool,
    /// The current lease, or the last one.
    lease: Lease,
    /// Leases asked for so far.
    asked: u64,
    /// `GOAWAY` came: no lease after the current one.
    is_going_away: bool,
    /// The error that ended the session.
    broken: Option<Error>,
}

/// How far the two have introduced themselves.
#[derive(PartialEq, Eq)]
enum Greeting {
    /// Nothing was said; `HELLO` goes with the first lease.
    Unsaid {
        /// What the client calls itself.
        name: String,
    },
    /// `HELLO` was said.
    Said,
    /// `WELCOME` came.
    Answered,
}

/// What reading needs next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadStep {
    /// This many bytes were put into the caller's buffer; 0 is the end.
    Taken(usize),
    /// The next bytes of the socket, up to this many, are the caller's: read them straight into
    /// its buffer and say so with [`Session::took`].
    Direct(usize),
    /// Read from the socket into [`Session::room`] and ask again.
    Fill,
}

impl Session {
    /// A session over a socket that was just connected.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            outbox: Outbox::default(),
            inbox: Inbox::new(),
            greeting: Greeting::Unsaid { name: name.to_owned() },
            limits: Limits::default(),
            features: 0,
            descriptors: Descriptors::default(),
            data_left: 0,
            data_is_wanted: false,
            lease: Lease::none(),
            asked: 0,
            is_going_away: false,
            broken: None,
        }
    }

    /// Says `HELLO`, if it was not said. A session that is opened before its first lease must not
    /// keep the daemon waiting for it.
    pub(crate) fn greet(&mut self) -> Result<(), Error> {
        if let Greeting::Unsaid { name } = &self.greeting {
            let message = ClientMessage::Hello(Hello { features: feature::FD, ..Hello::new(name) });
            encode_client(&Frame { lease: 0, message }, self.outbox.end())?;
            self.greeting = Greeting::Said;
        }
        Ok(())
    }

    /// Asks for a lease, after a `HELLO` if none was said.
    ///
    /// A request that cannot be said leaves the session without a lease, and good.
    pub(crate) fn begin(&mut self, request: &LeaseRequest<'_>) -> Result<(), Error> {
        self.check_broken()?;
        assert!(self.lease.is_left(), "one lease at a time");
        let number = if self.asked == 0 { first_lease() } else { next_lease(self.lease.number) };
        let route = request.target.to_string();
        self.say_lease(number, request).map_err(|error| error.on_route(&route))?;
        self.asked += 1;
        self.data_is_wanted = false;
        self.lease = Lease::new(number, route);
        if request.fd {
            self.lease.has_descriptor = true;
            self.descriptors.asked(number);
        }
        Ok(())
    }

    fn say_lease(&mut self, number: u16, request: &LeaseRequest<'_>) -> Result<(), Error> {
        let is_answered = self.greeting == Greeting::Answered;
        if request.fd && is_answered && self.features & feature::FD == 0 {
            let cause = "this daemon has no leases with a descriptor";
            return Err(Error::new(ErrorKind::BadRequest, cause));
        }
        self.greet()?;
        let message = ClientMessage::Lease(*request);
        encode_client(&Frame { lease: number, message }, self.outbox.end())?;
        Ok(())
    }

    /// Puts the first bytes behind `LEASE`, as many as may go before `LEASED` (rule 2), and says
    /// how many those are.
    pub(crate) fn write_early(&mut self, bytes: &[u8]) -> usize {
        assert!(self.lease.phase == Phase::Waiting, "early is before the grant");
        if self.lease.has_descriptor {
            return 0;
        }
        let early_max = usize::try_from(self.limits.early_bytes).unwrap_or(EARLY_DATA_MAX);
        let count = bytes.len().min(early_max);
        let (early, _) = bytes.split_at(count);
        for chunk in early.chunks(self.data_bytes_max()) {
            let header = self.data_header(chunk.len());
            self.wrote(&header, chunk, 0);
        }
        count
    }

    /// How many of `wanted` bytes the next `DATA` takes, if writing makes sense at all.
    pub(crate) fn data_room(&mut self, wanted: usize) -> Result<usize, Error> {
        self.listen()?;
        if let Some(reset) = &self.lease.reset {
            return Err(reset.clone());
        }
        if self.lease.is_finished {
            return Err(self.error(ErrorKind::BadRequest, "written after the end was said"));
        }
        Ok(wanted.min(self.data_bytes_max()))
    }

    /// The header of the next `DATA`, with this many bytes.
    pub(crate) fn data_header(&self, count: usize) -> [u8; HEADER_LEN] {
        client_data_header(self.lease.number, count)
    }

    /// Counts a `DATA` of which the socket took the first `written` bytes, header and all, and
    /// keeps the rest to be written next.
    pub(crate) fn wrote(&mut self, header: &[u8], bytes: &[u8], written: usize) {
        let header_rest = header.get(written..).unwrap_or_default();
        let bytes_rest = bytes.get(written.saturating_sub(header.len())..).unwrap_or_default();
        self.outbox.end().extend_from_slice(header_rest);
        self.outbox.end().extend_from_slice(bytes_rest);
        self.lease.tx_written = self.lease.tx_written.saturating_add(bytes.len() as u64);
    }

    /// Says that no more bytes are written. A descriptor says so itself: its owner ends it.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.listen()?;
        if !self.lease.is_finished {
            self.lease.is_finished = true;
            if !self.lease.has_descriptor {
                self.say(ClientMessage::Fin);
            }
        }
        Ok(())
    }

    /// Whether a descriptor may come along with the next bytes.
    pub(crate) fn expects_descriptor(&self) -> bool {
        self.descriptors.is_due()
    }

    /// A descriptor came along with bytes that are [`filled`](Self::filled) in next.
    pub(crate) fn descriptor_arrived(&mut self, descriptor: OwnedFd) {
        self.descriptors.arrived(descriptor);
    }

    /// The descriptor of the lease that was just granted, if it was asked for.
    pub(crate) fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.lease.descriptor.take()
    }

    /// Counts answer bytes that were read from the lease's descriptor.
    pub(crate) fn took_by_descriptor(&mut self, count: usize) {
        self.lease.rx_consumed = self.lease.rx_consumed.saturating_add(count as u64);
    }

    /// Counts bytes that were written to the lease's descriptor.
    pub(crate) fn wrote_by_descriptor(&mut self, count: usize) {
        self.lease.tx_written = self.lease.tx_written.saturating_add(count as u64);
    }

    /// Counts anew, by the word of those who used the lease's descriptor.
    pub(crate) fn recount(&mut self, consumed: u64, written: u64) {
        self.lease.rx_consumed = consumed;
        self.lease.tx_written = written;
    }

    /// What the end of the descriptor means, once that has come.
    pub(crate) fn ended(&mut self) -> Result<Option<()>, Error> {
        self.listen()?;
        match &self.lease.reset {
            Some(reset) => Err(reset.clone()),
            None => Ok(self.lease.is_eof.then_some(())),
        }
    }

    /// Why nobody takes what is written to the descriptor, once that has come.
    pub(crate) fn failed(&mut self) -> Result<Option<Infallible>, Error> {
        self.listen()?;
        self.lease.reset.clone().map_or(Ok(None), Err)
    }

    /// Asks for the connection's figures; [`Session::figures`] has them.
    pub(crate) fn ask_figures(&mut self) -> Result<(), Error> {
        self.check_broken()?;
        self.lease.figures = None;
        self.say(ClientMessage::Info);
        Ok(())
    }

    /// Gives the connection back as reusable, or unused if no byte went either way.
    pub(crate) fn release(&mut self, keep_alive: Option<Duration>) {
        let is_untouched = self.lease.tx_written == 0 && self.lease.rx_consumed == 0;
        let disposition = if is_untouched { Disposition::Unused } else { Disposition::Reusable };
        self.leave(disposition, keep_alive);
    }

    /// Ends whatever lease there is; its connection is not to be used again.
    pub(crate) fn give_up(&mut self) {
        self.leave(Disposition::Discard, None);
    }

    /// Says the end of the lease, unless it was said or there is nobody to hear it.
    fn leave(&mut self, disposition: Disposition, keep_alive: Option<Duration>) {
        if self.broken.is_some() {
            return;
        }
        let (message, was_granted) = match self.lease.phase {
            Phase::Waiting => (ClientMessage::Cancel, false),
            Phase::Leased(_) => {
                let (rx_consumed, tx_written) = (self.lease.rx_consumed, self.lease.tx_written);
                let release = Release { disposition, rx_consumed, tx_written, keep_alive };
                (ClientMessage::Release(release), true)
            }
            Phase::Leaving { .. } | Phase::Over(_) => return,
        };
        self.say(message);
        self.lease.phase = Phase::Leaving { was_granted };
        self.data_is_wanted = false;
    }

    /// The grant, once it has come.
    pub(crate) fn granted(&mut self) -> Result<Option<Leased>, Error> {
        self.listen()?;
        if let Some(refused) = &self.lease.refused {
            return Err(refused.clone());
        }
        match &self.lease.phase {
            Phase::Leased(leased) => Ok(Some(*leased)),
            Phase::Waiting | Phase::Leaving { .. } | Phase::Over(_) => Ok(None),
        }
    }

    /// What became of the connection, once the daemon has said so.
    pub(crate) fn released(&mut self) -> Result<Option<Released>, Error> {
        self.listen()?;
        match &self.lease.phase {
            Phase::Over(released) => Ok(released.clone()),
            Phase::Waiting | Phase::Leased(_) | Phase::Leaving { .. } => Ok(None),
        }
    }

    /// The figures, once they have come. Answer bytes before them are set aside.
    pub(crate) fn figures(&mut self) -> Result<Option<Info<'static>>, Error> {
        self.listen()?;
        while self.lease.figures.is_none() && self.data_left > 0 && !self.inbox.is_empty() {
            self.set_aside()?;
            self.listen()?;
        }
        Ok(self.lease.figures.take())
    }

    fn set_aside(&mut self) -> Result<(), Error> {
        let count = self.data_left.min(self.inbox.bytes().len());
        if self.lease.aside.len().saturating_add(count) > ASIDE_MAX {
            let cause = "the answer before the figures is too long to set aside: read it first";
            return Err(self.error(ErrorKind::BadRequest, cause));
        }
        self.lease.aside.extend(self.inbox.bytes().iter().take(count));
        self.inbox.used(count);
        self.data_left -= count;
        Ok(())
    }

    /// Reads answer bytes into `out`, or says what has to happen first.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> Result<ReadStep, Error> {
        if out.is_empty() {
            return Ok(ReadStep::Taken(0));
        }
        if let Some(count) = self.lease.read_aside(out) {
            return Ok(ReadStep::Taken(count));
        }
        self.listen()?;
        if self.data_left > 0 {
            return Ok(self.read_data(out));
        }
        if self.lease.is_eof {
            return Ok(ReadStep::Taken(0));
        }
        self.lease.reset.clone().map_or(Ok(ReadStep::Fill), Err)
    }

    /// Short reads go through the inbox, so that many of them share one system call.
    fn read_data(&mut self, out: &mut [u8]) -> ReadStep {
        if self.inbox.is_empty() {
            if out.len() < INBOX_BYTES {
                return ReadStep::Fill;
            }
            return ReadStep::Direct(out.len().min(self.data_left));
        }
        let count = copy_front(self.inbox.bytes(), self.data_left, out);
        self.inbox.used(count);
        self.took(count);
        ReadStep::Taken(count)
    }

    /// Counts answer bytes that went straight from the socket to the caller.
    pub(crate) fn took(&mut self, count: usize) {
        self.data_left = self.data_left.checked_sub(count).expect("no more than was offered");
        self.lease.rx_consumed = self.lease.rx_consumed.saturating_add(count as u64);
    }

    /// What is to be written.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.outbox.unsent()
    }

    /// Counts what was written.
    pub(crate) fn sent(&mut self, count: usize) {
        self.outbox.sent(count);
    }

    /// Writing failed; what the daemon said last is still to be read.
    pub(crate) fn sends_no_more(&mut self) {
        self.outbox.clear();
    }

    /// Whether there is room for bytes that come. There always is when a question was answered
    /// by "not yet".
    pub(crate) fn has_room(&self) -> bool {
        !self.inbox.is_full()
    }

    /// Where bytes that come go.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.inbox.room()
    }

    /// Counts bytes that came.
    pub(crate) fn filled(&mut self, count: usize) {
        self.inbox.filled(count);
    }

    /// The socket is at its end, or failed: so is the session.
    pub(crate) fn lost(&mut self, cause: Option<io::Error>) -> Error {
        let error = match cause {
            Some(cause) => self.dress(Error::io(ErrorKind::Lost, cause)),
            None => self.error(ErrorKind::Lost, "the daemon closed the session"),
        };
        self.break_off(error)
    }

    /// Nothing came in time for a question that the daemon answers by itself.
    pub(crate) fn fell_silent(&mut self) -> Error {
        let error = self.silence();
        self.break_off(error)
    }

    /// Nothing came in time; the caller may go on waiting.
    pub(crate) fn silence(&self) -> Error {
        self.error(ErrorKind::Silent, "nothing came in time")
    }

    /// Whether a next lease may go over this session.
    pub(crate) fn is_reusable(&self) -> bool {
        self.broken.is_none() && !self.is_going_away && self.lease.is_left()
    }

    /// The bytes of one `DATA`, at most.
    fn data_bytes_max(&self) -> usize {
        usize::try_from(self.limits.data_bytes).unwrap_or(DATA_MAX)
    }

    fn say(&mut self, message: ClientMessage<'_>) {
        let frame = Frame { lease: self.lease.number, message };
        encode_client(&frame, self.outbox.end()).expect("only a request's texts can be too long");
    }

    fn check_broken(&self) -> Result<(), Error> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn error(&self, kind: ErrorKind, cause: &str) -> Error {
        self.dress(Error::new(kind, cause))
    }

    /// An error of ours, with what is known of the lease it strikes.
    fn dress(&self, error: Error) -> Error {
        error.on_route(&self.lease.route).after_writing(self.lease.tx_written)
    }

    fn break_off(&mut self, error: Error) -> Error {
        self.outbox.clear();
        self.broken.get_or_insert(error).clone()
    }
}

impl std::fmt::Debug for Session {
    /// Without the buffers: their bytes are the caller's, and no business of a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("lease", &self.lease.number)
            .field("phase", &self.lease.phase)
            .field("route", &self.lease.route)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}
