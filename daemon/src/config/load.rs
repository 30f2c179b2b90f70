//! Loading: which sources there are, read, checked, stacked.
//!
//! Defaults, then the files in the order given, then `conf.d/*.toml` beside them in the order of
//! their names, then the environment, then flags: later ones win. The environment and the flags
//! come as data; only files are read here.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::cross;
use super::fault::{Faults, Wrong};
use super::layer::{self, Layer};
use super::settings::Settings;
use super::types::Config;
use super::walk;

/// Where the daemon looks when it is told no file.
pub const DEFAULT_FILE: &str = "/etc/wharf/wharf.toml";

/// Folder beside a file whose `*.toml` are read after it.
const FOLDER: &str = "conf.d";
/// Longest file that is read, in bytes. 200 routes take some 40 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Where the layers above the defaults come from. A reload loads the same inputs again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    /// Files, the weaker first.
    pub files: Vec<PathBuf>,
    /// The process's environment; what does not begin with `WHARF_` is passed over.
    pub environment: Vec<(String, String)>,
    /// Pairs of key (`pool.max_total`) and value from the command line.
    pub flags: Vec<(String, String)>,
}

/// A checked configuration, with where each value comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The typed configuration.
    pub config: Config,
    /// The files that were read, in their order.
    pub files: Vec<PathBuf>,
    pub(super) settings: Settings,
}

impl Inputs {
    /// Reads, checks and stacks all sources.
    ///
    /// # Errors
    /// Everything that is wrong in any of them, at once.
    pub fn load(&self) -> Result<Loaded, Faults> {
        let mut faults = Faults::default();
        let files = self.all_files(&mut faults);
        let layers = files.iter().map(|path| read_layer(path, &mut faults)).collect();
        self.stack(files, layers, faults)
    }

    /// Puts environment and flags on the layers of the files, and judges the whole.
    pub(super) fn stack(
        &self,
        files: Vec<PathBuf>,
        mut layers: Vec<Layer>,
        mut faults: Faults,
    ) -> Result<Loaded, Faults> {
        layers.push(layer::environment(&self.environment, &mut faults));
        let flags = layer::flags(&self.flags, &mut faults);
        let settings = Settings::stack(layers, flags);
        cross::check(&settings, &mut faults);
        if faults.is_empty() {
            return Ok(Loaded { config: settings.typed(), files, settings });
        }
        let mut sources: Vec<String> = files.iter().map(|p| p.display().to_string()).collect();
        sources.extend(self.environment.iter().map(|(name, _)| name.clone()));
        faults.sort(&sources);
        Err(faults)
    }

    /// The files named, then those of each `conf.d` beside them, every folder once.
    fn all_files(&self, faults: &mut Faults) -> Vec<PathBuf> {
        let mut all = self.files.clone();
        let mut seen: Vec<PathBuf> = Vec::new();
        for file in &self.files {
            let folder = file.parent().unwrap_or_else(|| Path::new("")).join(FOLDER);
            if seen.contains(&folder) {
                continue;
            }
            match list_folder(file, &folder) {
                Ok(mut found) => all.append(&mut found),
                Err(wrong) => faults.push(&folder.display().to_string(), "", wrong),
            }
            seen.push(folder);
        }
        all
    }
}

/// The `*.toml` of `folder`, by name; none if there is no such folder.
///
/// The folder must belong to root or to the owner of `file`: beside a file in a shared folder
/// anybody else could put settings of his own.
fn list_folder(file: &Path, folder: &Path) -> Result<Vec<PathBuf>, Wrong> {
    let cannot = |error: io::Error| Wrong::new(format!("cannot be read: {error}"));
    let owner = match fs::metadata(folder) {
        Ok(about) if about.is_dir() => about.uid(),
        Ok(_) => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(error)),
    };
    // A file that cannot be looked at is reported where it is read.
    let file_owner = fs::metadata(file).map_or(0, |about| about.uid());
    judge_owner(owner, file_owner)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|extension| extension == "toml") && !hidden {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a folder of `owner` may add to a file of `file_owner`.
pub(super) fn judge_owner(owner: u32, file_owner: u32) -> Result<(), Wrong> {
    if owner == 0 || owner == file_owner {
        return Ok(());
    }
    let reason = format!("belongs to uid {owner}, the file beside it to uid {file_owner}");
    Err(Wrong::new(reason).hint("give it to root or to the owner of the file"))
}

fn read_layer(path: &Path, faults: &mut Faults) -> Layer {
    let source = path.display().to_string();
    match read_text(path) {
        Ok(text) => walk::file(&source, &text, faults),
        Err(wrong) => {
            faults.push(&source, "", wrong);
            Layer::default()
        }
    }
}

fn read_text(path: &Path) -> Result<String, Wrong> {
    let cannot = |error: io::Error| {
        let wrong = Wrong::new(format!("cannot be read: {error}"));
        if error.kind() == io::ErrorKind::NotFound {
            wrong.hint("name another with --config FILE")
        } else {
            wrong.hint("the daemon's user must be able to read it")
        }
    };
    let about = fs::metadata(path).map_err(cannot)?;
    if about.len() > FILE_BYTES_MAX {
        return Err(Wrong::new(format!("is longer than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = fs::read(path).map_err(cannot)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(at);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        Wrong::new(format!("is not UTF-8 at line {line}"))
    })
}
