//! `cargo xtask bench`: the benchmarks of `lab/bench`, as a release build, with the arguments
//! given.

use std::path::Path;

use crate::step::{Done, cargo, run as run_command};

/// Builds and runs one of them.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    let build = ["run", "--quiet", "--release", "--locked", "--package", "wharf-bench", "--"];
    run_command(cargo(root).args(build).args(arguments))
}
