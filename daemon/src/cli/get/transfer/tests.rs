use super::*;

/// A connection that answers with `answer` in pieces of `step` bytes, and keeps what was written;
/// it takes at most `takes` bytes, then fails as a reset one does.
struct Peer {
    answer: Vec<u8>,
    at: usize,
    step: usize,
    written: Vec<u8>,
    takes: usize,
    resets: bool,
}

impl Peer {
    fn new(answer: &str) -> Self {
        let answer = answer.as_bytes().to_vec();
        Self { answer, at: 0, step: 7, written: Vec::new(), takes: usize::MAX, resets: false }
    }
}

impl Read for Peer {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.answer.len() && self.resets {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let count = self.step.min(out.len()).min(self.answer.len() - self.at);
        out[..count].copy_from_slice(&self.answer[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.takes - self.written.len();
        if room == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(room);
        self.written.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A whole transfer.
fn run(
    peer: &mut Peer,
    url: &Url,
    upload: Option<&mut Upload>,
    sink: &mut dyn Write,
) -> Result<Transferred, TransferError> {
    let outgoing = Outgoing::new(url, upload)?;
    peer.write_all(outgoing.first()).map_err(TransferError::Connection)?;
    finish(peer, outgoing, sink)
}

fn url() -> Url {
    Url::parse("http://10.213.0.1:8080/x").unwrap()
}

/// The upload of `bytes`, its length told or not.
fn upload(bytes: &[u8], length: Option<u64>) -> Upload {
    Upload { source: Box::new(io::Cursor::new(bytes.to_vec())), length }
}

/// What the request written to `peer` has for a body.
fn body_of(peer: &Peer) -> &[u8] {
    let at = peer.written.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &peer.written[at + 4..]
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_body_comes_to_the_sink_and_the_connection_stays() {
    let mut peer = Peer::new(OK);
    let mut sink = Vec::new();
    let done = run(&mut peer, &url(), None, &mut sink).unwrap();
    assert_eq!((done.status, done.bytes, done.reusable), (200, 5, true));
    assert_eq!(sink, b"hello");
    assert!(peer.written.starts_with(b"GET /x HTTP/1.1\r\nHost: 10.213.0.1:8080\r\n"));
}

#[test]
fn what_follows_the_message_spoils_the_connection() {
    let mut peer = Peer::new(&format!("{OK}HTTP/1.1 408 Request Timeout\r\n"));
    peer.step = 1000;
    let done = run(&mut peer, &url(), None, &mut Vec::new()).unwrap();
    assert_eq!((done.bytes, done.reusable), (5, false));
}

#[test]
fn the_end_of_the_connection_ends_a_body_without_length() {
    let mut peer = Peer::new("HTTP/1.1 200 OK\r\n\r\nhello");
    let mut sink = Vec::new();
    let done = run(&mut peer, &url(), None, &mut sink).unwrap();
    assert_eq!((sink.as_slice(), done.reusable), (&b"hello"[..], false));
}

#[test]
fn a_known_length_is_announced_and_kept() {
    for length in [0, 1, PIECE_BYTES, 3 * PIECE_BYTES + 5] {
        let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut peer = Peer::new(OK);
        let mut upload = upload(&bytes, Some(u64::try_from(length).unwrap()));
        run(&mut peer, &url(), Some(&mut upload), &mut Vec::new()).unwrap();
        assert!(String::from_utf8_lossy(&peer.written).starts_with("POST /x HTTP/1.1\r\n"));
        let field = format!("\r\nContent-Length: {length}\r\n");
        assert!(String::from_utf8_lossy(&peer.written).contains(&field));
        assert_eq!(body_of(&peer), bytes);
    }
}

#[test]
fn an_unknown_length_goes_in_chunks() {
    let mut peer = Peer::new(OK);
    run(&mut peer, &url(), Some(&mut upload(b"hello", None)), &mut Vec::new()).unwrap();
    assert_eq!(body_of(&peer), b"5\r\nhello\r\n0\r\n\r\n");
    assert!(String::from_utf8_lossy(&peer.written).contains("Transfer-Encoding: chunked\r\n"));
}

#[test]
fn a_file_that_shrinks_is_an_error_and_one_that_grows_is_cut() {
    let mut peer = Peer::new(OK);
    let error = run(&mut peer, &url(), Some(&mut upload(b"hell", Some(5))), &mut Vec::new());
    assert!(matches!(error, Err(TransferError::SourceLength)), "{error:?}");
    let mut peer = Peer::new(OK);
    run(&mut peer, &url(), Some(&mut upload(b"hello!", Some(5))), &mut Vec::new()).unwrap();
    assert_eq!(body_of(&peer), b"hello");
}

#[test]
fn an_early_answer_goes_before_the_error_of_writing() {
    let mut peer = Peer::new("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    peer.takes = 100_000;
    let bytes = vec![0; 200_000];
    let done = run(&mut peer, &url(), Some(&mut upload(&bytes, Some(200_000))), &mut Vec::new());
    let done = done.unwrap();
    assert_eq!((done.status, done.reusable), (413, false));
}

#[test]
fn a_broken_connection_is_told_as_it_broke() {
    let mut peer = Peer::new("");
    peer.takes = 10;
    let error = run(&mut peer, &url(), None, &mut Vec::new()).unwrap_err();
    let TransferError::Connection(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    let mut peer = Peer::new("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    peer.resets = true;
    let error = run(&mut peer, &url(), None, &mut Vec::new()).unwrap_err();
    let TransferError::Connection(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn an_answer_that_ends_early_or_is_none() {
    let table = [
        ("", ResponseError::Truncated),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", ResponseError::Truncated),
        ("SSH-2.0\r\n\r\n", ResponseError::Malformed(httparse::Error::Version)),
    ];
    for (answer, expected) in table {
        let error = run(&mut Peer::new(answer), &url(), None, &mut Vec::new()).unwrap_err();
        let TransferError::Response(error) = error else { panic!("{error}") };
        assert_eq!(error, expected, "{answer:?}");
    }
}

#[test]
fn a_sink_that_takes_nothing_is_told_as_such() {
    let mut full: [u8; 2] = [0; 2];
    let error = run(&mut Peer::new(OK), &url(), None, &mut &mut full[..]).unwrap_err();
    assert!(matches!(error, TransferError::Sink(_)), "{error}");
}
