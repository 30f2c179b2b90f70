//! A cell of the grid: a round trip, and a loss.

use std::fmt;
use std::str::FromStr;

use wharf_transport::time::Duration;

use super::loss::{LossRate, OUT_OF};

/// The round trips of the grid, in milliseconds.
const ROUND_TRIPS: [u64; 3] = [1, 20, 100];

/// The losses of the grid: none, 0.1, 1 and 3 %.
const LOSSES: [u32; 4] = [0, 100, 1_000, 3_000];

/// A round trip and a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The round trip without queues.
    pub round_trip: Duration,
    /// The loss of packets with text, on their way to the receiver.
    pub loss: LossRate,
}

impl Cell {
    /// The whole grid.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let row = |millis| {
            let round_trip = Duration::from_millis(millis);
            LOSSES.map(|loss| Self { round_trip, loss: LossRate(loss) })
        };
        ROUND_TRIPS.into_iter().flat_map(row).collect()
    }

    /// The loss in percent.
    #[must_use]
    pub fn loss_percent(self) -> f64 {
        f64::from(self.loss.0) * 100.0 / f64::from(OUT_OF)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.round_trip.as_millis(), self.loss_percent())
    }
}

impl FromStr for Cell {
    type Err = String;

    /// Milliseconds of the round trip, a colon, percent of loss: `20:1`, `100:0.1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(round_trip, loss)| {
            Some((round_trip.parse::<u64>().ok()?, loss.parse::<f64>().ok()?))
        });
        let (round_trip, percent) =
            parts.ok_or("a cell is ROUND-TRIP:LOSS, in ms and percent, such as 20:0.1")?;
        if !(1..=10_000).contains(&round_trip) || !(0.0..=100.0).contains(&percent) {
            return Err("a round trip is 1 to 10000 ms, a loss 0 to 100 %".to_owned());
        }
        let loss = (percent / 100.0 * f64::from(OUT_OF)).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 100 000"
        )]
        let loss = LossRate(loss as u32);
        Ok(Self { round_trip: Duration::from_millis(round_trip), loss })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_reads_back_as_it_is_shown() {
        let all = Cell::all();
        assert_eq!(all.len(), 12);
        for cell in all {
            assert_eq!(cell.to_string().parse(), Ok(cell));
        }
        let cell: Cell = "100:0.1".parse().unwrap();
        assert_eq!((cell.round_trip.as_millis(), cell.loss), (100, LossRate(100)));
    }

    #[test]
    fn what_is_no_cell_is_refused() {
        for text in ["", "20", "20:", ":1", "0:1", "20:-1", "20:101", "20:nan", "x:1"] {
            assert!(text.parse::<Cell>().is_err(), "{text}");
        }
    }
}
