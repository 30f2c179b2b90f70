//! What the tests share: a namespace, the daemon, an upstream, and figures read from `/metrics`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Set in the inner process: the value is the test's name.
const INSIDE: &str = "WHARF_TEST_INSIDE";
/// Turns a skipped test into a failed one; `cargo xtask ci` sets it.
pub(crate) const REQUIRE: &str = "WHARF_TEST_REQUIRE";

/// How long anything that should happen soon may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Where the daemon of a test listens.
pub(crate) const LEASE_SOCKET: &str = "/run/wharf/lease.sock";
/// Where it is asked.
pub(crate) const ADMIN_SOCKET: &str = "/run/wharf/admin.sock";

/// Runs `body` in namespaces of its own. `test` is the full name of the calling test.
pub(crate) fn in_namespaces(test: &str, body: impl FnOnce()) {
    if variable(INSIDE).as_deref() == Some(test) {
        prepare();
        body();
        return;
    }
    let me = std::env::current_exe().expect("the test binary");
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--"])
        .arg(me)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, test)
        .output()
        .expect("unshare(1) of util-linux");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if !output.status.success() && text.contains("unshare failed") {
        assert!(variable(REQUIRE).is_none(), "{REQUIRE} is set and there is no right: {text}");
        println!("skipped: namespaces are not permitted here: {text}");
        return;
    }
    assert!(output.status.success(), "{test} failed inside its namespaces:\n{text}");
    assert!(text.contains("1 passed"), "{test} did not run inside its namespaces:\n{text}");
    print!("{text}");
}

#[expect(clippy::disallowed_methods, reason = "a test has no main to read the environment in")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What a host has and a fresh namespace has not.
fn prepare() {
    sh("mount -t proc proc /proc");
    sh("mount -t tmpfs tmpfs /run");
    sh("ip link set lo up");
    sh("mkdir -p /run/wharf /run/netns");
}

/// Runs a shell command that must succeed, and gives its output.
pub(crate) fn sh(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {}: {text}{errors}", output.status);
    text
}

/// Waits until `condition` holds.
pub(crate) fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    assert!(holds_within(SOON, condition), "not within {SOON:?}: {what}");
}

/// Whether `condition` comes to hold within `limit`.
pub(crate) fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = clock() + limit;
    loop {
        if condition() {
            return true;
        }
        if clock() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The time, for deadlines of tests.
#[expect(clippy::disallowed_methods, reason = "a test waits in real time")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// The running daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) process: Process,
    log: PathBuf,
}

impl Daemon {
    /// Starts wharfd with this configuration and waits until clients can connect.
    pub(crate) fn start(config: &str) -> Self {
        let file = PathBuf::from("/run/wharf-test.toml");
        std::fs::write(&file, config).expect("the configuration is written");
        Self::start_with_file(&file)
    }

    /// Starts wharfd with a file of the repository.
    pub(crate) fn start_with_file(file: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
        command.arg("--config").arg(file);
        Self::start_command(command)
    }

    /// Starts a prepared command of wharfd.
    pub(crate) fn start_command(mut command: Command) -> Self {
        let log = PathBuf::from("/run/wharfd.log");
        let out = std::fs::File::create(&log).expect("a log file");
        let child = command.stdout(Stdio::null()).stderr(out).spawn().expect("wharfd starts");
        let mut daemon = Self { process: Process(child), log };
        wait_for("the daemon listens", || {
            let ended = daemon.process.0.try_wait().expect("waited");
            assert!(ended.is_none(), "wharfd ended: {}", daemon.log());
            // Its sockets are there before its device is: ask it.
            wharf(&["status", "--json"]).status.success()
        });
        daemon
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// The demo's upstream on the kernel's TCP.
#[derive(Debug)]
pub(crate) struct Upstream {
    _process: Process,
}

impl Upstream {
    /// Starts it with these arguments, and waits until it listens. `prefix` may enter a namespace.
    pub(crate) fn start(prefix: &[&str], arguments: &[&str]) -> Self {
        let binary = env!("CARGO_BIN_EXE_wharf");
        let words = prefix.iter().copied().chain([binary, "__upstream"]);
        let mut words = words.chain(arguments.iter().copied());
        let mut command = Command::new(words.next().expect("a program"));
        let mut child =
            command.args(words).stdout(Stdio::piped()).spawn().expect("the upstream starts");
        let out = child.stdout.take().expect("piped");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("its first line");
        assert!(line.contains("\"ready\":true"), "the upstream is not ready: {line:?}");
        Self { _process: Process(child) }
    }
}

/// Runs `wharf` with these arguments.
pub(crate) fn wharf(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wharf")).args(arguments).output().expect("wharf runs")
}

/// Runs `wharf get URL --json ARGUMENTS`, which must succeed, and gives its object.
pub(crate) fn get(url: &str, arguments: &[&str]) -> serde_json::Value {
    let output = wharf(&[&["get", url, "--json"], arguments].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "wharf get {url}: {text}{errors}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The text of `/metrics`.
pub(crate) fn metrics() -> String {
    let mut stream = TcpStream::connect("127.0.0.1:19900").expect("the metrics listener");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("written");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("read");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}

/// The value of one series; its labels in any order. `None` if there is none.
pub(crate) fn series(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let (head, value) = line.rsplit_once(' ')?;
        let (found, rest) = head.split_once('{').unwrap_or((head, ""));
        let all = labels.iter().all(|(key, value)| rest.contains(&format!("{key}=\"{value}\"")));
        (found == name && all).then(|| value.parse().ok()).flatten()
    })
}

/// The sum of all series of a name whose labels include these.
pub(crate) fn total(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (head, value) = line.rsplit_once(' ')?;
            let (found, rest) = head.split_once('{').unwrap_or((head, ""));
            let all =
                labels.iter().all(|(key, value)| rest.contains(&format!("{key}=\"{value}\"")));
            (found == name && all).then(|| value.parse::<f64>().ok()).flatten()
        })
        .sum()
}

/// Connections of the pool in `state`, over all routes, as `/metrics` has them now.
pub(crate) fn pooled(state: &str) -> f64 {
    total(&metrics(), "wharf_pool_connections", &[("state", state)])
}
