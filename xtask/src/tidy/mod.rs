//! `cargo xtask tidy`: what the house asks and no compiler checks. One noun a file, each with its
//! own tests; a check reads the [`Tree`] and says what is wrong, and where.

mod banned;
mod code;
mod crates;
mod dependencies;
mod layers;
mod length;
mod links;
mod mentioned;
mod tree;
mod unsafe_code;
mod whitespace;

use std::fmt;
use std::path::Path;

use self::tree::Tree;
use crate::step::Done;

/// Something that is not as the house asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    path: String,
    line: usize,
    what: String,
}

impl Fault {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

type Check = fn(&Tree) -> Vec<Fault>;

const CHECKS: &[Check] = &[
    banned::check,
    dependencies::check,
    layers::check,
    length::check,
    links::check,
    mentioned::check,
    unsafe_code::check,
    whitespace::check,
];

/// Checks the whole tree, and prints every fault.
pub(crate) fn run(root: &Path) -> Done {
    let tree = Tree::read(root)?;
    let mut faults: Vec<_> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    faults.extend(crates::check(root)?);
    faults.sort();
    faults.iter().for_each(|fault| println!("{fault}"));
    if faults.is_empty() {
        println!("{} files are tidy", tree.files.len());
        return Ok(());
    }
    Err(format!("{} faults", faults.len()))
}
