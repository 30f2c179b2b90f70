//! What a reload is made of: the files are read anew, checked whole, and compared with what runs.
//!
//! It happens on the control thread, where files may be read; the shard gets a configuration that
//! is valid. A reload that fails changes nothing.

use crate::config::{Config, Inputs, Loaded};

/// A configuration to put in force.
#[derive(Debug)]
pub struct Change {
    /// What to run with from now on.
    pub config: Config,
    /// Keys that differ but keep their values until the next start.
    pub at_next_start: Vec<String>,
}

/// Reads the configuration again, knowing what is in force.
#[derive(Debug)]
pub struct Reloader {
    inputs: Inputs,
    loaded: Loaded,
}

impl Reloader {
    /// A reloader of `inputs`, of which `loaded` is in force.
    #[must_use]
    pub fn new(inputs: Inputs, loaded: Loaded) -> Self {
        Self { inputs, loaded }
    }

    /// What is in force, as TOML, with the origin of each value that is not the default.
    #[must_use]
    pub fn text(&self) -> String {
        self.loaded.to_toml()
    }

    /// Reads everything again.
    ///
    /// # Errors
    ///
    /// All faults, one a line; what was in force stays.
    pub fn load(&mut self) -> Result<Box<Change>, String> {
        let newer = self.inputs.load().map_err(|faults| faults.to_string())?;
        let (merged, changes) = self.loaded.reload(&newer).map_err(|faults| faults.to_string())?;
        let config = merged.config.clone();
        self.loaded = merged;
        Ok(Box::new(Change { config, at_next_start: changes.restart }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reloader(text: &str) -> (tempfile::TempDir, Reloader) {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("wharf.toml");
        std::fs::write(&file, text).expect("written");
        let inputs = Inputs { files: vec![file], environment: Vec::new(), flags: Vec::new() };
        let loaded = inputs.load().expect("valid");
        (dir, Reloader::new(inputs, loaded))
    }

    #[test]
    fn a_fault_keeps_what_is_in_force() {
        let (dir, mut reloader) = reloader("[pool]\nmax_per_route = 7\n");
        let file = dir.path().join("wharf.toml");
        std::fs::write(&file, "[pool]\nmax_per_rout = 8\n").expect("written");
        let faults = reloader.load().expect_err("a misspelt key");
        assert!(faults.contains("max_per_rout"), "{faults}");
        std::fs::write(&file, "[pool]\nmax_per_route = 9\n").expect("written");
        let change = reloader.load().expect("valid again");
        assert_eq!(change.config.pool.per_route.max_per_route, 9);
        assert!(change.at_next_start.is_empty());
    }

    #[test]
    fn what_needs_a_restart_is_named_and_stays() {
        let (dir, mut reloader) = reloader("[device]\nname = \"wharf0\"\n");
        let file = dir.path().join("wharf.toml");
        std::fs::write(&file, "[device]\nname = \"wharf1\"\n").expect("written");
        let change = reloader.load().expect("valid");
        assert_eq!(change.config.device.name, "wharf0");
        assert_eq!(change.at_next_start, ["device.name"]);
    }
}
