//! `cargo xtask sim`: the simulation of `lab/sim`, as a release build, with the arguments given.

use std::path::Path;

use crate::step::{Done, cargo, run as run_command};

/// Builds and runs it.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Done {
    let build = ["run", "--quiet", "--release", "--locked", "--package", "wharf-sim", "--"];
    run_command(cargo(root).args(build).args(arguments))
}
