//! What is said on the streams of a storm: messages that name the request they belong to.
//!
//! ```text
//! request  R | id: u64 | answer length: u32 | three bytes; length 0 wants no answer
//! answer   A | id: u64 | length: u32        | as many bytes of the pattern of the id
//! babble   B | id: u64 | 0                    that nobody asked for, after the answer to the id
//! ```

use super::super::pattern;

/// Bytes of a message without an answer's body.
pub(super) const HEAD_LEN: usize = 13;

/// Bytes of a request.
pub(super) const REQUEST_LEN: usize = HEAD_LEN + 3;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Answer,
    Babble,
}

impl Kind {
    fn letter(self) -> u8 {
        match self {
            Self::Request => b'R',
            Self::Answer => b'A',
            Self::Babble => b'B',
        }
    }
}

/// One request, as the one who sent it knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) uid: u32,
    /// Its route is shared by all users.
    pub(super) is_shared: bool,
    /// Leases are numbered through, over all clients.
    pub(super) lease: u64,
    pub(super) answer_len: u32,
    /// It has reached an upstream.
    pub(super) has_arrived: bool,
}

/// All requests of a storm, by id.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    requests: Vec<Request>,
    pub(super) leases: u64,
}

impl Ledger {
    /// Enters a request and writes it.
    pub(super) fn ask(&mut self, request: Request) -> Vec<u8> {
        let id = u64::try_from(self.requests.len()).expect("64 bits");
        self.requests.push(request);
        let mut bytes = head(Kind::Request, id, request.answer_len);
        bytes.extend(pattern::piece(id, 0, REQUEST_LEN - HEAD_LEN));
        bytes
    }

    pub(super) fn get(&self, id: u64) -> Request {
        self.requests[usize::try_from(id).expect("an id of ours")]
    }

    /// A request has reached an upstream, for the first time.
    pub(super) fn arrived(&mut self, id: u64) -> Request {
        let request = &mut self.requests[usize::try_from(id).expect("an id of ours")];
        assert!(!request.has_arrived, "request {id} came twice");
        request.has_arrived = true;
        *request
    }
}

/// The beginning of a message.
pub(super) fn head(kind: Kind, id: u64, len: u32) -> Vec<u8> {
    let mut bytes = vec![kind.letter()];
    bytes.extend(id.to_le_bytes());
    bytes.extend(len.to_le_bytes());
    bytes
}

/// The first message of `bytes`, if it is whole: its kind, id, length and bytes in all.
pub(super) fn first(bytes: &[u8]) -> Option<(Kind, u64, u32, usize)> {
    let letter = *bytes.first()?;
    let kinds = [Kind::Request, Kind::Answer, Kind::Babble];
    let kind = kinds.into_iter().find(|kind| kind.letter() == letter);
    let kind = kind.unwrap_or_else(|| panic!("a message begins with {letter:#04x}"));
    let id = u64::from_le_bytes(bytes.get(1..9)?.try_into().expect("eight bytes"));
    let len = u32::from_le_bytes(bytes.get(9..13)?.try_into().expect("four bytes"));
    let whole = match kind {
        Kind::Request => REQUEST_LEN,
        Kind::Answer => HEAD_LEN + usize::try_from(len).expect("a length in memory"),
        Kind::Babble => HEAD_LEN,
    };
    let body = bytes.get(HEAD_LEN..whole)?;
    pattern::check(id, 0, body);
    Some((kind, id, len, whole))
}
