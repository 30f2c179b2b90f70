//! The grid, small: that both senders get their bytes through the relay, and lose the same
//! packets. Skipped with the reason where there can be no namespaces, unless WHARF_TEST_REQUIRE
//! is set.

use std::time::Duration;

use wharf_bench::grid::{Cell, Extent, measure};
use wharf_bench::namespace::obstacle;

#[test]
fn both_senders_get_through_a_network_that_loses_the_same_packets() {
    if let Some(reason) = obstacle() {
        let is_required = std::env::var_os("WHARF_TEST_REQUIRE").is_some();
        assert!(!is_required, "the grid is required, but cannot run here: {reason}");
        println!("skipped: {reason}");
        return;
    }
    let cell: Cell = "20:5".parse().unwrap();
    let extent = Extent { rounds: 1, duration: Duration::from_millis(700), rate: 20_000_000 };
    let row = measure(cell, extent).unwrap();
    for run in row.kernel.iter().chain(&row.ours) {
        assert!(run.megabits > 0.0);
        let forth = run.passage.forth;
        assert!(forth.with_text > 10 && forth.lost <= forth.with_text, "{forth:?}");
        assert_eq!((forth.oversize, run.passage.back.oversize), (0, 0), "no offload");
        assert_eq!(run.passage.back.lost, 0, "acknowledgements are never lost");
        assert_eq!(run.dropped_outside, 0);
    }
}
