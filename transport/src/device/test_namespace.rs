//! A network namespace of a test's own.
//!
//! A test that needs one begins with `if !inside(its own full name) { return; }`. The first time
//! round that runs the test binary again, for this test alone, in a fresh namespace, and passes on
//! how it went; in there it returns true. The host's interfaces are never touched, and the end of
//! the inner process ends the namespace. Where there is no right to one the test is skipped with
//! the reason, or fails if WHARF_TEST_REQUIRE is set.

use std::fs::OpenOptions;
use std::process::Command;

/// Set for the inner process.
const MARK: &str = "WHARF_TEST_NAMESPACE";

/// Whether this process is in a namespace of its own; if not, runs the test in one.
pub(super) fn inside(test: &str) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    match unshare_arguments() {
        Ok(arguments) => run_again(arguments, test),
        Err(reason) => skip(test, &reason),
    }
    false
}

/// Whether the device node may be opened; if not, skips the test with the reason.
pub(super) fn has_tun(test: &str) -> bool {
    match OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => true,
        Err(error) => {
            skip(test, &format!("/dev/net/tun: {error}"));
            false
        }
    }
}

/// Runs a command that must succeed.
pub(super) fn run(command: &str) {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().expect("a command has a name"))
        .args(words)
        .output()
        .expect("the command starts");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// How to get a network namespace: as root, or as root of a user namespace.
fn unshare_arguments() -> Result<&'static [&'static str], String> {
    let mut reason = String::new();
    for arguments in [&["--net"][..], &["--user", "--map-root-user", "--net"]] {
        match Command::new("unshare").args(arguments).arg("true").output() {
            Ok(output) if output.status.success() => return Ok(arguments),
            Ok(output) => reason = String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => reason = format!("unshare: {error}"),
        }
    }
    Err(reason)
}

fn run_again(arguments: &[&str], test: &str) {
    let binary = std::env::current_exe().expect("a test is a file");
    let output = Command::new("timeout")
        .args(["--kill-after=1", "30", "unshare"])
        .args(arguments)
        .arg(binary)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .expect("timeout and unshare are there");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test} in its namespace:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "{test} did not run: is that its name?\n{stdout}");
    print!("{stdout}");
}

fn skip(test: &str, reason: &str) {
    assert!(
        std::env::var_os("WHARF_TEST_REQUIRE").is_none(),
        "{test} is required, but cannot run here: {reason}"
    );
    println!("skipped {test}: {reason}");
}
