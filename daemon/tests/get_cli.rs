//! `wharf get` and the reading verbs as processes: what they print, where, and how they end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli_support;

use std::process::{Command, Output};

use cli_support::lease_daemon::{Ended, LeaseDaemon, Plan};
use cli_support::{Upstream, clean, complaints, last_line, text, wharf};
use sha2::{Digest as _, Sha256};
use wharf_protocol::{Disposition, ErrorToken};

/// Bytes that no sink may hold at once.
const LARGE: u64 = 64 * 1024 * 1024;

/// Runs `wharf get` with a daemon and more arguments.
fn get(daemon: &LeaseDaemon, arguments: &[&str]) -> Output {
    wharf().arg("get").arg("--socket").arg(&daemon.socket).args(arguments).output().unwrap()
}

/// An upstream, and a daemon that carries leases to its address at `index`.
fn carried(index: usize) -> (Upstream, LeaseDaemon, String) {
    let upstream = Upstream::start(&[]);
    let address = upstream.addresses[index];
    let daemon = LeaseDaemon::start(Plan::Carry(address));
    (upstream, daemon, format!("http://{address}"))
}

/// The SHA-256 of `bytes` in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[test]
fn the_body_goes_to_standard_output_and_the_connection_back() {
    for index in [0, 1] {
        let (_upstream, daemon, base) = carried(index);
        let output = get(&daemon, &[&format!("{base}/bytes/100000")]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout.len(), 100_000);
        assert!(output.stderr.is_empty(), "{output:?}");
        let Ended::Released(release) = daemon.ended() else { panic!("it left") };
        assert_eq!(release.disposition, Disposition::Reusable);
        assert!(release.rx_consumed > 100_000);
    }
}

#[test]
fn json_tells_of_the_request_instead_of_the_body() {
    let (_upstream, daemon, base) = carried(1);
    let output = get(&daemon, &[&format!("{base}/bytes/1000"), "--json"]);
    assert!(output.status.success(), "{output:?}");
    let object = last_line(&output);
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = get(&daemon, &[&format!("{base}/bytes/1000"), "-o", text(file.path())]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let body = std::fs::read(file.path()).unwrap();
    assert_eq!(body.len(), 1000);
    assert_eq!(object["status"], 200);
    assert_eq!(object["bytes"], 1000);
    assert_eq!(object["sha256"], sha256(&body));
    assert_eq!(object["source"], "new");
    assert_eq!(object["peer"], base.trim_start_matches("http://"));
    assert_eq!(object["released"], "kept");
    let timing = &object["timing_us"];
    assert_eq!((&timing["wait"], &timing["connect"]), (&800.into(), &700.into()));
    let (first, total) =
        (timing["first_byte"].as_u64().unwrap(), timing["total"].as_u64().unwrap());
    assert!(first > 0 && first <= total, "{object}");
}

#[test]
fn data_is_uploaded_from_a_file_from_text_and_from_standard_input() {
    let (_upstream, daemon, base) = carried(0);
    let url = format!("{base}/sha256");
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let output = get(&daemon, &[&url, "--data", &format!("@{}", text(file.path()))]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", sha256(&bytes)));
    let output = get(&daemon, &[&url, "--data", "abc"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", sha256(b"abc")));
    let piped = wharf()
        .args(["get", "--socket", text(&daemon.socket), &url, "--data", "@-"])
        .stdin(std::fs::File::open(file.path()).unwrap())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&piped.stdout), format!("{}\n", sha256(&bytes)));
}

#[test]
fn large_bodies_pass_through_without_being_held() {
    let (_upstream, daemon, base) = carried(0);
    // Less room than one body takes, for the program and all its libraries together.
    let limited = |arguments: &str| {
        let command = format!(
            "ulimit -v 65536; exec {} get --socket {} {arguments}",
            env!("CARGO_BIN_EXE_wharf"),
            text(&daemon.socket),
        );
        let mut shell = clean(Command::new("sh"));
        shell.arg("-c").arg(command).output().unwrap()
    };
    let output = limited(&format!("{base}/bytes/{LARGE} --json"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(last_line(&output)["bytes"], LARGE);
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(LARGE).unwrap();
    let output = limited(&format!("{base}/sha256 --data @{}", text(file.path())));
    assert!(output.status.success(), "{output:?}");
    let zeros = vec![0; usize::try_from(LARGE).unwrap()];
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", sha256(&zeros)));
}

#[test]
fn a_refusal_is_told_with_its_token_and_advice() {
    let daemon = LeaseDaemon::start(Plan::Refuse(ErrorToken::ConnectionRefused));
    let output = get(&daemon, &["http://10.213.0.1:8080/"]);
    assert_eq!(output.status.code(), Some(1));
    let said = complaints(&output);
    assert!(said.contains("connection_refused") && said.contains("retry: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let output = get(&daemon, &["http://10.213.0.1:8080/", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error = &last_line(&output)["error"];
    assert_eq!(error["token"], "connection_refused");
    assert_eq!(error["verdict"], "never_sent");
    assert_eq!(error["cause"], "as told");
}

#[test]
fn a_reset_in_the_middle_of_the_body_is_a_failure_with_its_verdict() {
    let start = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell";
    let daemon = LeaseDaemon::start(Plan::Reset(start));
    let output = get(&daemon, &["http://10.213.0.1:8080/", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error = &last_line(&output)["error"];
    assert_eq!(error["token"], "connection_terminated");
    assert_eq!(error["verdict"], "acked");
    assert_eq!((&error["bytes_sent"], &error["bytes_acked"]), (&80.into(), &40.into()));
}

#[test]
fn an_answer_that_ends_early_or_with_the_connection_is_not_given_back() {
    let daemon = LeaseDaemon::start(Plan::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell"));
    let output = get(&daemon, &["http://10.213.0.1:8080/", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(last_line(&output)["error"]["token"], "http_response_incomplete");
    assert_ne!(disposition(&daemon), Some(Disposition::Reusable));

    let daemon = LeaseDaemon::start(Plan::Say(b"HTTP/1.1 200 OK\r\n\r\nhello"));
    let output = get(&daemon, &["http://10.213.0.1:8080/", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let object = last_line(&output);
    assert_eq!((&object["bytes"], &object["released"]), (&5.into(), &"closed".into()));
    assert_ne!(disposition(&daemon), Some(Disposition::Reusable));
}

/// As what a lease was given back, if it was.
fn disposition(daemon: &LeaseDaemon) -> Option<Disposition> {
    match daemon.ended() {
        Ended::Released(release) => Some(release.disposition),
        Ended::Left => None,
    }
}

#[test]
fn a_daemon_that_is_not_there_ends_with_three() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.sock");
    let reading = ["status", "routes", "leases", "waiters", "clients", "trace", "config", "memory"];
    let reading = reading.iter().chain(&["ss", "nstat"]).map(|verb| vec![*verb]);
    for verb in reading.chain([vec!["get", "http://10.213.0.1/"]]) {
        let verb = &verb;
        let output = wharf().args(verb).arg("--socket").arg(&missing).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{verb:?}: {output:?}");
        let said = complaints(&output);
        assert!(said.contains("none.sock") && said.lines().count() == 1, "{said}");
        let output = wharf().args(verb).arg("--json").arg("--socket").arg(&missing).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(3), "{verb:?}: {output:?}");
        assert!(last_line(&output)["error"].is_object(), "{output:?}");
    }
    // The environment names the lease socket where no option does.
    let output = wharf().args(["get", "http://a/"]).env("WHARF_SOCKET", &missing).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(complaints(&output).contains("none.sock"), "{output:?}");
}

#[test]
fn a_wrong_call_ends_with_two() {
    let wrong = [
        &["get"][..],
        &["get", "https://a/"],
        &["get", "http://a:0/"],
        &["nothing"],
        &["demo", "--clients", "0"],
        &["status", "--unknown"],
    ];
    for arguments in wrong {
        let output = wharf().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    assert!(wharf().arg("--help").output().unwrap().status.success());
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_told_by_name() {
    let (_upstream, daemon, base) = carried(0);
    let output = get(&daemon, &[&format!("{base}/sha256"), "--data", "@/none/such"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaints(&output).contains("/none/such"), "{output:?}");
    let output = get(&daemon, &[&format!("{base}/bytes/1"), "-o", "/none/such"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaints(&output).contains("/none/such"), "{output:?}");
}
