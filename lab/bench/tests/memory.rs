//! The benchmark of memory, small: that it counts, and counts what it says. A process of its own,
//! since the allocator counts all threads.

use std::path::Path;

use wharf_bench::machine::Machine;
use wharf_bench::memory::{json, measure, report};

#[test]
fn a_thousand_idle_connections_hold_something_and_not_everything() {
    let held = measure(1_000);
    // A connection names its tuple and two sequence spaces at the least; 64 KiB would be a buffer.
    let each = held.each(held.idle.live);
    assert!((40.0..65_536.0).contains(&each), "{each}");
    assert!(held.answered.live >= held.idle.live, "rest gives back and takes nothing");
    assert!(held.peak >= held.answered.live);
    let in_classes: u64 = held.idle.classes().map(|class| class.bytes).sum();
    assert!(in_classes >= held.idle.live, "{in_classes}");

    let machine = Machine::here(Path::new("."));
    let text = report(&machine, std::slice::from_ref(&held));
    assert!(text.contains("| 1000 |"), "{text}");
    assert_eq!(json(&machine, &[held])["held"][0]["connections"], 1_000);
}
