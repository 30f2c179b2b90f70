//! `unsafe` stands only in files named `sys.rs`, and every crate root says which it is: forbidden,
//! or denied but for those files.

use super::Fault;
use super::code::code_only;
use super::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let rust = || tree.files.iter().filter(|file| file.is_rust());
    let outside = rust().filter(|file| file.name() != "sys.rs").flat_map(uses);
    outside.chain(rust().filter(|file| is_root(file)).filter_map(unsaid)).collect()
}

fn uses(file: &File) -> Vec<Fault> {
    let code = code_only(&file.text);
    let lines = (1..).zip(code.lines()).filter(|(_, line)| has_word(line, "unsafe"));
    lines
        .map(|(line, _)| Fault::new(&file.path, line, "`unsafe` outside a file named sys.rs"))
        .collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

/// A library's root; or a binary's, where there is no library.
fn is_root(file: &File) -> bool {
    file.path.ends_with("src/lib.rs") || file.path == "xtask/src/main.rs"
}

fn unsaid(file: &File) -> Option<Fault> {
    let code = code_only(&file.text);
    let is_said = ["#![forbid(unsafe_code)]", "#![deny(unsafe_code)]"]
        .iter()
        .any(|attribute| code.lines().any(|line| line.trim() == *attribute));
    let what = "the crate's root says neither forbid(unsafe_code) nor deny(unsafe_code)";
    (!is_said).then(|| Fault::new(&file.path, 1, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sys_may() {
        let tree = Tree::of(&[
            ("a/sys.rs", "unsafe { x() }"),
            ("a/b.rs", "// unsafe\nlet unsafe_name = \"unsafe\";\n"),
            ("a/c.rs", "\nunsafe fn x() {}\n"),
        ]);
        let faults = check(&tree);
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].path.as_str(), faults[0].line), ("a/c.rs", 2));
    }

    #[test]
    fn a_root_says_which_it_is() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "#![forbid(unsafe_code)]\n"),
            ("b/src/lib.rs", "#![deny(unsafe_code)]\n"),
            ("c/src/lib.rs", "// #![forbid(unsafe_code)]\n"),
        ]);
        let faults = check(&tree);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].path, "c/src/lib.rs");
    }
}
