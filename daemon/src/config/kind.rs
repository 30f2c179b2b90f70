//! Kinds of values: what a key takes, checked before anything is layered.
//!
//! Every layer (file, environment, flag) hands a [`Given`]; a kind answers with the value in its
//! one canonical spelling, or says why not. Nothing is coerced: `"12"` is no number and 1.7 is
//! not 2.

use core::time::Duration;

use config::ValueKind;

use super::fault::{Wrong, nearest};
use super::text;

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number from `min` to `max`.
    Number { min: u64, max: u64 },
    /// A duration with its unit, from `min` to `max`; with `off`, also the word.
    Time { min: Duration, max: Duration, off: bool },
    /// A number of bytes with its unit, from `min` to `max`.
    Size { min: u64, max: u64 },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Text with a rule of its own.
    Text(Text),
    /// A list of texts with a rule of their own; with `least` items at least.
    List { each: Text, least: usize },
    /// A list of numbers of users or groups.
    Ids,
}

/// A rule for text: what it is called, and the check that gives its canonical spelling.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    /// As it stands in "wanted: ..".
    pub(super) what: &'static str,
    /// The check.
    pub(super) check: fn(&str) -> Result<String, Wrong>,
}

/// A value as a layer hands it in.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Switch(bool),
    /// `None`: outside of 64 bits.
    Number(Option<i64>),
    Text(String),
    List(Vec<Self>),
    /// What no key takes, by its name.
    Other(&'static str),
}

impl Given {
    fn what(&self) -> &'static str {
        match self {
            Self::Switch(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Other(what) => what,
        }
    }
}

impl Kind {
    /// Whether `given` is of this kind: its canonical spelling, or why not.
    pub(super) fn check(self, given: &Given) -> Result<ValueKind, Wrong> {
        match (self, given) {
            (Self::Switch, Given::Switch(on)) => Ok(ValueKind::Boolean(*on)),
            (Self::Number { min, max }, Given::Number(number)) => {
                check_number(*number, min, max).map(ValueKind::I64)
            }
            (Self::Time { min, max, off }, Given::Text(text)) => {
                check_time(text, min, max, off).map(ValueKind::String)
            }
            (Self::Size { min, max }, Given::Text(text)) => {
                check_size(text, min, max).map(ValueKind::String)
            }
            (Self::Choice(words), Given::Text(word)) => {
                check_choice(word, words).map(ValueKind::String)
            }
            (Self::Text(rule), Given::Text(text)) => {
                let checked = (rule.check)(text).map(ValueKind::String);
                checked.map_err(|wrong| wrong.or_wanted(rule.what))
            }
            (Self::List { each, least }, Given::List(items)) => check_list(items, each, least),
            (Self::Ids, Given::List(items)) => check_ids(items),
            (_, Given::Switch(_) | Given::Number(_) | Given::Text(_) | Given::List(_))
            | (_, Given::Other(_)) => Err(self.mismatch(given)),
        }
    }

    /// What this kind makes of `text`, which came without a type: a variable or a flag.
    pub(super) fn read(self, text: &str) -> Given {
        match self {
            Self::Switch => match text {
                "true" => Given::Switch(true),
                "false" => Given::Switch(false),
                _ => Given::Text(text.to_owned()),
            },
            Self::Number { .. } => read_number(text),
            Self::Time { .. } | Self::Size { .. } | Self::Choice(_) | Self::Text(_) => {
                Given::Text(text.to_owned())
            }
            Self::List { .. } => {
                Given::List(split_list(text).map(|item| Given::Text(item.to_owned())).collect())
            }
            Self::Ids => Given::List(split_list(text).map(read_number).collect()),
        }
    }

    /// What is wanted, for faults and for the reference.
    pub(super) fn wanted(self) -> String {
        match self {
            Self::Switch => "true or false".into(),
            Self::Number { min, max } => format!("a whole number from {min} to {max}"),
            Self::Time { min, max, off } => {
                let off = if off { ", or \"off\"" } else { "" };
                let (min, max) = (text::show_duration(min), text::show_duration(max));
                format!("a duration from \"{min}\" to \"{max}\"{off}")
            }
            Self::Size { min, max } => {
                format!("a size from \"{}\" to \"{}\"", text::show_size(min), text::show_size(max))
            }
            Self::Choice(words) => one_of(words),
            Self::Text(rule) => rule.what.into(),
            Self::List { each, .. } => format!("a list, each item {}", each.what),
            Self::Ids => "a list of numeric ids".into(),
        }
    }

    fn mismatch(self, given: &Given) -> Wrong {
        let wrong = Wrong::new(format!("wanted {}, found {}", self.wanted(), given.what()));
        match (self, given) {
            (Self::Time { .. }, Given::Number(Some(n))) => {
                Wrong::new(format!("a duration needs a unit, found {n}"))
                    .hint(format!("write \"{n}s\" or \"{n}ms\""))
            }
            (Self::Size { .. }, Given::Number(Some(n))) => {
                Wrong::new(format!("a size needs a unit, found {n}"))
                    .hint(format!("write \"{n}B\" or \"{n}KiB\""))
            }
            (Self::Number { .. }, Given::Text(text)) => match read_number(text) {
                Given::Number(Some(n)) => wrong.hint(format!("write {n} without quotes")),
                Given::Number(None)
                | Given::Switch(_)
                | Given::Text(_)
                | Given::List(_)
                | Given::Other(_) => wrong,
            },
            (Self::Switch, Given::Text(text)) if text == "true" || text == "false" => {
                wrong.hint(format!("write {text} without quotes"))
            }
            (Self::List { .. }, Given::Text(text)) => {
                wrong.hint(format!("write [{}]", text::quote(text)))
            }
            (Self::Ids, Given::Number(Some(n))) => wrong.hint(format!("write [{n}]")),
            _ => wrong,
        }
    }
}

fn read_number(text: &str) -> Given {
    match text.trim().parse::<i128>() {
        Ok(number) => Given::Number(i64::try_from(number).ok()),
        Err(_) => Given::Text(text.to_owned()),
    }
}

fn split_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("one of {}", quoted.join(", "))
}

fn check_number(number: Option<i64>, min: u64, max: u64) -> Result<i64, Wrong> {
    let inside = |n: i64| u64::try_from(n).is_ok_and(|n| (min..=max).contains(&n));
    number.filter(|n| inside(*n)).ok_or_else(|| {
        let found = number.map_or("a number beyond 64 bits".to_owned(), |n| n.to_string());
        Wrong::new(format!("{found} is out of range")).hint(format!("from {min} to {max}"))
    })
}

fn check_time(text: &str, min: Duration, max: Duration, off: bool) -> Result<String, Wrong> {
    if off && text == text::OFF {
        return Ok(text::OFF.into());
    }
    let duration = text::parse_duration(text)?;
    if duration.is_zero() && off {
        return Err(Wrong::new("zero says nothing here").hint("write \"off\" for never"));
    }
    if (min..=max).contains(&duration) {
        return Ok(text::show_duration(duration));
    }
    let (min, max) = (text::show_duration(min), text::show_duration(max));
    Err(Wrong::new(format!("{text} is out of range")).hint(format!("from \"{min}\" to \"{max}\"")))
}

fn check_size(text: &str, min: u64, max: u64) -> Result<String, Wrong> {
    let bytes = text::parse_size(text)?;
    if (min..=max).contains(&bytes) {
        return Ok(text::show_size(bytes));
    }
    let (min, max) = (text::show_size(min), text::show_size(max));
    Err(Wrong::new(format!("{text} is out of range")).hint(format!("from \"{min}\" to \"{max}\"")))
}

fn check_choice(word: &str, words: &[&str]) -> Result<String, Wrong> {
    if words.contains(&word) {
        return Ok(word.to_owned());
    }
    let wrong = Wrong::new(format!("{} is not {}", text::quote(word), one_of(words)));
    Err(match nearest(word, words.iter().copied()) {
        Some(near) => wrong.hint(format!("did you mean \"{near}\"?")),
        None => wrong,
    })
}

fn check_list(items: &[Given], each: Text, least: usize) -> Result<ValueKind, Wrong> {
    if items.len() < least {
        return Err(Wrong::new(format!("the list is empty; wanted at least {least}")));
    }
    let mut list: Vec<config::Value> = Vec::with_capacity(items.len());
    for item in items {
        let canonical = match item {
            Given::Text(text) => (each.check)(text)?,
            Given::Switch(_) | Given::Number(_) | Given::List(_) | Given::Other(_) => {
                let (what, found) = (each.what, item.what());
                return Err(Wrong::new(format!("wanted a list, each item {what}, found {found}")));
            }
        };
        let value = config::Value::from(canonical.clone());
        if list.contains(&value) {
            return Err(Wrong::new(format!("{canonical} stands twice")));
        }
        list.push(value);
    }
    Ok(ValueKind::Array(list))
}

fn check_ids(items: &[Given]) -> Result<ValueKind, Wrong> {
    let mut list: Vec<config::Value> = Vec::with_capacity(items.len());
    for item in items {
        let id = match item {
            // The last number means "no id" to the system calls that take one.
            Given::Number(number) => check_number(*number, 0, u64::from(u32::MAX - 1))?,
            Given::Text(name) => {
                let reason = format!("{} is a name; ids are numbers", text::quote(name));
                return Err(Wrong::new(reason).hint("`id -u NAME`, `getent group NAME` show them"));
            }
            Given::Switch(_) | Given::List(_) | Given::Other(_) => {
                let found = item.what();
                return Err(Wrong::new(format!("wanted a list of numeric ids, found {found}")));
            }
        };
        list.push(id.into());
    }
    Ok(ValueKind::Array(list))
}
