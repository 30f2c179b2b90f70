//! As much of HTTP/1.1 as the storm needs: a request names its number, and so does its answer.

/// The end of a head.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// The request with this number.
pub(super) fn request(number: u32) -> String {
    format!("GET /{number} HTTP/1.1\r\nHost: storm\r\n\r\n")
}

/// The answer to it.
pub(super) fn answer(number: u32) -> String {
    let body = number.to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A request at the front of what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Its head is not there yet.
    Partly,
    /// It is, and has so many bytes.
    Request {
        /// Its number; none if it has none.
        number: Option<u32>,
        /// Its bytes.
        len: usize,
    },
}

/// Reads the request at the front of `bytes`. There are no bodies.
pub(super) fn read_request(bytes: &[u8]) -> Asked {
    let Some(head) = bytes.windows(HEAD_END.len()).position(|end| end == HEAD_END) else {
        return Asked::Partly;
    };
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words = std::str::from_utf8(line).unwrap_or_default();
    let target = words.split(' ').nth(1).and_then(|target| target.strip_prefix('/'));
    let number = target.and_then(|number| number.parse().ok());
    Asked::Request { number, len: head + HEAD_END.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_once_it_is_whole() {
        let mut bytes = request(17).into_bytes();
        let len = bytes.len();
        assert_eq!(read_request(&bytes[..len - 1]), Asked::Partly);
        bytes.extend_from_slice(b"GET /18");
        assert_eq!(read_request(&bytes), Asked::Request { number: Some(17), len });
        assert_eq!(read_request(b""), Asked::Partly);
    }

    #[test]
    fn what_has_no_number_is_no_request_of_ours() {
        for text in ["GET /x HTTP/1.1\r\n\r\n", "\r\n\r\n", "\r\r\n\r\n", "GET 1 H\r\n\r\n"] {
            let read = read_request(text.as_bytes());
            assert!(matches!(read, Asked::Request { number: None, .. }), "{text:?}: {read:?}");
        }
    }
}
