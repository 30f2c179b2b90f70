//! Each dependency stands once, in the root manifest, below its reason; members only refer to it.

use super::Fault;
use super::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let manifests = tree.files.iter().filter(|file| file.name() == "Cargo.toml");
    manifests
        .flat_map(|file| if file.path == "Cargo.toml" { without_reason(file) } else { own(file) })
        .collect()
}

/// Dependencies of the root with no comment above them, or above the run they stand in.
fn without_reason(file: &File) -> Vec<Fault> {
    let mut has_reason = false;
    let mut faults = Vec::new();
    for (line, text) in section(file, |name| name == "workspace.dependencies") {
        if text.is_empty() {
            has_reason = false;
        } else if text.starts_with('#') {
            has_reason = true;
        } else if !has_reason {
            let what = "a dependency without its reason: write it in a comment above";
            faults.push(Fault::new(&file.path, line, what));
        }
    }
    faults
}

/// Dependencies that a member declares by itself.
fn own(file: &File) -> Vec<Fault> {
    let lines = section(file, |name| name.ends_with("dependencies"));
    let own = lines.filter(|(_, text)| text.contains('=') && !text.starts_with('#'));
    let own = own.filter(|(_, text)| !text.contains("workspace"));
    own.map(|(line, _)| Fault::new(&file.path, line, "declare it in the root, and refer to it"))
        .collect()
}

/// The lines of the sections whose name is asked for, trimmed and numbered.
fn section<'a>(
    file: &'a File,
    is_asked_for: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = (usize, &'a str)> {
    let lines = file.lines().map(|(line, text)| (line, text.trim()));
    lines
        .scan(false, move |inside, (line, text)| {
            let name = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            if let Some(name) = name {
                *inside = is_asked_for(name);
            }
            Some((*inside && name.is_none()).then_some((line, text)))
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stands_above_each_or_above_the_run() {
        let text = "[workspace.dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n\nc = \"1\"\n\n[lints]\nd = \"x\"\n";
        let faults = check(&Tree::of(&[("Cargo.toml", text)]));
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn members_only_refer() {
        let text = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = { workspace = true, optional = true }\nc = \"1\"\n[features]\nd = []\n";
        let faults = check(&Tree::of(&[("pool/Cargo.toml", text)]));
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [6]);
    }
}
