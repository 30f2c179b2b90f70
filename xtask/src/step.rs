//! Steps of a chore: each has a name, a duration and an end, and the first that fails ends it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What a chore comes to; the error is for a person.
pub(crate) type Done = Result<(), String>;

/// The steps taken so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Takes one step and says how long it took.
    pub(crate) fn take(&mut self, name: &'static str, step: impl FnOnce() -> Done) -> Done {
        println!("\n=== {name}");
        let began = now();
        let done = step();
        let took = began.elapsed();
        self.taken.push((name, took));
        let word = if done.is_ok() { "done" } else { "FAILED" };
        println!("--- {name}: {word} in {}", seconds(took));
        done.map_err(|reason| format!("{name}: {reason}"))
    }

    /// All steps with their durations.
    pub(crate) fn summary(&self) -> String {
        let lines =
            self.taken.iter().map(|(name, took)| format!("{name:<12} {:>9}\n", seconds(*took)));
        let total = self.taken.iter().map(|(_, took)| *took).sum();
        lines.chain([format!("{:<12} {:>9}", "total", seconds(total))]).collect()
    }
}

/// The cargo that runs us, in the repository's root.
pub(crate) fn cargo(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(root);
    command
}

/// Runs a command to its end; one that fails is shown as it was called.
pub(crate) fn run(command: &mut Command) -> Done {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

#[expect(clippy::disallowed_methods, reason = "a chore says how long it took, at this place")]
fn now() -> Instant {
    Instant::now()
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_is_named_and_stands_in_the_summary() {
        let mut steps = Steps::default();
        steps.take("first", || Ok(())).unwrap();
        let reason = steps.take("second", || Err("broken".to_owned())).unwrap_err();
        assert_eq!(reason, "second: broken");
        let summary = steps.summary();
        let names: Vec<_> = summary.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["first", "second", "total"]);
    }

    #[test]
    fn a_command_that_fails_is_shown() {
        let reason = run(Command::new("false").arg("x")).unwrap_err();
        assert!(
            reason.contains("\"false\" \"x\"") && reason.contains("exit status: 1"),
            "{reason}"
        );
        assert!(run(&mut Command::new("/nonexistent/tool")).unwrap_err().contains("nonexistent"));
    }
}
