//! The demo's upstream as a process, over the loopback interface: what it answers, when it closes,
//! and what it counts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli_support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use cli_support::{Upstream, complaints, wharf};
use sha2::{Digest as _, Sha256};

/// Longer than anything here takes; a test fails then instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to the upstream.
fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads one answer with a Content-Length: head and body.
fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

/// Asks for `length` bytes.
fn get(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    write!(stream, "GET /bytes/{length} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (head, body) = answer(stream);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(body.len(), length);
    body
}

/// What is left on a connection that the other side closes.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}

#[test]
fn one_connection_serves_many_requests_in_both_families() {
    let upstream = Upstream::start(&[]);
    for address in upstream.addresses.clone() {
        let mut stream = connect(address);
        let short = get(&mut stream, 1000);
        let long = get(&mut stream, 3_000_000);
        assert_eq!(short, long[..1000]);
        write!(stream, "POST /sha256 HTTP/1.1\r\nContent-Length: {}\r\n\r\n", long.len()).unwrap();
        stream.write_all(&long).unwrap();
        let (_, body) = answer(&mut stream);
        assert_eq!(String::from_utf8(body).unwrap(), format!("{:x}\n", Sha256::digest(&long)));
    }
    let counts = upstream.counts();
    assert_eq!((&counts["accepted"], &counts["requests"]), (&2.into(), &6.into()), "{counts}");
    assert_eq!(counts["failed"], 0, "{counts}");
}

#[test]
fn close_is_honoured_and_a_half_closed_client_still_gets_its_answer() {
    let upstream = Upstream::start(&[]);
    let mut stream = connect(upstream.addresses[0]);
    write!(stream, "GET /bytes/5 HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let (head, _) = answer(&mut stream);
    assert!(head.contains("Connection: close\r\n"), "{head}");
    assert!(rest(&mut stream).is_empty());

    let mut stream = connect(upstream.addresses[0]);
    write!(stream, "GET /bytes/300000 HTTP/1.1\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(&mut stream).1.len(), 300_000);
    assert!(rest(&mut stream).is_empty());
    assert_eq!(upstream.counts()["failed"], 0);
}

#[test]
fn idle_connections_are_closed_and_counted() {
    let upstream = Upstream::start(&["--idle-timeout", "100ms"]);
    let mut stream = connect(upstream.addresses[0]);
    get(&mut stream, 10);
    assert!(rest(&mut stream).is_empty());
    let counts = upstream.counts();
    assert_eq!((&counts["idle_closed"], &counts["open"]), (&1.into(), &0.into()), "{counts}");
}

#[test]
fn many_connections_are_served_side_by_side() {
    let upstream = Upstream::start(&[]);
    let mut streams: Vec<_> = (0..500).map(|_| connect(upstream.addresses[0])).collect();
    for stream in &mut streams {
        write!(stream, "GET /bytes/2000 HTTP/1.1\r\n\r\n").unwrap();
    }
    // One that does not read holds nobody up.
    let mut slow = connect(upstream.addresses[0]);
    write!(slow, "GET /bytes/100000000 HTTP/1.1\r\n\r\n").unwrap();
    for stream in &mut streams {
        assert_eq!(answer(stream).1.len(), 2000);
    }
    let counts = upstream.counts();
    assert_eq!((&counts["accepted"], &counts["open"]), (&501.into(), &501.into()), "{counts}");
}

#[test]
fn what_is_no_request_is_refused_and_closed() {
    let upstream = Upstream::start(&[]);
    let mut stream = connect(upstream.addresses[0]);
    stream.write_all(b"\x16\x03\x01\r\n\r\n").unwrap();
    let answer = rest(&mut stream);
    assert!(answer.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
    let mut stream = connect(upstream.addresses[0]);
    write!(stream, "GET /none HTTP/1.1\r\n\r\nGET /bytes/1 HTTP/1.1\r\nConnection: close\r\n\r\n")
        .unwrap();
    let answers = String::from_utf8_lossy(&rest(&mut stream)).into_owned();
    assert!(answers.starts_with("HTTP/1.1 404 ") && answers.contains("HTTP/1.1 200 "), "{answers}");
}

#[test]
fn an_address_that_cannot_be_had_is_told() {
    let upstream = Upstream::start(&[]);
    let taken = upstream.addresses[0].to_string();
    let output = wharf().args(["__upstream", "--listen", &taken]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaints(&output).contains(&format!("listening on {taken}: ")), "{output:?}");
    let output = wharf().arg("__upstream").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
