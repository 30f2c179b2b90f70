//! The stacked layers: one value a key, each with the place it comes from.
//!
//! Crate `config` does the stacking: defaults, then the layers in their order, then flags.

use config::{Map, Source as _, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::keys::{self, Key, ROUTE};
use super::layer::Layer;
use super::types::{Config, Route};

/// Values and origins of one effective configuration.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    tree: config::Config,
    /// What stands in `tree`, with the origins, which its typed look-ups lose.
    sections: Map<String, Value>,
    /// Patterns of the routes, in the order in which they are tried: that of first mention.
    order: Vec<String>,
}

/// Why the tree can be read: only checked values ever enter it.
const CHECKED: &str = "checked values fit the typed configuration";

impl Settings {
    /// Stacks `layers` on the defaults, and `flags` on them.
    pub(super) fn stack(layers: Vec<Layer>, flags: Layer) -> Self {
        let mut order: Vec<String> = Vec::new();
        let mut builder = config::Config::builder();
        for key in keys::KEYS {
            if let Some(default) = default_value(key) {
                builder = builder.set_default(key.path, default).expect(CHECKED);
            }
        }
        for layer in layers {
            for route in &layer.routes {
                if !order.contains(&route.pattern) {
                    order.push(route.pattern.clone());
                }
            }
            builder = builder.add_source(layer);
        }
        for (path, value) in flags.values {
            builder = builder.set_override(path, value).expect(CHECKED);
        }
        Self::new(builder.build().expect(CHECKED), order)
    }

    /// These settings, but with the values that `older` has of `paths`.
    pub(super) fn keeping<'a>(
        &self,
        older: &Self,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut builder = config::Config::builder().add_source(self.tree.clone());
        for path in paths {
            if let Some(value) = older.value(path) {
                builder = builder.set_override(path, value).expect(CHECKED);
            }
        }
        Self::new(builder.build().expect(CHECKED), self.order.clone())
    }

    fn new(tree: config::Config, order: Vec<String>) -> Self {
        let sections = tree.collect().expect(CHECKED);
        Self { tree, sections, order }
    }

    /// The value of a key outside of routes.
    pub(super) fn value(&self, path: &str) -> Option<Value> {
        let (section, name) = path.split_once('.')?;
        table(self.sections.get(section)?)?.get(name).cloned()
    }

    /// The routes with their own values, by name, in the order in which they are tried.
    pub(super) fn routes(&self) -> Vec<(&str, Map<String, Value>)> {
        let Some(tables) = self.sections.get(ROUTE).and_then(table) else {
            return Vec::new();
        };
        let own = |pattern: &String| tables.get(pattern).and_then(table).cloned();
        self.order.iter().filter_map(|p| Some((p.as_str(), own(p)?))).collect()
    }

    /// The typed configuration.
    pub(super) fn typed(&self) -> Config {
        Config {
            device: self.section("device"),
            transport: self.section("transport"),
            pool: self.section("pool"),
            routes: self.routes().into_iter().map(|(_, own)| self.route(own)).collect(),
            control: self.section("control"),
            metrics: self.section("metrics"),
            log: self.section("log"),
        }
    }

    fn section<T: DeserializeOwned>(&self, name: &str) -> T {
        self.tree.get(name).expect(CHECKED)
    }

    /// A route: its own values over those of `[pool]`.
    fn route(&self, own: Map<String, Value>) -> Route {
        let mut all: Map<String, Value> = keys::KEYS
            .iter()
            .filter(|key| key.per_route)
            .filter_map(|key| Some((key.name().to_owned(), self.value(key.path)?)))
            .collect();
        all.extend(own);
        Value::from(all).try_deserialize().expect(CHECKED)
    }
}

fn table(value: &Value) -> Option<&Map<String, Value>> {
    if let ValueKind::Table(table) = &value.kind { Some(table) } else { None }
}

/// The default of a key, checked like any other value; it has no origin.
pub(super) fn default_value(key: &Key) -> Option<Value> {
    let text = key.default?;
    let mut scratch = super::fault::Faults::default();
    let layer = super::walk::file(
        "defaults",
        &format!("[{}]\n{} = {text}", key.section(), key.name()),
        &mut scratch,
    );
    let checked = layer.values.get(key.path).expect("a default is of its key's kind");
    Some(Value::new(None, checked.kind.clone()))
}

/// Whether a value was set by somebody, rather than being the default.
pub(super) fn is_set(value: &Value) -> bool {
    value.origin().is_some()
}
