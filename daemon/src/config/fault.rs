//! Faults of a configuration: where, which key, why, and what to write instead.

use core::fmt;

/// One thing that is wrong, in the words of whoever has to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `file:line`, the environment variable, or the flag.
    pub place: String,
    /// The key, with its section; empty where the fault is not one key's.
    pub key: String,
    /// Why it is refused.
    pub reason: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// All that is wrong, in the order of the sources and of their lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    list: Vec<Fault>,
}

impl Faults {
    /// The faults, in order.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn push(&mut self, place: &str, key: &str, wrong: Wrong) {
        self.list.push(Fault {
            place: one_line(place),
            key: one_line(key),
            reason: one_line(&wrong.reason),
            hint: wrong.hint.as_deref().map(one_line),
        });
    }

    /// Whether some fault is about `key`.
    pub(super) fn concern(&self, key: &str) -> bool {
        self.list.iter().any(|fault| fault.key == key)
    }

    /// Orders by source, then by line, and keeps what was found first where both are equal.
    pub(super) fn sort(&mut self, sources: &[String]) {
        self.list.sort_by_key(|fault| position(&fault.place, sources));
    }
}

/// `text` with its control characters escaped: a fault is one line, whatever it quotes.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Rank of the source that `place` names, and the line in it.
fn position(place: &str, sources: &[String]) -> (usize, usize) {
    let (source, line) = match place.rsplit_once(':') {
        Some((source, line)) => (source, line.parse().unwrap_or(0)),
        None => (place, 0),
    };
    let rank = sources.iter().position(|s| s == source || s == place);
    (rank.unwrap_or(sources.len()), line)
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.list.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl core::error::Error for Faults {}

/// Why one value is refused, before it is known where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What is wanted, where the reason alone has no suggestion.
    pub(super) fn or_wanted(self, wanted: &str) -> Self {
        if self.hint.is_some() { self } else { self.hint(format!("wanted: {wanted}")) }
    }
}

/// The candidate that `word` was probably meant to be.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Similarity (Jaro-Winkler, 0 to 1) from which a name counts as near: one slip in a short
    /// word or a few in a long one.
    const NEAR: f64 = 0.85;
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
