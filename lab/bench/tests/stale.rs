//! The stale storm, small: that requests get through to the server and back by either contender,
//! that a limit is learned, and that no verdict says more than the server's log. Skipped with the
//! reason where there can be no namespaces, unless WHARF_TEST_REQUIRE is set.

use std::path::{Path, PathBuf};

use wharf_bench::machine::Machine;
use wharf_bench::namespace::obstacle;
use wharf_bench::scheduling::Scheduling;
use wharf_bench::stale::{Case, Contender, Extent, json, measure, report};

#[test]
fn no_verdict_says_more_than_the_server_s_log() {
    if let Some(reason) = obstacle() {
        let is_required = std::env::var_os("WHARF_TEST_REQUIRE").is_some();
        assert!(!is_required, "the storm is required, but cannot run here: {reason}");
        println!("skipped: {reason}");
        return;
    }
    let [case, ..] = Case::all();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_wharf-bench"));
    let extent = Extent { leases: 240, program };
    let row = measure(case, &extent).unwrap();
    for who in Contender::ALL {
        let run = row.of(who).unwrap();
        let tally = &run.tally;
        assert_eq!(tally.requests(), extent.leases, "{who:?}: {tally:?}");
        assert_eq!(tally.failures(), 0, "{who:?}: {tally:?}");
        assert_eq!((tally.broken_promises(), tally.invented), (0, 0), "{who:?}: {tally:?}");
        assert_eq!((tally.doubled, run.unreadable), (0, 0), "{who:?}: {tally:?}");
        assert!(run.accepted > row.clients && run.closed_idle > 0, "{who:?}: pauses are too short");
        assert!(run.passage.forth.lost == 0 && run.passage.refused == 0, "{who:?}");
    }
    let ours = row.of(Contender::Ours).unwrap().daemon.as_ref().unwrap();
    let learned = ours.last().unwrap();
    assert!((0.9..=1.1).contains(&learned), "{learned} s learned of one");

    let (machine, rows) = (Machine::here(Path::new(".")), [row]);
    let text = report(&machine, Scheduling::Ordinary, &extent, &rows);
    assert!(text.contains("| 1s | wharfd | 240 |"), "{text}");
    let value = json(&machine, Scheduling::Ordinary, &extent, &rows);
    assert_eq!(value["runs"].as_array().unwrap().len(), Contender::ALL.len());
}
