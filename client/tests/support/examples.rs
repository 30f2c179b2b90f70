//! The examples, run as a user runs them, against a daemon that plays its part.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::Daemon;

/// Gets a URL with this example: once to the end, and once from a peer that goes in the middle.
pub(crate) fn check(name: &str) {
    let Some(program) = program(name) else { return };
    let whole = r#"
        d 1 DATA "HTTP/1.1 200 OK\r\nContent-Le"
        d 1 DATA "ngth: 4\r\n\r\nbo"
        d 1 DATA "dy"
        c 1 RELEASE reusable rx=42 tx=47
        d 1 RELEASED kept"#;
    let output = run(&program, whole);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "body");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "source: idle, released: kept\n");
    assert!(output.status.success());

    let broken = r#"
        d 1 DATA "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo"
        d 1 EOF
        c 1 RELEASE discard rx=40 tx=47
        d 1 RELEASED closed client_discard"#;
    let output = run(&program, broken);
    assert!(String::from_utf8_lossy(&output.stderr).contains("ended inside its body"));
    assert!(!output.status.success());

    let unstated = r#"
        d 1 DATA "HTTP/1.1 200 OK\r\n\r\nall of it"
        d 1 EOF
        c 1 RELEASE discard rx=28 tx=47
        d 1 RELEASED closed client_discard"#;
    let output = run(&program, unstated);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "all of it");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "source: idle, discarded\n");
    assert!(output.status.success());
}

/// The example's program, if it was built: `cargo test` does so unless it is told one target.
fn program(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().expect("a test knows its own path");
    let target = own.ancestors().nth(2).expect("a test lies in deps of the target folder");
    let program = target.join("examples").join(name);
    if program.exists() {
        return Some(program);
    }
    let is_required = std::env::var_os("WHARF_TEST_REQUIRE").is_some();
    assert!(!is_required, "{} was not built", program.display());
    writeln!(std::io::stderr(), "skipped: {} was not built", program.display()).expect("stderr");
    None
}

/// Plays one session of HTTP to an example.
fn run(program: &PathBuf, answer: &str) -> Output {
    let part = r#"c HELLO ""
        c 1 LEASE http://[fd00:213::1]:8080
        c 1 DATA "GET /a/b HTTP/1.1\r\nHost: [fd00:213::1]:8080\r\n\r\n"
        d WELCOME
        d 1 LEASED idle"#;
    let daemon = Daemon::play(&[&format!("{part}{answer}")]);
    let output = Command::new(program)
        .arg(&daemon.path)
        .arg("http://[fd00:213::1]:8080/a/b")
        .output()
        .expect("an example runs");
    daemon.finish();
    output
}
