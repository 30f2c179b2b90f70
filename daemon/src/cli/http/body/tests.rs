use super::*;

/// Reads `input` in pieces of `step` bytes: the text, and how much was consumed.
fn read(framing: Framing, input: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), BodyError> {
    let mut body = BodyReader::new(framing);
    let mut text = Vec::new();
    let mut at = 0;
    while at < input.len() && !body.is_complete() {
        let piece = &input[at..input.len().min(at + step)];
        let taken = body.handle_bytes(piece)?;
        text.extend_from_slice(taken.text);
        at += taken.consumed;
    }
    Ok((text, at, body.is_complete()))
}

#[test]
fn text_and_end_are_the_same_however_the_bytes_come() {
    let table: &[(&str, Framing, &[u8], &str, usize)] = &[
        ("length", Framing::Length(5), b"helloGET", "hello", 5),
        ("length zero", Framing::Length(0), b"GET", "", 0),
        ("one chunk", Framing::Chunked, b"5\r\nhello\r\n0\r\n\r\nHTTP", "hello", 15),
        ("two chunks", Framing::Chunked, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello", 20),
        (
            "upper case, zeros",
            Framing::Chunked,
            b"000A\r\n0123456789\r\n00\r\n\r\n",
            "0123456789",
            24,
        ),
        ("extension", Framing::Chunked, b"1;a=\"b\"\r\nx\r\n0 ;c\r\n\r\n", "x", 20),
        ("trailers", Framing::Chunked, b"1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\nZ", "x", 23),
        ("empty chunked", Framing::Chunked, b"0\r\n\r\n", "", 5),
    ];
    for (name, framing, input, text, consumed) in table {
        for step in 1..=input.len() {
            let read = read(*framing, input, step).unwrap();
            assert_eq!(read, (text.as_bytes().to_vec(), *consumed, true), "{name} by {step}");
        }
    }
}

#[test]
fn an_end_by_close_takes_everything_and_never_completes() {
    let (text, consumed, complete) = read(Framing::UntilClose, b"hello", 2).unwrap();
    assert_eq!((text.as_slice(), consumed, complete), (&b"hello"[..], 5, false));
}

#[test]
fn what_breaks_the_chunked_coding_is_an_error() {
    let table: &[(&str, &[u8], BodyError)] = &[
        ("no size", b"\r\n", BodyError::ChunkSize),
        ("sign", b"+1\r\n", BodyError::ChunkSize),
        ("size beyond 64 bits", b"10000000000000000\r\n", BodyError::ChunkSize),
        ("letter", b"1g\r\n", BodyError::ChunkSize),
        ("bare line feed", b"1\nx\r\n", BodyError::ChunkSize),
        ("no line feed", b"1\rx", BodyError::ChunkEnd),
        ("line feed in an extension", b"1;\nx", BodyError::ChunkEnd),
        ("longer than its size", b"1\r\nxy\r\n", BodyError::ChunkEnd),
        ("no line feed after the text", b"1\r\nx\rx", BodyError::ChunkEnd),
        ("bare line feed in a trailer", b"0\r\nA: b\n\r\n", BodyError::ChunkEnd),
        ("no line feed in a trailer", b"0\r\n\rx", BodyError::ChunkEnd),
    ];
    for (name, input, error) in table {
        for step in 1..=input.len() {
            assert_eq!(read(Framing::Chunked, input, step), Err(*error), "{name} by {step}");
        }
    }
}

#[test]
fn endless_extensions_and_trailers_are_refused() {
    let endless = vec![b'a'; HEAD_BYTES_MAX + 8];
    for start in [&b"1;"[..], b"0\r\n"] {
        let input = [start, &endless].concat();
        assert_eq!(read(Framing::Chunked, &input, 999), Err(BodyError::TooLong));
    }
}
