//! What clients ask upstreams: a header that says everything about the lease it was sent on, so
//! that the upstream sees any mix-up, and a body and an answer whose every byte is known.

use crate::stream::Stream;

/// Bytes of a header.
pub(super) const HEADER: usize = 40;

/// One request, and the lease that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Unlike any other of the run.
    pub(super) id: u64,
    /// Bytes behind the header.
    pub(super) body: u64,
    /// Bytes of the answer.
    pub(super) answer: u64,
    /// The client's user.
    pub(super) uid: u32,
    /// The lease's tag; 0 is none.
    pub(super) tag: u16,
    /// The lease asked for a connection that never carried a byte.
    pub(super) fresh: bool,
    /// No other lease may follow on this connection.
    pub(super) opaque: bool,
}

impl Request {
    /// The header and the body.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let body = usize::try_from(self.body).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(HEADER + body);
        for number in [self.id, self.body, self.answer, self.terms(), self.seal()] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend(self.body_stream().bytes(0, body));
        bytes
    }

    /// Reads a header; `None` if these bytes are none.
    pub(super) fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let mut numbers = bytes.chunks_exact(8).map(|chunk| {
            let mut octets = [0; 8];
            octets.copy_from_slice(chunk);
            u64::from_le_bytes(octets)
        });
        let (id, body, answer) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let (terms, seal) = (numbers.next()?, numbers.next()?);
        let request = Self {
            id,
            body,
            answer,
            uid: u32::try_from(terms >> 32).ok()?,
            tag: u16::try_from(terms >> 8 & 0xffff).ok()?,
            fresh: terms & 1 != 0,
            opaque: terms & 2 != 0,
        };
        (seal == request.seal()).then_some(request)
    }

    /// The bytes of its body.
    pub(super) const fn body_stream(&self) -> Stream {
        Stream::new(self.id ^ 0x00b0_d700)
    }

    /// The bytes of its answer.
    pub(super) const fn answer_stream(&self) -> Stream {
        Stream::new(self.id ^ 0xa000_0000_0000)
    }

    fn terms(&self) -> u64 {
        let flags = u64::from(self.fresh) | u64::from(self.opaque) << 1;
        u64::from(self.uid) << 32 | u64::from(self.tag) << 8 | flags
    }

    /// Tells a header from other bytes.
    fn seal(&self) -> u64 {
        let terms = self.terms().rotate_left(17);
        let seed = self.id ^ self.body.rotate_left(40) ^ self.answer.rotate_left(20) ^ terms;
        u64::from_le_bytes(std::array::from_fn(|at| Stream::new(seed).byte(at as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_nothing_else_is_one() {
        let request =
            Request { id: 9, body: 3, answer: 70, uid: 1_000, tag: 2, fresh: true, opaque: false };
        let bytes = request.bytes();
        assert_eq!(bytes.len(), HEADER + 3);
        let mut header = *bytes.first_chunk().unwrap();
        assert_eq!(Request::read(&header), Some(request));
        header[7] ^= 1;
        assert_eq!(Request::read(&header), None);
    }
}
