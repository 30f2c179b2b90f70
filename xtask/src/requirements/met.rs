//! The last part of the table: faults that other stacks met, and the tests that would find them in
//! ours.

use super::Fault;
use super::evidence::Evidence;
use super::row::{NOT_TAKEN, Standing, cells_of, parse_standing};

/// Begins the part; nothing comes after it.
pub(super) const HEADING: &str = "## Faults others met";

/// What the rows say, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) tested: usize,
    pub(super) untested: usize,
}

impl Met {
    /// Reads the part, and says what is wrong with it.
    pub(super) fn read(text: &str, evidence: &mut Evidence<'_>) -> (Self, Vec<Fault>) {
        let (mut met, mut faults) = (Self::default(), Vec::new());
        let lines = (1..).zip(text.lines());
        for (line, text) in lines.skip_while(|(_, text)| *text != HEADING) {
            match cells_of(text).as_slice() {
                ["Fault", "Standing"] | [""] => {}
                [_, standing] if !standing.is_empty() && standing.chars().all(|c| c == '-') => {}
                [name, standing] if text.starts_with('|') => {
                    faults.extend(met.take(line, name, standing, evidence));
                }
                _ if text.starts_with('|') => {
                    faults.push(Fault::new(line, "a row has two cells: fault, standing"));
                }
                _ => {}
            }
        }
        if met == Self::default() {
            faults.push(Fault::new(1, format!("`{HEADING}` has no rows")));
        }
        (met, faults)
    }

    fn take(
        &mut self,
        line: usize,
        name: &str,
        standing: &str,
        evidence: &mut Evidence<'_>,
    ) -> Option<Fault> {
        let standing = match parse_standing(standing) {
            Ok(standing) => standing,
            Err(what) => return Some(Fault::new(line, format!("{name} {what}"))),
        };
        match &standing {
            Standing::Held(_) => self.tested += 1,
            Standing::NotTaken => self.untested += 1,
        }
        evidence.missing(line, name, &standing)
    }

    /// A line for the totals.
    pub(super) fn total(self) -> String {
        let Self { tested, untested } = self;
        format!(
            "faults others met: {tested} with a test, {untested} {}",
            NOT_TAKEN.trim_end_matches(", because ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> (Met, Vec<String>) {
        let text = format!(
            "# Before\n| no row |\n{HEADING}\n\nProse.\n\n| Fault | Standing |\n|---|---|\n{rows}"
        );
        let file = |path: &str| (path == "a/b.rs").then(|| "#[test]\nfn there() {}\n".to_owned());
        let (met, faults) = Met::read(&text, &mut Evidence::new(&file));
        (met, faults.into_iter().map(|fault| fault.to_string()).collect())
    }

    #[test]
    fn faults_are_counted_by_whether_they_have_a_test() {
        let rows = "| a | held: `a/b.rs` `there` |\n| b | not taken, because of that |\n";
        let (met, faults) = read(rows);
        assert_eq!((met, faults), (Met { tested: 1, untested: 1 }, Vec::new()));
        assert_eq!(met.total(), "faults others met: 1 with a test, 1 not taken");
    }

    #[test]
    fn each_fault_of_a_row_is_said() {
        for (row, what) in [
            ("| a | held: `a/b.rs` `gone` |", "REQUIREMENTS.md:9: a: a/b.rs has no test gone"),
            ("| a | held: `a/c.rs` `there` |", "REQUIREMENTS.md:9: a: there is no file a/c.rs"),
            ("| a | there |", "REQUIREMENTS.md:9: a begins neither"),
            ("| a | b | c |", "REQUIREMENTS.md:9: a row has two cells"),
        ] {
            let (_, faults) = read(&format!("{row}\n"));
            assert!(faults.iter().any(|fault| fault.starts_with(what)), "{row}: {faults:?}");
        }
        assert_eq!(read("").1, ["REQUIREMENTS.md:1: `## Faults others met` has no rows"]);
    }
}
