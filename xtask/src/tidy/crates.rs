//! The daemon is built from at most 130 crates, its optional features apart: each is code that
//! runs with its rights.

use std::collections::BTreeSet;
use std::path::Path;

use super::Fault;
use crate::step::cargo;

/// The most crates of the daemon, its own included.
const CRATES_MAX: usize = 130;

pub(super) fn check(root: &Path) -> Result<Option<Fault>, String> {
    let mut command = cargo(root);
    command.args(["tree", "--package", "wharfd", "--edges", "normal", "--prefix", "none"]);
    let output = command.output().map_err(|error| format!("cargo tree: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(too_many(&String::from_utf8_lossy(&output.stdout)))
}

fn too_many(tree: &str) -> Option<Fault> {
    let names: BTreeSet<_> = tree
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.trim_end_matches(" (*)"))
        .collect();
    let what = format!("wharfd is built from {} crates, {CRATES_MAX} is the most", names.len());
    (names.len() > CRATES_MAX).then(|| Fault::new("Cargo.lock", 1, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crate_counts_once_and_the_limit_is_exact() {
        let tree: String =
            (0..CRATES_MAX).map(|number| format!("crate{number} v1.0.0\n")).collect();
        let again = tree.clone() + "crate0 v1.0.0 (*)\n\n";
        assert_eq!(too_many(&again), None);
        assert!(too_many(&(tree + "one_more v1.0.0\n")).is_some());
    }
}
