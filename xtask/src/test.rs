//! `cargo xtask test`: every test, by nextest where it is installed, else by cargo itself; then
//! the examples in the docs, which nextest does not run.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::step::{Done, cargo, run as run_command};
use crate::tools;

/// What a test may do that finds a right or a tool missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skips {
    /// Say why, and pass: at home.
    Allowed,
    /// Fail: where everything is promised to be there.
    Forbidden,
}

/// Runs all tests; `arguments` go to the runner, and with them the docs' examples are left out.
pub(crate) fn run(root: &Path, arguments: &[String], skips: Skips) -> Done {
    run_command(with_surroundings(&mut runner(root), root, skips).args(arguments))?;
    if !arguments.is_empty() {
        return Ok(());
    }
    let mut docs = cargo(root);
    docs.args(["test", "--workspace", "--all-features", "--locked", "--doc"]);
    run_command(with_surroundings(&mut docs, root, skips))
}

fn runner(root: &Path) -> Command {
    let mut command = cargo(root);
    if has_nextest(root) {
        command.args(["nextest", "run", "--all-features", "--locked"]);
    } else {
        println!("cargo-nextest is not installed: cargo test runs the tests");
        command.args(["test", "--all-features", "--locked", "--all-targets"]);
    }
    command
}

fn has_nextest(root: &Path) -> bool {
    let mut asked = cargo(root);
    asked.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// What tests read from their surroundings: tools that are not on the path, and whether a test may
/// be skipped.
fn with_surroundings<'a>(command: &'a mut Command, root: &Path, skips: Skips) -> &'a mut Command {
    let promtool = tools::promtool_path(root);
    if promtool.is_file() {
        command.env("WHARF_PROMTOOL", promtool);
    }
    match skips {
        Skips::Forbidden => command.env("WHARF_TEST_REQUIRE", "1"),
        Skips::Allowed => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_all_is_promised_is_a_skip_a_failure() {
        let name = std::ffi::OsStr::new("WHARF_TEST_REQUIRE");
        for (skips, expected) in [(Skips::Allowed, None), (Skips::Forbidden, Some("1".as_ref()))] {
            let mut command = Command::new("true");
            with_surroundings(&mut command, Path::new("/nonexistent"), skips);
            let set = command.get_envs().find(|(other, _)| *other == name);
            assert_eq!(set.and_then(|(_, value)| value), expected);
        }
    }
}
