//! Goodput by loss, round trip and bandwidth, beside what theory allows.

use std::fmt::Write as _;

use wharf_transport::time::Duration;

use super::flows::{PACKET, Setup, TEXT};
use super::megabits;

/// Packets lost, in a million.
const LOSSES: [u32; 5] = [0, 1_000, 10_000, 30_000, 100_000];

/// Round trips, in milliseconds.
const ROUND_TRIPS: [u64; 3] = [1, 20, 100];

/// Bandwidths, in Mbit/s, and how long each is looked at, in seconds: long enough for many round
/// trips, short enough that the table is made in a moment.
const RATES: [(u64, u64); 3] = [(1, 60), (10, 30), (100, 10)];

/// `sqrt(3/2)`: Mathis, Semke, Mahdavi, Ott, "The macroscopic behavior of the TCP congestion
/// avoidance algorithm", 1997, for Reno that acknowledges every packet.
const MATHIS: f64 = 1.224_744_871_391_589;

const HEAD: &str = "\
# Goodput of one flow in Mbit/s, on the virtual clock; `cargo xtask sim --tables` writes it anew.
#
# Queue of one bandwidth-delay product (20 packets at least), MTU 1500, buffers of 4 MiB. From the
# SYN on: 60 s at 1 Mbit/s, 30 s at 10, 10 s at 100. Loss is by chance, towards the receiver alone.
# limit: the link's rate less headers, or Mathis' bound for Reno, MSS / RTT * sqrt(3/2) / sqrt(loss),
# if that is less (marked m). It knows neither timeouts nor slow start, and CUBIC may pass it.
#
# loss %  RTT ms      1 Mbit/s  limit    10 Mbit/s  limit   100 Mbit/s  limit
";

/// The table.
pub(super) fn table() -> String {
    let mut table = HEAD.to_owned();
    for loss in LOSSES {
        for round_trip in ROUND_TRIPS {
            let percent = f64::from(loss) / 10_000.0;
            let _infallible = write!(table, "{percent:>8}  {round_trip:>6}");
            for (megabits_per_second, seconds) in RATES {
                let setup = Setup {
                    flows: 1,
                    bits_per_second: megabits_per_second * 1_000_000,
                    round_trip: Duration::from_millis(round_trip),
                    loss,
                    apart: Duration::ZERO,
                    counts_from: Duration::ZERO,
                    duration: Duration::from_secs(seconds),
                };
                let reached = setup.run().rates.iter().sum();
                let _infallible = write!(table, "  {:>12} {:>6}", megabits(reached), limit(&setup));
            }
            table.push('\n');
        }
    }
    table
}

/// What theory allows.
fn limit(setup: &Setup) -> String {
    let text = TEXT as f64;
    let link = setup.bits_per_second as f64 * text / PACKET as f64;
    let loss = f64::from(setup.loss) / 1e6;
    let mathis = text * 8.0 / setup.round_trip.as_secs_f64() * MATHIS / loss.sqrt();
    if mathis < link { format!("{}m", megabits(mathis)) } else { megabits(link) }
}
