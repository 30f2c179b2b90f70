//! One command for each chore of this repository: `cargo xtask <chore>`.
//!
//! CI runs `cargo xtask ci` and nothing else, so whatever it does can be done at home.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a chore speaks to the person who runs it")]

mod bench;
mod ci;
mod loom;
mod requirements;
mod scripts;
mod sim;
mod step;
mod test;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// One command for each chore of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// All that must hold before a change is merged; installs the packages it needs, as root.
    Ci,
    /// All tests: by nextest where it is installed, else by cargo; the examples in the docs too.
    Test {
        /// What nextest, or cargo test, is told beside: a name, `-p CRATE`, ..
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Every order in which threads can meet at the shared pool.
    Loom,
    /// Whole systems under seeded faults, on a virtual clock; see lab/README.md.
    Sim {
        /// What the simulation is told: `--seeds N`, `--first-seed S`, `--seed N`, `--tables`, ..
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// What the transport costs and reaches, measured; see lab/README.md.
    Bench {
        /// `grid`, `memory`, `overload`, `packet-cost`, `pool`, `queue`, `reap` or `stale`, and what that is told: `--write`, `--json`, ..
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// What no compiler checks: lengths, layers, reasons, links, leftovers.
    Tidy,
    /// What REQUIREMENTS.md says of the RFCs' demands: whole, and each named test there.
    Requirements,
    /// How many packet scripts hold each RFC, and how often they are played.
    Scripts,
    /// Brings the tools that tests need and no package installs alone: promtool.
    Tools,
}

fn main() -> ExitCode {
    let root = root();
    let done = match Arguments::parse().chore {
        Chore::Ci => ci::run(&root),
        Chore::Test { arguments } => test::run(&root, &arguments, test::Skips::Allowed),
        Chore::Loom => loom::run(&root),
        Chore::Sim { arguments } => sim::run(&root, &arguments),
        Chore::Bench { arguments } => bench::run(&root, &arguments),
        Chore::Tidy => tidy::run(&root),
        Chore::Requirements => requirements::run(&root),
        Chore::Scripts => scripts::run(&root),
        Chore::Tools => tools::promtool(&root).map(|path| println!("{}", path.display())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("\n{reason}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root: this crate is one of its members.
fn root() -> PathBuf {
    let member = Path::new(env!("CARGO_MANIFEST_DIR"));
    member.parent().expect("a member lies in the root").to_owned()
}
