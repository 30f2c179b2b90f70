//! Keys: path, kind, default, when a change takes effect, and what it means; the one table of them
//! stands in `table`.
//!
//! Whatever knows a key knows it from here: the check of every layer, the defaults, the committed
//! reference `configs/wharf.toml`, `--print-config`, and the comparison at a reload. The typed
//! structs are the other end; tests hold that each key changes them and that the defaults agree.

use super::kind::Kind;

pub(super) use super::table::KEYS;

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// At the reload that brings it.
    Reload,
    /// At the next start.
    Restart,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Section and name: `pool.max_total`.
    pub(super) path: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// The default, as it is written in a file; none for the keys of `[[route]]` alone.
    pub(super) default: Option<&'static str>,
    /// When a change takes effect.
    pub(super) effect: Effect,
    /// Whether a `[[route]]` may set it for itself.
    pub(super) per_route: bool,
    /// What it means, in sentences.
    pub(super) doc: &'static str,
}

impl Key {
    /// The name without its section.
    pub(super) fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The section.
    pub(super) fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("WHARF_{}__{}", self.section(), self.name()).to_ascii_uppercase()
    }
}

/// The sections, in the order of the reference, and what each is about.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("device", "The TUN device that carries the daemon's packets."),
    ("transport", "The addresses of the daemon's own TCP/IP stack, and how its TCP behaves."),
    (
        "pool",
        "Limits of the whole pool, and what a route has unless it says otherwise. Every limit is \
         strict.",
    ),
    ("control", "The sockets of clients and of operators, and their quotas."),
    ("metrics", "Where figures are served, at /metrics, /-/healthy and /-/ready."),
    ("log", "What is logged, and how it looks."),
];

/// The section of routes, which is a list.
pub(super) const ROUTE: &str = "route";

/// The key of `path`.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The keys of one section.
pub(super) fn of_section(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.section() == section)
}

/// The keys that may stand in a `[[route]]`: its own, then those of `[pool]` that it may set.
pub(super) fn of_route() -> impl Iterator<Item = &'static Key> {
    of_section(ROUTE).chain(KEYS.iter().filter(|key| key.per_route))
}

/// The key called `name` inside of a `[[route]]`.
pub(super) fn find_in_route(name: &str) -> Option<&'static Key> {
    of_route().find(|key| key.name() == name)
}
