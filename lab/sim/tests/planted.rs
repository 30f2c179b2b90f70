//! The tool must be shown to fail: each planted fault is found, shrunk, and its trace tells it.

use wharf_sim::case::Case;
use wharf_sim::plant::Plant;
use wharf_sim::shrink::{Shrunk, shrink};
use wharf_sim::trace::Trace;
use wharf_sim::violation::Kind;

/// Lines of a trace that is short as it is: a simpler scenario, with larger writes say, may have
/// one or two more.
const SHORT: usize = 40;

/// The first seed that finds `plant`, shrunk.
fn found(plant: Plant, kind: Kind) -> Shrunk {
    for seed in 1..200 {
        let case = Case::of(seed, plant);
        if let Err(violation) = case.run(&mut Trace::off())
            && violation.kind == kind
        {
            let mut whole = Trace::on();
            let again = case.run(&mut whole).expect_err("a seed replays");
            assert_eq!(again, violation);
            let shrunk = shrink(case, violation);
            let most = whole.len().max(SHORT);
            assert!(shrunk.trace.len() <= most, "shrinking makes it no longer:\n{}", shrunk.trace);
            return shrunk;
        }
    }
    panic!("{plant:?} was not found");
}

#[test]
fn a_lost_retransmission_timer_stalls_a_connection_and_is_found() {
    let shrunk = found(Plant::ForgetTimer, Kind::Stalled);
    assert!(shrunk.violation.detail.contains("nothing will ever happen"), "{}", shrunk.violation);
    assert!(shrunk.trace.len() < 60, "a short trace:\n{}", shrunk.trace);
    assert!(shrunk.trace.to_string().contains("# lost"), "what was lost stays lost");
}

#[test]
fn dropped_retransmissions_are_found_though_the_network_is_bad_anyway() {
    let shrunk = found(Plant::DropRetransmissions, Kind::Ending);
    assert!(shrunk.violation.detail.contains("timed_out"), "{}", shrunk.violation);
    assert!(shrunk.trace.len() < 200, "a short trace:\n{}", shrunk.trace);
}

#[test]
fn a_changed_byte_is_found_at_its_offset() {
    let shrunk = found(Plant::FlipByte, Kind::Stream);
    assert!(shrunk.violation.detail.starts_with("offset 100: "), "{}", shrunk.violation);
    assert!(shrunk.trace.len() < SHORT, "a short trace:\n{}", shrunk.trace);
}

#[test]
fn a_client_that_the_daemon_forgets_is_found() {
    let shrunk = found(Plant::ForgetHangUp, Kind::Stalled);
    let case = format!("{:?}", shrunk.case);
    assert_eq!(case.matches("Patron {").count(), 1, "one client is enough: {case}");
}
