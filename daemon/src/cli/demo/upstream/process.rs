//! The upstream as the demo's runner holds it: a child process, and its counts.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::{Counts, Ready};
use crate::cli::demo::reexec::Role;

/// How long the upstream may take to answer on its control socket.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running upstream. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    child: Child,
    control: PathBuf,
}

impl Upstream {
    /// Starts one, and returns once it listens.
    pub(crate) fn start(addresses: &[SocketAddr], control: PathBuf) -> io::Result<Self> {
        let mut command = Role::Upstream.command();
        for address in addresses {
            command.arg("--listen").arg(address.to_string());
        }
        command.arg("--control").arg(&control).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut upstream = Self { child: command.spawn()?, control };
        let stdout = upstream.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other("it ended before it listened"));
        }
        let _: Ready = serde_json::from_str(&line)?;
        Ok(upstream)
    }

    /// What it has done so far.
    pub(crate) fn counts(&self) -> io::Result<Counts> {
        let mut control = UnixStream::connect(&self.control)?;
        control.set_read_timeout(Some(PATIENCE))?;
        let mut line = String::new();
        control.read_to_string(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // It may have ended by itself; both calls then say so, and that is all they can say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
