//! The committed tables are what TCP reaches today.

use wharf_sim::tables::TABLES;

/// Compares one table with its file.
fn compare(file: &str) {
    let table = TABLES.iter().find(|table| table.file == file).expect("a table of that name");
    let path = format!("{}/tables/{file}", env!("CARGO_MANIFEST_DIR"));
    let committed = std::fs::read_to_string(&path).expect("a committed table");
    let made = (table.make)();
    let differs = committed.lines().zip(made.lines()).find(|(before, now)| before != now);
    assert!(
        committed == made,
        "{path} is not what TCP reaches now; read the diff that `cargo xtask sim --tables` makes, \
         and commit it if it is meant. The first line that differs, before and now: {differs:#?}"
    );
}

#[test]
fn goodput_is_as_committed() {
    compare("goodput.txt");
}

#[test]
fn fairness_is_as_committed() {
    compare("fairness.txt");
}
