//! One request of the demo, in a process of its own.
//!
//! `__client fresh URL BYTES` connects over the kernel's TCP, `__client lease SOCKET URL BYTES`
//! leases. Both send the same request, compare each byte of the answer with the pattern, and print
//! one line: `ok MICROSECONDS`, from before the connect or the lease to the last body byte, or
//! `failed REASON`. The process is short on purpose: no allocation-heavy start, no thread.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use wharf_client::blocking::Client;
use wharf_client::{LeaseRequest, Options, Target};

use super::upstream::pattern;
use crate::cli::http::{ResponseReader, Url};
use crate::cli::{Exit, clock};

/// How long one read or write may take. The demo's upstream answers in microseconds; a request
/// that hangs is to be told, not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs one client.
pub(super) fn run(arguments: &[OsString]) -> Exit {
    let words: Option<Vec<&str>> = arguments.iter().map(|word| word.to_str()).collect();
    let outcome = match words.as_deref() {
        Some(["fresh", url, bytes]) => job(url, bytes).and_then(|job| job.fresh()),
        Some(["lease", socket, url, bytes]) => job(url, bytes).and_then(|job| job.lease(socket)),
        Some(_) | None => {
            Err("usage: __client fresh URL BYTES | lease SOCKET URL BYTES".to_owned())
        }
    };
    let (line, exit) = match outcome {
        Ok(elapsed) => (format!("ok {}\n", elapsed.as_micros()), Exit::Done),
        Err(reason) => (format!("failed {}\n", reason.replace('\n', " ")), Exit::Failed),
    };
    match io::stdout().lock().write_all(line.as_bytes()) {
        Ok(()) => exit,
        Err(_) => Exit::Failed,
    }
}

/// Reads the line that [`run`] prints; `None` if it is another one.
pub(super) fn parse_report(line: &str) -> Option<Result<u64, String>> {
    match line.split_once(' ')? {
        ("ok", micros) => Some(Ok(micros.parse().ok()?)),
        ("failed", reason) => Some(Err(reason.to_owned())),
        _ => None,
    }
}

/// What one client does.
struct Job {
    url: Url,
    bytes: u64,
}

/// A job from its words.
fn job(url: &str, bytes: &str) -> Result<Job, String> {
    Ok(Job {
        url: Url::parse(url).map_err(|error| error.to_string())?,
        bytes: bytes.parse().map_err(|_| "the number of bytes is no number".to_owned())?,
    })
}

impl Job {
    /// The request over a new connection of the kernel's.
    fn fresh(&self) -> Result<Duration, String> {
        let address: IpAddr = self.url.host.parse().map_err(|_| "the host is no address")?;
        let address = SocketAddr::new(address, self.url.port);
        let begin = clock::now();
        let mut stream = TcpStream::connect(address).map_err(told("connect"))?;
        stream.set_nodelay(true).map_err(told("connect"))?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(told("connect"))?;
        let request = self.url.request_head(None);
        stream.write_all(request.as_bytes()).map_err(told("write"))?;
        self.receive(&mut stream)?;
        Ok(since(begin))
    }

    /// The request over a leased connection, which is given back at the last byte.
    fn lease(&self, socket: &str) -> Result<Duration, String> {
        let named = Options {
            name: "wharf demo".to_owned(),
            silence: Some(PATIENCE),
            ..Default::default()
        };
        let target = Target::Origin { scheme: "http", host: &self.url.host, port: self.url.port };
        let request = self.url.request_head(None);
        let begin = clock::now();
        let client = Client::lazy(socket, named);
        let lease = client.lease_with(&LeaseRequest::new(target), request.as_bytes());
        let mut lease = lease.map_err(told("lease"))?;
        let reusable = self.receive(&mut lease)?;
        let elapsed = since(begin);
        if !reusable {
            return Err("the upstream will not go on with the connection".to_owned());
        }
        lease.give_back().map_err(told("release"))?;
        Ok(elapsed)
    }

    /// Reads the answer to its last byte: whether the connection may go on.
    fn receive(&self, stream: &mut impl Read) -> Result<bool, String> {
        let mut reader = ResponseReader::new();
        let mut buffer = [0; 16 * 1024];
        let mut received = 0;
        while !reader.is_complete() {
            let count = stream.read(&mut buffer).map_err(told("read"))?;
            if count == 0 {
                reader.handle_eof().map_err(|error| error.to_string())?;
                break;
            }
            let mut rest = buffer.get(..count).unwrap_or_default();
            while !rest.is_empty() && !reader.is_complete() {
                let taken = reader.handle_bytes(rest).map_err(|error| error.to_string())?;
                check(received, taken.text)?;
                received += u64::try_from(taken.text.len()).unwrap_or(0);
                rest = rest.get(taken.consumed..).unwrap_or_default();
            }
            if !rest.is_empty() {
                return Err("bytes followed the answer".to_owned());
            }
        }
        match (reader.status(), received == self.bytes) {
            (Some(200), true) => Ok(reader.leaves_reusable()),
            (Some(200), false) => Err(format!("{received} bytes came, not {}", self.bytes)),
            (status, _) => Err(format!("the upstream answered {}", status.unwrap_or(0))),
        }
    }
}

/// Compares bytes of the answer with the pattern at their place.
fn check(offset: u64, text: &[u8]) -> Result<(), String> {
    let mut expected = [0; 4096];
    let mut at = offset;
    for piece in text.chunks(expected.len()) {
        let expected = expected.get_mut(..piece.len()).unwrap_or_default();
        pattern::fill(at, expected);
        if piece != expected {
            return Err(format!("wrong bytes at {at} or after it"));
        }
        at += u64::try_from(piece.len()).unwrap_or(0);
    }
    Ok(())
}

/// An error with what was being done.
fn told<E: Display>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}

/// Time since `begin`.
fn since(begin: Instant) -> Duration {
    clock::now().saturating_duration_since(begin)
}
