//! How flows share one queue.

use std::fmt::Write as _;

use wharf_transport::time::Duration;

use super::flows::{PACKET, Setup, TEXT};
use super::megabits;

const FLOWS: [usize; 3] = [2, 8, 64];

/// Round trips, in milliseconds.
const ROUND_TRIPS: [u64; 2] = [20, 100];

const BITS_PER_SECOND: u64 = 20_000_000;

const HEAD: &str = "\
# Flows through one queue of 20 Mbit/s, on the virtual clock; `cargo xtask sim --tables` writes it
# anew.
#
# Queue of one bandwidth-delay product (20 packets at least). Flows begin 100 ms apart; counted from
# 10 s to 60 s. Jain's index is 1 if all have the same, and 1 / flows if one has all. use: of the
# link's rate less headers. again: segments sent again, of all.
#
#  flows  RTT ms  Jain  use %  least Mbit/s  most Mbit/s  again %
";

/// The table.
pub(super) fn table() -> String {
    let mut table = HEAD.to_owned();
    for flows in FLOWS {
        for round_trip in ROUND_TRIPS {
            let outcome = Setup {
                flows,
                bits_per_second: BITS_PER_SECOND,
                round_trip: Duration::from_millis(round_trip),
                loss: 0,
                apart: Duration::from_millis(100),
                counts_from: Duration::from_secs(10),
                duration: Duration::from_secs(60),
            }
            .run();
            let rates = &outcome.rates;
            let link = BITS_PER_SECOND as f64 * TEXT as f64 / PACKET as f64;
            let used = rates.iter().sum::<f64>() / link * 100.0;
            let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
            let most = rates.iter().copied().fold(0.0, f64::max);
            let _infallible = writeln!(
                table,
                "{flows:>8}  {round_trip:>6}  {:.2}  {used:>5.0}  {:>12}  {:>11}  {:>7.1}",
                jain(rates),
                megabits(least),
                megabits(most),
                outcome.resent * 100.0
            );
        }
    }
    table
}

/// Jain, Chiu, Hawe, "A quantitative measure of fairness", 1984.
fn jain(rates: &[f64]) -> f64 {
    let sum: f64 = rates.iter().sum();
    let squares: f64 = rates.iter().map(|rate| rate * rate).sum();
    sum * sum / (rates.len() as f64 * squares.max(f64::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jain_is_one_for_equals_and_a_share_for_one_who_has_all() {
        assert!((jain(&[5.0; 8]) - 1.0).abs() < 1e-9);
        assert!((jain(&[0.0, 9.0, 0.0, 0.0]) - 0.25).abs() < 1e-9);
    }
}
