use super::*;

/// What a response came to: status, text, bytes taken, reusable or not.
type Read = (u16, String, usize, bool);

/// Reads `input` in pieces of `step` bytes; the connection ends after them if the message does not.
fn read(input: &str, step: usize) -> Result<Read, ResponseError> {
    let input = input.as_bytes();
    let mut reader = ResponseReader::new();
    let mut text = Vec::new();
    let mut at = 0;
    while at < input.len() && !reader.is_complete() {
        let piece = &input[at..input.len().min(at + step)];
        let taken = reader.handle_bytes(piece)?;
        text.extend_from_slice(taken.text);
        at += taken.consumed;
    }
    if !reader.is_complete() {
        reader.handle_eof()?;
    }
    assert!(reader.is_complete());
    let text = String::from_utf8(text).unwrap();
    Ok((reader.status().unwrap(), text, at, reader.leaves_reusable()))
}

/// Name, message, what follows it, status, text, reusable.
const WHOLE: &[(&str, &str, &str, u16, &str, bool)] = &[
    ("length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP", 200, "hello", true),
    ("no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", 200, "", true),
    (
        "equal lengths",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\ncontent-length: 1\r\n\r\nx",
        "y",
        200,
        "x",
        true,
    ),
    (
        "chunked",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "x",
        200,
        "hello",
        true,
    ),
    (
        "chunked after gzip",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "",
        200,
        "x",
        true,
    ),
    (
        "close",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        "",
        200,
        "x",
        false,
    ),
    ("until the end", "HTTP/1.1 200 OK\r\n\r\nhello", "", 200, "hello", false),
    (
        "other coding",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "",
        200,
        "hello",
        false,
    ),
    (
        "both framings",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n",
        "",
        200,
        "",
        false,
    ),
    ("no content", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "hello", 204, "", true),
    ("not modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", 304, "", true),
    (
        "interim",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        "",
        200,
        "x",
        true,
    ),
    ("1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "", 200, "x", false),
    (
        "1.0 kept alive",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
        "",
        200,
        "x",
        true,
    ),
    (
        "1.0 chunked",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "",
        200,
        "",
        false,
    ),
    ("bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx", "y", 200, "x", true),
    ("error status", "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", "", 503, "busy", true),
];

#[test]
fn messages_are_read_to_their_last_byte() {
    for (name, message, after, status, text, reusable) in WHOLE {
        let input = format!("{message}{after}");
        for step in 1..=input.len() {
            let expected = (*status, (*text).to_owned(), message.len(), *reusable);
            assert_eq!(read(&input, step).unwrap(), expected, "{name} by {step}");
        }
    }
}

#[test]
fn messages_that_end_early_or_break_their_framing() {
    let field = ResponseError::Field(FieldError::ContentLength);
    let table: &[(&str, &str, ResponseError)] = &[
        ("nothing", "", ResponseError::Truncated),
        ("half a head", "HTTP/1.1 200 OK\r\nConte", ResponseError::Truncated),
        ("interim alone", "HTTP/1.1 100 Continue\r\n\r\n", ResponseError::Truncated),
        (
            "short body",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            ResponseError::Truncated,
        ),
        (
            "chunks without an end",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
            ResponseError::Truncated,
        ),
        (
            "bad chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
            ResponseError::Body(BodyError::ChunkSize),
        ),
        (
            "lengths differ",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            field,
        ),
        ("negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", field),
        (
            "length beyond 64 bits",
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
            field,
        ),
        ("upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n", ResponseError::Upgraded),
        ("not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", ResponseError::Malformed(httparse::Error::Version)),
        ("version 2", "HTTP/2 200\r\n\r\n", ResponseError::Malformed(httparse::Error::Version)),
        ("only empty lines", "\r\n\r\n\r\n", ResponseError::Malformed(httparse::Error::Status)),
    ];
    for (name, input, error) in table {
        assert_eq!(read(input, input.len().max(1)), Err(*error), "{name}");
        assert_eq!(read(input, 1), Err(*error), "{name} by single bytes");
    }
}

#[test]
fn an_endless_head_is_refused() {
    let input = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
    assert_eq!(read(&input, 4096), Err(ResponseError::HeadTooLong));
}
