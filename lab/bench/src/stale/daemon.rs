//! The daemon that is measured: wharfd itself, a process of its own on a TUN device of its own.
//!
//! It is this very program, run again: [`serve`] is what the other process does.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};
use wharfd::config::Inputs;
use wharfd::systemd::Environment;

use super::network::{DOMAIN, SERVER};

/// The word on the command line with which this program is the daemon.
pub const COMMAND: &str = "__wharfd";

/// How the route is called in the daemon's figures.
pub(super) const ROUTE: &str = "storm";

/// How long it may take to be ready, and to answer when it is asked.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often it is asked whether it is ready.
const INTERVAL: Duration = Duration::from_millis(20);

/// A running daemon; it is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Daemon {
    child: Child,
    folder: PathBuf,
}

/// Runs the daemon with this configuration until it is killed.
///
/// # Errors
///
/// What is wrong with the configuration, or what keeps the daemon from running.
pub fn serve(config: &Path) -> Result<(), String> {
    crate::allocation::stop_counting();
    let files = vec![config.to_owned()];
    let inputs = Inputs { files, environment: Vec::new(), flags: Vec::new() };
    let loaded = inputs.load().map_err(|faults| faults.to_string())?;
    wharfd::run::run(inputs, loaded, &Environment::default()).map_err(|error| error.to_string())
}

impl Daemon {
    /// Starts one in the namespace of the calling thread, with a place for each client's
    /// connection, and waits until it is ready.
    pub(super) async fn start(program: &Path, folder: &Path, clients: u32) -> io::Result<Self> {
        let config = folder.join("wharf.toml");
        fs::write(&config, configuration(folder, clients))?;
        let log = File::create(folder.join("wharfd.log"))?;
        let mut command = Command::new(program);
        command.args([COMMAND, "--config"]).arg(&config).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut daemon = Self { child, folder: folder.to_owned() };
        match timeout(PATIENCE, daemon.wait_until_ready()).await {
            Ok(Ok(())) => Ok(daemon),
            Ok(Err(error)) => Err(daemon.with_log(&error.to_string())),
            Err(_) => Err(daemon.with_log("it does not become ready")),
        }
    }

    /// Where clients lease.
    pub(super) fn lease_socket(&self) -> PathBuf {
        self.folder.join("lease.sock")
    }

    /// Its figures, as text.
    pub(super) async fn metrics(&self) -> io::Result<String> {
        let asked = timeout(PATIENCE, self.ask("/metrics")).await;
        asked.unwrap_or_else(|_| Err(self.with_log("it does not give its figures")))
    }

    async fn wait_until_ready(&mut self) -> io::Result<()> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended: {status}")));
            }
            if self.ask("/-/ready").await.is_ok() {
                return Ok(());
            }
            sleep(INTERVAL).await;
        }
    }

    async fn ask(&self, path: &str) -> io::Result<String> {
        let mut socket = UnixStream::connect(metrics_socket(&self.folder)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: wharfd\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
            Some(_) | None => Err(io::Error::other(answer)),
        }
    }

    fn with_log(&self, reason: &str) -> io::Error {
        let log = fs::read_to_string(self.folder.join("wharfd.log")).unwrap_or_default();
        io::Error::other(format!("wharfd: {reason}; its log:\n{log}"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; both calls then say so, and that is all they can say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All as it is by default but for sizes: every client has an origin of its own, all at the same
/// address, and none waits for another's handshake.
fn configuration(folder: &Path, clients: u32) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    let (lease, admin) = (path("lease.sock"), path("admin.sock"));
    let metrics = metrics_socket(folder).display().to_string();
    let total = clients.saturating_mul(2);
    let (address, port) = (SERVER.ip(), SERVER.port());
    format!(
        "\
[device]
name = \"wharf-stale\"
[transport]
addresses = [\"10.213.2.2\"]
gateway = [\"10.213.2.1/30\"]
[control]
lease_socket = \"{lease}\"
admin_socket = \"{admin}\"
max_leases_per_uid = {total}
[metrics]
listen = \"unix:{metrics}\"
[log]
filter = \"error\"
[pool]
max_total = {total}
max_routes = {total}
max_connecting_total = {total}
[[route]]
name = \"{ROUTE}\"
match = \"http://*.{DOMAIN}:{port}\"
addresses = [\"{address}\"]
"
    )
}

fn metrics_socket(folder: &Path) -> PathBuf {
    folder.join("metrics.sock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_takes_its_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wharf.toml");
        fs::write(&file, configuration(folder.path(), 6_000)).unwrap();
        let inputs = Inputs { files: vec![file], environment: Vec::new(), flags: Vec::new() };
        let loaded = inputs.load().unwrap();
        assert_eq!(loaded.config.routes.len(), 1);
    }
}
