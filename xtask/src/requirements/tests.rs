//! The whole check, on small tables.

use super::label::APPENDIX_B;
use super::*;

/// Every label of appendix B, not taken.
fn appendix() -> String {
    let labels = APPENDIX_B.iter().flat_map(|(kind, most)| (1..=*most).map(move |n| (kind, n)));
    let rows = labels.map(|(kind, n)| format!("| {kind}-{n} | x | not taken, because of that |\n"));
    "# Demands\n\n| a | table | before |\n\n## RFC 9293: TCP\n".to_owned()
        + &rows.collect::<String>()
}

fn faults_of(text: &str) -> Vec<String> {
    let file = |path: &str| (path == "a/b.rs").then(|| "#[test]\nfn there() {}\n".to_owned());
    check(text, &mut Evidence::new(&file)).1.into_iter().map(|fault| fault.what).collect()
}

#[test]
fn a_whole_table_passes_and_is_counted() {
    let text = appendix().replace(
        "| MUST-2 | x | not taken, because of that |",
        "| MUST-2 | x | held: `a/b.rs` `there` |",
    );
    let text = text.replace(
        "| MUST-3 | x | not taken, because of that |",
        "| MUST-3a | x | held: `a/b.rs` `there` |\n| MUST-3b | x | not taken, because of that |",
    );
    let text = text + "## RFC 6298\n| 2-1 | x | held: `a/b.rs` `there` |\n";
    assert_eq!(faults_of(&text), [""; 0]);
    let totals = Ledger::read(&text).0.totals();
    let last: Vec<_> = totals.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last, ["total", "2", "1", "117"]);
    assert!(totals.contains("RFC 6298      1        0          0"), "{totals}");
}

#[test]
fn a_label_that_is_missing_is_named() {
    let text = appendix().replace("| SHLD-7 | x | not taken, because of that |\n", "");
    assert_eq!(faults_of(&text), ["SHLD-7 of RFC 9293 is missing"]);
    assert_eq!(faults_of("## RFC 6298\n"), ["RFC 9293 has no part"]);
}

#[test]
fn a_number_left_out_within_a_section_is_named() {
    let rows = "| 2-1 | x | not taken, because of that |\n| 2-3 | x | not taken, because of it |\n";
    let text = appendix() + "## RFC 6298\n" + rows;
    assert_eq!(faults_of(&text), ["2-2 of RFC 6298 is missing"]);
}

#[test]
fn labels_of_another_rfc_are_strangers() {
    let row = |label: &str| format!("| {label} | x | not taken, because of that |\n");
    let text = appendix() + &row("MUST-70") + "## RFC 6298\n" + &row("MUST-1");
    let faults = faults_of(&text);
    assert_eq!(faults, ["MUST-70 is no label of RFC 9293", "MUST-1 is no label of RFC 6298"]);
}

#[test]
fn nothing_stands_twice() {
    let text = appendix() + "| MUST-1 | x | held: `a/b.rs` `there` |\n## RFC 9293\n";
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
        let row = |label: &str| format!("| {label} | x | not taken, because of that |\n");
        let rows: String = rows.split(' ').map(row).collect();
        let text = appendix().replace("| MUST-4 | x | not taken, because of that |\n", &rows);
        assert_eq!(faults_of(&text).is_empty(), is_well, "{rows}");
    }
}

#[test]
fn dead_names_are_found() {
    for (evidence, what) in [
        ("`a/gone.rs` `there`", "MUST-1: there is no file a/gone.rs"),
        ("`a/b.rs` `there`, `gone`", "MUST-1: a/b.rs has no test gone"),
    ] {
        let text =
            appendix().replacen("not taken, because of that", &format!("held: {evidence}"), 1);
        assert_eq!(faults_of(&text), [what]);
    }
}

#[test]
fn a_heading_without_a_number_and_a_broken_row_have_their_lines() {
    let text = appendix() + "## RFC next\n| MUST-1 |\n";
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
