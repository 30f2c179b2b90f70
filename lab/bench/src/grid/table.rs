//! What came of the grid, for people and for machines.

use serde_json::{Value, json};

use super::cell::Cell;
use super::run::Outcome;
use super::{CONGESTION, Extent, MTU, Setting};
use crate::machine::Machine;
use crate::statistics::Spread;

/// Ours is to reach this much of the kernel's goodput, in every cell.
pub const GOAL: f64 = 0.9;

/// All runs of a cell, in rounds.
#[derive(Clone, Debug)]
pub struct Row {
    /// The network.
    pub cell: Cell,
    /// The kernel's runs.
    pub kernel: Vec<Outcome>,
    /// Ours.
    pub ours: Vec<Outcome>,
}

impl Row {
    fn line(&self) -> Option<String> {
        let (kernel, ours) = (megabits(&self.kernel), megabits(&self.ours));
        let ratio = Spread::of_ratios(&ours, &kernel)?;
        let (kernel, ours) = (Spread::of(&kernel)?, Spread::of(&ours)?);
        let is_met = if ratio.median >= GOAL { "yes" } else { "no" };
        let shown =
            |spread: Spread| format!("{:.2} ({:.2}-{:.2})", spread.median, spread.min, spread.max);
        Some(format!(
            "| {} | {} | {} | {} | {} | {is_met} | {} | {} | {} | {:.2} |\n",
            self.cell.round_trip.as_millis(),
            self.cell.loss_percent(),
            shown(kernel),
            shown(ours),
            shown(ratio),
            self.resent(),
            self.late(),
            self.outside(),
            self.runs().map(|run| run.processors).fold(0.0, f64::max),
        ))
    }

    /// Segments sent again of a hundred that came, then timeouts a run; the kernel's / ours.
    fn resent(&self) -> String {
        let share = |runs: &[Outcome]| {
            let resent = sum(runs, |run| run.resent.segments);
            let sent = sum(runs, |run| run.passage.forth.with_text);
            100.0 * resent / sent.max(1.0)
        };
        let timeouts =
            |runs: &[Outcome]| sum(runs, |run| run.resent.timeouts) / runs.len().max(1) as f64;
        format!(
            "{:.2}/{:.2} %, {:.1}/{:.1}",
            share(&self.kernel),
            share(&self.ours),
            timeouts(&self.kernel),
            timeouts(&self.ours)
        )
    }

    /// The greatest of all runs' medians, and of their 99th parts of a hundred.
    fn late(&self) -> String {
        let most = |share| self.runs().map(|run| run.passage.late_micros(share)).max();
        format!("{}, {}", most(0.5).unwrap_or(0), most(0.99).unwrap_or(0))
    }

    /// What should not be: packets lost outside the network, and packets above the MTU.
    fn outside(&self) -> String {
        let dropped: u64 = self.runs().map(|run| run.dropped_outside).sum();
        let oversize: u64 =
            self.runs().map(|run| run.passage.forth.oversize + run.passage.back.oversize).sum();
        format!("{dropped}, {oversize}")
    }

    fn runs(&self) -> impl Iterator<Item = &Outcome> {
        self.kernel.iter().chain(&self.ours)
    }

    fn json(&self) -> Value {
        let ratio = Spread::of_ratios(&megabits(&self.ours), &megabits(&self.kernel));
        let runs = |runs: &[Outcome]| runs.iter().map(run_json).collect::<Vec<_>>();
        json!({
            "round_trip_ms": u64::try_from(self.cell.round_trip.as_millis()).unwrap_or(u64::MAX),
            "loss_percent": self.cell.loss_percent(),
            "ratio_median": ratio.map(|ratio| ratio.median),
            "kernel": runs(&self.kernel),
            "ours": runs(&self.ours),
        })
    }
}

fn run_json(run: &Outcome) -> Value {
    let forth = run.passage.forth;
    json!({
        "megabits": run.megabits,
        "resent": run.resent.segments,
        "timeouts": run.resent.timeouts,
        "packets_with_text": forth.with_text,
        "lost": forth.lost,
        "overflowed": forth.overflowed,
        "oversize": forth.oversize + run.passage.back.oversize,
        "dropped_outside": run.dropped_outside,
        "processors": run.processors,
        "late_micros_median": run.passage.late_micros(0.5),
        "late_micros_p99": run.passage.late_micros(0.99),
        "late_micros_max": run.passage.late_micros(1.0),
    })
}

fn megabits(runs: &[Outcome]) -> Vec<f64> {
    runs.iter().map(|run| run.megabits).collect()
}

fn sum(runs: &[Outcome], figure: impl Fn(&Outcome) -> u64) -> f64 {
    runs.iter().map(|run| figure(run) as f64).sum()
}

/// For people.
#[must_use]
pub fn report(machine: &Machine, setting: &Setting, extent: Extent, rows: &[Row]) -> String {
    let lines: String = rows.iter().filter_map(Row::line).collect();
    format!(
        "\
{machine}; {setting}.

Both senders write as fast as they can to one receiver (the kernel's TCP) through one relay of this process, over IPv4:
sender, relay and receiver are threads, the two hosts network namespaces, made anew for each run. The kernel's sender is a
socket, ours a stack on a TUN device whose packets the kernel forwards into the same device of the relay. The relay loses
packets with text on their way to the receiver by their index, of which a seed decides, the same for both in a round;
handshake and acknowledgements are never lost. It then lets them leave at {rate} Mbit/s, behind a queue of what is under way
in a round trip (64 packets at least), and delays each way by half the round trip. The rate is one at which sender, relay and
receiver together keep less than one processor busy (the last column), so that the network is the limit and not the machine,
and at which all that is under way at 100 ms fits into the buffers. {rounds} rounds of {seconds} s, in which the two take turns to go first;
goodput at the receiver from the handshake on, median (min-max); ratio ours/kernel taken round by round. Goal: {GOAL}.

| round trip, ms | loss, % | kernel, Mbit/s | ours, Mbit/s | ratio | goal met | sent again, timeouts a run (kernel/ours) | late, us (median, p99) | lost outside, above MTU | processors |
|---:|---:|---:|---:|---:|---|---|---|---|---:|
{lines}",
        rate = extent.rate / 1_000_000,
        rounds = extent.rounds,
        seconds = extent.duration.as_secs_f64(),
    )
}

/// For machines.
#[must_use]
pub fn json(machine: &Machine, setting: &Setting, extent: Extent, rows: &[Row]) -> Value {
    json!({
        "bench": "grid",
        "machine": machine.json(),
        "congestion": CONGESTION,
        "mtu": MTU,
        "offloads": "none",
        "tcp_wmem": setting.tcp_wmem,
        "tcp_rmem": setting.tcp_rmem,
        "scheduling": setting.scheduling.to_string(),
        "rate_bits": extent.rate,
        "rounds": extent.rounds,
        "seconds": extent.duration.as_secs_f64(),
        "goal_ratio": GOAL,
        "cells": rows.iter().map(Row::json).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::relay::Passage;
    use super::super::sender::Resent;
    use super::*;

    fn runs(megabits: &[f64]) -> Vec<Outcome> {
        let run = |megabits| Outcome {
            megabits,
            resent: Resent { segments: 1, timeouts: 0 },
            dropped_outside: 0,
            processors: 0.5,
            passage: Passage { late: vec![10, 20, 30], ..Passage::default() },
        };
        megabits.iter().copied().map(run).collect()
    }

    #[test]
    fn a_row_compares_round_by_round() {
        let row = Row {
            cell: "20:1".parse().unwrap(),
            kernel: runs(&[10.0, 20.0, 40.0]),
            ours: runs(&[9.0, 19.0, 20.0]),
        };
        let line = row.line().unwrap();
        let start =
            "| 20 | 1 | 20.00 (10.00-40.00) | 19.00 (9.00-20.00) | 0.90 (0.50-0.95) | yes |";
        assert!(line.starts_with(start), "{line}");
        assert!(line.ends_with("| 20, 30 | 0, 0 | 0.50 |\n"), "{line}");
        assert_eq!(row.json()["ratio_median"], 0.9);
    }
}
