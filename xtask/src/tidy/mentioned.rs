//! Every file that is made to be installed is spoken of in some document.

use super::Fault;
use super::tree::Tree;

/// Folders whose files people install or copy.
const INSTALLED: &[&str] = &["deploy/", "configs/"];

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let documents: Vec<_> = tree.files.iter().filter(|file| file.is_markdown()).collect();
    let installed = tree.paths.iter().filter(|path| {
        INSTALLED.iter().any(|folder| path.starts_with(folder)) && !path.ends_with(".md")
    });
    let unmentioned = installed.filter(|path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        !documents.iter().any(|document| document.text.contains(name))
    });
    unmentioned.map(|path| Fault::new(path, 1, "no document mentions this file")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_nobody_speaks_of_is_found() {
        let tree = Tree::of(&[
            ("README.md", "copy `wharf.toml`"),
            ("configs/wharf.toml", ""),
            ("deploy/forgotten.service", ""),
            ("pool/src/lib.rs", ""),
        ]);
        let faults = check(&tree);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].path, "deploy/forgotten.service");
    }
}
