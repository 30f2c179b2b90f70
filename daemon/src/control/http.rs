//! What the metrics listener understands of HTTP/1.1: GET and HEAD of three paths, nothing else.
//!
//! Pure: bytes in, a verdict out. One request a connection, bodies are never read, every answer
//! says `Connection: close`; so there is nothing to smuggle.

/// The most bytes of a request's head.
pub(super) const REQUEST_MAX: usize = 8 * 1024;

/// The most header lines; Prometheus sends fewer than ten.
const HEADERS_MAX: usize = 64;

/// What may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The metrics text.
    Metrics,
    /// Whether the daemon's loops turn.
    Healthy,
    /// Whether it grants leases.
    Ready,
}

/// What the bytes so far mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// More bytes are needed.
    Incomplete,
    /// A request we answer; `head` asks for no body.
    Request { target: Target, head: bool },
    /// A request we refuse.
    Refused { status: Status, head: bool },
}

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    HeadTooLarge,
    Unavailable,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::RequestTimeout => "408 Request Timeout",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }

    /// What a person reads who sent such a request.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok\n",
            Self::BadRequest => "this is not an HTTP/1.1 request\n",
            Self::NotFound => "here are /metrics, /-/healthy and /-/ready\n",
            Self::MethodNotAllowed => "only GET and HEAD\n",
            Self::RequestTimeout => "the request did not arrive within 2 s\n",
            Self::HeadTooLarge => "the request's head is larger than 8 KiB\n",
            Self::Unavailable => "the shard does not answer\n",
        }
    }
}

/// Judges the bytes of a request that have come so far.
pub(super) fn parse(input: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let refused = |status| Parsed::Refused { status, head: false };
    match request.parse(input) {
        Ok(httparse::Status::Complete(length)) if length <= REQUEST_MAX => {}
        Ok(httparse::Status::Partial) if input.len() < REQUEST_MAX => return Parsed::Incomplete,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return refused(Status::HeadTooLarge),
        Err(_) => return refused(Status::BadRequest),
    }
    let head = match request.method {
        Some("GET") => false,
        Some("HEAD") => true,
        Some(_) | None => return refused(Status::MethodNotAllowed),
    };
    let path = request.path.unwrap_or_default();
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    match path {
        "/metrics" => Parsed::Request { target: Target::Metrics, head },
        "/-/healthy" => Parsed::Request { target: Target::Healthy, head },
        "/-/ready" => Parsed::Request { target: Target::Ready, head },
        _ => Parsed::Refused { status: Status::NotFound, head },
    }
}

/// An answer's bytes. With `head` the length is said and the body is left out.
pub(super) fn answer(status: Status, content_type: &str, body: &str, head: bool) -> Vec<u8> {
    let allow = match status {
        Status::MethodNotAllowed => "Allow: GET, HEAD\r\n",
        Status::Ok
        | Status::BadRequest
        | Status::NotFound
        | Status::RequestTimeout
        | Status::HeadTooLarge
        | Status::Unavailable => "",
    };
    let body_sent = if head { "" } else { body };
    format!(
        "HTTP/1.1 {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{allow}\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body_sent}",
        status.line(),
        body.len(),
    )
    .into_bytes()
}

/// An answer that is one line for a person.
pub(super) fn plain(status: Status, body: &str, head: bool) -> Vec<u8> {
    answer(status, "text/plain; charset=utf-8", body, head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: Status) -> Parsed {
        Parsed::Refused { status, head: false }
    }

    #[test]
    fn requests_and_what_they_mean() {
        let metrics = Parsed::Request { target: Target::Metrics, head: false };
        let cases: &[(&str, Parsed)] = &[
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", metrics),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", metrics),
            (
                "HEAD /-/ready HTTP/1.1\r\n\r\n",
                Parsed::Request { target: Target::Ready, head: true },
            ),
            (
                "GET /-/healthy HTTP/1.1\r\n\r\n",
                Parsed::Request { target: Target::Healthy, head: false },
            ),
            ("GET / HTTP/1.1\r\n\r\n", refused(Status::NotFound)),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", refused(Status::NotFound)),
            ("POST /metrics HTTP/1.1\r\n\r\n", refused(Status::MethodNotAllowed)),
            ("\x16\x03\x01 hello\r\n\r\n", refused(Status::BadRequest)),
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n", Parsed::Incomplete),
            ("", Parsed::Incomplete),
        ];
        for (bytes, expected) in cases {
            assert_eq!(parse(bytes.as_bytes()), *expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_head_of_more_than_8_kib_is_refused() {
        let endless = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(REQUEST_MAX));
        assert_eq!(parse(endless.as_bytes()), refused(Status::HeadTooLarge));
        let complete = format!("{endless}\r\n\r\n");
        assert_eq!(parse(complete.as_bytes()), refused(Status::HeadTooLarge));
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(parse(many.as_bytes()), refused(Status::HeadTooLarge));
    }

    #[test]
    fn a_head_request_is_told_the_length_and_sent_no_body() {
        let text = String::from_utf8(plain(Status::Ok, "four", true)).unwrap();
        assert!(text.contains("Content-Length: 4\r\n"));
        assert!(text.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let text = String::from_utf8(plain(Status::MethodNotAllowed, "", false)).unwrap();
        assert!(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
        assert!(text.contains("Allow: GET, HEAD\r\n"));
    }
}
