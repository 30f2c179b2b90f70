use super::*;

/// Feeds `input` in pieces of `step` bytes and collects all that is answered.
fn talk(input: &[u8], step: usize) -> (Exchange, Vec<u8>) {
    let mut exchange = Exchange::new();
    let mut answers = Vec::new();
    let mut at = 0;
    loop {
        while exchange.has_output() {
            let piece = exchange.output().to_vec();
            // Half of it, as a full socket would: the rest must come again.
            let count = piece.len().div_ceil(2);
            answers.extend_from_slice(&piece[..count]);
            exchange.on_written(count);
        }
        if at == input.len() || exchange.is_closed() {
            return (exchange, answers);
        }
        let end = input.len().min(at + step);
        at += exchange.handle_bytes(&input[at..end]);
    }
}

/// The body behind the first head in `answers`.
fn body(answers: &[u8]) -> &[u8] {
    let at = answers.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &answers[at + 4..]
}

#[test]
fn bytes_are_the_pattern() {
    for length in [0_u64, 1, 7, 4096, 300_000] {
        let request = format!("GET /bytes/{length} HTTP/1.1\r\nHost: a\r\n\r\n");
        let (exchange, answers) = talk(request.as_bytes(), 1000);
        let mut expected = vec![0; usize::try_from(length).unwrap()];
        pattern::fill(0, &mut expected);
        assert_eq!(body(&answers), expected, "{length}");
        assert!(exchange.is_idle());
        assert_eq!(exchange.requests_served(), 1);
    }
}

#[test]
fn a_body_is_answered_with_its_hash() {
    let requests = [
        "POST /sha256 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        "POST /sha256 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
    ];
    for request in requests {
        for step in [1, 7, 1000] {
            let (_, answers) = talk(request.as_bytes(), step);
            let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
            assert_eq!(body(&answers), hash.as_bytes(), "{request:?} by {step}");
        }
    }
    let (_, answers) = talk(b"POST /sha256 HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 1000);
    assert!(body(&answers).starts_with(b"e3b0c44298fc1c149afbf4c8996fb924"));
}

#[test]
fn an_expectation_is_met_before_the_body_comes() {
    let mut exchange = Exchange::new();
    let head = b"POST /sha256 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(exchange.handle_bytes(head), head.len());
    assert_eq!(exchange.output(), b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(!exchange.wants_input());
    exchange.on_written(25);
    assert!(exchange.wants_input());
    assert_eq!(exchange.handle_bytes(b"abcGET"), 3);
    assert!(exchange.output().starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[test]
fn requests_in_a_row_are_answered_in_order() {
    let requests =
        b"GET /bytes/1 HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\nPUT / HTTP/1.1\r\n\r\n";
    for step in [1, 1000] {
        let (exchange, answers) = talk(requests, step);
        let text = String::from_utf8_lossy(&answers);
        let statuses: Vec<_> =
            text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
        assert_eq!(statuses, ["200", "404", "501"]);
        assert!(exchange.is_idle());
        assert_eq!(exchange.requests_served(), 3);
    }
}

#[test]
fn close_is_honoured_after_the_answer() {
    let request =
        b"GET /bytes/5 HTTP/1.1\r\nConnection: close\r\n\r\nGET /bytes/1 HTTP/1.1\r\n\r\n";
    let (exchange, answers) = talk(request, 1000);
    assert!(exchange.is_closed());
    assert!(!exchange.wants_input());
    assert!(String::from_utf8_lossy(&answers).contains("Connection: close\r\n"));
    assert_eq!(body(&answers).len(), 5);
}

#[test]
fn what_is_no_request_is_refused_and_closed() {
    let table: &[&[u8]] = &[
        b"\x16\x03\x01\x02\r\n\r\n",
        b"POST /sha256 HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /sha256 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    ];
    for input in table {
        let (exchange, answers) = talk(input, 1000);
        assert!(answers.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{input:?}");
        assert!(exchange.is_closed());
    }
}
