//! The messages of a client.

use std::time::Duration;

use super::field::{Reader, Writer, check_name};
use super::{Belongs, check_lease, split_frame};
use crate::error::{DecodeError, EncodeError};
use crate::frame::{CRITICAL, DATA_MAX, HEADER_LEN, Header, NAME_MAX, TEXT_MAX, kind};
use crate::message::{ClientMessage, Frame, Hello, LeaseRequest, Release, Target};
use crate::vocabulary::{Class, Disposition};

/// Fields of `HELLO`.
mod hello_field {
    pub(super) const NAME: u16 = 1;
}

/// Fields of `LEASE`.
mod lease_field {
    pub(super) const ROUTE: u16 = 1;
    pub(super) const SCHEME: u16 = 2;
    pub(super) const HOST: u16 = 3;
    pub(super) const PORT: u16 = 4;
    pub(super) const TAG: u16 = 5;
    pub(super) const DEADLINE_MS: u16 = 6;
}

/// Bits of the flags byte of `LEASE`.
mod lease_flag {
    pub(super) const FRESH: u8 = 0x01;
    pub(super) const NO_WAIT: u8 = 0x02;
    pub(super) const IDEMPOTENT: u8 = 0x04;
    pub(super) const FD: u8 = 0x08;
    pub(super) const ALL: u8 = FRESH | NO_WAIT | IDEMPOTENT | FD;
}

/// Fields of `RELEASE`.
mod release_field {
    pub(super) const KEEP_ALIVE_US: u16 = 1;
}

/// Reads the frame at the front of `bytes`, as a daemon does, and says how long it is.
///
/// `None` if it is not there in full: more bytes are needed, [`FRAME_MAX`](crate::FRAME_MAX) at
/// most in all.
///
/// # Errors
///
/// A [`DecodeError`] ends the session: the caller says `REFUSED protocol_violation` on lease 0
/// and closes it.
pub fn decode_client(
    bytes: &[u8],
) -> Result<Option<(Frame<ClientMessage<'_>>, usize)>, DecodeError> {
    let Some(raw) = split_frame(bytes)? else {
        return Ok(None);
    };
    let message = message(&raw.header, raw.payload)?;
    Ok(Some((Frame { lease: raw.header.lease, message }, raw.length)))
}

fn message<'a>(header: &Header, payload: &'a [u8]) -> Result<ClientMessage<'a>, DecodeError> {
    let mut body = Reader::new(header.kind, payload);
    let (belongs, message) = match header.kind {
        kind::HELLO => (Belongs::Session, ClientMessage::Hello(hello(&mut body)?)),
        kind::LEASE => (Belongs::Lease, ClientMessage::Lease(lease(&mut body)?)),
        kind::DATA => (Belongs::Lease, ClientMessage::Data(payload)),
        kind::FIN => (Belongs::Lease, bare(&mut body, ClientMessage::Fin)?),
        kind::CANCEL => (Belongs::Lease, bare(&mut body, ClientMessage::Cancel)?),
        kind::RELEASE => (Belongs::Lease, ClientMessage::Release(release(&mut body)?)),
        kind::INFO => (Belongs::Lease, bare(&mut body, ClientMessage::Info)?),
        kind::PING => {
            let number = body.u64()?;
            (Belongs::Session, bare(&mut body, ClientMessage::Ping(number))?)
        }
        kind if header.is_critical() => return Err(DecodeError::UnknownKind { kind }),
        kind => (Belongs::Either, ClientMessage::Skipped { kind }),
    };
    check_lease(header, belongs)?;
    Ok(message)
}

/// A message without fields in this minor; later ones may have some.
fn bare<'a>(
    body: &mut Reader<'a>,
    message: ClientMessage<'a>,
) -> Result<ClientMessage<'a>, DecodeError> {
    body.skip_fields()?;
    Ok(message)
}

fn hello<'a>(body: &mut Reader<'a>) -> Result<Hello<'a>, DecodeError> {
    let (major, minor_min, minor_max) = (body.u16()?, body.u16()?, body.u16()?);
    let features = body.u64()?;
    let mut name = None;
    while let Some(field) = body.field()? {
        match field.tag {
            hello_field::NAME => field.set(&mut name, |value| value.name("name", NAME_MAX))?,
            _ => field.skip()?,
        }
    }
    Ok(Hello { major, minor_min, minor_max, features, name: name.unwrap_or_default() })
}

fn lease<'a>(body: &mut Reader<'a>) -> Result<LeaseRequest<'a>, DecodeError> {
    let class = body.code("class", Class::from_code)?;
    let flags = body.u8()?;
    if flags & !lease_flag::ALL != 0 {
        return Err(body.bad_value("flags"));
    }
    let (mut route, mut scheme, mut host, mut port) = (None, None, None, None);
    let (mut tag, mut deadline_ms) = (None, None);
    while let Some(field) = body.field()? {
        match field.tag {
            lease_field::ROUTE => field.set(&mut route, |value| value.name("route", TEXT_MAX))?,
            lease_field::SCHEME => {
                field.set(&mut scheme, |value| value.name("scheme", TEXT_MAX))?
            }
            lease_field::HOST => field.set(&mut host, |value| value.name("host", TEXT_MAX))?,
            lease_field::PORT => field.set(&mut port, Reader::u16)?,
            lease_field::TAG => field.set(&mut tag, |value| value.name("tag", TEXT_MAX))?,
            lease_field::DEADLINE_MS => field.set(&mut deadline_ms, Reader::u32)?,
            _ => field.skip()?,
        }
    }
    let target = match (route, scheme, host, port) {
        (Some(route), None, None, None) => Target::Route(route),
        (None, Some(scheme), Some(host), Some(port)) if port != 0 => {
            Target::Origin { scheme, host, port }
        }
        _ => return Err(body.bad_value("target")),
    };
    Ok(LeaseRequest {
        target,
        tag,
        deadline: deadline_ms.map(|ms| Duration::from_millis(u64::from(ms))),
        class,
        fresh: flags & lease_flag::FRESH != 0,
        no_wait: flags & lease_flag::NO_WAIT != 0,
        idempotent: flags & lease_flag::IDEMPOTENT != 0,
        fd: flags & lease_flag::FD != 0,
    })
}

fn release(body: &mut Reader<'_>) -> Result<Release, DecodeError> {
    let disposition = body.code("disposition", Disposition::from_code)?;
    let (rx_consumed, tx_written) = (body.u64()?, body.u64()?);
    let mut keep_alive = None;
    while let Some(field) = body.field()? {
        match field.tag {
            release_field::KEEP_ALIVE_US => field.set(&mut keep_alive, Reader::duration)?,
            _ => field.skip()?,
        }
    }
    Ok(Release { disposition, rx_consumed, tx_written, keep_alive })
}

/// Appends a client's frame to `out`.
///
/// A [`ClientMessage::Skipped`] has no form on the wire and appends nothing.
///
/// # Errors
///
/// [`EncodeError`] if a text or the data is longer than its limit, or a text is not clean;
/// nothing was appended then.
///
/// # Panics
///
/// If the lease's number does not fit the message: 0 is for `HELLO` and `PING`, and for nothing
/// else.
pub fn encode_client(
    frame: &Frame<ClientMessage<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    check(&frame.message)?;
    let kind = match frame.message {
        ClientMessage::Hello(_) => kind::HELLO,
        ClientMessage::Lease(_) => kind::LEASE,
        ClientMessage::Data(_) => kind::DATA,
        ClientMessage::Fin => kind::FIN,
        ClientMessage::Cancel => kind::CANCEL,
        ClientMessage::Release(_) => kind::RELEASE,
        ClientMessage::Info => kind::INFO,
        ClientMessage::Ping(_) => kind::PING,
        ClientMessage::Skipped { .. } => return Ok(()),
    };
    let is_session = matches!(kind, kind::HELLO | kind::PING);
    assert!(is_session == (frame.lease == 0), "only HELLO and PING go without a lease");
    super::append(kind, frame.lease, out, |body| emit(&frame.message, body));
    Ok(())
}

/// The header of a client's `DATA` of `length` bytes, for those who write the bytes themselves.
///
/// # Panics
///
/// If `length` is above [`DATA_MAX`] or `lease` is 0.
#[must_use]
pub fn client_data_header(lease: u16, length: usize) -> [u8; HEADER_LEN] {
    assert!(lease != 0, "data belongs to a lease");
    Header { length, kind: kind::DATA, flags: CRITICAL, lease }.emit()
}

fn emit(message: &ClientMessage<'_>, body: &mut Writer<'_>) {
    match message {
        ClientMessage::Hello(hello) => {
            body.u16(hello.major);
            body.u16(hello.minor_min);
            body.u16(hello.minor_max);
            body.u64(hello.features);
            body.text(hello_field::NAME, hello.name);
        }
        ClientMessage::Lease(lease) => emit_lease(lease, body),
        ClientMessage::Data(bytes) => body.bytes(bytes),
        ClientMessage::Release(release) => {
            body.u8(release.disposition.code());
            body.u64(release.rx_consumed);
            body.u64(release.tx_written);
            body.duration_field(release_field::KEEP_ALIVE_US, release.keep_alive);
        }
        ClientMessage::Ping(number) => body.u64(*number),
        ClientMessage::Fin
        | ClientMessage::Cancel
        | ClientMessage::Info
        | ClientMessage::Skipped { .. } => {}
    }
}

fn emit_lease(lease: &LeaseRequest<'_>, body: &mut Writer<'_>) {
    let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    body.u8(lease.class.code());
    body.u8(flag(lease.fresh, lease_flag::FRESH)
        | flag(lease.no_wait, lease_flag::NO_WAIT)
        | flag(lease.idempotent, lease_flag::IDEMPOTENT)
        | flag(lease.fd, lease_flag::FD));
    match lease.target {
        Target::Route(route) => body.critical_text(lease_field::ROUTE, route),
        Target::Origin { scheme, host, port } => {
            body.critical_text(lease_field::SCHEME, scheme);
            body.critical_text(lease_field::HOST, host);
            body.critical_u16(lease_field::PORT, port);
        }
    }
    if let Some(tag) = lease.tag {
        body.critical_text(lease_field::TAG, tag);
    }
    if let Some(deadline) = lease.deadline {
        // A deadline beyond 49 days is none that anybody waits for.
        let ms = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        body.critical_u32(lease_field::DEADLINE_MS, ms);
    }
}

/// Checks what a user may have got wrong.
fn check(message: &ClientMessage<'_>) -> Result<(), EncodeError> {
    match message {
        ClientMessage::Hello(hello) if hello.name.is_empty() => Ok(()),
        ClientMessage::Hello(hello) => check_name("name", hello.name, NAME_MAX),
        ClientMessage::Lease(lease) => {
            check_target(lease.target)?;
            lease.tag.map_or(Ok(()), |tag| check_name("tag", tag, TEXT_MAX))
        }
        ClientMessage::Data(bytes) if bytes.len() > DATA_MAX => {
            Err(EncodeError::TooLong { what: "data", length: bytes.len(), limit: DATA_MAX })
        }
        ClientMessage::Data(_)
        | ClientMessage::Fin
        | ClientMessage::Cancel
        | ClientMessage::Release(_)
        | ClientMessage::Info
        | ClientMessage::Ping(_)
        | ClientMessage::Skipped { .. } => Ok(()),
    }
}

fn check_target(target: Target<'_>) -> Result<(), EncodeError> {
    match target {
        Target::Route(route) => check_name("route", route, TEXT_MAX),
        Target::Origin { port: 0, .. } => Err(EncodeError::BadValue { what: "port" }),
        Target::Origin { scheme, host, .. } => {
            check_name("scheme", scheme, TEXT_MAX)?;
            check_name("host", host, TEXT_MAX)
        }
    }
}
