//! Values in a payload: a fixed part, then fields of `u16 tag | u16 length | value`.
//!
//! The highest bit of a tag makes the field critical. Numbers are little-endian, durations are
//! microseconds in a u64, text is UTF-8 behind its u16 length (a field's own length serves).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::error::{DecodeError, EncodeError};
use crate::frame::CAUSE_MAX;
use crate::token::ErrorToken;

/// The bit of a tag that forbids a receiver to skip the field.
const CRITICAL_FIELD: u16 = 0x8000;

/// Bytes of an address and port on the wire: family, sixteen of address, port.
const IPV4_FAMILY: u8 = 4;
const IPV6_FAMILY: u8 = 6;

/// Reads the values of one payload from its front. Reading past the end is an error.
pub(super) struct Reader<'a> {
    kind: u8,
    rest: &'a [u8],
}

/// One field, its value not read yet.
pub(super) struct Field<'a> {
    pub(super) tag: u16,
    is_critical: bool,
    value: Reader<'a>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(kind: u8, payload: &'a [u8]) -> Self {
        Self { kind, rest: payload }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (chunk, rest) =
            self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated { kind: self.kind })?;
        self.rest = rest;
        Ok(*chunk)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) =
            self.rest.split_at_checked(length).ok_or(DecodeError::Truncated { kind: self.kind })?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.chunk().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.chunk().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.chunk().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.chunk().map(u64::from_le_bytes)
    }

    pub(super) fn duration(&mut self) -> Result<Duration, DecodeError> {
        self.u64().map(Duration::from_micros)
    }

    /// A byte of a vocabulary.
    pub(super) fn code<T>(
        &mut self,
        what: &'static str,
        from_code: impl Fn(u8) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let code = self.u8()?;
        from_code(code).ok_or_else(|| self.bad_value(what))
    }

    /// Text behind its own length, in the fixed part.
    fn text(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let length = usize::from(self.u16()?);
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.bad_value(what))
    }

    /// A failure's token, in the fixed part.
    pub(super) fn token(&mut self) -> Result<ErrorToken, DecodeError> {
        let token = self.text("token")?;
        ErrorToken::from_token(token).ok_or_else(|| self.bad_value("token"))
    }

    /// Text that is the whole of a field, any of it.
    fn whole_text(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let bytes = std::mem::take(&mut self.rest);
        std::str::from_utf8(bytes).map_err(|_| self.bad_value(what))
    }

    /// A name that is the whole of a field: not empty, no control characters, at most `limit`.
    pub(super) fn name(
        &mut self,
        what: &'static str,
        limit: usize,
    ) -> Result<&'a str, DecodeError> {
        let name = self.whole_text(what)?;
        if name.len() > limit || !is_clean(name) {
            return Err(self.bad_value(what));
        }
        Ok(name)
    }

    /// A token that is the whole of a field; of whose vocabulary is not asked here.
    pub(super) fn foreign_token(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let token = self.whole_text(what)?;
        if !is_token(token) {
            return Err(self.bad_value(what));
        }
        Ok(token)
    }

    /// A cause for people that is the whole of a field.
    pub(super) fn cause(&mut self) -> Result<&'a str, DecodeError> {
        let cause = self.whole_text("cause")?;
        if cause.len() > CAUSE_MAX {
            return Err(self.bad_value("cause"));
        }
        Ok(cause)
    }

    pub(super) fn address(&mut self) -> Result<SocketAddr, DecodeError> {
        let family = self.u8()?;
        let octets: [u8; 16] = self.chunk()?;
        let port = self.u16()?;
        let ip = match family {
            IPV4_FAMILY => {
                let [a, b, c, d, ..] = octets;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            IPV6_FAMILY => IpAddr::V6(Ipv6Addr::from(octets)),
            _ => return Err(self.bad_value("address")),
        };
        Ok(SocketAddr::new(ip, port))
    }

    /// The next field, or `None` at the end of the payload.
    pub(super) fn field(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.u16()?;
        let length = usize::from(self.u16()?);
        let value = Self::new(self.kind, self.bytes(length)?);
        let is_critical = tag & CRITICAL_FIELD != 0;
        Ok(Some(Field { tag: tag & !CRITICAL_FIELD, is_critical, value }))
    }

    /// Passes over what is left, of a message that has no fields in this minor.
    pub(super) fn skip_fields(&mut self) -> Result<(), DecodeError> {
        while let Some(field) = self.field()? {
            field.skip()?;
        }
        Ok(())
    }

    pub(super) const fn bad_value(&self, what: &'static str) -> DecodeError {
        DecodeError::BadValue { kind: self.kind, what }
    }
}

impl<'a> Field<'a> {
    /// Reads the value into its place: once, and to its last byte.
    pub(super) fn set<T>(
        mut self,
        place: &mut Option<T>,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<(), DecodeError> {
        let bad_field = DecodeError::BadField { kind: self.value.kind, tag: self.tag };
        let value = match read(&mut self.value) {
            Err(DecodeError::Truncated { .. }) => return Err(bad_field),
            other => other?,
        };
        if !self.value.rest.is_empty() || place.replace(value).is_some() {
            return Err(bad_field);
        }
        Ok(())
    }

    /// Passes over a field that is not known here, unless the sender forbids it.
    pub(super) const fn skip(self) -> Result<(), DecodeError> {
        if self.is_critical {
            return Err(DecodeError::UnknownField { kind: self.value.kind, tag: self.tag });
        }
        Ok(())
    }
}

/// Appends the values of one payload to a buffer.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn duration(&mut self, value: Duration) {
        self.u64(micros(value));
    }

    pub(super) fn token(&mut self, token: ErrorToken) {
        self.u16(length_of(token.token()));
        self.bytes(token.token().as_bytes());
    }

    pub(super) fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => {
                self.u8(IPV4_FAMILY);
                self.bytes(&ip.octets());
                self.bytes(&[0; 12]);
            }
            IpAddr::V6(ip) => {
                self.u8(IPV6_FAMILY);
                self.bytes(&ip.octets());
            }
        }
        self.u16(address.port());
    }

    /// A text field that a receiver must know.
    pub(super) fn critical_text(&mut self, tag: u16, text: &str) {
        self.text_field(tag | CRITICAL_FIELD, text);
    }

    /// A text field that a receiver may skip; none if the text is empty.
    pub(super) fn text(&mut self, tag: u16, text: &str) {
        if !text.is_empty() {
            self.text_field(tag, text);
        }
    }

    /// A cause for people, cut to its limit; none if it is empty.
    pub(super) fn cause(&mut self, tag: u16, cause: &str) {
        let (cause, _) = cause.split_at(cause.floor_char_boundary(CAUSE_MAX));
        self.text(tag, cause);
    }

    pub(super) fn critical_u16(&mut self, tag: u16, value: u16) {
        self.field_header(tag | CRITICAL_FIELD, 2);
        self.u16(value);
    }

    pub(super) fn critical_u32(&mut self, tag: u16, value: u32) {
        self.field_header(tag | CRITICAL_FIELD, 4);
        self.u32(value);
    }

    pub(super) fn u32_field(&mut self, tag: u16, value: u32) {
        self.field_header(tag, 4);
        self.u32(value);
    }

    pub(super) fn u64_field(&mut self, tag: u16, value: u64) {
        self.field_header(tag, 8);
        self.u64(value);
    }

    pub(super) fn duration_field(&mut self, tag: u16, value: Option<Duration>) {
        if let Some(value) = value {
            self.u64_field(tag, micros(value));
        }
    }

    fn text_field(&mut self, tag: u16, text: &str) {
        self.field_header(tag, length_of(text));
        self.bytes(text.as_bytes());
    }

    fn field_header(&mut self, tag: u16, length: u16) {
        self.u16(tag);
        self.u16(length);
    }
}

/// Checks a name that a user gave.
pub(super) fn check_name(what: &'static str, name: &str, limit: usize) -> Result<(), EncodeError> {
    if name.len() > limit {
        return Err(EncodeError::TooLong { what, length: name.len(), limit });
    }
    if !is_clean(name) {
        return Err(EncodeError::BadValue { what });
    }
    Ok(())
}

/// Whether a name may stand in logs as it is.
fn is_clean(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control)
}

/// Whether this has the form of a token.
pub(super) fn is_token(text: &str) -> bool {
    const TOKEN_MAX: usize = 32;
    let is_token_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !text.is_empty() && text.len() <= TOKEN_MAX && text.bytes().all(is_token_byte)
}

/// Whole microseconds; half a million years are as good as for ever.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn length_of(text: &str) -> u16 {
    u16::try_from(text.len()).expect("texts were checked or cut to limits far below 64 KiB")
}
