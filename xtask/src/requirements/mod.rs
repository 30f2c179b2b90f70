//! `cargo xtask requirements`: what REQUIREMENTS.md says of each RFC's demands is whole and true.
//!
//! Every label of RFC 9293, appendix B, has its place, and so has each demand that was counted in
//! the texts of the others; nothing is said twice; and each test that is named exists, those of the
//! faults that others met too. Whether a test holds what its row says is for those who read it.

mod demands;
mod evidence;
mod label;
mod ledger;
mod met;
mod row;

use std::fmt;
use std::fs;
use std::path::Path;

use self::evidence::Evidence;
use self::ledger::Ledger;
use self::met::Met;
use crate::step::Done;

/// The table's file.
const FILE: &str = "REQUIREMENTS.md";

/// Something that is not whole, or not true.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    /// The line it stands in; of what is missing, the heading of its RFC.
    line: usize,
    what: String,
}

impl Fault {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{FILE}:{}: {}", self.line, self.what)
    }
}

/// Checks the table of the repository at `root`, and prints every fault, or the totals.
pub(crate) fn run(root: &Path) -> Done {
    let text = fs::read_to_string(root.join(FILE)).map_err(|error| format!("{FILE}: {error}"))?;
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let mut evidence = Evidence::new(&read);
    let (ledger, mut faults) = check(&text, &mut evidence);
    let (met, of_met) = Met::read(&text, &mut evidence);
    faults.extend(of_met);
    if faults.is_empty() {
        println!("{}\n\n{}", ledger.totals(), met.total());
        return Ok(());
    }
    faults.iter().for_each(|fault| println!("{fault}"));
    Err(format!("{} faults", faults.len()))
}

/// Reads the table, and says all that is wrong with it, in the order of its lines.
fn check(text: &str, evidence: &mut Evidence<'_>) -> (Ledger, Vec<Fault>) {
    let (ledger, mut faults) = Ledger::read(text);
    faults.extend(ledger.gaps());
    let missing =
        |row: &row::Row| evidence.missing(row.line, &row.label.to_string(), &row.standing);
    faults.extend(ledger.rows().filter_map(missing));
    faults.sort();
    (ledger, faults)
}

#[cfg(test)]
mod tests;
