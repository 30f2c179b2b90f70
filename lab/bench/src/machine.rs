//! What was measured on, and what was measured: a number without that is not written down.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// The machine, and the source that ran on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Release of the Linux kernel.
    pub linux: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// The processor, as it calls itself.
    pub processor: String,
    /// The commit, with a plus if the tree differs from it.
    pub commit: String,
    /// Whether the compiler optimised what was measured.
    pub optimised: bool,
}

impl Machine {
    /// Asks the system, and git for the commit of `root`.
    #[must_use]
    pub fn here(root: &Path) -> Self {
        Self {
            linux: first_line("/proc/sys/kernel/osrelease"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            commit: commit(root),
            optimised: !cfg!(debug_assertions),
        }
    }

    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "linux": self.linux,
            "cores": self.cores,
            "processor": self.processor,
            "commit": self.commit,
            "optimised": self.optimised,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { linux, cores, processor, commit, optimised } = self;
        write!(f, "Linux {linux}, {cores} cores ({processor}), commit {commit}")?;
        if *optimised { Ok(()) } else { f.write_str(", NOT OPTIMISED: figures mean nothing") }
    }
}

/// The first line of a file; a question mark if there is none.
pub(crate) fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("?").trim().to_owned()
}

fn processor(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim());
    name.unwrap_or("unknown processor").to_owned()
}

fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let mark = if changed.is_some_and(|changed| changed.is_empty()) { "" } else { "+" };
    format!("{commit}{mark}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_calls_itself_by_its_model_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: other\n";
        assert_eq!(processor(text), "Some CPU @ 2 GHz");
        assert_eq!(processor(""), "unknown processor");
    }

    #[test]
    fn a_build_without_optimisation_says_that_it_means_nothing() {
        let machine = Machine {
            linux: "6.1".to_owned(),
            cores: 2,
            processor: "CPU".to_owned(),
            commit: "abc".to_owned(),
            optimised: true,
        };
        assert_eq!(machine.to_string(), "Linux 6.1, 2 cores (CPU), commit abc");
        let slow = Machine { optimised: false, ..machine };
        assert!(slow.to_string().ends_with("figures mean nothing"));
    }

    #[test]
    fn where_is_no_repository_there_is_no_commit() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(commit(folder.path()), "unknown");
    }
}
