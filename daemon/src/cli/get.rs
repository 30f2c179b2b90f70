//! `wharf get`: one HTTP request over a leased connection.
//!
//! The body goes to standard output or to a file. With `--json` one object is printed instead:
//! `status`, `bytes`, `sha256`, `source` (idle, handoff, new), `timing_us`, `peer`, `released`,
//! and `closed_because` where the connection was closed. `timing_us.wait` is how long the lease was
//! waited for at the daemon and `connect` how long the handshake took that was made for it (0 if
//! there was none); `first_byte` and `total` count from the start, the connection to the daemon
//! included.
//!
//! The lease is released at the last byte of the response, as reusable if HTTP says so; in every
//! other case it is dropped, and the daemon closes the connection.

mod failure;
mod transfer;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use wharf_client::blocking::{Client, Lease};
use wharf_client::{LeaseRequest, Leased, Released, Target};

use self::failure::Failure;
use self::transfer::{Outgoing, Transferred, Upload};
use super::http::Url;
use super::{Environment, Exit, clock, complain, print};

/// What is asked.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(super) struct Options {
    /// What to get, such as http://10.213.0.1:8080/
    url: String,
    /// Write the body to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Send the file by POST; `@-` is standard input, and text without @ is sent as it is
    #[arg(long, value_name = "@FILE")]
    data: Option<String>,
    /// Print one JSON object about the request instead of the body
    #[arg(long)]
    json: bool,
    /// The daemon's lease socket [default: WHARF_SOCKET, or /run/wharf/lease.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// What came of a request.
struct Got {
    transferred: Transferred,
    leased: Leased,
    released: Released,
    sha256: Option<String>,
    begin: Instant,
    end: Instant,
}

/// Runs the subcommand.
pub(super) fn run(options: &Options, environment: &Environment) -> Exit {
    let url = match Url::parse(&options.url) {
        Ok(url) => url,
        Err(error) => {
            complain(format_args!("get: {}: {error}", options.url));
            return Exit::Usage;
        }
    };
    match get(options, &url, &socket(options, environment)) {
        Ok(got) if options.json => print(&format!("{}\n", got.json())),
        Ok(_) => Exit::Done,
        Err(failure) => {
            if options.json {
                print(&format!("{}\n", failure.json()));
            } else {
                complain(format_args!("get: {failure}"));
            }
            failure.exit()
        }
    }
}

/// Where the daemon is: the option goes before the environment, and that before the default.
fn socket(options: &Options, environment: &Environment) -> PathBuf {
    let named = environment.socket.as_ref().map(PathBuf::from);
    let default = || PathBuf::from(wharf_client::DEFAULT_SOCKET);
    options.socket.clone().or(named).unwrap_or_else(default)
}

/// Makes the request.
fn get(options: &Options, url: &Url, socket: &Path) -> Result<Got, Failure> {
    let mut upload = options.data.as_deref().map(upload).transpose()?;
    let outgoing = Outgoing::new(url, upload.as_mut())?;
    let begin = clock::now();
    let named = wharf_client::Options { name: "wharf get".to_owned(), ..Default::default() };
    let client = Client::lazy(socket, named);
    let target = Target::Origin { scheme: "http", host: &url.host, port: url.port };
    let mut lease = client.lease_with(&LeaseRequest::new(target), outgoing.first())?;
    let leased = *lease.leased();
    let mut sink = Sink::open(options)?;
    let transferred = transfer::finish(&mut lease, outgoing, &mut sink)?;
    let end = clock::now();
    let released = if transferred.reusable { release(lease) } else { discard(lease) };
    Ok(Got { transferred, leased, released, sha256: sink.sha256(), begin, end })
}

/// Gives the connection back. The answer is whole, so a daemon that goes away just now takes only
/// the connection along.
fn release(lease: Lease) -> Released {
    lease.release().unwrap_or_else(|error| Released::Closed { cause: error.token().to_owned() })
}

/// Drops the lease of a connection that HTTP would not let go on: the daemon closes it.
fn discard(lease: Lease) -> Released {
    drop(lease);
    Released::Closed { cause: "discarded".to_owned() }
}

/// What `--data` names.
fn upload(data: &str) -> Result<Upload, Failure> {
    let Some(path) = data.strip_prefix('@') else {
        let bytes = data.as_bytes().to_vec();
        let length = u64::try_from(bytes.len()).ok();
        return Ok(Upload { source: Box::new(io::Cursor::new(bytes)), length });
    };
    if path == "-" {
        return Ok(Upload { source: Box::new(io::stdin()), length: None });
    }
    let opened = File::open(path).and_then(|file| file.metadata().map(|found| (file, found)));
    let (file, found) = opened.map_err(|error| Failure::local(&path, &error))?;
    Ok(Upload { source: Box::new(file), length: found.is_file().then_some(found.len()) })
}

/// Where the body goes, and its hash if somebody asks.
struct Sink {
    target: Box<dyn Write>,
    hash: Option<Sha256>,
}

impl Sink {
    /// The file, or standard output, or nowhere: `--json` prints the object instead.
    fn open(options: &Options) -> Result<Self, Failure> {
        let target: Box<dyn Write> = match &options.output {
            Some(path) => {
                let file = File::create(path);
                Box::new(file.map_err(|error| Failure::local(&path.display(), &error))?)
            }
            None if options.json => Box::new(io::sink()),
            None => Box::new(io::stdout().lock()),
        };
        Ok(Self { target, hash: options.json.then(Sha256::new) })
    }

    /// The hash of what went through, in hexadecimal.
    fn sha256(self) -> Option<String> {
        self.hash.map(|hash| format!("{:x}", hash.finalize()))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.target.write(bytes)?;
        if let Some(hash) = &mut self.hash {
            hash.update(bytes.get(..count).unwrap_or_default());
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

impl Got {
    /// The one JSON object.
    fn json(&self) -> Value {
        let Self { transferred, leased, begin, .. } = self;
        let since = |moment: Instant| micros(moment.saturating_duration_since(*begin));
        let mut object = json!({
            "status": transferred.status,
            "bytes": transferred.bytes,
            "sha256": self.sha256,
            "source": leased.source.token(),
            "timing_us": {
                "wait": micros(leased.wait),
                "connect": micros(leased.connect.unwrap_or_default()),
                "first_byte": since(transferred.first_byte),
                "total": since(self.end),
            },
            "peer": leased.peer.to_string(),
            "released": self.released.token(),
        });
        if let Released::Closed { cause } = &self.released {
            object["closed_because"] = Value::from(cause.as_str());
        }
        object
    }
}

/// Whole microseconds.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
