//! No tab, no blank at a line's end, no carriage return, one end of line at the end.

use super::Fault;
use super::tree::{File, Tree};

/// Files whose bytes are not ours: tools write them, or lawyers.
const NOT_OURS: &[&str] = &["Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT"];

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let ours = tree.files.iter().filter(|file| {
        let is_golden =
            file.path.contains("/golden/") || file.path.ends_with(".proptest-regressions");
        !NOT_OURS.contains(&file.name()) && !is_golden
    });
    ours.flat_map(|file| of_lines(file).chain(of_end(file)).collect::<Vec<_>>()).collect()
}

fn of_lines(file: &File) -> impl Iterator<Item = Fault> + '_ {
    (1..).zip(file.text.split('\n')).filter_map(|(line, text)| {
        let what = if text.contains('\t') {
            "a tab"
        } else if text.contains('\r') {
            "a carriage return"
        } else if text.ends_with(' ') {
            "a blank at the end"
        } else {
            return None;
        };
        Some(Fault::new(&file.path, line, what))
    })
}

fn of_end(file: &File) -> Option<Fault> {
    let is_right =
        file.text.is_empty() || (file.text.ends_with('\n') && !file.text.ends_with("\n\n"));
    let line = file.text.lines().count().max(1);
    (!is_right).then(|| Fault::new(&file.path, line, "ends in no or in more than one end of line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_stray_blank_is_found() {
        let cases =
            [("a\n", 0), ("", 0), ("a\tb\n", 1), ("a \n", 1), ("a\r\n", 1), ("a", 1), ("a\n\n", 1)];
        for (text, faults) in cases {
            assert_eq!(check(&Tree::of(&[("a.rs", text)])).len(), faults, "{text:?}");
        }
    }

    #[test]
    fn what_tools_write_is_theirs() {
        assert!(check(&Tree::of(&[("Cargo.lock", "\t"), ("a/golden/x.txt", "a\n\n")])).is_empty());
    }
}
