//! `cargo xtask scripts`: how many packet scripts hold each RFC.
//!
//! A script is a test of `transport/tests/rfcNNNN_*.rs` that plays one; other tests there drive
//! whole stacks, and are counted beside. Every script is played in both families and at each of the
//! runner's initial sequence numbers, so runs are that many times the scripts.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::step::Done;

/// Where the scripts are.
const FOLDER: &str = "transport/tests";

/// Where the runner says at which sequence numbers it plays them.
const RUNNER: &str = "transport/tests/support/script.rs";

/// IPv4 and IPv6.
const FAMILIES: usize = 2;

/// What of the runner's text stands before the number of pairs of sequence numbers.
const BEFORE_ISNS: &str = "const ISNS: [(u32, u32); ";

/// Calls that play a script.
const PLAYS: [&str; 3] = ["run(", "run_then(", "run_watching("];

/// What the tests of one RFC are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    scripts: usize,
    others: usize,
}

/// Counts them in the repository at `root`, and prints a table.
pub(crate) fn run(root: &Path) -> Done {
    let failed = |error: io::Error| format!("{FOLDER}: {error}");
    let runner = fs::read_to_string(root.join(RUNNER));
    let runner = runner.map_err(|error| format!("{RUNNER}: {error}"))?;
    let isns = isns(&runner).ok_or_else(|| format!("{RUNNER} says no `{BEFORE_ISNS}..`"))?;
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for entry in fs::read_dir(root.join(FOLDER)).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(rfcs) = rfcs_of(name) {
            let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
            count(&text, counts.entry(rfcs).or_default());
        }
    }
    println!("{}", table(&counts, FAMILIES * isns));
    Ok(())
}

/// At how many pairs of sequence numbers the runner plays.
fn isns(runner: &str) -> Option<usize> {
    let (_, rest) = runner.split_once(BEFORE_ISNS)?;
    rest.split(']').next()?.parse().ok()
}

/// The RFCs that a file is named after: `rfc1337_rfc6191_time_wait.rs` after two.
fn rfcs_of(file: &str) -> Option<String> {
    let stem = file.strip_suffix(".rs")?;
    let numbers = stem.split('_').filter_map(|part| part.strip_prefix("rfc"));
    let numbers: Vec<_> = numbers.filter(|it| it.chars().all(|c| c.is_ascii_digit())).collect();
    (!numbers.is_empty()).then(|| format!("RFC {}", numbers.join(", ")))
}

/// Counts the tests of a file: functions at its outer level, below their mark.
fn count(text: &str, count: &mut Count) {
    let tests = text.split("\n#[test]").skip(1);
    for test in tests {
        let body = test.split("\n}").next().unwrap_or_default();
        if PLAYS.iter().any(|call| body.contains(call)) {
            count.scripts += 1;
        } else {
            count.others += 1;
        }
    }
}

/// A line an RFC, and the sum.
fn table(counts: &BTreeMap<String, Count>, runs: usize) -> String {
    let line = |name: &str, Count { scripts, others }: Count| {
        format!("{name:<16}{scripts:>8}{:>8}{others:>12}", scripts * runs)
    };
    let mut lines = vec![format!("{:<16}{:>8}{:>8}{:>12}", "", "scripts", "runs", "other tests")];
    let mut all = Count::default();
    for (rfcs, count) in counts {
        all.scripts += count.scripts;
        all.others += count.others;
        lines.push(line(rfcs, *count));
    }
    lines.push(line("total", all));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_rfcs() {
        for (file, expected) in [
            ("rfc9293_3_10_7.rs", Some("RFC 9293")),
            ("rfc1337_rfc6191_time_wait.rs", Some("RFC 1337, 6191")),
            ("rfcs.rs", None),
            ("simulation.rs", None),
            ("rfc9293.txt", None),
        ] {
            assert_eq!(rfcs_of(file).as_deref(), expected, "{file}");
        }
    }

    #[test]
    fn a_script_is_a_test_that_plays_one() {
        let text = "//! Scripts.

fn run(script: &str) {
    Script::established().run(script);
}

#[test] // section 3
fn one() {
    run(\"+0 write 1\");
}

#[test]
fn two() {
    script.run_then(text, |run| {
        assert!(run.closed);
    });
}

#[test]
fn no_script() {
    path.run_for(SECOND);
}

fn other() {
    Script::fresh().run(\"\");
}
";
        let mut counted = Count::default();
        count(text, &mut counted);
        assert_eq!(counted, Count { scripts: 2, others: 1 });
    }

    #[test]
    fn runs_are_scripts_times_families_and_numbers() {
        assert_eq!(isns("x\nconst ISNS: [(u32, u32); 3] =\n"), Some(3));
        assert_eq!(isns("const ISN: u32 = 1;"), None);
        let counts = [("RFC 1".to_owned(), Count { scripts: 2, others: 1 })];
        let text = table(&BTreeMap::from(counts), 6);
        assert!(text.ends_with("total                  2      12           1"), "{text}");
    }

    #[test]
    fn a_repository_without_scripts_is_told_so() {
        assert!(run(Path::new("/nonexistent")).unwrap_err().starts_with(RUNNER));
    }
}
