//! A file has at most 400 lines of code, tests and comments apart: what is longer is two nouns.

use super::Fault;
use super::code::{before_tests, code_only};
use super::tree::{File, Tree};

/// The most lines of code in a file.
const LINES_MAX: usize = 400;

/// The most for a file that stands in [`PERMITTED`].
const LINES_PERMITTED_MAX: usize = 600;

/// Files that may have up to 600 lines, each with its reason.
const PERMITTED: &[(&str, &str)] =
    &[("daemon/src/config/table.rs", "one table of all keys, four lines each, with their docs")];

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    check_with(tree, PERMITTED)
}

fn check_with(tree: &Tree, permitted: &[(&str, &str)]) -> Vec<Fault> {
    let rust = tree.files.iter().filter(|file| file.is_rust() && !file.is_test());
    let long = rust.filter_map(|file| too_long(file, permitted));
    long.chain(permitted.iter().filter_map(|(path, _)| needless(tree, path))).collect()
}

fn too_long(file: &File, permitted: &[(&str, &str)]) -> Option<Fault> {
    let lines = code_lines(&file.text);
    let is_permitted = permitted.iter().any(|(path, _)| *path == file.path);
    let max = if is_permitted { LINES_PERMITTED_MAX } else { LINES_MAX };
    let what = format!("{lines} lines of code, {max} is the most: which second noun is in here?");
    (lines > max).then(|| Fault::new(&file.path, 1, what))
}

/// A permission that is not used any longer is taken back.
fn needless(tree: &Tree, path: &str) -> Option<Fault> {
    let lines = tree.file(path).map_or(0, |file| code_lines(&file.text));
    let what = "needs its permission for length no longer (xtask/src/tidy/length.rs)";
    (lines <= LINES_MAX).then(|| Fault::new(path, 1, what))
}

fn code_lines(text: &str) -> usize {
    let code = code_only(text);
    before_tests(&code).lines().filter(|line| !line.trim().is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(lines: usize) -> String {
        "//! Words.\n\n".to_owned()
            + &"let x = 1;\n".repeat(lines)
            + "#[cfg(test)]\nmod tests {\n}\n"
    }

    #[test]
    fn comments_blank_lines_and_tests_do_not_count() {
        assert_eq!(code_lines(&file_of(3)), 3);
    }

    #[test]
    fn the_limit_is_exact_and_permission_raises_it() {
        let (fits, long) = (file_of(LINES_MAX), file_of(LINES_MAX + 1));
        let tree = Tree::of(&[("a.rs", &fits), ("b.rs", &long), ("tests/c.rs", &long)]);
        let faults = check_with(&tree, &[]);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].path, "b.rs");
        assert!(check_with(&tree, &[("b.rs", "one table")]).is_empty());
    }

    #[test]
    fn permission_ends_too() {
        let too_long = file_of(LINES_PERMITTED_MAX + 1);
        let tree = Tree::of(&[("a.rs", &too_long)]);
        assert_eq!(check_with(&tree, &[("a.rs", "one table")]).len(), 1);
    }

    #[test]
    fn a_needless_permission_is_a_fault() {
        let tree = Tree::of(&[("a.rs", "")]);
        assert_eq!(check_with(&tree, &[("a.rs", "old")]).len(), 1);
        assert_eq!(check_with(&tree, &[("gone.rs", "old")]).len(), 1);
    }
}
