//! What a packet costs with few and with many idle connections beside it:
//! `cargo xtask bench packet-cost`.
//!
//! Only the calls into the stack are timed, by the processor's time of the thread; the other end
//! and the choice of connections are not. All sizes are there at once and take turns, round by
//! round, so that a slow moment of the machine meets each of them.

use serde_json::{Value, json};
use wharf_transport::device::simulated::prng::Prng;
use wharf_transport::stack::ConnectionId;
use wharf_transport::time::Duration;

use crate::allocation::calls;
use crate::clock::thread_time;
use crate::idle::{Farm, Surroundings};
use crate::machine::Machine;
use crate::statistics::Spread;

/// The cost may not differ by more than this from that with ten idle connections.
pub const GOAL: f64 = 1.2;

/// Connections that are busy beside the idle ones, each with one request in a turn.
const BUSY: usize = 32;

/// Virtual time that idle connections have rested before the first round.
const REST: Duration = Duration::from_secs(10);

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Rounds; each measures every size once.
    pub rounds: usize,
    /// Turns of a size in a round.
    pub turns: usize,
}

/// Who asks in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The same few connections each time.
    Busy,
    /// Others each time, out of the idle ones: neither they nor the processor's caches are warm.
    Cold,
}

/// What was measured with some number of idle connections.
#[derive(Clone, Debug)]
pub struct Cost {
    /// How many connections are idle.
    pub idle: usize,
    /// Nanoseconds a packet, round by round, of busy connections.
    pub busy: Vec<f64>,
    /// Nanoseconds a packet, round by round, of connections that were idle.
    pub cold: Vec<f64>,
    /// Allocations a packet of busy connections, in all rounds but the first.
    pub allocations: f64,
}

/// One size: its connections, and what was measured so far.
struct Size {
    farm: Farm,
    idle: usize,
    dice: Prng,
    chosen: Vec<ConnectionId>,
    cost: Cost,
    /// Of busy connections, in all rounds but the first.
    warm: Spent,
}

/// What some turns took.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    time: Duration,
    packets: u64,
    allocations: u64,
}

/// Measures each of `sizes`, in rounds.
#[must_use]
pub fn measure(sizes: &[usize], extent: Extent) -> Vec<Cost> {
    let mut sizes: Vec<Size> = sizes.iter().map(|idle| Size::new(*idle)).collect();
    for round in 0..extent.rounds {
        for size in &mut sizes {
            let busy = size.round(Mode::Busy, extent.turns, round > 0);
            size.cost.busy.push(busy);
        }
        for size in &mut sizes {
            let cold = size.round(Mode::Cold, extent.turns, false);
            size.cost.cold.push(cold);
        }
    }
    sizes.into_iter().map(Size::finish).collect()
}

impl Size {
    fn new(idle: usize) -> Self {
        let mut farm = Farm::new(Surroundings::new(idle + BUSY));
        farm.grow(idle + BUSY);
        farm.rest(REST);
        let (busy, cold) = (Vec::new(), Vec::new());
        let cost = Cost { idle, busy, cold, allocations: 0.0 };
        let chosen = Vec::with_capacity(BUSY);
        Self { farm, idle, dice: Prng::new(1), chosen, cost, warm: Spent::default() }
    }

    /// Nanoseconds a packet over some turns.
    fn round(&mut self, mode: Mode, turns: usize, is_warm: bool) -> f64 {
        let mut spent = Spent::default();
        for _ in 0..turns {
            self.choose(mode);
            spent.add(turn(&mut self.farm, &self.chosen));
        }
        if is_warm {
            self.warm.add(spent);
        }
        spent.time.as_nanos() as f64 / spent.packets.max(1) as f64
    }

    /// Who asks in the next turn, each once.
    fn choose(&mut self, mode: Mode) {
        self.chosen.clear();
        let ids = &self.farm.around.ids;
        match mode {
            Mode::Busy => self.chosen.extend(ids.iter().skip(self.idle)),
            Mode::Cold => {
                while self.chosen.len() < BUSY.min(self.idle) {
                    let place = self.dice.below(self.idle as u64);
                    let id = ids[usize::try_from(place).expect("below a length")];
                    if !self.chosen.contains(&id) {
                        self.chosen.push(id);
                    }
                }
            }
        }
    }

    fn finish(self) -> Cost {
        let allocations = self.warm.allocations as f64 / self.warm.packets.max(1) as f64;
        Cost { allocations, ..self.cost }
    }
}

impl Spent {
    fn add(&mut self, other: Self) {
        self.time += other.time;
        self.packets += other.packets;
        self.allocations += other.allocations;
    }
}

/// One request and its response on each of `ids`: what that took of the stack.
fn turn(farm: &mut Farm, ids: &[ConnectionId]) -> Spent {
    let sending = timed(|| {
        ids.iter().for_each(|id| farm.ask(*id));
        while farm.stack.poll_transmit(farm.now, &mut farm.around.outgoing) {}
    });
    let sent = farm.around.outgoing.len();
    farm.answer();
    let received = farm.around.incoming.len();
    let mut spent = timed(|| {
        farm.stack.handle_timeout(farm.now);
        for packet in &farm.around.incoming {
            farm.stack.handle_packet(farm.now, packet);
        }
        farm.serve_owners();
        core::hint::black_box(farm.stack.poll_timeout());
    });
    farm.around.incoming.clear();
    spent.add(sending);
    Spent { packets: (sent + received) as u64, ..spent }
}

fn timed(work: impl FnOnce()) -> Spent {
    let (before, began) = (calls(), thread_time());
    work();
    let time = thread_time().since(began);
    Spent { time, packets: 0, allocations: calls() - before }
}

impl Cost {
    fn row(&self, first: &Self) -> Option<String> {
        let (busy, cold) = (Spread::of(&self.busy)?, Spread::of(&self.cold)?);
        let ratio = Spread::of_ratios(&self.busy, &first.busy)?;
        let cold_ratio = Spread::of_ratios(&self.cold, &first.cold)?;
        let is_met = if ratio.median <= GOAL { "yes" } else { "no" };
        Some(format!(
            "| {} | {:.0} ({:.0}-{:.0}) | {:.2} | {is_met} | {:.0} ({:.0}-{:.0}) | {:.2} | {:.3} |\n",
            self.idle,
            busy.median,
            busy.min,
            busy.max,
            ratio.median,
            cold.median,
            cold.min,
            cold.max,
            cold_ratio.median,
            self.allocations,
        ))
    }

    fn json(&self, first: &Self) -> Value {
        let median = |numbers: &[f64]| Spread::of(numbers).map(|spread| spread.median);
        let ratio =
            |ours: &[f64], first: &[f64]| Spread::of_ratios(ours, first).map(|it| it.median);
        json!({
            "idle": self.idle,
            "busy_ns": median(&self.busy),
            "busy_ns_rounds": self.busy,
            "busy_ratio": ratio(&self.busy, &first.busy),
            "cold_ns": median(&self.cold),
            "cold_ns_rounds": self.cold,
            "cold_ratio": ratio(&self.cold, &first.cold),
            "allocations_per_packet": self.allocations,
            "goal_ratio": GOAL,
        })
    }
}

/// For people; the first size is what the others are compared with.
#[must_use]
pub fn report(machine: &Machine, extent: Extent, costs: &[Cost]) -> String {
    let first = costs.first();
    let rows = first.map(|first| costs.iter().filter_map(|cost| cost.row(first)));
    let rows: String = rows.into_iter().flatten().collect();
    format!(
        "\
{machine}.

Processor time of the stack's calls (write, poll_transmit, handle_timeout, handle_packet, poll_event, read, poll_timeout) a
packet, of either direction, in memory: {BUSY} connections ask {request} bytes and are answered {response}, turn by turn.
*Busy* are the same connections each time, *cold* others each time, out of the idle ones. {rounds} rounds of {turns} turns,
in which the sizes take turns; medians (min-max), and the median of the ratios of each round. Goal: busy at most {GOAL} of
the first row; cold has none, since it measures the machine's caches too.

| idle connections | busy, ns a packet | ratio | goal met | cold, ns a packet | ratio | allocations a busy packet |
|---:|---:|---:|---|---:|---:|---:|
{rows}",
        request = crate::idle::REQUEST.len(),
        response = crate::idle::RESPONSE.len(),
        rounds = extent.rounds,
        turns = extent.turns,
    )
}

/// For machines.
#[must_use]
pub fn json(machine: &Machine, costs: &[Cost]) -> Value {
    let first = costs.first();
    let costs = first.map(|first| costs.iter().map(|cost| cost.json(first)).collect::<Vec<_>>());
    json!({ "bench": "packet-cost", "machine": machine.json(), "costs": costs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_one_request_and_one_response_on_each() {
        let mut size = Size::new(3);
        size.choose(Mode::Busy);
        assert_eq!(size.chosen.len(), BUSY);
        let before = size.farm.stack.stats().in_segs;
        let spent = turn(&mut size.farm, &size.chosen);
        assert!(spent.time > Duration::ZERO);
        assert_eq!(spent.packets, 2 * BUSY as u64);
        assert_eq!(size.farm.stack.stats().in_segs - before, BUSY as u64);
    }

    #[test]
    fn the_cold_ones_are_idle_and_differ() {
        let mut size = Size::new(100);
        size.choose(Mode::Cold);
        let first = size.chosen.clone();
        let idle = &size.farm.around.ids[..100];
        assert!(first.len() == BUSY && first.iter().all(|id| idle.contains(id)));
        size.choose(Mode::Cold);
        assert_ne!(first, size.chosen);
    }

    #[test]
    fn few_idle_ones_are_asked_each_once() {
        let mut size = Size::new(2);
        size.choose(Mode::Cold);
        assert_eq!(size.chosen.len(), 2);
        turn(&mut size.farm, &size.chosen);
    }

    #[test]
    fn the_table_has_a_row_for_each_size_with_its_ratio() {
        let cost = |idle, busy: &[f64]| Cost {
            idle,
            busy: busy.to_vec(),
            cold: busy.to_vec(),
            allocations: 0.0,
        };
        let costs = [cost(10, &[100.0, 200.0, 300.0]), cost(1_000, &[110.0, 300.0, 330.0])];
        let row = costs[1].row(&costs[0]).unwrap();
        assert_eq!(row, "| 1000 | 300 (110-330) | 1.10 | yes | 300 (110-330) | 1.10 | 0.000 |\n");
    }
}
