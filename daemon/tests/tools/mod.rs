//! What the daemon's tests share: tools that may be missing, and files that hold expected text.

#![allow(dead_code, reason = "each test binary uses its part of this module")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member lies in the root").to_owned()
}

/// Says why a test does not run here; where everything is promised (`WHARF_TEST_REQUIRE=1`),
/// fails instead.
#[expect(clippy::print_stderr, reason = "a person who runs the tests reads why one did not run")]
pub(crate) fn skip(reason: &str) {
    let is_required = env::var_os("WHARF_TEST_REQUIRE").is_some_and(|value| value == "1");
    assert!(!is_required, "WHARF_TEST_REQUIRE=1, and the test cannot run: {reason}");
    eprintln!("skipped: {reason}");
}

/// A tool's path: from `WHARF_<NAME>`, or by the search path; `None` when it is on neither.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let variable = format!("WHARF_{}", name.to_uppercase().replace('-', "_"));
    if let Some(path) = env::var_os(variable) {
        return Some(PathBuf::from(path));
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a command and gives what it wrote to both streams, with whether it succeeded.
pub(crate) fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Compares with a committed file; `WHARF_TEST_BLESS=1` writes the file instead, for review.
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var_os("WHARF_TEST_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, actual).expect("the golden file can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let difference = expected.lines().zip(actual.lines()).find(|(old, new)| old != new);
    assert!(
        expected == actual,
        "{} differs, first at {difference:?} ({} lines, now {}); WHARF_TEST_BLESS=1 rewrites it",
        path.display(),
        expected.lines().count(),
        actual.lines().count(),
    );
}
