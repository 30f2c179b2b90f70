//! What the tests of the command-line tool share: the tool itself, the upstream, and a daemon that
//! speaks the lease protocol as a script tells it.

#![allow(dead_code, reason = "each test file uses its own part of it")]

pub(crate) mod lease_daemon;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The tool, without anything of the environment that it heeds.
pub(crate) fn wharf() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_wharf")))
}

/// A command without the variables that the tool heeds.
pub(crate) fn clean(mut command: Command) -> Command {
    command.env_remove("WHARF_SOCKET").env_remove("NO_COLOR").env_remove("COLUMNS");
    command
}

/// The last line of what a command printed, as JSON.
pub(crate) fn last_line(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// What a command said on standard error.
pub(crate) fn complaints(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running upstream on the loopback interface; killed when dropped.
pub(crate) struct Upstream {
    child: Child,
    control: PathBuf,
    pub(crate) addresses: Vec<SocketAddr>,
    _folder: tempfile::TempDir,
}

impl Upstream {
    /// Starts one at both loopback addresses, with more arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let control = folder.path().join("control.sock");
        let mut child = wharf()
            .args(["__upstream", "--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--control"])
            .arg(&control)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], true);
        let listen = ready["listen"].as_array().unwrap();
        let addresses = listen.iter().map(|one| one.as_str().unwrap().parse().unwrap()).collect();
        Self { child, control, addresses, _folder: folder }
    }

    /// What it says of itself.
    pub(crate) fn counts(&self) -> Value {
        let mut line = String::new();
        UnixStream::connect(&self.control).unwrap().read_to_string(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Says why a test does not run here; where nothing may be left out, that is a failure.
#[expect(clippy::print_stderr, reason = "that is where a test says what it leaves out")]
pub(crate) fn skip(reason: &str) {
    let required = std::env::var_os("WHARF_TEST_REQUIRE").is_some_and(|value| value == "1");
    assert!(!required, "this test may not be skipped here: {reason}");
    eprintln!("skipped: {reason}");
}

/// A file's path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
