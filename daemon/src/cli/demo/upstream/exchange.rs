//! One connection of the upstream as a state machine: request bytes in, response bytes out.
//!
//! Answers `GET /bytes/N` with N bytes of the [`pattern`] and `POST /sha256` with the SHA-256 of
//! the body in hexadecimal. Requests on one connection are answered one after the other; the next
//! is not looked at before the last answer is written. It knows no socket and no clock.

use sha2::{Digest, Sha256};

use super::pattern;
use crate::cli::http::{BodyReader, Method, RequestHead, RequestReader};

/// Bytes of answer made at a time: two of a TCP send buffer's usual steps.
const OUTPUT_BYTES: usize = 128 * 1024;

/// One connection's requests and answers.
#[derive(Debug)]
pub(super) struct Exchange {
    phase: Phase,
    requests: RequestReader,
    /// Bytes of the answer made and not yet written.
    output: Vec<u8>,
    written: usize,
    /// Whether the connection may be used after the present answer.
    persists: bool,
    /// Requests read whole.
    served: u64,
}

/// Where in the exchange the connection is.
#[derive(Debug)]
enum Phase {
    /// A request's head is awaited or has begun.
    Head,
    /// A request's body is being read.
    Body { body: BodyReader, answer: Answer },
    /// The pattern is being sent from `offset` up to `end`.
    Pattern { offset: u64, end: u64 },
    /// What is in `output` is the rest of the answer.
    Rest,
    /// The last answer was written.
    Closed,
}

/// What follows once a request's body is read.
#[derive(Debug)]
enum Answer {
    /// The hash of the body.
    Hash(Box<Sha256>),
    /// This many bytes of the pattern.
    Pattern(u64),
    /// A status line and a sentence.
    Refusal(&'static str),
}

impl Exchange {
    /// A connection just accepted.
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Head,
            requests: RequestReader::default(),
            output: Vec::new(),
            written: 0,
            persists: true,
            served: 0,
        }
    }

    /// Requests read whole so far.
    pub(super) fn requests_served(&self) -> u64 {
        self.served
    }

    /// Whether the connection waits for a request of which nothing has come.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Head)
            && self.requests.is_between_requests()
            && !self.has_output()
    }

    /// Whether input is wanted: not while an answer is under way.
    pub(super) fn wants_input(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Body { .. }) && !self.has_output()
    }

    /// Whether the last answer was written and the connection is to be closed.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Whether an answer is under way.
    pub(super) fn has_output(&self) -> bool {
        self.written < self.output.len() || matches!(self.phase, Phase::Pattern { .. })
    }

    /// Takes bytes of the client: how many of them. Those left over are to be offered again once
    /// `wants_input` says so.
    pub(super) fn handle_bytes(&mut self, input: &[u8]) -> usize {
        let mut consumed = 0;
        while self.wants_input() {
            let rest = input.get(consumed..).unwrap_or_default();
            let (taken, progressed) = match &mut self.phase {
                Phase::Head => self.take_head(rest),
                Phase::Body { .. } => self.take_body(rest),
                Phase::Pattern { .. } | Phase::Rest | Phase::Closed => (0, false),
            };
            consumed += taken;
            if !progressed {
                break;
            }
        }
        consumed
    }

    /// The next bytes to write; empty if there are none now.
    pub(super) fn output(&mut self) -> &[u8] {
        if self.written == self.output.len() {
            self.refill();
        }
        self.output.get(self.written..).unwrap_or_default()
    }

    /// Says how many of the bytes given by `output` were written.
    pub(super) fn on_written(&mut self, count: usize) {
        self.written = self.written.saturating_add(count).min(self.output.len());
        if self.written == self.output.len() && matches!(self.phase, Phase::Rest) {
            self.phase = if self.persists { Phase::Head } else { Phase::Closed };
        }
    }

    /// Makes the next piece of a long answer, behind what is not written yet.
    fn refill(&mut self) {
        let Phase::Pattern { offset, end } = self.phase else { return };
        self.put(&[]);
        let begin = self.output.len();
        let length = usize::try_from(end - offset).unwrap_or(OUTPUT_BYTES).min(OUTPUT_BYTES);
        self.output.resize(begin + length, 0);
        pattern::fill(offset, self.output.get_mut(begin..).unwrap_or_default());
        let offset = offset + u64::try_from(length).unwrap_or(0);
        self.phase = if offset == end { Phase::Rest } else { Phase::Pattern { offset, end } };
    }

    /// Reads a head: bytes taken, and whether a body or an answer comes next.
    fn take_head(&mut self, input: &[u8]) -> (usize, bool) {
        match self.requests.handle_bytes(input) {
            Ok((taken, None)) => (taken, false),
            Ok((taken, Some(head))) => {
                self.begin(&head);
                (taken, true)
            }
            Err(_) => {
                self.persists = false;
                self.answer(Answer::Refusal("400 Bad Request"));
                (input.len(), true)
            }
        }
    }

    /// Starts to read a request's body, which may be empty.
    fn begin(&mut self, head: &RequestHead) {
        self.persists = head.persists;
        let answer = route(head);
        let body = BodyReader::new(head.framing);
        if body.is_complete() {
            self.answer(answer);
            return;
        }
        if head.expects_continue {
            self.put(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.phase = Phase::Body { body, answer };
    }

    /// Reads a body: bytes taken, and whether there is more to do with what is left.
    fn take_body(&mut self, input: &[u8]) -> (usize, bool) {
        let Phase::Body { body, answer } = &mut self.phase else { return (0, false) };
        let Ok(taken) = body.handle_bytes(input) else {
            self.persists = false;
            self.answer(Answer::Refusal("400 Bad Request"));
            return (input.len(), true);
        };
        if let Answer::Hash(hash) = answer {
            hash.update(taken.text);
        }
        if body.is_complete() {
            let answer = std::mem::replace(answer, Answer::Pattern(0));
            self.answer(answer);
        }
        (taken.consumed, taken.consumed > 0)
    }

    /// Begins the answer to a request that was read whole.
    fn answer(&mut self, answer: Answer) {
        self.served += 1;
        match answer {
            Answer::Hash(hash) => {
                let text = format!("{:x}\n", hash.finalize());
                self.put_message("200 OK", "text/plain", text.as_bytes());
            }
            Answer::Pattern(length) => {
                self.put_head("200 OK", "application/octet-stream", length);
                // The first bytes leave together with the head.
                self.phase = Phase::Pattern { offset: 0, end: length };
                self.refill();
            }
            Answer::Refusal(status) => {
                self.put_message(status, "text/plain", format!("{status}\n").as_bytes());
            }
        }
    }

    /// A short answer, whole.
    fn put_message(&mut self, status: &str, kind: &str, text: &[u8]) {
        self.put_head(status, kind, u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.put(text);
        self.phase = Phase::Rest;
    }

    /// A head that says how long its body is.
    fn put_head(&mut self, status: &str, kind: &str, length: u64) {
        let connection = if self.persists { "keep-alive" } else { "close" };
        let head = format!(
            "HTTP/1.1 {status}\r\nServer: wharf-upstream\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\nConnection: {connection}\r\n\r\n"
        );
        self.put(head.as_bytes());
    }

    /// Appends to what is to be written.
    fn put(&mut self, bytes: &[u8]) {
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        }
        self.output.extend_from_slice(bytes);
    }
}

/// Which answer a request gets.
fn route(head: &RequestHead) -> Answer {
    let length = head.target.strip_prefix("/bytes/").and_then(|digits| digits.parse().ok());
    match (head.method, head.target.as_str(), length) {
        (Method::Get, _, Some(length)) => Answer::Pattern(length),
        (Method::Post, "/sha256", _) => Answer::Hash(Box::default()),
        (Method::Get | Method::Post, ..) => Answer::Refusal("404 Not Found"),
        (Method::Other, ..) => Answer::Refusal("501 Not Implemented"),
    }
}

#[cfg(test)]
mod tests;
