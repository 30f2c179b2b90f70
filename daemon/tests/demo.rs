//! `wharf demo` as a process: both phases, every way to end it, what is left afterwards (nothing),
//! and what it says where it may not run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli_support;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use cli_support::{clean, complaints, last_line, skip, text};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A copy of the tool, by which its processes are told from those of other tests; and how the
/// host looked before.
struct Stage {
    folder: tempfile::TempDir,
    before: Host,
}

/// What a demo could leave on the host.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    interfaces: BTreeSet<String>,
    mounts: BTreeSet<String>,
    run: BTreeSet<String>,
}

impl Host {
    fn now() -> Self {
        // The tests of others come and go with interfaces and mounts of their own: what the demo
        // would leave has its names.
        let ours = |line: &&str| line.contains("wharf0") || line.contains("wharf-demo");
        let lines = |path: &str| {
            let text = fs::read_to_string(path).unwrap();
            text.lines().filter(ours).map(str::to_owned).collect()
        };
        let entries = fs::read_dir("/run").into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        Self {
            interfaces: lines("/proc/net/dev"),
            mounts: lines("/proc/self/mountinfo"),
            run: names.filter(|name| name.starts_with("wharf")).collect(),
        }
    }
}

impl Stage {
    /// A stage where a demo can run; `None`, with the reason said, where it cannot.
    fn new() -> Option<Self> {
        if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
            skip(&format!("/dev/net/tun cannot be opened: {error}"));
            return None;
        }
        if !Command::new("unshare").args(["-n", "-m", "-p", "-f", "true"]).status().ok()?.success()
        {
            skip("namespaces cannot be made");
            return None;
        }
        Some(Self::anywhere())
    }

    /// A stage where a demo may be refused.
    fn anywhere() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_wharf"), folder.path().join("wharf")).unwrap();
        Self { folder, before: Host::now() }
    }

    /// The copy.
    fn program(&self) -> PathBuf {
        self.folder.path().join("wharf")
    }

    /// The demo with these arguments.
    fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = clean(Command::new(self.program()));
        command.arg("demo").args(arguments);
        command
    }

    /// Starts the demo, its output being kept.
    fn start(&self, arguments: &[&str]) -> Child {
        self.demo(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Processes of the copy.
    fn processes(&self) -> Vec<i32> {
        let program = self.program();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program))
            .collect()
    }

    /// Waits until as many processes of the copy run.
    fn wait_for_processes(&self, wanted: impl Fn(usize) -> bool) {
        for _ in 0..1000 {
            if wanted(self.processes().len()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("still {:?}", self.processes());
    }

    /// Nothing of the demo is left. The kernel ends what is inside at once, but not in one step.
    fn assert_nothing_left(&self) {
        self.wait_for_processes(|count| count == 0);
        assert_eq!(Host::now(), self.before);
    }
}

/// Whether this is root, who alone can make a node; says so if not.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("only root can make a device node");
    }
    root
}

/// Both phases went well: as many requests, and as many connections as each may open.
fn assert_both_phases(output: &Output, requests: u64, clients: u64) {
    assert!(output.status.success(), "{output:?}");
    let object = last_line(output);
    let phase = |name: &str| {
        let phase = &object[name];
        assert_eq!((&phase["requests"], &phase["failures"]), (&requests.into(), &0.into()));
        let (p50, p99) = (phase["p50_us"].as_u64().unwrap(), phase["p99_us"].as_u64().unwrap());
        assert!(p50 > 0 && p50 <= p99, "{object}");
        assert!(phase["requests_per_second"].as_f64().unwrap() > 0.0, "{object}");
        phase["upstream_connections"].as_u64().unwrap()
    };
    assert_eq!(phase("fresh"), requests, "{object}");
    let leased = phase("leased");
    assert!(leased >= 1 && leased <= clients, "{object}");
}

#[test]
fn both_phases_run_and_nothing_is_left() {
    let Some(stage) = Stage::new() else { return };
    let output = stage.demo(&["--requests", "100", "--clients", "8", "--json"]).output().unwrap();
    assert_both_phases(&output, 100, 8);
    stage.assert_nothing_left();
}

#[test]
fn people_get_a_table() {
    let Some(stage) = Stage::new() else { return };
    let arguments = ["--requests", "20", "--clients", "2", "--bytes", "100000"];
    let output = stage.demo(&arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    for word in ["fresh", "leased", "connections at the upstream", "pool ", "stack "] {
        assert!(table.contains(word), "{word}: {table}");
    }
    stage.assert_nothing_left();
}

#[test]
fn an_interrupt_ends_all_of_it() {
    let Some(stage) = Stage::new() else { return };
    let mut demo = stage.start(&["--requests", "1000000", "--clients", "4", "--json"]);
    // Outside, init, runner, daemon, upstream, and a client or more.
    stage.wait_for_processes(|count| count >= 6);
    signal(&demo, Signal::INT);
    assert_eq!(demo.wait().unwrap().code(), Some(130));
    stage.assert_nothing_left();
}

#[test]
fn a_killed_demo_takes_all_of_it_along() {
    let Some(stage) = Stage::new() else { return };
    let mut demo = stage.start(&["--requests", "1000000", "--clients", "4", "--json"]);
    stage.wait_for_processes(|count| count >= 6);
    demo.kill().unwrap();
    demo.wait().unwrap();
    stage.assert_nothing_left();
}

#[test]
fn a_kept_demo_can_be_entered_as_it_says() {
    let Some(stage) = Stage::new() else { return };
    let mut demo = stage.start(&["--requests", "10", "--clients", "2", "--json", "--keep"]);
    let lines = BufReader::new(demo.stderr.take().unwrap()).lines();
    let enter = lines.map(Result::unwrap).find(|line| line.trim().starts_with("nsenter "));
    let enter = enter.expect("the line to enter with");
    let inside = |command: &str| -> Value {
        let words = enter.split_whitespace().skip(1);
        let output = clean(Command::new("nsenter"))
            .args(words)
            .args(["--", text(&stage.program())])
            .args(command.split_whitespace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        last_line(&output)
    };
    assert_eq!(inside("status --json")["ready"], true);
    let routes = inside("routes --json");
    assert_eq!(routes["routes"][0]["limit"], 2, "{routes}");
    assert_eq!(inside("get http://10.213.0.1:8080/bytes/5 --json")["source"], "idle");
    let connections = inside("ss --json");
    assert!(!connections["connections"].as_array().unwrap().is_empty(), "{connections}");
    signal(&demo, Signal::TERM);
    assert_eq!(demo.wait().unwrap().code(), Some(130));
    stage.assert_nothing_left();
}

#[test]
fn a_user_without_rights_needs_the_node_alone() {
    if !is_root() {
        return;
    }
    let Some(stage) = Stage::new() else { return };
    let demo = "demo --requests 20 --clients 4 --json";
    // The node is made on a file system of this mount namespace, which ends with the shell.
    let output = as_nobody(
        &stage,
        &format!(
            "mknod $F/tun c 10 200 && chmod 0666 $F/tun && mount --bind $F/tun /dev/net/tun && exec $NOBODY $P {demo}"
        ),
    );
    assert_both_phases(&output, 20, 4);
    stage.assert_nothing_left();
}

#[test]
fn a_closed_node_is_one_message_that_names_the_right() {
    if !is_root() {
        return;
    }
    let stage = Stage::anywhere();
    let output = as_nobody(
        &stage,
        "mknod $F/tun c 10 200 && chmod 0600 $F/tun && mount --bind $F/tun /dev/net/tun && exec $NOBODY $P demo --json",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = complaints(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("/dev/net/tun may not be opened by this user: its mode is 0600"),
        "{said}"
    );
    assert!(said.contains("you are uid 65534") && said.contains("chmod 0666"), "{said}");
    stage.assert_nothing_left();
}

#[test]
fn a_missing_node_is_one_message_too() {
    if !is_root() {
        return;
    }
    let stage = Stage::anywhere();
    let output = as_nobody(&stage, "mount -t tmpfs none /dev/net && exec $P demo --json");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = complaints(&output);
    assert!(said.contains("/dev/net/tun does not exist") && said.lines().count() == 1, "{said}");
    stage.assert_nothing_left();
}

#[test]
fn forbidden_namespaces_are_one_message_that_names_the_switch() {
    let Some(stage) = Stage::new() else { return };
    // A user namespace in which no further one may be made, and a root there without any right.
    let command = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && \
         exec setpriv --bounding-set -all --inh-caps -all {} demo --json",
        text(&stage.program()),
    );
    let output = clean(Command::new("unshare"))
        .args(["--user", "--map-root-user", "sh", "-c", &command])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = complaints(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("may not create a user namespace"), "{said}");
    assert!(said.contains("`sysctl user.max_user_namespaces="), "{said}");
    stage.assert_nothing_left();
}

/// Runs shell words in a mount namespace of their own: $F is a folder on a file system where nodes
/// can be made, $P the program, $NOBODY what gives up all rights.
fn as_nobody(stage: &Stage, words: &str) -> Output {
    let folder = stage.folder.path().join("nodes");
    make_folder(&folder);
    let script = format!("mount -t tmpfs none $F && {words}");
    clean(Command::new("unshare"))
        .args(["--mount", "sh", "-c", &script])
        .env("F", &folder)
        .env("P", stage.program())
        .env("NOBODY", "setpriv --reuid=65534 --regid=65534 --clear-groups")
        .output()
        .unwrap()
}

/// Makes a folder for everybody.
fn make_folder(path: &Path) {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Sends a signal to the process outside.
fn signal(demo: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}
