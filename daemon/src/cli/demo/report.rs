//! What the demo prints at its end.

use super::Options;
use super::figures::Figures;

/// Everything that is told.
pub(super) struct Report<'a> {
    /// What was asked.
    pub(super) options: &'a Options,
    /// Over new connections.
    pub(super) fresh: &'a Figures,
}

/// The one JSON object.
pub(super) fn json(report: &Report<'_>) -> serde_json::Value {
    serde_json::json!({ "fresh": report.fresh })
}

/// The table for people.
pub(super) fn table(report: &Report<'_>) -> String {
    format!("{:?} {:?}\n", report.options, report.fresh)
}
