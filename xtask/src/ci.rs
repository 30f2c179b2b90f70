//! `cargo xtask ci`: all that must hold before a change is merged, in the order of what is quick.

use std::path::Path;

use crate::step::{self, Done, Steps, cargo};
use crate::{loom, requirements, test, tidy, tools};

/// The chore: the steps, then the table, whether they all passed or not.
pub(crate) fn run(root: &Path) -> Done {
    let mut steps = Steps::default();
    let done = take_all(root, &mut steps);
    println!("\n{}", steps.summary());
    if done.is_ok() {
        println!("\neverything holds");
    }
    done
}

/// Each step, until one fails.
fn take_all(root: &Path, steps: &mut Steps) -> Done {
    steps.take("packages", tools::install_packages)?;
    steps.take("tools", || tools::promtool(root).map(|path| println!("{}", path.display())))?;
    steps.take("tidy", || tidy::run(root))?;
    steps.take("requirements", || requirements::run(root))?;
    steps.take("format", || step::run(cargo(root).args(["fmt", "--all", "--check"])))?;
    steps.take("clippy", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--locked"];
        step::run(cargo(root).args(arguments).args(["--", "-D", "warnings"]))
    })?;
    steps.take("doc", || {
        let arguments = ["doc", "--workspace", "--no-deps", "--all-features", "--locked"];
        step::run(cargo(root).args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.take("build", || {
        let arguments = ["build", "--workspace", "--all-targets", "--all-features", "--locked"];
        step::run(cargo(root).args(arguments))
    })?;
    steps.take("loom", || loom::run(root))?;
    steps.take("test", || test::run(root, &[], test::Skips::Forbidden))
}
