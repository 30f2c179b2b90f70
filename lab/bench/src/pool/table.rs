//! What came of it: two tables, of costs and of waits.

use serde_json::{Value, json};

use super::contender::{Contender, Peer};
use super::{CROWDS, Extent, HOLD, QUEUE, Row, Waits};
use crate::machine::Machine;
use crate::statistics::Spread;

/// Ours may take this part of deadpool's time in the same run at most.
const GOAL_RATIO: f64 = 0.35;

/// Nanoseconds a lease and its release may take at most, for those of [`CROWDS`] that have a goal,
/// where deadpool takes 183 and 466.
const GOAL_NANOS: [Option<f64>; CROWDS.len()] = [Some(60.0), None, Some(120.0)];

/// The 99th hundredth of the waits may be this many times their median at most.
const GOAL_UNFAIRNESS: f64 = 2.0;

/// For people.
#[must_use]
pub fn report(machine: &Machine, extent: Extent, rows: &[Row]) -> String {
    let (waiters, few) = QUEUE;
    format!(
        "\
{machine}.

Connections without a network: they open at once, carry a number, never fail. A worker leases one, counts up in it, and gives
it back, in a loop of {span} ms. The cost is the time on the wall over all leases of all workers; beside it the processors' time,
which other work of the machine disturbs less, but which does not know of those who sleep. With 4 workers on 2 connections one
has to wait whenever a third runs while two hold. {rounds} rounds, in which all pools take turns at each load; medians (min-max).
The ratio is that of the cost to deadpool's, round by round, by the quicker of its two drives at that load. Goals: {GOAL_RATIO} of
deadpool, and 60 ns with 1 worker and 120 ns with 4 on 2 on a machine where deadpool takes 183 and 466.

*threads*: each worker is a thread that the lease blocks. *tasks*: each a task of one multi-thread tokio runtime of as many
threads. *block_on*: each a thread with a current-thread runtime of its own, so that nothing is ever handed to another thread
but the wake. Futures are driven in both ways and judged by the quicker. After each lease a task offers to yield, which tokio takes
up once in 128; deadpool does so by itself, through tokio's semaphore.

What favours the others: they test no connection at checkout, and have no age, no idle time and no wait limit but where there
must be one (bb8, r2d2: 60 s, never reached). Ours has all its limits and counters, each lease a deadline. hyper-util's pool
(`client::legacy::pool`, hidden from its documentation) bounds only idle connections and would open more; it is given as many as
the others, and its checkouts wait for them. pingora-pool neither bounds nor lets wait: where none is idle the worker opens
another, so that 4 workers have up to 4; the task that watches each idle connection is left out. Mutex<VecDeque> is the standard
library's lock with a condition for those who find it empty: the least that there can be. The process counts no allocations here.

{costs}
{verdicts}
Waits: {waiters} workers on {few} connections, each of which is held {hold} ms, asleep; in *tasks* the runtime has as many threads as there
are processors. From the request to the lease, without the first of each worker, which comes while the queue forms; medians of
the rounds, and the longest of all. Unfairness is p99/p50, by round; goal: {GOAL_UNFAIRNESS} at most.

{waits}",
        span = extent.span.as_millis(),
        rounds = extent.rounds,
        hold = HOLD.as_millis(),
        costs = cost_table(rows),
        verdicts = verdicts(rows),
        waits = wait_table(rows),
    )
}

fn cost_table(rows: &[Row]) -> String {
    let mut text = String::from("| pool | driven by |");
    for (workers, connections) in CROWDS {
        text += &format!(" {workers} on {connections}, ns | processor, ns | to deadpool |");
    }
    text += "\n|---|---|";
    text += &"---:|---:|---:|".repeat(CROWDS.len());
    text.push('\n');
    for row in rows {
        let Contender { peer, drive } = row.contender;
        text += &format!("| {} | {} |", peer.name(), drive.name());
        for crowd in 0..CROWDS.len() {
            text += &cost_cells(rows, row, crowd);
        }
        text.push('\n');
    }
    text
}

/// Whether ours meets the goals, as it is quickest.
fn verdicts(rows: &[Row]) -> String {
    let mut text = String::new();
    for (crowd, (workers, connections)) in CROWDS.into_iter().enumerate() {
        let (Some(goal), Some(ours)) = (GOAL_NANOS[crowd], quickest(rows, Peer::is_ours, crowd))
        else {
            continue;
        };
        let cost = Spread::of(&ours.costs[crowd]);
        let ratio = ratio_to_deadpool(rows, ours, crowd);
        let (Some(cost), Some(ratio)) = (cost, ratio) else { continue };
        let met = |is_met| if is_met { "met" } else { "missed" };
        text += &format!(
            "- {workers} on {connections}: {} ({}), {:.0} ns (goal {goal:.0}: {}), {:.2} of deadpool (goal {GOAL_RATIO}: {}).\n",
            ours.contender.peer.name(),
            ours.contender.drive.name(),
            cost.median,
            met(cost.median <= goal),
            ratio.median,
            met(ratio.median <= GOAL_RATIO),
        );
    }
    text
}

fn cost_cells(rows: &[Row], row: &Row, crowd: usize) -> String {
    let (cost, used) = (Spread::of(&row.costs[crowd]), Spread::of(&row.used[crowd]));
    let (Some(cost), Some(used)) = (cost, used) else { return " - | - | - |".to_owned() };
    let ratio = ratio_to_deadpool(rows, row, crowd).map_or_else(
        || "-".to_owned(),
        |ratio| format!("{:.2} ({:.2}-{:.2})", ratio.median, ratio.min, ratio.max),
    );
    let Spread { median, min, max } = cost;
    format!(" {median:.0} ({min:.0}-{max:.0}) | {:.0} | {ratio} |", used.median)
}

/// The cost of a row to that of deadpool as it is quickest at this load.
fn ratio_to_deadpool(rows: &[Row], row: &Row, crowd: usize) -> Option<Spread> {
    let theirs = quickest(rows, |peer| peer == Peer::Deadpool, crowd)?;
    Spread::of_ratios(&row.costs[crowd], &theirs.costs[crowd])
}

/// The row with the least median cost at a load, of those that are asked for.
fn quickest(rows: &[Row], is_asked: impl Fn(Peer) -> bool, crowd: usize) -> Option<&Row> {
    let median = |row: &Row| Spread::of(&row.costs[crowd]).map_or(f64::MAX, |cost| cost.median);
    let asked = rows.iter().filter(|row| is_asked(row.contender.peer));
    asked.min_by(|one, other| median(one).total_cmp(&median(other)))
}

fn wait_table(rows: &[Row]) -> String {
    let mut text = String::from(
        "\
| pool | driven by | p50, ms | p99, ms | longest, ms | unfairness | goal met |
|---|---|---:|---:|---:|---:|---|
",
    );
    for row in rows {
        let Contender { peer, drive } = row.contender;
        let Some((typical, longest, unfairness)) = waits_of(row) else { continue };
        let is_met = if unfairness.median <= GOAL_UNFAIRNESS { "yes" } else { "no" };
        let is_met = if peer.is_ours() { is_met } else { "" };
        text += &format!(
            "| {} | {} | {:.1} | {:.1} | {:.1} | {:.2} ({:.2}-{:.2}) | {is_met} |\n",
            peer.name(),
            drive.name(),
            typical.median / 1e6,
            typical.p99 / 1e6,
            longest / 1e6,
            unfairness.median,
            unfairness.min,
            unfairness.max,
        );
    }
    text
}

/// The medians over the rounds, the longest wait of all, and the spread of unfairness.
fn waits_of(row: &Row) -> Option<(Waits, f64, Spread)> {
    let of = |part: fn(&Waits) -> f64| Spread::of(&row.waits.iter().map(part).collect::<Vec<_>>());
    let (median, p99, max) = (of(|it| it.median)?, of(|it| it.p99)?, of(|it| it.max)?);
    let typical = Waits { median: median.median, p99: p99.median, max: max.median };
    Some((typical, max.max, of(Waits::unfairness)?))
}

/// For machines.
#[must_use]
pub fn json(machine: &Machine, extent: Extent, rows: &[Row]) -> Value {
    let median = |numbers: &[f64]| Spread::of(numbers).map(|spread| spread.median);
    let crowd = |row: &Row, crowd: usize| {
        let (workers, connections) = CROWDS[crowd];
        json!({
            "workers": workers,
            "connections": connections,
            "ns": median(&row.costs[crowd]),
            "ns_rounds": row.costs[crowd],
            "processor_ns_rounds": row.used[crowd],
            "ratio_to_deadpool": ratio_to_deadpool(rows, row, crowd).map(|ratio| ratio.median),
            "goal_ns": GOAL_NANOS[crowd],
        })
    };
    let waits = |waits: &Waits| json!([waits.median, waits.p99, waits.max]);
    let row = |row: &Row| {
        json!({
            "pool": row.contender.peer.name(),
            "driven_by": row.contender.drive.name(),
            "costs": (0..CROWDS.len()).map(|index| crowd(row, index)).collect::<Vec<_>>(),
            "waits_ns_p50_p99_max_rounds": row.waits.iter().map(waits).collect::<Vec<_>>(),
            "unfairness": waits_of(row).map(|(.., unfairness)| unfairness.median),
        })
    };
    json!({
        "bench": "pool",
        "machine": machine.json(),
        "rounds": extent.rounds,
        "span_ms": u64::try_from(extent.span.as_millis()).unwrap_or(u64::MAX),
        "goal_ratio": GOAL_RATIO,
        "goal_unfairness": GOAL_UNFAIRNESS,
        "pools": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::contender::Drive;

    fn row(peer: Peer, drive: Drive, costs: &[f64], wait: f64) -> Row {
        let waits = vec![Waits { median: wait, p99: 3.0 * wait, max: 4.0 * wait }];
        let contender = Contender { peer, drive };
        let costs = [(); CROWDS.len()].map(|()| costs.to_vec());
        Row { contender, used: costs.clone(), costs, waits }
    }

    #[test]
    fn ours_is_compared_with_deadpool_as_it_is_quickest() {
        let rows = [
            row(Peer::Ours, Drive::Threads, &[50.0, 70.0, 60.0], 1e6),
            row(Peer::Deadpool, Drive::Tasks, &[400.0, 400.0, 400.0], 1e6),
            row(Peer::Deadpool, Drive::BlockOn, &[200.0, 140.0, 240.0], 1e6),
        ];
        let table = cost_table(&rows);
        assert!(
            table.contains("| ours, lease | threads | 60 (50-70) | 60 | 0.25 (0.25-0.50) |"),
            "{table}"
        );
        assert!(
            table.contains("| deadpool | tasks | 400 (400-400) | 400 | 2.00 (1.67-2.86) |"),
            "{table}"
        );
        assert_eq!(table.lines().count(), 5);
        let first = "- 1 on 1: ours, lease (threads), 60 ns (goal 60: met), 0.25 of deadpool (goal 0.35: met).";
        assert_eq!(verdicts(&rows).lines().next(), Some(first));
    }

    #[test]
    fn only_ours_can_miss_the_goal_of_waits() {
        let rows = [
            row(Peer::OursAsync, Drive::Tasks, &[50.0], 2e6),
            row(Peer::Deadpool, Drive::Tasks, &[50.0], 2e6),
        ];
        let table = wait_table(&rows);
        let line = "| ours, lease_async | tasks | 2.0 | 6.0 | 8.0 | 3.00 (3.00-3.00) | no |";
        assert!(table.contains(line) && table.trim_end().ends_with("(3.00-3.00) |  |"), "{table}");
    }
}
