//! The head of a request as the demo's upstream reads it: RFC 9112, sections 3 and 6.3.

use super::body::Framing;
use super::fields::{FieldError, FramingFields};
use super::{FIELDS_MAX, HEAD_BYTES_MAX, head_end};

/// The methods that the upstream knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// Any other one.
    Other,
}

/// What the head of a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestHead {
    /// What is asked.
    pub(crate) method: Method,
    /// The target as it was sent.
    pub(crate) target: String,
    /// Where the request ends.
    pub(crate) framing: Framing,
    /// Whether the client wants to go on with the connection.
    pub(crate) persists: bool,
    /// Whether the client waits for an interim response before it sends the body.
    pub(crate) expects_continue: bool,
}

/// Why a request is answered with 400 and its connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// The request line or a field is not HTTP/1.
    #[error("not an HTTP/1.1 request: {0}")]
    Malformed(httparse::Error),
    /// The head does not end.
    #[error("the head is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    /// The fields do not say where the request ends.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A Transfer-Encoding whose end cannot be found.
    #[error("the last transfer coding is not chunked")]
    Coding,
}

/// Collects the heads of requests, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestReader {
    partial: Vec<u8>,
}

impl RequestReader {
    /// Whether no byte of the next request has come.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.partial.is_empty()
    }

    /// Takes the bytes of a head, which may come in pieces: how many of them were its own, and
    /// the head once it is whole.
    pub(crate) fn handle_bytes(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<RequestHead>), RequestError> {
        let seen = self.partial.len();
        self.partial.extend_from_slice(input);
        let Some(end) = head_end(&self.partial, seen) else {
            return if self.partial.len() > HEAD_BYTES_MAX {
                Err(RequestError::HeadTooLong)
            } else {
                Ok((input.len(), None))
            };
        };
        self.partial.truncate(end);
        let head = RequestHead::parse(&self.partial)?;
        self.partial.clear();
        Ok((end.saturating_sub(seen), Some(head)))
    }
}

impl RequestHead {
    /// Parses the bytes of a whole head.
    fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let parsed = request.parse(bytes).map_err(RequestError::Malformed)?;
        let (httparse::Status::Complete(_), Some(method), Some(target), Some(minor)) =
            (parsed, request.method, request.path, request.version)
        else {
            return Err(RequestError::Malformed(httparse::Error::Token));
        };
        let fields = FramingFields::read(request.headers)?;
        let framing = match fields.coded() {
            Some(Framing::UntilClose) => return Err(RequestError::Coding),
            Some(coded) => coded,
            None => Framing::Length(fields.content_length.unwrap_or(0)),
        };
        Ok(Self {
            method: match method {
                "GET" => Method::Get,
                "POST" => Method::Post,
                _ => Method::Other,
            },
            target: target.to_owned(),
            framing,
            persists: fields.persists(minor),
            expects_continue: fields.expect_continue && minor == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(usize, Option<RequestHead>), RequestError> {
        RequestReader::default().handle_bytes(bytes)
    }

    #[test]
    fn a_head_in_single_bytes_is_the_same_head() {
        let bytes = b"POST /sha256 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
        let (consumed, whole) = read(bytes).unwrap();
        assert_eq!(consumed, bytes.len());
        let mut reader = RequestReader::default();
        let mut last = None;
        for byte in bytes {
            assert_eq!(last, None);
            last = reader.handle_bytes(&[*byte]).unwrap().1;
        }
        assert_eq!(last, whole);
        assert!(reader.is_between_requests());
        let head = last.unwrap();
        assert_eq!(head.method, Method::Post);
        assert_eq!(head.framing, Framing::Length(3));
        assert!(head.persists);
    }

    #[test]
    fn only_the_head_is_taken() {
        let bytes = b"GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\nGET ";
        let (consumed, head) = read(bytes).unwrap();
        assert_eq!(bytes.get(consumed..), Some(&b"GET "[..]));
        assert_eq!(head.unwrap().framing, Framing::Length(0));
    }

    #[test]
    fn what_does_not_say_where_it_ends_is_refused() {
        let table: &[(&str, RequestError)] = &[
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", RequestError::Coding),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                RequestError::Field(FieldError::ContentLength),
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
                RequestError::Field(FieldError::ContentLength),
            ),
            ("\u{1}\r\n\r\n", RequestError::Malformed(httparse::Error::Token)),
        ];
        for (text, error) in table {
            assert_eq!(read(text.as_bytes()), Err(*error), "{text:?}");
        }
        let endless = vec![b'a'; HEAD_BYTES_MAX + 1];
        assert_eq!(read(&endless), Err(RequestError::HeadTooLong));
    }

    #[test]
    fn persistence_follows_version_and_connection_field() {
        let table = [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ];
        for (text, persists) in table {
            let head = read(text.as_bytes()).unwrap().1.unwrap();
            assert_eq!(head.persists, persists, "{text:?}");
        }
    }

    #[test]
    fn an_expectation_is_noticed() {
        let text = "POST / HTTP/1.1\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n";
        let head = read(text.as_bytes()).unwrap().1.unwrap();
        assert!(head.expects_continue);
        assert_eq!(head.framing, Framing::Chunked);
    }
}
