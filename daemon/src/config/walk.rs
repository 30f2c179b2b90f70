//! The walk over one file: every key looked up, every value checked, every fault with its line.
//!
//! Crate `config` keeps no lines, stops at the first fault and coerces; so a file is walked here
//! first, as `toml` parses it with recovery, and only what is clean goes on.

use std::collections::{BTreeMap, BTreeSet};

use config::Map;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::fault::{Faults, Wrong, nearest};
use super::keys::{self, Key, ROUTE, SECTIONS};
use super::kind::Given;
use super::layer::{Layer, RouteLayer, value};

/// Syntax errors reported of one file. Each costs one more parse.
const SYNTAX_FAULTS_MAX: usize = 100;

/// Checks the text of one file and gives what is clean in it.
pub(super) fn file(source: &str, text: &str, faults: &mut Faults) -> Layer {
    let (text, broken) = check_syntax(source, text, faults);
    let (table, _) = DeTable::parse_recoverable(&text);
    let mut walk = Walk {
        source,
        lines: Lines::new(&text),
        broken,
        patterns: BTreeMap::new(),
        layer: Layer::default(),
        faults,
    };
    walk.root(table.get_ref());
    walk.layer
}

/// Reports the syntax errors and blanks the lines they stand on, so that the parser sees the rest
/// of the file too: where it is lost it stops. Gives the text that is left, and the lines.
fn check_syntax(source: &str, text: &str, faults: &mut Faults) -> (String, BTreeSet<usize>) {
    let mut text = text.to_owned();
    let mut broken = BTreeSet::new();
    for _ in 0..SYNTAX_FAULTS_MAX {
        let (_, errors) = DeTable::parse_recoverable(&text);
        let Some(error) = errors.first() else {
            break;
        };
        let offset = error.span().map_or(0, |span| span.start);
        let line = Lines::new(&text).of(offset);
        let place = format!("{source}:{line}");
        let row = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().to_owned();
        if !broken.insert(line) || !blank(&mut text, line) {
            break;
        }
        let reason = error.message().lines().collect::<Vec<_>>().join(", ");
        let wrong = Wrong::new(format!("not TOML: {reason}"));
        faults.push(&place, "", wrong.hint(syntax_hint(&row, error.message())));
    }
    (text, broken)
}

/// What to write in place of a line that is not TOML.
fn syntax_hint(row: &str, message: &str) -> &'static str {
    if message.contains("duplicate") {
        "keep one of the two"
    } else if row.starts_with('[') {
        "write [SECTION] or [[route]] on a line of its own"
    } else if !row.contains('=') {
        "write KEY = VALUE"
    } else {
        "text stands in \"quotes\", a list in [brackets]"
    }
}

/// Blanks one line; with a broken header, also the lines of its section, which would else be
/// taken for the section before. False if there was nothing to blank.
fn blank(text: &mut String, line: usize) -> bool {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let first = line.saturating_sub(1);
    let is_header = |l: &&str| l.trim_start().starts_with('[');
    let header = lines.get(first).is_some_and(is_header);
    let changed = lines.get(first).is_some_and(|l| !l.is_empty());
    for (i, l) in lines.iter_mut().enumerate().skip(first) {
        if i > first && (!header || is_header(l)) {
            break;
        }
        *l = "";
    }
    *text = lines.join("\n");
    changed
}

/// Where the lines of a text begin.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { starts: core::iter::once(0).chain(starts).collect() }
    }

    /// The line of a byte, counted from one.
    fn of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }
}

struct Walk<'a> {
    source: &'a str,
    lines: Lines,
    /// Lines with a syntax error, which are reported already.
    broken: BTreeSet<usize>,
    /// The patterns of this file, and where each stands first.
    patterns: BTreeMap<String, String>,
    layer: Layer,
    faults: &'a mut Faults,
}

type Entry<'a, 'i> = (&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

impl Walk<'_> {
    fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.source, self.lines.of(offset))
    }

    fn fault(&mut self, place: &str, key: &str, wrong: Wrong) {
        self.faults.push(place, key, wrong);
    }

    fn root(&mut self, table: &DeTable<'_>) {
        for (name, item) in table {
            let section = SECTIONS.iter().any(|(section, _)| *section == name.get_ref());
            if let (true, DeValue::Table(inner)) = (section, item.get_ref()) {
                self.section(name.get_ref(), inner);
            } else if let (ROUTE, DeValue::Array(items)) = (name.get_ref().as_ref(), item.get_ref())
            {
                for item in items.iter() {
                    self.route_item(item);
                }
            } else {
                self.stray((name, item), section);
            }
        }
    }

    /// Something at the top that is no section, or is one in the wrong shape.
    fn stray(&mut self, (name, item): Entry<'_, '_>, section: bool) {
        let place = self.place(name.span().start);
        let name = name.get_ref();
        let wrong = if section {
            Wrong::new("this is a section").hint(format!("write [{name}] on a line of its own"))
        } else if name == ROUTE {
            Wrong::new("routes are a list").hint("write [[route]] on a line of its own")
        } else if matches!(item.get_ref(), DeValue::Table(_) | DeValue::Array(_)) {
            let wrong = Wrong::new("there is no such section");
            let names = SECTIONS.iter().map(|(section, _)| *section).chain([ROUTE]);
            match nearest(name, names) {
                Some(ROUTE) => wrong.hint("did you mean [[route]]?"),
                Some(near) => wrong.hint(format!("did you mean [{near}]?")),
                None => wrong.hint(sections_in_words()),
            }
        } else {
            let wrong = Wrong::new("a key needs a section");
            match keys::KEYS.iter().find(|key| key.name() == name) {
                Some(key) => wrong.hint(format!("it belongs below [{}]", key.section())),
                None => wrong.hint(sections_in_words()),
            }
        };
        self.fault(&place, name, wrong);
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, item) in table {
            let place = self.place(name.span().start);
            if self.is_broken(item) {
                continue;
            }
            let path = format!("{section}.{}", name.get_ref());
            match keys::find(&path) {
                Some(key) => {
                    self.layer.take(key, &given(item.get_ref()), &place, self.faults);
                }
                None => self.fault(&place, &path, unknown(section, name.get_ref())),
            }
        }
    }

    fn route_item(&mut self, item: &Spanned<DeValue<'_>>) {
        if let DeValue::Table(table) = item.get_ref() {
            return self.route(item.span().start, table);
        }
        let place = self.place(item.span().start);
        let wrong = Wrong::new("a route is a section");
        self.fault(&place, ROUTE, wrong.hint("write [[route]] on a line of its own"));
    }

    fn route(&mut self, offset: usize, table: &DeTable<'_>) {
        let mut values = Map::new();
        let place = self.place(offset);
        let mut pattern = None;
        for (name, item) in table {
            let place = self.place(name.span().start);
            if self.is_broken(item) {
                continue;
            }
            let path = format!("{ROUTE}.{}", name.get_ref());
            let Some(key) = keys::find_in_route(name.get_ref()) else {
                self.fault(&place, &path, unknown(ROUTE, name.get_ref()));
                continue;
            };
            match key.kind.check(&given(item.get_ref())) {
                Ok(kind) => {
                    if key.path == "route.match" {
                        pattern = Some((kind.to_string(), place.clone()));
                    }
                    values.insert(key.name().to_owned(), value(&place, kind));
                }
                Err(wrong) => self.fault(&place, &path, wrong),
            }
        }
        match pattern {
            Some((pattern, at)) => self.add_route(RouteLayer { pattern, place: at, values }),
            None if table.iter().any(|(name, _)| name.get_ref() == "match") => {}
            None => {
                let wrong = Wrong::new("a route needs a `match`");
                self.fault(
                    &place,
                    "route.match",
                    wrong.hint("match = \"http://api.internal:8080\""),
                );
            }
        }
    }

    fn add_route(&mut self, route: RouteLayer) {
        if let Some(first) = self.patterns.get(&route.pattern) {
            let wrong = Wrong::new(format!("{} has a route already, at {first}", route.pattern))
                .hint("one [[route]] for each match in a file");
            return self.faults.push(&route.place, "route.match", wrong);
        }
        self.patterns.insert(route.pattern.clone(), route.place.clone());
        self.layer.routes.push(route);
    }

    /// Whether a value stands on a line whose syntax is reported already.
    fn is_broken(&self, item: &Spanned<DeValue<'_>>) -> bool {
        self.broken.contains(&self.lines.of(item.span().start))
    }
}

fn sections_in_words() -> String {
    let names: Vec<String> = SECTIONS.iter().map(|(name, _)| format!("[{name}]")).collect();
    format!("there are {} and [[{ROUTE}]]", names.join(", "))
}

/// What to say of a name that is no key of its section.
fn unknown(section: &str, name: &str) -> Wrong {
    let here: Vec<&'static Key> = if section == ROUTE {
        keys::of_route().collect()
    } else {
        keys::of_section(section).collect()
    };
    let elsewhere = keys::KEYS.iter().find(|key| key.name() == name);
    let wrong = Wrong::new("there is no such key");
    if let Some(key) = elsewhere {
        return match key.section() {
            ROUTE => wrong.hint("it belongs below [[route]]"),
            other if section == ROUTE => wrong.hint(format!("it belongs below [{other}] alone")),
            other => wrong.hint(format!("it belongs below [{other}]")),
        };
    }
    match nearest(name, here.iter().map(|key| key.name())) {
        Some(near) => wrong.hint(format!("did you mean {near}?")),
        None => {
            let names: Vec<&str> = here.iter().map(|key| key.name()).collect();
            wrong.hint(format!("there are {}", names.join(", ")))
        }
    }
}

/// A value of the file, as the kinds take it.
fn given(value: &DeValue<'_>) -> Given {
    match value {
        DeValue::String(text) => Given::Text(text.to_string()),
        DeValue::Integer(number) => Given::Number(integer(number)),
        DeValue::Float(_) => Given::Other("a fraction"),
        DeValue::Boolean(on) => Given::Switch(*on),
        DeValue::Datetime(_) => Given::Other("a date"),
        DeValue::Array(items) => {
            Given::List(items.iter().map(|item| given(item.get_ref())).collect())
        }
        DeValue::Table(_) => Given::Other("a section"),
    }
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
