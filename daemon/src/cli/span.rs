//! Times, as people write them.

use std::time::Duration;

/// Whole microseconds, or milliseconds, or seconds to a tenth.
pub(super) fn span(time: Duration) -> String {
    match time.as_micros() {
        micros @ 0..1000 => format!("{micros}us"),
        1000..1_000_000 => format!("{}ms", time.as_millis()),
        _ => format!("{:.1}s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let table = [(0, "0us"), (999, "999us"), (250_000, "250ms"), (90_000_000, "90.0s")];
        for (micros, text) in table {
            assert_eq!(span(Duration::from_micros(micros)), text);
        }
    }
}
