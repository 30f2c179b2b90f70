//! The files of the repository as git knows them, the new ones included.

use std::fs;
use std::path::Path;
use std::process::Command;

/// One text file.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    /// The path from the root.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(super) fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// The name without folders.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether all of it is tests: a sibling `tests.rs`, or below a folder `tests`.
    pub(super) fn is_test(&self) -> bool {
        self.name() == "tests.rs" || self.path.split('/').any(|folder| folder == "tests")
    }

    /// Lines with their numbers.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

/// All text files.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
    /// The paths of all files, those that are not text included.
    pub(super) paths: Vec<String>,
}

impl Tree {
    /// Reads all files that git tracks or would add. What is no text is left out.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let mut list = Command::new("git");
        list.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        let output = list.output().map_err(|error| format!("git: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let paths = String::from_utf8_lossy(&output.stdout);
        // A file that was removed and not yet committed is listed still.
        let paths = paths.lines().filter(|path| root.join(path).is_file());
        let paths: Vec<_> = paths.map(ToOwned::to_owned).collect();
        let read = |path: &String| {
            let text = fs::read_to_string(root.join(path)).ok()?;
            Some(File { path: path.clone(), text })
        };
        Ok(Self { files: paths.iter().filter_map(read).collect(), paths })
    }

    /// The file with this path.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// A tree for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self {
            files: files.iter().map(file).collect(),
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_this_repository_holds_this_file() {
        let tree = Tree::read(&crate::root()).unwrap();
        assert!(tree.file("xtask/src/tidy/tree.rs").unwrap().is_rust());
        assert!(!tree.paths.iter().any(|path| path.starts_with("target/")));
    }

    #[test]
    fn tests_are_known_by_their_place() {
        let is_test = |path: &str| File { path: path.to_owned(), ..File::default() }.is_test();
        assert!(is_test("pool/src/pool/tests.rs"));
        assert!(is_test("daemon/tests/a.rs"));
        assert!(!is_test("pool/src/latest.rs"));
    }
}
