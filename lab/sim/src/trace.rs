//! What happened in a run, a line each: kept only when somebody wants to read it.

use std::fmt;

use wharf_transport::time::{Duration, Instant};

/// Lines that a trace keeps at most: the last ones, since they lead to the violation.
const LINES_MAX: usize = 100_000;

/// The lines of one run.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
    began: Option<Instant>,
    dropped: usize,
}

impl Trace {
    /// One that keeps nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// One that keeps every line.
    #[must_use]
    pub fn on() -> Self {
        Self { lines: Some(Vec::new()), ..Self::default() }
    }

    /// Adds a line, if it is kept.
    pub fn say(&mut self, now: Instant, line: impl FnOnce() -> String) {
        let began = *self.began.get_or_insert(now);
        let Some(lines) = &mut self.lines else { return };
        if lines.len() >= LINES_MAX {
            lines.clear();
            self.dropped += LINES_MAX;
        }
        lines.push(format!("{} {}", Stamp(now.since(began)), line()));
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dropped + self.lines.as_ref().map_or(0, Vec::len)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(f, ".. {} lines before", self.dropped)?;
        }
        self.lines.iter().flatten().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Seconds since the run began, to the microsecond.
struct Stamp(Duration);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_from_the_first_line() {
        let mut trace = Trace::on();
        trace.say(Instant::from_millis(5_000), || "one".to_owned());
        trace.say(Instant::from_millis(6_250), || "two".to_owned());
        assert_eq!(trace.to_string(), "    0.000000 one\n    1.250000 two\n");
    }

    #[test]
    fn a_trace_that_is_off_writes_nothing() {
        let mut trace = Trace::off();
        trace.say(Instant::ORIGIN, || panic!("nobody reads it"));
        assert!(trace.is_empty());
    }
}
