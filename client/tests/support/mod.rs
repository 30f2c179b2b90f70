//! A daemon that plays transcripts: it reads what the client must say, line by line, and says
//! what stands there. The transcripts of `PROTOCOL.md` are its repertoire.

pub(crate) mod examples;
pub(crate) mod notation;
pub(crate) mod pair;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use wharf_client::{LeaseRequest, Options, Target};
use wharf_protocol::{Frame, decode_client};

use self::pair::Pair;

const PROTOCOL: &str = include_str!("../../protocol/PROTOCOL.md");

/// How long the player waits for the other side before the test has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The thread that plays, and the socket it listens at.
pub(crate) struct Daemon {
    pub(crate) path: PathBuf,
    _folder: TempDir,
    go: Sender<()>,
    thread: JoinHandle<()>,
}

impl Daemon {
    /// Plays one part for each session, one session after the other. A part is the name of a
    /// transcript of `PROTOCOL.md`, or lines of its own.
    pub(crate) fn play(parts: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the socket");
        let path = folder.path().join("lease.sock");
        let listener = UnixListener::bind(&path).expect("a socket in a folder of ours");
        let parts: Vec<String> = parts.iter().map(|part| lines_of(part)).collect();
        let (go, may_go) = channel();
        let thread = std::thread::spawn(move || {
            for part in parts {
                let (stream, _) = listener.accept().expect("a client");
                Player::new(stream, &may_go).play(&part);
            }
        });
        Self { path, _folder: folder, go, thread }
    }

    /// Lets the player go past its next `=`.
    pub(crate) fn go(&self) {
        self.go.send(()).expect("the player waits");
    }

    /// Waits for the end of the play. The clients must be gone by now.
    pub(crate) fn finish(self) {
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// What a test's client calls itself in the transcripts.
pub(crate) fn options() -> Options {
    Options { name: "test".to_owned(), silence: Some(PATIENCE), ..Options::default() }
}

/// The lease that the transcripts ask for.
pub(crate) const WEB: LeaseRequest<'static> = LeaseRequest::new(Target::Route("web"));

fn lines_of(part: &str) -> String {
    if part.contains(' ') {
        return part.to_owned();
    }
    let fence = format!("```transcript {part}\n");
    let (_, rest) = PROTOCOL.split_once(&fence).expect("PROTOCOL.md has this transcript");
    let (lines, _) = rest.split_once("```").expect("the transcript ends");
    lines.to_owned()
}

/// Plays one session.
struct Player<'a> {
    stream: UnixStream,
    received: Vec<u8>,
    may_go: &'a Receiver<()>,
    /// Our end of the pair of a lease with a descriptor.
    pair: Option<Pair>,
    /// The leases that were asked for with one.
    with_descriptor: Vec<String>,
}

impl<'a> Player<'a> {
    fn new(stream: UnixStream, may_go: &'a Receiver<()>) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Self { stream, received: Vec::new(), may_go, pair: None, with_descriptor: Vec::new() }
    }

    fn play(mut self, part: &str) {
        for line in part.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (who, what) = line.split_once(' ').expect("who, and what");
            match who {
                "c" => {
                    assert_eq!(self.hear().as_deref(), Some(what), "in\n{part}");
                    if let Some((lease, _)) = what.split_once(" LEASE ")
                        && what.ends_with(" fd")
                    {
                        self.with_descriptor.push(lease.to_owned());
                    }
                }
                "d" if what == "close" => return,
                "d" => self.answer(what),
                "p" => self.pair.as_mut().expect("a lease with a descriptor").play(what),
                "=" => self.may_go.recv_timeout(PATIENCE).expect("somebody lets the player go"),
                _ => panic!("a line is c, d or =: {line}"),
            }
        }
        self.stream.shutdown(Shutdown::Write).expect("the client may be gone, the socket is not");
        assert_eq!(self.hear(), None, "nothing follows\n{part}");
    }

    /// The client's next frame, or `None` if it closed.
    fn hear(&mut self) -> Option<String> {
        loop {
            let decoded = decode_client(&self.received).expect("a client speaks the protocol");
            if let Some((Frame { lease, message }, length)) = decoded {
                let shown = notation::show(lease, &message);
                self.received.drain(..length);
                return Some(shown);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.received.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the client should have said something: {error}"),
            }
        }
    }

    fn answer(&mut self, what: &str) {
        let bytes = notation::parse(what);
        match what.split_once(' ') {
            Some((lease, message)) if message.starts_with("LEASED") => {
                match self.with_descriptor.iter().any(|with| with == lease) {
                    true => self.pair = Some(Pair::pass(&self.stream, &bytes)),
                    false => self.say(&bytes),
                }
            }
            Some((_, message)) if message.starts_with("RELEASED") => {
                self.pair = None;
                self.say(&bytes);
            }
            _ => self.say(&bytes),
        }
    }

    /// A client that is gone hears nothing; what it owed to say fails the play.
    fn say(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("nobody reads: {error}"),
            Ok(()) | Err(_) => {}
        }
    }
}
