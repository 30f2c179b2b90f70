//! The tests that the table names: whether each is there.

use std::collections::BTreeMap;

use super::Fault;
use super::row::{Standing, Test};

/// How a file is read, by its path from the root.
pub(super) type Reader<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Files, each read once.
pub(super) struct Evidence<'a> {
    read: &'a Reader<'a>,
    files: BTreeMap<String, Option<String>>,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(read: &'a Reader<'a>) -> Self {
        Self { read, files: BTreeMap::new() }
    }

    /// The first test that is not there, of what stands in `line` and is called `name`.
    pub(super) fn missing(
        &mut self,
        line: usize,
        name: &str,
        standing: &Standing,
    ) -> Option<Fault> {
        let Standing::Held(tests) = standing else { return None };
        let what = tests.iter().find_map(|test| self.missing_test(test))?;
        Some(Fault::new(line, format!("{name}: {what}")))
    }

    fn missing_test(&mut self, Test { file, name }: &Test) -> Option<String> {
        let read = self.read;
        let text = self.files.entry(file.clone()).or_insert_with(|| read(file));
        match text {
            None => Some(format!("there is no file {file}")),
            Some(text) if !has_test(text, name) => Some(format!("{file} has no test {name}")),
            Some(_) => None,
        }
    }
}

/// Whether a file has a function of that name below a `#[test]`, other attributes between or not.
fn has_test(text: &str, name: &str) -> bool {
    let mut is_below_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") {
            is_below_test = true;
        } else if let Some(function) = line.strip_prefix("fn ") {
            if is_below_test && function.split('(').next() == Some(name) {
                return true;
            }
            is_below_test = false;
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            is_below_test = false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_a_function_below_its_mark() {
        let text = "
            #[test] // section 3
            // Why.
            #[ignore]
            fn marked() {}
            fn unmarked() {}
            #[test]
            fn with_more_to_its_name() {}
            // fn in_a_comment() {}
            #[test]
            const X: u8 = 1;
            fn after_something_else() {}
        ";
        for (name, expected) in [
            ("marked", true),
            ("unmarked", false),
            ("with_more", false),
            ("with_more_to_its_name", true),
            ("in_a_comment", false),
            ("after_something_else", false),
        ] {
            assert_eq!(has_test(text, name), expected, "{name}");
        }
    }
}
