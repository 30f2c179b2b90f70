//! What the daemon says, frame by frame: which message may come when, and what it changes.

use wharf_protocol::{
    DaemonMessage, DecodeError, Frame, HEADER_LEN, Header, Info, Leased, Refused, Released, Reset,
    Welcome, decode_daemon, kind,
};

use super::buffers::Inbox;
use super::{Greeting, Phase, Session};
use crate::error::{Error, ErrorKind};
use crate::lease;

/// The states of a connection as the daemon names them.
const STATES: [&str; 11] = [
    "closed",
    "listen",
    "syn_sent",
    "syn_received",
    "established",
    "fin_wait_1",
    "fin_wait_2",
    "close_wait",
    "closing",
    "last_ack",
    "time_wait",
];

/// Whose frame it is.
enum Owner {
    /// The current lease, and the client has not left it.
    Current,
    /// A lease that the client has left: the frame is dropped (rule 5).
    Left,
}

impl Session {
    /// Reads every frame that is there, up to answer bytes that somebody has to take.
    ///
    /// Does nothing if there is nothing to read; afterwards there is room for more, unless answer
    /// bytes are at the front.
    pub(crate) fn listen(&mut self) -> Result<(), Error> {
        self.check_broken()?;
        loop {
            self.skip_unwanted_data();
            if self.data_left > 0 {
                return Ok(());
            }
            // Out of its place for a moment, so that a message may borrow from it while it acts.
            let mut inbox = std::mem::take(&mut self.inbox);
            let heard = self.hear_front(&inbox);
            if let Ok(used) = heard {
                inbox.used(used);
            }
            self.inbox = inbox;
            match heard {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(self.break_off(error)),
            }
        }
    }

    /// Answer bytes of a lease that the client has left are dropped (rule 5).
    fn skip_unwanted_data(&mut self) {
        if !self.data_is_wanted {
            let count = self.data_left.min(self.inbox.bytes().len());
            self.inbox.used(count);
            self.data_left -= count;
        }
    }

    /// Acts on the frame at the front, of a `DATA` on its header. How many bytes that were.
    fn hear_front(&mut self, inbox: &Inbox) -> Result<usize, Error> {
        let malformed = |session: &Self, error: DecodeError| session.violation(&error.to_string());
        let bytes = inbox.bytes();
        let header = Header::parse(bytes).map_err(|error| malformed(self, error))?;
        if let Some(header) = header
            && header.kind == kind::PEER_DATA
        {
            self.on_data(&header)?;
            return Ok(HEADER_LEN);
        }
        let Some((frame, length)) = decode_daemon(bytes).map_err(|error| malformed(self, error))?
        else {
            return Ok(0);
        };
        self.on_frame(&frame)?;
        Ok(length)
    }

    fn on_frame(&mut self, frame: &Frame<DaemonMessage<'_>>) -> Result<(), Error> {
        self.check_greeting(&frame.message)?;
        match &frame.message {
            DaemonMessage::Welcome(welcome) => self.on_welcome(welcome),
            DaemonMessage::Refused(refused) if frame.lease == 0 => {
                Err(self.dress(Error::session_refused(refused)))
            }
            DaemonMessage::GoAway(_) => {
                self.is_going_away = true;
                Ok(())
            }
            DaemonMessage::Leased(leased) => self.on_leased(frame.lease, *leased),
            DaemonMessage::Refused(refused) => self.on_refused(frame.lease, refused),
            DaemonMessage::Eof => self.on_eof(frame.lease),
            DaemonMessage::Reset(reset) => self.on_reset(frame.lease, reset),
            DaemonMessage::Released(released) => self.on_released(frame.lease, released),
            DaemonMessage::Info(info) => self.on_info(frame.lease, info),
            DaemonMessage::Data(_) => unreachable!("data is taken by its header"),
            DaemonMessage::Pong(_) | DaemonMessage::Skipped { .. } => Ok(()),
        }
    }

    /// The daemon's first word is `WELCOME`, or that it refuses the session.
    fn check_greeting(&self, message: &DaemonMessage<'_>) -> Result<(), Error> {
        let is_greeting = matches!(message, DaemonMessage::Welcome(_) | DaemonMessage::Refused(_));
        if self.greeting == Greeting::Answered || is_greeting {
            return Ok(());
        }
        Err(self.violation("something came before WELCOME"))
    }

    fn on_welcome(&mut self, welcome: &Welcome) -> Result<(), Error> {
        match self.greeting {
            Greeting::Said => {}
            Greeting::Unsaid { .. } => return Err(self.violation("WELCOME came before HELLO")),
            Greeting::Answered => return Err(self.violation("WELCOME came twice")),
        }
        self.greeting = Greeting::Answered;
        self.limits = welcome.limits;
        self.features = welcome.features;
        Ok(())
    }

    fn on_leased(&mut self, number: u16, leased: Leased) -> Result<(), Error> {
        let descriptor = self.descriptors.granted(number);
        if let Owner::Left = self.owner(number)? {
            return self.on_leased_late(number);
        }
        match self.lease.phase {
            Phase::Waiting if self.lease.has_descriptor && descriptor.is_none() => {
                Err(self.violation("LEASED came without its descriptor"))
            }
            Phase::Waiting => {
                self.lease.phase = Phase::Leased(leased);
                self.lease.descriptor = descriptor;
                Ok(())
            }
            Phase::Leased(_) | Phase::Leaving { .. } | Phase::Over(_) => {
                Err(self.violation("LEASED came twice"))
            }
        }
    }

    /// A grant that crossed `CANCEL`: the daemon takes it back by itself.
    fn on_leased_late(&mut self, number: u16) -> Result<(), Error> {
        if number != self.lease.number {
            return Ok(());
        }
        match &mut self.lease.phase {
            Phase::Leaving { was_granted } if !*was_granted => {
                *was_granted = true;
                Ok(())
            }
            Phase::Leaving { .. } | Phase::Waiting | Phase::Leased(_) | Phase::Over(_) => {
                Err(self.violation("LEASED came twice"))
            }
        }
    }

    fn on_refused(&mut self, number: u16, refused: &Refused<'_>) -> Result<(), Error> {
        self.descriptors.refused(number);
        self.owner(number)?;
        if number != self.lease.number {
            return Ok(());
        }
        match self.lease.phase {
            Phase::Waiting => {
                let refused = Error::refused(refused).on_route(&self.lease.route);
                self.lease.refused = Some(refused);
                self.lease.phase = Phase::Over(None);
                Ok(())
            }
            Phase::Leaving { was_granted: false } => {
                self.lease.phase = Phase::Over(None);
                Ok(())
            }
            Phase::Leased(_) | Phase::Leaving { was_granted: true } | Phase::Over(_) => {
                Err(self.violation("REFUSED came for a lease that was granted or over"))
            }
        }
    }

    fn on_released(&mut self, number: u16, released: &Released<'_>) -> Result<(), Error> {
        self.owner(number)?;
        if number != self.lease.number {
            return Ok(());
        }
        match self.lease.phase {
            Phase::Leaving { was_granted: true } => {
                self.lease.phase = Phase::Over(Some(lease::Released::new(released)));
                Ok(())
            }
            Phase::Leaving { was_granted: false }
            | Phase::Waiting
            | Phase::Leased(_)
            | Phase::Over(_) => Err(self.violation("RELEASED came without a release")),
        }
    }

    fn on_data(&mut self, header: &Header) -> Result<(), Error> {
        if self.greeting != Greeting::Answered || header.lease == 0 {
            return Err(self.violation("DATA came outside a lease"));
        }
        self.data_is_wanted = match self.owner(header.lease)? {
            Owner::Current => {
                self.check_alive()?;
                if self.lease.has_descriptor {
                    return Err(self.violation("DATA came for a lease with a descriptor"));
                }
                true
            }
            Owner::Left => false,
        };
        self.data_left = header.length;
        Ok(())
    }

    fn on_eof(&mut self, number: u16) -> Result<(), Error> {
        if let Owner::Current = self.owner(number)? {
            self.check_alive()?;
            self.lease.is_eof = true;
        }
        Ok(())
    }

    fn on_reset(&mut self, number: u16, reset: &Reset<'_>) -> Result<(), Error> {
        if let Owner::Current = self.owner(number)? {
            self.check_granted()?;
            if self.lease.reset.is_some() {
                return Err(self.violation("RESET came twice"));
            }
            self.lease.reset = Some(Error::reset(reset).on_route(&self.lease.route));
        }
        Ok(())
    }

    fn on_info(&mut self, number: u16, info: &Info<'_>) -> Result<(), Error> {
        if let Owner::Current = self.owner(number)? {
            let state = STATES.into_iter().find(|state| *state == info.state);
            self.lease.figures = Some(Info { state: state.unwrap_or_default(), ..*info });
        }
        Ok(())
    }

    /// Whose frame this is; a lease that was never asked for has none.
    fn owner(&self, number: u16) -> Result<Owner, Error> {
        if number == self.lease.number {
            return match self.lease.phase {
                Phase::Waiting | Phase::Leased(_) => Ok(Owner::Current),
                Phase::Leaving { .. } => Ok(Owner::Left),
                Phase::Over(_) => Err(self.violation("a frame came for a lease that is over")),
            };
        }
        // Once the numbers have gone round, every one of them was asked for.
        if number < self.lease.number || self.asked > u64::from(u16::MAX) {
            return Ok(Owner::Left);
        }
        Err(self.violation("a frame came for a lease that was never asked for"))
    }

    /// Bytes and their end come after the grant, before a reset, and once.
    fn check_alive(&self) -> Result<(), Error> {
        self.check_granted()?;
        if self.lease.is_eof || self.lease.reset.is_some() {
            return Err(self.violation("bytes or an end came after the end"));
        }
        Ok(())
    }

    fn check_granted(&self) -> Result<(), Error> {
        match self.lease.phase {
            Phase::Leased(_) => Ok(()),
            Phase::Waiting | Phase::Leaving { .. } | Phase::Over(_) => {
                Err(self.violation("something came before LEASED"))
            }
        }
    }

    fn violation(&self, cause: &str) -> Error {
        self.error(ErrorKind::Violation, cause)
    }
}
