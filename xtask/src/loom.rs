//! `cargo xtask loom`: the shared pool with loom's locks and threads, which are played in every order
//! (`pool/src/shared/orders.rs`).
//!
//! It is built by itself, beside the rest: `--cfg loom` changes what the pool is made of.

use std::path::Path;

use crate::step::{self, Done, cargo};

/// The chore.
pub(crate) fn run(root: &Path) -> Done {
    let mut command = cargo(root);
    command.args(["test", "--package", "wharf-pool", "--lib", "--locked"]);
    command.args(["--target-dir", "target/loom", "orders"]);
    command.env("RUSTFLAGS", "--cfg loom");
    step::run(&mut command)
}
