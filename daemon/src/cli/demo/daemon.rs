//! The daemon as the demo's runner holds it: the real one, a child process with a configuration
//! and a log in the namespace's own `/run`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::reexec::Role;
use crate::cli::{Exit, admin, clock, complain};
use crate::config::Inputs;

/// How long the daemon may take to be ready; it takes some 50 ms.
const START_PATIENCE: Duration = Duration::from_secs(15);
/// How often it is asked meanwhile.
const START_INTERVAL: Duration = Duration::from_millis(10);
/// Lines of its log that are shown when it fails.
const LOG_LINES: usize = 20;
/// Where it serves its figures.
pub(super) const METRICS: &str = "127.0.0.1:19900";

/// Why the daemon is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum DaemonError {
    /// A file or the process could not be made.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It ended by itself.
    #[error("it ended ({status}); the end of its log:\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said.
        log: String,
    },
    /// It runs, and does not say that it is ready.
    #[error("it is not ready after {} s: {why}; the end of its log:\n{log}", START_PATIENCE.as_secs())]
    NotReady {
        /// What its admin socket says.
        why: String,
        /// What it said.
        log: String,
    },
    /// It does not answer any more.
    #[error("{error}; the end of its log:\n{log}")]
    Silent {
        /// What its admin socket says.
        error: String,
        /// What it said.
        log: String,
    },
}

/// A running daemon. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Daemon {
    child: Child,
    folder: PathBuf,
}

impl Daemon {
    /// Starts one with a route to `upstream`, and returns once it is ready.
    pub(super) fn start(
        folder: &Path,
        upstream: SocketAddr,
        clients: u64,
    ) -> Result<Self, DaemonError> {
        let config = folder.join("wharf.toml");
        fs::write(&config, configuration(folder, upstream, clients))?;
        let log = File::create(log_path(folder))?;
        let child = Role::Daemon
            .command()
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Self::watch(child, folder)
    }

    /// Watches a process that was started, until it is ready.
    fn watch(child: Child, folder: &Path) -> Result<Self, DaemonError> {
        let mut daemon = Self { child, folder: folder.to_owned() };
        daemon.wait_until_ready()?;
        Ok(daemon)
    }

    /// The socket where clients lease.
    pub(super) fn lease_socket(&self) -> PathBuf {
        lease_path(&self.folder)
    }

    /// What it says of itself.
    pub(super) fn status(&self) -> Result<Value, DaemonError> {
        let silent = |error: admin::AdminError| DaemonError::Silent {
            error: error.to_string(),
            log: self.log_tail(),
        };
        admin::ask(&admin_path(&self.folder), "status").map_err(silent)
    }

    /// Waits for its end, which nobody wants.
    pub(super) fn wait(&mut self) -> DaemonError {
        match self.child.wait() {
            Ok(status) => self.ended(status),
            Err(error) => DaemonError::Io(error),
        }
    }

    /// Asks until it is ready, has ended, or took too long.
    fn wait_until_ready(&mut self) -> Result<(), DaemonError> {
        let deadline = clock::now() + START_PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.ended(status));
            }
            let why = match admin::ask(&admin_path(&self.folder), "status") {
                Ok(answer) if answer.get("ready") == Some(&Value::Bool(true)) => return Ok(()),
                Ok(_) => "it says that it is not ready".to_owned(),
                Err(error) => error.to_string(),
            };
            if clock::now() >= deadline {
                return Err(DaemonError::NotReady { why, log: self.log_tail() });
            }
            std::thread::sleep(START_INTERVAL);
        }
    }

    /// The error that its end is.
    fn ended(&self, status: ExitStatus) -> DaemonError {
        DaemonError::Ended { status, log: self.log_tail() }
    }

    /// The last lines of its log.
    fn log_tail(&self) -> String {
        match fs::read(log_path(&self.folder)) {
            Ok(log) => tail(&String::from_utf8_lossy(&log)),
            Err(error) => format!("  (unreadable: {error})"),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; both calls then say so, and that is all they can say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the daemon: `wharf __daemon --config FILE`, the same code as the daemon's own binary.
pub(super) fn serve(arguments: &[OsString]) -> Exit {
    let Some([flag, file]) = arguments.first_chunk() else {
        complain(format_args!("usage: wharf __daemon --config FILE"));
        return Exit::Usage;
    };
    if flag != "--config" {
        complain(format_args!("usage: wharf __daemon --config FILE"));
        return Exit::Usage;
    }
    let files = vec![PathBuf::from(file)];
    let inputs = Inputs { files, environment: Vec::new(), flags: Vec::new() };
    let loaded = match inputs.load() {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain(format_args!("{faults}"));
            return Exit::Usage;
        }
    };
    match crate::run::run(inputs, loaded, &crate::systemd::Environment::default()) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(format_args!("{error}"));
            Exit::Failed
        }
    }
}

/// The daemon's log.
pub(super) fn log_path(folder: &Path) -> PathBuf {
    folder.join("wharfd.log")
}

/// The socket where clients lease.
fn lease_path(folder: &Path) -> PathBuf {
    folder.join("lease.sock")
}

/// The socket where operators ask.
fn admin_path(folder: &Path) -> PathBuf {
    folder.join("admin.sock")
}

/// The configuration: all as it is by default, but for the route. Every client of the demo has a
/// process of its own and one user, so the limits of one user are those of the route.
fn configuration(folder: &Path, upstream: SocketAddr, clients: u64) -> String {
    let waiters = clients.saturating_mul(2).max(1024);
    format!(
        "[control]\n\
         lease_socket = \"{}\"\n\
         admin_socket = \"{}\"\n\
         \n\
         [metrics]\n\
         listen = \"{METRICS}\"\n\
         \n\
         [[route]]\n\
         match = \"http://{upstream}\"\n\
         max_per_route = {clients}\n\
         max_waiters_per_route = {waiters}\n\
         max_waiters_per_client = {waiters}\n",
        lease_path(folder).display(),
        admin_path(folder).display(),
    )
}

/// The last lines of `log`, indented.
fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let from = lines.len().saturating_sub(LOG_LINES);
    let last: Vec<_> = lines.iter().skip(from).map(|line| format!("  {line}")).collect();
    if last.is_empty() { "  (empty)".to_owned() } else { last.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log() {
        let log: String = (1..=30).map(|line| format!("line {line}\n")).collect();
        let tail = tail(&log);
        assert!(tail.starts_with("  line 11\n") && tail.ends_with("  line 30"), "{tail}");
        assert_eq!(super::tail(""), "  (empty)");
    }

    #[test]
    fn a_daemon_that_ends_early_is_told_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(log_path(folder.path())).unwrap();
        let child = std::process::Command::new("sh")
            .args(["-c", "echo the device is busy; exit 3"])
            .stdout(log)
            .spawn()
            .unwrap();
        let error = Daemon::watch(child, folder.path()).unwrap_err().to_string();
        assert!(error.contains("it ended (exit status: 3)"), "{error}");
        assert!(error.ends_with("the end of its log:\n  the device is busy"), "{error}");
    }

    #[test]
    fn a_daemon_that_has_gone_is_told_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(log_path(folder.path()), "out of memory\n").unwrap();
        let child = std::process::Command::new("true").spawn().unwrap();
        let daemon = Daemon { child, folder: folder.path().to_owned() };
        let error = daemon.status().unwrap_err().to_string();
        assert!(error.contains("is not reachable at"), "{error}");
        assert!(error.ends_with("the end of its log:\n  out of memory"), "{error}");
    }

    #[test]
    fn the_route_has_as_many_connections_as_there_are_clients() {
        let text = configuration(Path::new("/x"), "10.213.0.1:8080".parse().unwrap(), 16);
        let value: toml::Table = toml::from_str(&text).unwrap();
        let route = &value["route"].as_array().unwrap()[0];
        assert_eq!(route["match"].as_str(), Some("http://10.213.0.1:8080"));
        assert_eq!(route["max_per_route"].as_integer(), Some(16));
        assert_eq!(value["control"]["admin_socket"].as_str(), Some("/x/admin.sock"));
    }
}
