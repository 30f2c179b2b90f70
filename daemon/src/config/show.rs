//! The configuration as TOML: the reference with every key, and what is in effect.

use core::fmt::Write as _;

use config::{Value, ValueKind};

use super::keys::{self, Effect, Key, ROUTE, SECTIONS};
use super::load::Loaded;
use super::settings::is_set;
use super::text::quote;

/// Width of the reference's lines.
pub(super) const WIDTH: usize = 100;

/// The text of `configs/wharf.toml`: every key at its default, explained.
#[must_use]
pub fn reference() -> String {
    let mut out = String::new();
    comment(
        &mut out,
        "Wharf: every key of wharfd at its default. Written from the daemon's own table of keys; a \
         test holds this file to it. Copy what you change into a file of your own.",
    );
    out.push_str("#\n");
    comment(
        &mut out,
        "Later layers win: defaults, the files of --config, conf.d/*.toml beside them in the order \
         of their names, variables WHARF_<SECTION>__<KEY>, flags --set KEY=VALUE. Durations and \
         sizes carry units (\"30s\", \"64KiB\"). SIGHUP reloads: keys marked (restart) wait for the \
         next start. `wharfd --check` names every fault with its line.",
    );
    for (section, doc) in SECTIONS {
        out.push('\n');
        comment(&mut out, doc);
        line(&mut out, &format!("[{section}]"));
        for key in keys::of_section(section) {
            describe(&mut out, key);
            line(&mut out, &format!("{} = {}", key.name(), key.default.unwrap_or_default()));
        }
    }
    reference_of_routes(&mut out);
    out
}

/// Routes have no defaults of their own; their keys are shown as comments.
fn reference_of_routes(out: &mut String) {
    out.push('\n');
    comment(
        out,
        "Routes: which origins may be leased, by whom, and on what terms. The first [[route]] that \
         matches wins; an origin that none matches is refused with `http_request_denied`. Files \
         that name the same match add to one route. There is none at first. Its keys:",
    );
    for key in keys::of_section(ROUTE) {
        out.push_str("#\n");
        comment(out, &format!("{}: {}. {}", key.name(), key.kind.wanted(), key.doc));
    }
    out.push_str("#\n");
    let names: Vec<&str> = keys::KEYS.iter().filter(|k| k.per_route).map(Key::name).collect();
    comment(out, &format!("Of [pool], for this route alone: {}.", names.join(", ")));
}

fn describe(out: &mut String, key: &Key) {
    let restart = match key.effect {
        Effect::Reload => "",
        Effect::Restart => " (restart)",
    };
    out.push('\n');
    comment(out, key.doc);
    let wanted = key.kind.wanted();
    comment(out, &format!("Takes {wanted}.{restart}"));
}

/// Appends `text` as comment lines of at most [`WIDTH`] characters.
fn comment(out: &mut String, text: &str) {
    let mut row = String::from("#");
    for word in text.split_whitespace() {
        if row.len() + 1 + word.len() > WIDTH {
            line(out, &row);
            row = String::from("#");
        }
        row.push(' ');
        row.push_str(word);
    }
    line(out, &row);
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a String does not fail");
}

impl Loaded {
    /// The effective configuration as TOML, with the origin of each value that is not the
    /// default. Read as a file it gives the same configuration again.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        for (section, _) in SECTIONS {
            if !out.is_empty() {
                out.push('\n');
            }
            line(&mut out, &format!("[{section}]"));
            for key in keys::of_section(section) {
                if let Some(value) = self.settings.value(key.path) {
                    setting(&mut out, key, &value);
                }
            }
        }
        for (_, own) in self.settings.routes() {
            line(&mut out, "\n[[route]]");
            for key in keys::of_route() {
                if let Some(value) = own.get(key.name()) {
                    setting(&mut out, key, value);
                }
            }
        }
        out
    }
}

fn setting(out: &mut String, key: &Key, value: &Value) {
    let (name, shown) = (key.name(), toml_of(value));
    match value.origin().filter(|_| is_set(value)) {
        Some(origin) => line(out, &format!("{name} = {shown} # {origin}")),
        None => line(out, &format!("{name} = {shown}")),
    }
}

/// A checked value as TOML; there are texts, numbers, booleans and lists of them.
fn toml_of(value: &Value) -> String {
    if let ValueKind::String(text) = &value.kind {
        return quote(text);
    }
    if let ValueKind::Array(items) = &value.kind {
        let items: Vec<String> = items.iter().map(toml_of).collect();
        return format!("[{}]", items.join(", "));
    }
    value.kind.to_string()
}
