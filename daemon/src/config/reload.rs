//! What a reload changes: at once, or at the next start.

use config::Value;

use super::cross;
use super::fault::Faults;
use super::keys::{self, Effect};
use super::load::Loaded;
use super::settings::Settings;

/// The keys that two configurations disagree on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Taken over by the reload: keys by their path, routes as `route PATTERN`.
    pub applied: Vec<String>,
    /// Kept as they were until the next start.
    pub restart: Vec<String>,
}

impl Changes {
    /// Whether the two are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty() && self.restart.is_empty()
    }
}

impl Loaded {
    /// What the daemon runs with after a reload that found `newer`: its values, except those that
    /// need a restart, which stay. The result is what the next reload compares with.
    ///
    /// # Errors
    /// New values that contradict those that stay. Then nothing changes.
    pub fn reload(&self, newer: &Self) -> Result<(Self, Changes), Faults> {
        let changes = changes(&self.settings, &newer.settings);
        let kept = changes.restart.iter().map(String::as_str);
        let settings = newer.settings.keeping(&self.settings, kept);
        let mut faults = Faults::default();
        cross::check(&settings, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let config = settings.typed();
        Ok((Self { config, files: newer.files.clone(), settings }, changes))
    }
}

fn changes(old: &Settings, new: &Settings) -> Changes {
    let mut changes = Changes::default();
    for key in
        keys::KEYS.iter().filter(|key| kind(old.value(key.path)) != kind(new.value(key.path)))
    {
        match key.effect {
            Effect::Reload => changes.applied.push(key.path.to_owned()),
            Effect::Restart => changes.restart.push(key.path.to_owned()),
        }
    }
    changes.applied.extend(route_changes(old, new));
    changes
}

/// Routes that came, went, changed or moved.
fn route_changes(old: &Settings, new: &Settings) -> Vec<String> {
    let (old, new) = (old.routes(), new.routes());
    let mut changed: Vec<String> = Vec::new();
    for (pattern, own) in &new {
        let same = old.iter().any(|(other, theirs)| {
            other == pattern
                && theirs.len() == own.len()
                && own.iter().all(|(name, value)| {
                    kind(theirs.get(name).cloned()) == kind(Some(value.clone()))
                })
        });
        if !same {
            changed.push(format!("route {pattern}"));
        }
    }
    let gone = old.iter().filter(|(pattern, _)| new.iter().all(|(other, _)| other != pattern));
    changed.extend(gone.map(|(pattern, _)| format!("route {pattern}")));
    let order = |routes: &[(&str, _)]| -> Vec<String> {
        routes.iter().map(|(pattern, _)| (*pattern).to_owned()).collect()
    };
    if changed.is_empty() && order(&old) != order(&new) {
        changed.push("order of routes".to_owned());
    }
    changed
}

/// A value without its origin.
fn kind(value: Option<Value>) -> Option<config::ValueKind> {
    value.map(|value| value.kind)
}
