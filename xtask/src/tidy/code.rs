//! The code of a Rust file without its comments and texts, line by line.
//!
//! As much of the language's lexical rules as is needed to tell code from words about code:
//! comments (nested ones too), strings, raw strings, and characters apart from lifetimes.

/// Blanks out comments and the insides of strings and characters. Lines keep their numbers.
pub(super) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| raw_string(rest)).or_else(|| quoted(rest));
        let length = skipped.unwrap_or(0);
        if length == 0 {
            let word = word_length(rest).max(first.len_utf8());
            let (word, after) = rest.split_at(word);
            code.push_str(word);
            rest = after;
        } else {
            let (skipped, after) = rest.split_at(length);
            code.push(' ');
            code.extend(skipped.chars().filter(|c| *c == '\n'));
            rest = after;
        }
    }
    code
}

/// The part of a file before its tests, which stand last.
pub(super) fn before_tests(code: &str) -> &str {
    let is_start = |at: &usize| *at == 0 || code.as_bytes().get(at - 1) == Some(&b'\n');
    let mut starts = code.match_indices("#[cfg(test)]").map(|(at, _)| at).filter(is_start);
    let test_module = starts.find(|at| {
        let after = code.get(*at..).unwrap_or_default();
        let mut lines = after.lines().skip(1).filter(|line| !line.starts_with("#["));
        lines.next().is_some_and(|line| line.starts_with("mod ") || line.starts_with("pub"))
    });
    test_module.and_then(|at| code.get(..at)).unwrap_or(code)
}

/// Words are taken whole, so that the `r` of `for` opens no raw string.
fn word_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0_u32, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(text.len())
}

fn raw_string(text: &str) -> Option<usize> {
    let after_b = text.strip_prefix('b').unwrap_or(text);
    let after_r = after_b.strip_prefix('r')?;
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let inside = after_r.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let inside_length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(text.len() - inside.len() + inside_length)
}

fn quoted(text: &str) -> Option<usize> {
    let text_after_b = text.strip_prefix('b').filter(|rest| rest.starts_with(['"', '\'']));
    let after_b = text_after_b.unwrap_or(text);
    let quote = after_b.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    let inside = after_b.get(1..)?;
    if quote == '\'' && is_lifetime(inside) {
        return None;
    }
    let mut is_escaped = false;
    let end = inside.char_indices().find(|(_, c)| {
        let ends = *c == quote && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        ends
    });
    let inside_length = end.map_or(inside.len(), |(at, _)| at + 1);
    Some(text.len() - inside.len() + inside_length)
}

/// After a single quote: a letter that no second quote follows at once.
fn is_lifetime(inside: &str) -> bool {
    let mut characters = inside.chars();
    let first = characters.next();
    first.is_some_and(|c| c.is_alphabetic() || c == '_') && characters.next() != Some('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_go_and_code_stays() {
        let cases = [
            ("a // b\nc", "a  \nc"),
            ("a /* b /* c */ d */ e", "a   e"),
            ("x(\"a // b\", 'c')", "x( ,  )"),
            ("r#\"a \" b\"# z", "  z"),
            ("for x in b\"y\"", "for x in  "),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("'\\'' + '\"' + \"\\\"\"", "  +   +  "),
            ("\"a\nb\"c", " \nc"),
            ("\"never ends", " "),
        ];
        for (text, expected) in cases {
            assert_eq!(code_only(text), expected, "{text:?}");
        }
    }

    #[test]
    fn tests_stand_last_and_are_cut_off() {
        let text =
            "fn a() {}\n#[cfg(test)]\nfn helper() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests;\n";
        assert_eq!(before_tests(text), "fn a() {}\n#[cfg(test)]\nfn helper() {}\n");
        assert_eq!(before_tests("fn a() {}\n"), "fn a() {}\n");
    }
}
