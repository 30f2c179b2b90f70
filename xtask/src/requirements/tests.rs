//! The whole check, on small tables.

use super::demands::ALL;
use super::*;

/// Every demand of every RFC, not taken.
fn whole() -> String {
    let part = |demands: &demands::Demands| {
        let rows = demands.iter().map(|(group, number)| row(&format!("{group}-{number}")));
        format!("## RFC {}: TCP\n", demands.rfc) + &rows.collect::<String>()
    };
    let parts = ALL.iter().map(part).collect::<String>();
    format!("# Demands\n\n| a | table | before |\n\n{parts}")
}

/// A row that says that this demand is not taken.
fn row(label: &str) -> String {
    format!("| {label} | x | not taken, because of that |\n")
}

fn faults_of(text: &str) -> Vec<String> {
    let file = |path: &str| (path == "a/b.rs").then(|| "#[test]\nfn there() {}\n".to_owned());
    check(text, &mut Evidence::new(&file)).1.into_iter().map(|fault| fault.what).collect()
}

#[test]
fn a_whole_table_passes_and_is_counted() {
    let held = "| MUST-2 | x | held: `a/b.rs` `there` |\n";
    let in_part = format!("| MUST-3a | x | held: `a/b.rs` `there` |\n{}", row("MUST-3b"));
    let text = whole().replace(&row("MUST-2"), held).replace(&row("MUST-3"), &in_part);
    assert_eq!(faults_of(&text), [""; 0]);
    let totals = Ledger::read(&text).0.totals();
    assert!(totals.contains("RFC 9293      1        1        117"), "{totals}");
    assert!(totals.contains("RFC 5961      0        0         13"), "{totals}");
    let all: usize = ALL.iter().map(|demands| demands.iter().count()).sum();
    let last: Vec<_> = totals.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last, ["total", "1", "1", (all - 2).to_string().as_str()]);
}

#[test]
fn a_demand_without_a_row_is_named() {
    for (label, rfc) in [("SHLD-7", 9293), ("5.1-9", 6675), ("8-1", 8985), ("4.9.2-1", 9438)] {
        let text = whole().replacen(&row(label), "", 1);
        assert_eq!(faults_of(&text), [format!("{label} of RFC {rfc} is missing")]);
    }
}

#[test]
fn an_rfc_without_its_part_is_named() {
    let faults = faults_of("## RFC 791\n");
    assert!(faults.contains(&"RFC 9293 has no part".to_owned()), "{faults:?}");
    assert!(faults.contains(&"RFC 6675 has no part".to_owned()), "{faults:?}");
    assert!(faults.contains(&"the demands of RFC 791 are not counted".to_owned()), "{faults:?}");
}

#[test]
fn labels_of_another_rfc_are_strangers() {
    for label in ["MUST-70", "MUST-1", "7-3", "6-1"] {
        let rfc = if label == "MUST-70" { 9293 } else { 5961 };
        let heading = format!("## RFC {rfc}: TCP\n");
        let text = whole().replace(&heading, &format!("{heading}{}", row(label)));
        assert_eq!(faults_of(&text), [format!("{label} is no label of RFC {rfc}")]);
    }
}

#[test]
fn nothing_stands_twice() {
    let text = format!("{0}## RFC 9293\n{1}{1}", whole(), row("MUST-1"));
    let faults = faults_of(&text);
    assert!(faults.contains(&"MUST-1 stands here twice".to_owned()), "{faults:?}");
    assert!(faults.contains(&"this RFC has a part already".to_owned()), "{faults:?}");
}

#[test]
fn parts_are_lettered_and_at_least_two() {
    for (rows, is_well) in [
        ("MUST-4a MUST-4b", true),
        ("MUST-4a", false),
        ("MUST-4a MUST-4c", false),
        ("MUST-4 MUST-4a", false),
    ] {
        let rows: String = rows.split(' ').map(row).collect();
        let text = whole().replace(&row("MUST-4"), &rows);
        assert_eq!(faults_of(&text).is_empty(), is_well, "{rows}");
    }
}

#[test]
fn dead_names_are_found() {
    for (evidence, what) in [
        ("`a/gone.rs` `there`", "MUST-1: there is no file a/gone.rs"),
        ("`a/b.rs` `there`, `gone`", "MUST-1: a/b.rs has no test gone"),
    ] {
        let text = whole().replacen("not taken, because of that", &format!("held: {evidence}"), 1);
        assert_eq!(faults_of(&text), [what]);
    }
}

#[test]
fn a_heading_without_a_number_and_a_broken_row_have_their_lines() {
    let text = whole() + "## RFC next\n| MUST-1 |\n";
    let (_, faults) = check(&text, &mut Evidence::new(&|_| None));
    let lines: Vec<_> = faults.iter().map(|fault| fault.line).collect();
    let last = text.lines().count();
    assert_eq!(lines, [last - 1, last]);
    assert!(faults[0].to_string().starts_with("REQUIREMENTS.md:"));
}

#[test]
fn a_repository_without_the_table_is_told_so() {
    assert!(run(Path::new("/nonexistent")).unwrap_err().starts_with("REQUIREMENTS.md: "));
}
