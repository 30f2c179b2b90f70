//! Words that say "not finished": what is missing is built, or stands in the tracker.

use super::Fault;
use super::tree::Tree;

/// In two parts, so that this file does not accuse itself.
const BANNED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
];

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in &tree.files {
        for (line, text) in file.lines() {
            let words = BANNED.iter().filter(|word| stands_alone(text, word));
            faults.extend(words.map(|word| Fault::new(&file.path, line, format!("`{word}`"))));
        }
    }
    faults
}

/// Whether the word occurs and is no part of a longer one.
fn stands_alone(text: &str, word: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|text| text.chars().next());
        !is_letter(before) && (word.ends_with('(') || !is_letter(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_found_alone_and_not_inside_others() {
        let word = concat!("TO", "DO");
        let text = format!("// {word}: later\nlet MAS{word}N = 1;\n");
        let faults = check(&Tree::of(&[("a.rs", &text)]));
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].line, 1);
    }

    #[test]
    fn macros_that_stand_for_missing_code_are_found() {
        let text = format!("{}\"x\")", concat!("to", "do!("));
        assert_eq!(check(&Tree::of(&[("a.rs", &text)])).len(), 1);
    }
}
