//! One row of the table: a demand, its gist, and how it stands.

use super::label::Label;

/// Begins the last cell of a demand that is held: files and tests follow.
const HELD: &str = "held:";

/// Begins the last cell of one that is not: the reason follows.
pub(super) const NOT_TAKEN: &str = "not taken, because ";

/// How a demand stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// These tests would fail if it were not held.
    Held(Vec<Test>),
    /// For the reason given.
    NotTaken,
}

/// A test by its file and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) file: String,
    pub(super) name: String,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) label: Label,
    pub(super) standing: Standing,
}

impl Row {
    /// Reads a line of a table. A heading of the table, or the rule below it, is no row.
    pub(super) fn parse(line: usize, text: &str) -> Result<Option<Self>, String> {
        let cells = cells_of(text);
        let [label, gist, standing] = cells.as_slice() else {
            return Err("a row has three cells: label, gist, standing".to_owned());
        };
        if *label == "Label" || label.chars().all(|c| c == '-') {
            return Ok(None);
        }
        let label = Label::parse(label).ok_or_else(|| format!("no label: {label}"))?;
        if gist.is_empty() {
            return Err(format!("{label} has no gist"));
        }
        let standing = parse_standing(standing).map_err(|what| format!("{label} {what}"))?;
        Ok(Some(Self { line, label, standing }))
    }
}

/// The cells of a row.
pub(super) fn cells_of(text: &str) -> Vec<&str> {
    let inner = text.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(str::trim).collect()
}

/// How a demand, or what else has tests, stands.
pub(super) fn parse_standing(text: &str) -> Result<Standing, String> {
    if let Some(reason) = text.strip_prefix(NOT_TAKEN) {
        let is_sentence = reason.split_whitespace().count() > 1;
        return if is_sentence { Ok(Standing::NotTaken) } else { Err("has no reason".to_owned()) };
    }
    let tests = text.strip_prefix(HELD).ok_or_else(|| {
        format!("begins neither with `{HELD}` nor with `{}`", NOT_TAKEN.trim_end())
    })?;
    parse_tests(tests).map(Standing::Held)
}

/// Files and tests in backticks: a name with a slash is a file, what follows it are its tests.
fn parse_tests(text: &str) -> Result<Vec<Test>, String> {
    let mut tests: Vec<Test> = Vec::new();
    let mut file: Option<&str> = None;
    let mut is_idle = true;
    for name in text.split('`').skip(1).step_by(2) {
        if name.contains('/') {
            if file.is_some() && is_idle {
                return Err("names a file without a test".to_owned());
            }
            (file, is_idle) = (Some(name), true);
        } else {
            let file = file.ok_or_else(|| format!("names no file before {name}"))?;
            tests.push(Test { file: file.to_owned(), name: name.to_owned() });
            is_idle = false;
        }
    }
    if is_idle { Err("names no test that holds it".to_owned()) } else { Ok(tests) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what_is_wrong(text: &str) -> String {
        Row::parse(1, text).unwrap_err()
    }

    #[test]
    fn a_row_names_files_and_their_tests() {
        let text = "| MUST-1 | gist | held: `a/b.rs` `one`, `two`; `c/d.rs` `three` |";
        let row = Row::parse(7, text).unwrap().unwrap();
        let test = |file: &str, name: &str| Test { file: file.to_owned(), name: name.to_owned() };
        let tests = vec![test("a/b.rs", "one"), test("a/b.rs", "two"), test("c/d.rs", "three")];
        assert_eq!((row.line, row.label.to_string()), (7, "MUST-1".to_owned()));
        assert_eq!(row.standing, Standing::Held(tests));
    }

    #[test]
    fn what_is_not_taken_has_a_reason() {
        let row = Row::parse(1, "| 3.1-2a | gist | not taken, because nobody asks. |");
        assert_eq!(row.unwrap().unwrap().standing, Standing::NotTaken);
        assert!(what_is_wrong("| MUST-1 | g | not taken, because . |").contains("no reason"));
        assert!(what_is_wrong("| MUST-1 | g | not taken |").contains("begins neither"));
    }

    #[test]
    fn the_head_of_a_table_is_no_row() {
        assert_eq!(Row::parse(1, "| Label | Gist | Standing |"), Ok(None));
        assert_eq!(Row::parse(1, "|---|---|---|"), Ok(None));
    }

    #[test]
    fn each_fault_of_a_row_is_said() {
        for (text, what) in [
            ("| MUST-1 | gist |", "three cells"),
            ("| MAYBE-1 | gist | held: `a/b` `c` |", "no label: MAYBE-1"),
            ("| MUST-1 |  | held: `a/b` `c` |", "no gist"),
            ("| MUST-1 | gist | held: |", "names no test"),
            ("| MUST-1 | gist | held: `a/b.rs` |", "names no test"),
            ("| MUST-1 | gist | held: `a/b.rs`, `c/d.rs` `e` |", "a file without a test"),
            ("| MUST-1 | gist | held: `test` |", "no file before test"),
        ] {
            assert!(what_is_wrong(text).contains(what), "{text}");
        }
    }
}
