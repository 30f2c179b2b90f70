//! Questions to the daemon's admin socket: one line out, one JSON object back.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Environment, Exit, complain, print};
use crate::cli::terminal::Terminal;

/// Where the daemon listens unless its configuration says otherwise.
pub(super) const DEFAULT_SOCKET: &str = "/run/wharf/admin.sock";
/// How long the daemon may take; its control thread answers at once, or says that a shard is silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer taken: about 400 bytes for each of 32768 connections, and room.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The options that all reading verbs share.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(super) struct Options {
    /// Print one JSON object, for programs
    #[arg(long)]
    pub(super) json: bool,
    /// The daemon's admin socket
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub(super) socket: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    /// Nobody listens, or this user may not ask.
    #[error("the daemon is not reachable at {path}: {error}; {hint}")]
    Unreachable {
        /// The socket.
        path: String,
        /// What the kernel said.
        error: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The connection broke, or the answer did not come in time.
    #[error("the daemon did not answer: {0}")]
    Silent(io::Error),
    /// The answer is not of this protocol.
    #[error("the daemon's answer is not understood: {0}; are wharf and wharfd of one version?")]
    NotUnderstood(serde_json::Error),
    /// The daemon says why not.
    #[error("the daemon refused: {message}{}{hint}", if hint.is_empty() { "" } else { "; " })]
    Refused {
        /// Its code, for programs.
        code: String,
        /// Its sentence.
        message: String,
        /// Its advice.
        hint: String,
        /// The whole answer.
        answer: Value,
    },
}

/// Asks `command` of the daemon at `path`: the answer, as it came and as a value.
pub(super) fn ask(path: &Path, command: &str) -> Result<Value, AdminError> {
    let mut socket = UnixStream::connect(path).map_err(|error| unreachable(path, error))?;
    let answer = exchange(&mut socket, command).map_err(AdminError::Silent)?;
    let answer: Value = serde_json::from_slice(&answer).map_err(AdminError::NotUnderstood)?;
    let Some(error) = answer.get("error") else { return Ok(answer) };
    let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (code, message, hint) = (text("code"), text("message"), text("hint"));
    Err(AdminError::Refused { code, message, hint, answer })
}

/// Runs a reading verb: asks, then prints the answer as JSON or as `render` shows it.
pub(super) fn run<T: DeserializeOwned>(
    options: &Options,
    environment: &Environment,
    command: &str,
    render: impl FnOnce(&T, Terminal) -> String,
) -> Exit {
    let shown = ask(&options.socket, command).and_then(|answer| {
        if options.json {
            return Ok(format!("{answer}\n"));
        }
        let answer = T::deserialize(answer).map_err(AdminError::NotUnderstood)?;
        Ok(render(&answer, Terminal::of_stdout(environment)))
    });
    match shown {
        Ok(text) => print(&text),
        Err(error) => fail(options, command, &error),
    }
}

/// Says why there is no answer, as JSON or as a sentence.
pub(super) fn fail(options: &Options, command: &str, error: &AdminError) -> Exit {
    if options.json {
        print(&format!("{}\n", error.json(command)));
    } else {
        complain(format_args!("{command}: {error}"));
    }
    error.exit()
}

/// One question and its answer.
fn exchange(socket: &mut UnixStream, command: &str) -> io::Result<Vec<u8>> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.write_all(format!("{command}\n").as_bytes())?;
    let mut answer = Vec::new();
    socket.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"));
    }
    Ok(answer)
}

/// Why a connection to the socket failed, and what mends it.
fn unreachable(path: &Path, error: io::Error) -> AdminError {
    let hint = match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::ACCESS) => {
            "its mode keeps this user out: see `control.admin_mode` and its group"
        }
        Some(rustix::io::Errno::CONNREFUSED) => "nobody listens there: is wharfd running?",
        _ => "is wharfd running, and is this its socket (`--socket PATH`)?",
    };
    AdminError::Unreachable { path: path.display().to_string(), error, hint }
}

impl AdminError {
    /// How the tool ends.
    fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::Silent(_) | Self::NotUnderstood(_) | Self::Refused { .. } => Exit::Failed,
        }
    }

    /// The error as a program reads it, in the form of the daemon's own.
    fn json(&self, command: &str) -> Value {
        let (code, hint) = match self {
            Self::Refused { answer, .. } => return answer.clone(),
            Self::Unreachable { hint, .. } => ("unreachable", *hint),
            Self::Silent(_) => ("silent", ""),
            Self::NotUnderstood(_) => ("not_understood", ""),
        };
        let error = json!({ "code": code, "message": self.to_string(), "hint": hint });
        json!({ "schema": 1, "command": command, "error": error })
    }
}

#[cfg(test)]
mod tests;
