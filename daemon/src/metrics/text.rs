//! The exposition format of Prometheus (version 0.0.4), as far as we write it ourselves.
//!
//! The exporter takes samples, no ready buckets, and keeps every sample until a render; so our
//! histograms are rendered here and appended to its text. Its families come in the order of a
//! hash table; [`sorted`] gives them one, so that two renders of the same figures are equal.

use std::fmt::Write as _;

use crate::snapshot::Distribution;

/// Puts families in the order of their names, and the series of each in the order of their labels.
pub(super) fn sorted(text: &str) -> String {
    let mut families: Vec<Vec<&str>> =
        text.split("\n\n").map(|family| family.lines().collect()).collect();
    families.retain(|family| !family.is_empty());
    for family in &mut families {
        // Comments first: the help and type lines stand before the series they speak of.
        family.sort_unstable_by_key(|line| (!line.starts_with('#'), *line));
    }
    families.sort_unstable();
    families.into_iter().map(|family| family.join("\n") + "\n\n").collect()
}

/// Appends the head of a histogram's family.
pub(super) fn write_histogram_head(text: &mut String, name: &str, help: &str) {
    write(text, format_args!("# HELP {name} {help}\n# TYPE {name} histogram\n"));
}

/// Appends one histogram: its buckets, sum and count.
pub(super) fn write_histogram(
    text: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    distribution: &Distribution,
) {
    let labels: String =
        labels.iter().map(|(key, value)| format!("{key}=\"{}\",", escaped(value))).collect();
    let bare = labels.trim_end_matches(',');
    let bare = if bare.is_empty() { String::new() } else { format!("{{{bare}}}") };
    for (bound, count) in distribution.cumulative() {
        let bound = bound.map_or_else(|| "+Inf".to_owned(), seconds);
        write(text, format_args!("{name}_bucket{{{labels}le=\"{bound}\"}} {count}\n"));
    }
    let (sum, count) = (distribution.sum().as_secs_f64(), distribution.count());
    write(text, format_args!("{name}_sum{bare} {sum}\n{name}_count{bare} {count}\n"));
}

fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes all that is written to it");
}

/// Microseconds as seconds in decimal digits, without the rounding of a float: "0.00001".
fn seconds(micros: u64) -> String {
    let digits = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A label's value with backslash, quote and newline escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bounds_are_written_in_plain_digits() {
        let cases =
            [(0, "0"), (10, "0.00001"), (250_000, "0.25"), (1_000_000, "1"), (70_000_000, "70")];
        for (micros, text) in cases {
            assert_eq!(seconds(micros), text);
        }
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_all() {
        let distribution =
            Distribution::from_counts(&[10, 1_000], &[1, 2, 3], Duration::from_millis(5));
        let mut text = String::new();
        write_histogram(&mut text, "w", &[("route", "a")], &distribution);
        assert_eq!(
            text,
            "w_bucket{route=\"a\",le=\"0.00001\"} 1\n\
             w_bucket{route=\"a\",le=\"0.001\"} 3\n\
             w_bucket{route=\"a\",le=\"+Inf\"} 6\n\
             w_sum{route=\"a\"} 0.005\n\
             w_count{route=\"a\"} 6\n"
        );
    }

    #[test]
    fn a_histogram_without_labels_has_no_empty_braces() {
        let distribution = Distribution::from_counts(&[], &[1], Duration::from_secs(1));
        let mut text = String::new();
        write_histogram(&mut text, "w", &[], &distribution);
        assert_eq!(text, "w_bucket{le=\"+Inf\"} 1\nw_sum 1\nw_count 1\n");
    }

    #[test]
    fn a_hostile_label_stays_inside_its_quotes() {
        assert_eq!(escaped("a\"} 1\n\\"), "a\\\"} 1\\n\\\\");
    }

    #[test]
    fn families_and_series_are_put_in_order() {
        let text = "# HELP b B.\n# TYPE b gauge\nb{x=\"2\"} 0\nb{x=\"1\"} 0\n\n# HELP a A.\n# TYPE a gauge\na 1\n\n";
        assert_eq!(
            sorted(text),
            "# HELP a A.\n# TYPE a gauge\na 1\n\n# HELP b B.\n# TYPE b gauge\nb{x=\"1\"} 0\nb{x=\"2\"} 0\n\n"
        );
    }
}
