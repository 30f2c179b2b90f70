//! The messages of the daemon.

use super::field::{Reader, Writer, is_token};
use super::{Belongs, check_lease, split_frame};
use crate::error::DecodeError;
use crate::frame::{CRITICAL, HEADER_LEN, Header, kind};
use crate::message::{
    DaemonMessage, Frame, GoAway, Info, Leased, Limits, Refused, Released, Reset, Welcome,
};
use crate::vocabulary::{Outcome, Source, Verdict};

/// Fields of `WELCOME`.
mod welcome_field {
    pub(super) const DATA_BYTES: u16 = 1;
    pub(super) const EARLY_BYTES: u16 = 2;
    pub(super) const SESSIONS: u16 = 3;
}

/// Fields of `LEASED`.
mod leased_field {
    pub(super) const CONNECT_US: u16 = 1;
}

/// Fields of `REFUSED`.
mod refused_field {
    pub(super) const CAUSE: u16 = 1;
    pub(super) const RETRY_AFTER_US: u16 = 2;
    pub(super) const ESTIMATED_WAIT_US: u16 = 3;
}

/// Fields of `RESET`.
mod reset_field {
    pub(super) const CAUSE: u16 = 1;
}

/// Fields of `RELEASED`.
mod released_field {
    pub(super) const CAUSE: u16 = 1;
}

/// The field of `INFO` that is text; its figures have the numbers from 2 on.
const INFO_STATE: u16 = 1;

/// Reads the frame at the front of `bytes`, as a client does, and says how long it is.
///
/// `None` if it is not there in full: more bytes are needed, [`FRAME_MAX`](crate::FRAME_MAX) at
/// most in all.
///
/// # Errors
///
/// A [`DecodeError`] ends the session: the caller closes it.
pub fn decode_daemon(
    bytes: &[u8],
) -> Result<Option<(Frame<DaemonMessage<'_>>, usize)>, DecodeError> {
    let Some(raw) = split_frame(bytes)? else {
        return Ok(None);
    };
    let message = message(&raw.header, raw.payload)?;
    Ok(Some((Frame { lease: raw.header.lease, message }, raw.length)))
}

fn message<'a>(header: &Header, payload: &'a [u8]) -> Result<DaemonMessage<'a>, DecodeError> {
    let mut body = Reader::new(header.kind, payload);
    let (belongs, message) = match header.kind {
        kind::WELCOME => (Belongs::Session, DaemonMessage::Welcome(welcome(&mut body)?)),
        kind::LEASED => (Belongs::Lease, DaemonMessage::Leased(leased(&mut body)?)),
        kind::REFUSED => (Belongs::Either, DaemonMessage::Refused(refused(&mut body)?)),
        kind::PEER_DATA => (Belongs::Lease, DaemonMessage::Data(payload)),
        kind::EOF => (Belongs::Lease, bare(&mut body, DaemonMessage::Eof)?),
        kind::RESET => (Belongs::Lease, DaemonMessage::Reset(reset(&mut body)?)),
        kind::RELEASED => (Belongs::Lease, DaemonMessage::Released(released(&mut body)?)),
        kind::GOAWAY => {
            let goaway = GoAway { last_lease: body.u16()?, deadline: body.duration()? };
            (Belongs::Session, bare(&mut body, DaemonMessage::GoAway(goaway))?)
        }
        kind::FIGURES => (Belongs::Lease, DaemonMessage::Info(info(&mut body)?)),
        kind::PONG => {
            let number = body.u64()?;
            (Belongs::Session, bare(&mut body, DaemonMessage::Pong(number))?)
        }
        kind if header.is_critical() => return Err(DecodeError::UnknownKind { kind }),
        kind => (Belongs::Either, DaemonMessage::Skipped { kind }),
    };
    check_lease(header, belongs)?;
    Ok(message)
}

/// A message without fields in this minor; later ones may have some.
fn bare<'a>(
    body: &mut Reader<'a>,
    message: DaemonMessage<'a>,
) -> Result<DaemonMessage<'a>, DecodeError> {
    body.skip_fields()?;
    Ok(message)
}

fn welcome(body: &mut Reader<'_>) -> Result<Welcome, DecodeError> {
    let (minor, features, instance) = (body.u16()?, body.u64()?, body.u64()?);
    let (mut data_bytes, mut early_bytes, mut sessions) = (None, None, None);
    while let Some(field) = body.field()? {
        match field.tag {
            welcome_field::DATA_BYTES => field.set(&mut data_bytes, Reader::u32)?,
            welcome_field::EARLY_BYTES => field.set(&mut early_bytes, Reader::u32)?,
            welcome_field::SESSIONS => field.set(&mut sessions, Reader::u32)?,
            _ => field.skip()?,
        }
    }
    let default = Limits::default();
    let limits = Limits {
        data_bytes: data_bytes.unwrap_or(default.data_bytes),
        early_bytes: early_bytes.unwrap_or(default.early_bytes),
        sessions: sessions.unwrap_or(default.sessions),
    };
    let is_within = limits.data_bytes <= default.data_bytes
        && limits.early_bytes <= default.early_bytes
        && limits.data_bytes > 0;
    if !is_within {
        return Err(body.bad_value("limits"));
    }
    Ok(Welcome { minor, features, instance, limits })
}

fn leased(body: &mut Reader<'_>) -> Result<Leased, DecodeError> {
    let mut leased = Leased {
        handle: body.u64()?,
        age: body.duration()?,
        idle: body.duration()?,
        wait: body.duration()?,
        srtt: body.duration()?,
        cwnd: body.u32()?,
        uses: body.u32()?,
        source: body.code("source", Source::from_code)?,
        peer: body.address()?,
        connect: None,
    };
    while let Some(field) = body.field()? {
        match field.tag {
            leased_field::CONNECT_US => field.set(&mut leased.connect, Reader::duration)?,
            _ => field.skip()?,
        }
    }
    Ok(leased)
}

fn refused<'a>(body: &mut Reader<'a>) -> Result<Refused<'a>, DecodeError> {
    let token = body.token()?;
    let (mut cause, mut retry_after, mut estimated_wait) = (None, None, None);
    while let Some(field) = body.field()? {
        match field.tag {
            refused_field::CAUSE => field.set(&mut cause, Reader::cause)?,
            refused_field::RETRY_AFTER_US => field.set(&mut retry_after, Reader::duration)?,
            refused_field::ESTIMATED_WAIT_US => field.set(&mut estimated_wait, Reader::duration)?,
            _ => field.skip()?,
        }
    }
    Ok(Refused { token, cause: cause.unwrap_or_default(), retry_after, estimated_wait })
}

fn reset<'a>(body: &mut Reader<'a>) -> Result<Reset<'a>, DecodeError> {
    let verdict = body.code("verdict", Verdict::from_code)?;
    let (bytes_sent, bytes_acked) = (body.u64()?, body.u64()?);
    let token = body.token()?;
    let mut cause = None;
    while let Some(field) = body.field()? {
        match field.tag {
            reset_field::CAUSE => field.set(&mut cause, Reader::cause)?,
            _ => field.skip()?,
        }
    }
    Ok(Reset { token, verdict, bytes_sent, bytes_acked, cause: cause.unwrap_or_default() })
}

fn released<'a>(body: &mut Reader<'a>) -> Result<Released<'a>, DecodeError> {
    let outcome = body.code("outcome", Outcome::from_code)?;
    let mut cause = None;
    while let Some(field) = body.field()? {
        match field.tag {
            released_field::CAUSE => field.set(&mut cause, |value| value.foreign_token("cause"))?,
            _ => field.skip()?,
        }
    }
    Ok(Released { outcome, cause })
}

fn info<'a>(body: &mut Reader<'a>) -> Result<Info<'a>, DecodeError> {
    let (mut state, mut figures) = (None, Figures::default());
    while let Some(field) = body.field()? {
        if field.tag == INFO_STATE {
            field.set(&mut state, |value| value.foreign_token("state"))?;
        } else if let Some(figure) = figures.place(field.tag) {
            field.set(figure, Reader::u64)?;
        } else {
            field.skip()?;
        }
    }
    Ok(figures.info(state.unwrap_or_default()))
}

/// Declares which figure of `INFO` has which number, once for both ways.
macro_rules! figures {
    ($($tag:literal $name:ident),+ $(,)?) => {
        /// The figures that were read so far.
        #[derive(Default)]
        struct Figures {
            $($name: Option<u64>,)+
        }

        impl Figures {
            fn place(&mut self, tag: u16) -> Option<&mut Option<u64>> {
                match tag {
                    $($tag => Some(&mut self.$name),)+
                    _ => None,
                }
            }

            fn info<'a>(&self, state: &'a str) -> Info<'a> {
                Info { state, $($name: self.$name.unwrap_or_default(),)+ }
            }
        }

        fn emit_figures(info: &Info<'_>, body: &mut Writer<'_>) {
            for (tag, value) in [$(($tag, info.$name)),+] {
                if value != 0 {
                    body.u64_field(tag, value);
                }
            }
        }
    };
}

figures! {
    2 rtt, 3 rttvar, 4 rto, 5 snd_mss, 6 snd_cwnd, 7 snd_ssthresh, 8 snd_wnd, 9 rcv_wnd,
    10 unacked, 11 retransmits, 12 bytes_sent, 13 bytes_acked, 14 bytes_received,
    15 bytes_retrans, 16 segs_in, 17 segs_out,
}

/// Appends the daemon's frame to `out`.
///
/// A cause for people is cut to [`CAUSE_MAX`](crate::CAUSE_MAX). A
/// [`DaemonMessage::Skipped`] has no form on the wire and appends nothing.
///
/// # Panics
///
/// If data is longer than [`DATA_MAX`](crate::DATA_MAX), the lease's number does not fit the
/// message (0 is for `WELCOME`, `GOAWAY`, `PONG`, and may be for `REFUSED`), or a close cause or
/// a state is not a token: the daemon builds all of them itself.
pub fn encode_daemon(frame: &Frame<DaemonMessage<'_>>, out: &mut Vec<u8>) {
    let kind = match frame.message {
        DaemonMessage::Welcome(_) => kind::WELCOME,
        DaemonMessage::Leased(_) => kind::LEASED,
        DaemonMessage::Refused(_) => kind::REFUSED,
        DaemonMessage::Data(_) => kind::PEER_DATA,
        DaemonMessage::Eof => kind::EOF,
        DaemonMessage::Reset(_) => kind::RESET,
        DaemonMessage::Released(_) => kind::RELEASED,
        DaemonMessage::GoAway(_) => kind::GOAWAY,
        DaemonMessage::Info(_) => kind::FIGURES,
        DaemonMessage::Pong(_) => kind::PONG,
        DaemonMessage::Skipped { .. } => return,
    };
    let is_session = matches!(kind, kind::WELCOME | kind::GOAWAY | kind::PONG);
    let fits = kind == kind::REFUSED || is_session == (frame.lease == 0);
    assert!(fits, "only WELCOME, GOAWAY, PONG and REFUSED go without a lease");
    super::append(kind, frame.lease, out, |body| emit(&frame.message, body));
}

/// The header of the daemon's `DATA` of `length` bytes, for those who write the bytes
/// themselves.
///
/// # Panics
///
/// If `length` is above [`DATA_MAX`](crate::DATA_MAX) or `lease` is 0.
#[must_use]
pub fn daemon_data_header(lease: u16, length: usize) -> [u8; HEADER_LEN] {
    assert!(lease != 0, "data belongs to a lease");
    Header { length, kind: kind::PEER_DATA, flags: CRITICAL, lease }.emit()
}

fn emit(message: &DaemonMessage<'_>, body: &mut Writer<'_>) {
    match message {
        DaemonMessage::Welcome(welcome) => emit_welcome(welcome, body),
        DaemonMessage::Leased(leased) => emit_leased(leased, body),
        DaemonMessage::Refused(refused) => {
            body.token(refused.token);
            body.cause(refused_field::CAUSE, refused.cause);
            body.duration_field(refused_field::RETRY_AFTER_US, refused.retry_after);
            body.duration_field(refused_field::ESTIMATED_WAIT_US, refused.estimated_wait);
        }
        DaemonMessage::Data(bytes) => body.bytes(bytes),
        DaemonMessage::Reset(reset) => {
            body.u8(reset.verdict.code());
            body.u64(reset.bytes_sent);
            body.u64(reset.bytes_acked);
            body.token(reset.token);
            body.cause(reset_field::CAUSE, reset.cause);
        }
        DaemonMessage::Released(released) => {
            body.u8(released.outcome.code());
            if let Some(cause) = released.cause {
                assert!(is_token(cause), "a close cause is a token");
                body.text(released_field::CAUSE, cause);
            }
        }
        DaemonMessage::GoAway(goaway) => {
            body.u16(goaway.last_lease);
            body.duration(goaway.deadline);
        }
        DaemonMessage::Info(info) => {
            assert!(info.state.is_empty() || is_token(info.state), "a state is a token");
            body.text(INFO_STATE, info.state);
            emit_figures(info, body);
        }
        DaemonMessage::Pong(number) => body.u64(*number),
        DaemonMessage::Eof | DaemonMessage::Skipped { .. } => {}
    }
}

fn emit_welcome(welcome: &Welcome, body: &mut Writer<'_>) {
    body.u16(welcome.minor);
    body.u64(welcome.features);
    body.u64(welcome.instance);
    body.u32_field(welcome_field::DATA_BYTES, welcome.limits.data_bytes);
    body.u32_field(welcome_field::EARLY_BYTES, welcome.limits.early_bytes);
    body.u32_field(welcome_field::SESSIONS, welcome.limits.sessions);
}

fn emit_leased(leased: &Leased, body: &mut Writer<'_>) {
    body.u64(leased.handle);
    body.duration(leased.age);
    body.duration(leased.idle);
    body.duration(leased.wait);
    body.duration(leased.srtt);
    body.u32(leased.cwnd);
    body.u32(leased.uses);
    body.u8(leased.source.code());
    body.address(leased.peer);
    body.duration_field(leased_field::CONNECT_US, leased.connect);
}
