//! Tables of what TCP reaches, on the virtual clock: committed, and compared by a test, so that a
//! change to loss recovery or congestion control is a diff that somebody reads.
//!
//! The figures are rounded to two digits: they do not move with every packet.

mod fairness;
mod flows;
mod goodput;

/// A table: the name of its file below `lab/sim/tables`, and what makes it.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The file.
    pub file: &'static str,
    /// Its text.
    pub make: fn() -> String,
}

/// Every table.
pub const TABLES: &[Table] = &[
    Table { file: "goodput.txt", make: goodput::table },
    Table { file: "fairness.txt", make: fairness::table },
];

/// A rate of bits a second in Mbit/s, to two digits.
fn megabits(bits_per_second: f64) -> String {
    let value = bits_per_second / 1e6;
    let digits = match value {
        value if value >= 99.5 => return format!("{:.0}", (value / 10.0).round() * 10.0),
        value if value >= 9.95 => 0,
        value if value >= 0.995 => 1,
        value if value >= 0.0995 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_two_digits() {
        let cases = [(96.4e6, "96"), (9.64e6, "9.6"), (0.123e6, "0.12"), (0.0123e6, "0.012")];
        for (bits, text) in cases.into_iter().chain([(104e6, "100"), (9.96e6, "10")]) {
            assert_eq!(megabits(bits), text);
        }
    }
}
