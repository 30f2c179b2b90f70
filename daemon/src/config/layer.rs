//! Layers: the checked values of one source, in the shape that crate `config` stacks.
//!
//! A layer holds canonical values only, so stacking them can neither fail nor coerce. Arrays
//! replace each other in `config`; routes do not, because each stands in a table under its
//! pattern, and tables are merged.

use std::collections::BTreeMap;

use config::{Map, Source, Value, ValueKind};

use super::fault::{Faults, Wrong, nearest};
use super::keys::{self, Key, ROUTE};
use super::kind::Given;

/// Prefix of the daemon's variables.
const PREFIX: &str = "WHARF_";
/// What parts section and key in a variable.
const PARTING: &str = "__";

/// The checked values of one source.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    /// Values of keys, by path.
    pub(super) values: BTreeMap<String, Value>,
    /// Values of routes, in the order of the file.
    pub(super) routes: Vec<RouteLayer>,
}

/// What one source says about one route.
#[derive(Debug, Clone)]
pub(super) struct RouteLayer {
    /// The pattern in its canonical spelling, which is the route's identity.
    pub(super) pattern: String,
    /// Where the route stands.
    pub(super) place: String,
    /// Its values, `match` among them, by name.
    pub(super) values: Map<String, Value>,
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        let mut all: Map<String, Value> = self.values.clone().into_iter().collect();
        let routes: Map<String, Value> = self
            .routes
            .iter()
            .map(|route| (route.pattern.clone(), Value::from(route.values.clone())))
            .collect();
        if !routes.is_empty() {
            all.insert(ROUTE.to_owned(), Value::from(routes));
        }
        Ok(all)
    }
}

impl Layer {
    /// Checks `given` and takes it in, or says what is wrong with it.
    pub(super) fn take(&mut self, key: &Key, given: &Given, place: &str, faults: &mut Faults) {
        match key.kind.check(given) {
            Ok(kind) => {
                self.values.insert(key.path.to_owned(), value(place, kind));
            }
            Err(wrong) => faults.push(place, key.path, wrong),
        }
    }
}

/// A value that knows where it comes from.
pub(super) fn value(place: &str, kind: ValueKind) -> Value {
    Value::new(Some(&place.to_owned()), kind)
}

/// The layer of the environment. Variables without `__` are other people's, `WHARF_SOCKET` of
/// clients among them, unless they would be ours with it.
pub(super) fn environment(variables: &[(String, String)], faults: &mut Faults) -> Layer {
    let mut layer = Layer::default();
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        match rest.split_once(PARTING) {
            Some((section, key)) => {
                let path = format!("{section}.{key}").to_ascii_lowercase();
                take_text(&mut layer, &path, text, name, faults);
            }
            None => suspect(name, faults),
        }
    }
    layer
}

/// Refuses a variable that lacks only the second underline.
fn suspect(name: &str, faults: &mut Faults) {
    let meant = keys::KEYS
        .iter()
        .filter(|key| key.default.is_some())
        .map(Key::variable)
        .find(|variable| variable.replace(PARTING, "_") == name);
    if let Some(variable) = meant {
        let wrong = Wrong::new("two underlines part the section from the key");
        faults.push(name, "", wrong.hint(format!("did you mean {variable}?")));
    }
}

/// The layer of the flags, pairs of key and value.
pub(super) fn flags(settings: &[(String, String)], faults: &mut Faults) -> Layer {
    let mut layer = Layer::default();
    for (path, text) in settings {
        take_text(&mut layer, path, text, &format!("--set {path}"), faults);
    }
    layer
}

/// Takes in a value that came without a type.
fn take_text(layer: &mut Layer, path: &str, text: &str, place: &str, faults: &mut Faults) {
    if path.split('.').next() == Some(ROUTE) {
        let wrong = Wrong::new("routes stand in files alone");
        return faults.push(place, path, wrong.hint("write a [[route]] in conf.d"));
    }
    match keys::find(path) {
        Some(key) => layer.take(key, &key.kind.read(text), place, faults),
        None => faults.push(place, path, unknown_path(path)),
    }
}

/// What to say of a path that is no key's.
fn unknown_path(path: &str) -> Wrong {
    let paths = keys::KEYS.iter().filter(|key| key.default.is_some()).map(|key| key.path);
    let wrong = Wrong::new("there is no such key");
    match nearest(path, paths) {
        Some(near) => wrong.hint(format!("did you mean {near}?")),
        None => wrong.hint("`wharfd --print-config` shows all keys"),
    }
}
