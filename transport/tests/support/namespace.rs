//! A network namespace of a test's own, in which the test binary is run again.
//!
//! Skipped with the reason where there is no right to one, or to the TUN device, unless
//! WHARF_TEST_REQUIRE is set. The host's interfaces are never touched, and the end of the inner
//! process ends the namespace. What the inner process prints is printed by the outer one.

use std::process::Command;

use super::matrix;

/// How long the inner process may take in seconds, a little less than a test may.
const SECONDS_MAX: &str = "110";

/// The same with the whole of a matrix to play.
const SECONDS_MAX_FULL: &str = "1200";

/// Set for the inner process.
const MARK: &str = "WHARF_TEST_NAMESPACE";

/// Whether this process is in a namespace of its own; if not, runs the test in one.
pub(crate) fn inside(test: &str) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    if let Err(error) = std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
        skip(test, &format!("/dev/net/tun: {error}"));
        return false;
    }
    match unshare_arguments() {
        Ok(arguments) => run_again(arguments, test),
        Err(reason) => skip(test, &reason),
    }
    false
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

#[expect(clippy::print_stdout, reason = "a table is read where the tests' output is")]
fn run_again(arguments: &[&str], test: &str) {
    let binary = std::env::current_exe().expect("a test is a file");
    let seconds = if matrix::is_full() { SECONDS_MAX_FULL } else { SECONDS_MAX };
    let output = Command::new("timeout")
        .args(["--kill-after=1", seconds, "unshare"])
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
    println!("{stdout}");
}

#[expect(clippy::print_stdout, reason = "a skip says why, where the tests' output is read")]
fn skip(test: &str, reason: &str) {
    let required = std::env::var_os("WHARF_TEST_REQUIRE").is_some();
    assert!(!required, "{test} is required, but cannot run here: {reason}");
    println!("skipped {test}: {reason}");
}
