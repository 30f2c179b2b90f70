//! Links between our documents lead somewhere: to a file that exists, and a heading that is in it.

use super::Fault;
use super::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let documents = tree.files.iter().filter(|file| file.is_markdown());
    documents.flat_map(|file| check_file(tree, file)).collect()
}

fn check_file(tree: &Tree, file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (line, text) in prose(file) {
        for target in targets(text).filter(|target| !is_elsewhere(target)) {
            faults.extend(dead(tree, file, target).map(|what| Fault::new(&file.path, line, what)));
        }
    }
    faults
}

/// The lines outside fenced code.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    file.lines().filter(move |(_, text)| {
        let is_fence = text.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

/// What stands in `](..)`, a title after it left out.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let after = text.match_indices("](").filter_map(|(at, mark)| text.get(at + mark.len()..));
    after.filter_map(|rest| rest.split(')').next()?.split_whitespace().next())
}

fn is_elsewhere(target: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

/// Why a link leads nowhere, if it does.
fn dead(tree: &Tree, file: &File, target: &str) -> Option<String> {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { file.path.clone() } else { resolve(&file.path, path) };
    let is_folder = || tree.paths.iter().any(|other| other.starts_with(&format!("{path}/")));
    if !tree.paths.contains(&path) && !is_folder() {
        return Some(format!("the link leads nowhere: {target}"));
    }
    let document = tree.file(&path).filter(|file| file.is_markdown() && !heading.is_empty())?;
    let mut headings = prose(document).filter_map(|(_, text)| heading_anchor(text));
    let is_there = headings.any(|anchor| anchor == heading);
    (!is_there).then(|| format!("no such heading: {target}"))
}

/// A relative path from the file that names it, from the root.
fn resolve(from: &str, path: &str) -> String {
    let mut folders: Vec<_> = from.split('/').collect();
    folders.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => drop(folders.pop()),
            name => folders.push(name),
        }
    }
    folders.join("/")
}

/// The anchor that a heading's line gets: lower case, blanks to hyphens, signs dropped.
fn heading_anchor(text: &str) -> Option<String> {
    let heading = text.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept =
        heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    Some(kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_from_where_they_stand() {
        let tree = Tree::of(&[
            (
                "docs/a.md",
                "[b](../b.md#the-second-part) [s](../src/) [x](https://x) [me](#top)\n# Top\n",
            ),
            ("b.md", "# First\n## The second: part\n"),
            ("src/lib.rs", ""),
        ]);
        assert_eq!(check(&tree), Vec::new());
    }

    #[test]
    fn dead_links_are_found() {
        let tree = Tree::of(&[("a.md", "[x](gone.md)\n[y](a.md#gone)\n[z](#gone \"title\")\n")]);
        let whats: Vec<_> = check(&tree).into_iter().map(|fault| fault.what).collect();
        assert_eq!(
            whats,
            [
                "the link leads nowhere: gone.md",
                "no such heading: a.md#gone",
                "no such heading: #gone"
            ]
        );
    }

    #[test]
    fn code_is_no_prose() {
        let tree = Tree::of(&[("a.md", "```\n[x](gone.md)\n```\n")]);
        assert_eq!(check(&tree), Vec::new());
    }
}
