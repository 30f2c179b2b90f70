//! Bytes that an idle connection holds, counted by the allocator: `cargo xtask bench memory`.
//!
//! What counts is all that the stack has allocated, as it was asked for. What the system adds
//! (headers of blocks, pages) is in the resident bytes beside it.

use serde_json::{Value, json};
use wharf_transport::time::Duration;

use crate::allocation::{Class, Heap};
use crate::idle::{Farm, Surroundings};
use crate::machine::Machine;

/// The transport's share of the 400 bytes that an idle pooled connection may hold: 176 of the
/// connection at rest, 24 of the demultiplexer, 24 of the timer.
pub const GOAL: f64 = 224.0;

/// Virtual time that passes before idle connections are measured: longer than any timer of a
/// connection that has nothing to do, so that what is given back has been.
const REST: Duration = Duration::from_secs(10);

/// Classes of blocks that hold less than this share of all bytes are not shown.
const SHOWN_MIN: f64 = 0.01;

/// What some number of connections held.
#[derive(Clone, Debug)]
pub struct Held {
    /// How many connections.
    pub connections: usize,
    /// When each was just answered.
    pub answered: Heap,
    /// After ten virtual seconds of rest.
    pub idle: Heap,
    /// Most at once during the set-up.
    pub peak: u64,
    /// Growth of the resident memory of the process, in bytes.
    pub resident: u64,
}

/// Opens that many connections and measures them.
#[must_use]
pub fn measure(connections: usize) -> Held {
    let around = Surroundings::new(connections);
    let resident_before = resident();
    Heap::forget_peak();
    let before = Heap::now();
    let mut farm = Farm::new(around);
    farm.grow(connections);
    let answered = Heap::now().since(&before);
    farm.rest(REST);
    let idle = Heap::now().since(&before);
    let resident = resident().saturating_sub(resident_before);
    Held { connections, peak: idle.peak, answered, idle, resident }
}

impl Held {
    /// Bytes of a connection, of that many in all.
    #[must_use]
    pub fn each(&self, bytes: u64) -> f64 {
        bytes as f64 / self.connections.max(1) as f64
    }

    fn row(&self) -> String {
        format!(
            "| {} | {:.0} | {:.0} | {:.0} | {:.0} | {} |\n",
            self.connections,
            self.each(self.idle.live),
            self.each(self.answered.live),
            self.each(self.peak),
            self.each(self.resident),
            if self.each(self.idle.live) <= GOAL { "yes" } else { "no" },
        )
    }

    /// Where the bytes of the idle connections are, by the size of the blocks.
    fn classes(&self) -> String {
        let is_shown = |class: &Class| class.bytes as f64 >= self.idle.live as f64 * SHOWN_MIN;
        let shown = self.idle.classes().filter(is_shown);
        let rows = shown.map(|Class { blocks, bytes, .. }| {
            let (size, each) = (bytes / blocks.max(1), self.each(bytes));
            format!("| {} | {size} | {blocks} | {each:.1} |\n", self.connections)
        });
        rows.collect()
    }

    fn json(&self) -> Value {
        let classes = self.idle.classes().map(|class| {
            json!({ "block_bytes_from": class.from, "blocks": class.blocks, "bytes": class.bytes })
        });
        json!({
            "connections": self.connections,
            "idle_bytes_each": self.each(self.idle.live),
            "answered_bytes_each": self.each(self.answered.live),
            "peak_bytes_each": self.each(self.peak),
            "resident_bytes_each": self.each(self.resident),
            "goal_bytes_each": GOAL,
            "classes": classes.collect::<Vec<_>>(),
        })
    }
}

/// For people: the figures, then where the bytes are.
#[must_use]
pub fn report(machine: &Machine, held: &[Held]) -> String {
    let rows: String = held.iter().map(Held::row).collect();
    let classes: String = held.iter().map(Held::classes).collect();
    let more: String = held.windows(2).filter_map(between).collect();
    format!(
        "\
{machine}.

Connections of one stack in memory, each opened, asked {request} bytes once, answered {response}, and then left alone for
{rest} virtual seconds. The other end holds no state. Counted by the allocator, as asked for; *resident* is what the process
grew by. Goal: {GOAL} bytes of an idle connection, all parts together.

| connections | idle, B each | just answered, B each | peak of the set-up, B each | resident, B each | goal met |
|---:|---:|---:|---:|---:|---|
{rows}
{more}Where the bytes of the idle ones are, by the size of what was allocated at once (sizes within a quarter of each other
together): as many blocks as connections are each one's own, a few are the stack's, and the others rows of a table.

| connections | B a block | blocks | B each connection |
|---:|---:|---:|---:|
{classes}",
        request = crate::idle::REQUEST.len(),
        response = crate::idle::RESPONSE.len(),
        rest = REST.as_secs(),
    )
}

/// What a connection takes beyond what all share, between two sizes.
fn between(pair: &[Held]) -> Option<String> {
    let [few, many] = pair else { return None };
    let each = each_more(few, many)?;
    let (few, many) = (few.connections, many.connections);
    Some(format!("From {few} to {many} connections, each takes {each:.1} bytes.\n\n"))
}

fn each_more(few: &Held, many: &Held) -> Option<f64> {
    let more = many.connections.checked_sub(few.connections).filter(|more| *more > 0)?;
    Some((many.idle.live as f64 - few.idle.live as f64) / more as f64)
}

/// For machines.
#[must_use]
pub fn json(machine: &Machine, held: &[Held]) -> Value {
    let held: Vec<_> = held.iter().map(Held::json).collect();
    json!({ "bench": "memory", "machine": machine.json(), "held": held })
}

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_each_more_takes_leaves_out_what_all_share() {
        let heap = |live| {
            let mut heap = Heap::now();
            heap.live = live;
            heap
        };
        let held = |connections, live| Held {
            connections,
            answered: heap(live),
            idle: heap(live),
            peak: live,
            resident: live,
        };
        let (few, many) = (held(100, 5_000 + 100 * 200), held(1_100, 5_000 + 1_100 * 200));
        assert!((each_more(&few, &many).unwrap() - 200.0).abs() < 1e-9);
        assert_eq!(each_more(&many, &few), None);
        let text = report(&Machine::here(Path::new(".")), &[few, many]);
        assert!(text.contains("From 100 to 1100 connections, each takes 200.0 bytes."), "{text}");
    }

    #[test]
    fn the_process_is_resident() {
        assert!(resident() > 0);
    }
}
