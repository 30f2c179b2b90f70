//! The whole table: RFC by RFC what is demanded, and how it stands.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use super::demands::{self, Demands};
use super::met;
use super::row::{Row, Standing};

/// Begins the heading of an RFC's part.
const HEADING: &str = "## RFC ";

/// What one RFC demands.
#[derive(Clone, Debug)]
struct Part {
    rfc: u16,
    /// The line of its heading.
    line: usize,
    rows: Vec<Row>,
}

/// All parts, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    parts: Vec<Part>,
}

/// How many demands stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    held: usize,
    in_part: usize,
    not_taken: usize,
}

impl Ledger {
    /// Reads the file, up to the faults that others met. What is not a heading or a row is prose; a
    /// table before the first heading too.
    pub(super) fn read(text: &str) -> (Self, Vec<Fault>) {
        let (mut ledger, mut faults) = (Self::default(), Vec::new());
        for (line, text) in (1..).zip(text.lines()) {
            if text == met::HEADING {
                break;
            }
            if let Some(heading) = text.strip_prefix(HEADING) {
                let number = heading.split(|c: char| !c.is_ascii_digit()).next();
                match number.and_then(|number| number.parse().ok()) {
                    Some(rfc) => ledger.parts.push(Part { rfc, line, rows: Vec::new() }),
                    None => faults.push(Fault::new(line, "the heading names no RFC")),
                }
            } else if let Some(part) = ledger.parts.last_mut().filter(|_| text.starts_with('|')) {
                match Row::parse(line, text) {
                    Ok(row) => part.rows.extend(row),
                    Err(what) => faults.push(Fault::new(line, what)),
                }
            }
        }
        (ledger, faults)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.parts.iter().flat_map(|part| &part.rows)
    }

    /// What is missing, too much, or said twice.
    pub(super) fn gaps(&self) -> Vec<Fault> {
        let mut faults: Vec<_> = self.parts.iter().flat_map(Part::faults).collect();
        let mut rfcs = BTreeSet::new();
        let repeated = self.parts.iter().filter(|part| !rfcs.insert(part.rfc));
        faults.extend(repeated.map(|part| Fault::new(part.line, "this RFC has a part already")));
        let absent = demands::ALL.iter().map(|it| it.rfc).filter(|rfc| !rfcs.contains(rfc));
        faults.extend(absent.map(|rfc| Fault::new(1, format!("RFC {rfc} has no part"))));
        faults
    }

    /// Demands by RFC: held, in part, not taken.
    pub(super) fn totals(&self) -> String {
        let counts: Vec<_> = self.parts.iter().map(|part| (part.rfc, part.count())).collect();
        let mut all = Count::default();
        let mut lines = vec![format!("{:<9}{:>6}{:>9}{:>11}", "", "held", "in part", "not taken")];
        for (rfc, count) in counts {
            all.held += count.held;
            all.in_part += count.in_part;
            all.not_taken += count.not_taken;
            lines.push(line_of(&format!("RFC {rfc}"), count));
        }
        lines.push(line_of("total", all));
        lines.join("\n")
    }
}

fn line_of(name: &str, count: Count) -> String {
    format!("{name:<9}{:>6}{:>9}{:>11}", count.held, count.in_part, count.not_taken)
}

impl Part {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = self.repeated();
        match demands::of(self.rfc) {
            Some(demands) => {
                faults.extend(self.strangers(demands));
                faults.extend(self.missing(demands));
            }
            None => {
                let what = format!("the demands of RFC {} are not counted", self.rfc);
                faults.push(Fault::new(self.line, what));
            }
        }
        faults.extend(self.split_badly());
        faults
    }

    /// A label that stands twice can only say the same again, or contradict itself.
    fn repeated(&self) -> Vec<Fault> {
        let mut seen = BTreeSet::new();
        let again = self.rows.iter().filter(|row| !seen.insert(&row.label));
        again.map(|row| Fault::new(row.line, format!("{} stands here twice", row.label))).collect()
    }

    /// Labels that the RFC does not have.
    fn strangers(&self, demands: &Demands) -> Vec<Fault> {
        let strangers = self.rows.iter().filter(|row| !demands.has(row.label.demand()));
        let what = |row: &Row| format!("{} is no label of RFC {}", row.label, self.rfc);
        strangers.map(|row| Fault::new(row.line, what(row))).collect()
    }

    /// Labels of the RFC that have no row.
    fn missing(&self, demands: &Demands) -> Vec<Fault> {
        let present: BTreeSet<_> = self.rows.iter().map(|row| row.label.demand()).collect();
        let missing = demands.iter().filter(|demand| !present.contains(demand));
        let what = |(group, number)| format!("{group}-{number} of RFC {} is missing", self.rfc);
        missing.map(|demand| Fault::new(self.line, what(demand))).collect()
    }

    /// A demand in parts has at least two, lettered from `a` on, and does not stand whole beside.
    fn split_badly(&self) -> Vec<Fault> {
        let split = self.demands().into_iter().filter(|(_, rows)| {
            let letters: Vec<_> = rows.iter().filter_map(|row| row.label.part).collect();
            let expected: Vec<_> = ('a'..='z').take(letters.len()).collect();
            let is_whole = letters.is_empty();
            let is_split = letters.len() == rows.len() && rows.len() > 1 && letters == expected;
            !(is_whole || is_split)
        });
        let what = "stands in parts: at least two rows, a, b, .., and none without a letter";
        let fault = |(group, number): (&str, u16), rows: &[&Row]| {
            let line = rows.first().map_or(self.line, |row| row.line);
            Fault::new(line, format!("{group}-{number} {what}"))
        };
        split.map(|(demand, rows)| fault(demand, &rows)).collect()
    }

    fn demands(&self) -> BTreeMap<(&str, u16), Vec<&Row>> {
        let mut demands: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in &self.rows {
            demands.entry(row.label.demand()).or_default().push(row);
        }
        demands
    }

    fn count(&self) -> Count {
        let mut count = Count::default();
        for rows in self.demands().values() {
            let held = rows.iter().filter(|row| row.standing != Standing::NotTaken).count();
            if held == rows.len() {
                count.held += 1;
            } else if held == 0 {
                count.not_taken += 1;
            } else {
                count.in_part += 1;
            }
        }
        count
    }
}
