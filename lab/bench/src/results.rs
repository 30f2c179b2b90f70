//! lab/bench/RESULTS.md: one section for each benchmark, replaced by its own run alone.

use std::fs;
use std::io;
use std::path::Path;

/// What stands above the sections.
const PREAMBLE: &str = "\
# Results of the benchmarks

Written by `cargo xtask bench WHAT --write`; each section has the machine, the commit and the method of its own run.
They show proportions on that machine: compare within a table, not between two.
";

/// Puts `body` below the heading `name` of the file, in place of what was there.
///
/// # Errors
///
/// What the file system says.
pub fn write(path: &Path, name: &str, body: &str) -> io::Result<()> {
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => PREAMBLE.to_owned(),
        Err(error) => return Err(error),
    };
    fs::write(path, replaced(&before, name, body))
}

/// The text with the section `name` replaced, or put at the end.
fn replaced(text: &str, name: &str, body: &str) -> String {
    let heading = format!("## {name}");
    let mut result = String::new();
    let (mut is_inside, mut is_there) = (false, false);
    let section = format!("{heading}\n\n{}\n", body.trim());
    for line in text.lines() {
        if line.starts_with("## ") {
            is_inside = line == heading;
            if is_inside {
                is_there = true;
                result.push_str(&section);
            } else if !result.ends_with("\n\n") {
                result.push('\n');
            }
        }
        if !is_inside {
            result.push_str(line);
            result.push('\n');
        }
    }
    if !is_there {
        if !result.ends_with("\n\n") {
            result.push('\n');
        }
        result.push_str(&section);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_put_at_the_end_and_then_replaced_where_it_stands() {
        let first = replaced("# Results\n", "memory", "100 B\n");
        assert_eq!(first, "# Results\n\n## memory\n\n100 B\n");
        let second = replaced(&first, "grid", "slow");
        assert_eq!(second, "# Results\n\n## memory\n\n100 B\n\n## grid\n\nslow\n");
        let third = replaced(&second, "memory", "90 B\n\nmore");
        assert_eq!(third, "# Results\n\n## memory\n\n90 B\n\nmore\n\n## grid\n\nslow\n");
        assert_eq!(replaced(&third, "memory", "90 B\n\nmore"), third);
    }

    #[test]
    fn a_file_that_is_not_there_is_made_with_its_preamble() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("RESULTS.md");
        write(&path, "memory", "1 B").unwrap();
        write(&path, "memory", "2 B").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(PREAMBLE) && text.ends_with("## memory\n\n2 B\n"), "{text}");
    }
}
