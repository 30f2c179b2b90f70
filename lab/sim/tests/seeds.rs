//! A few hundred seeds on every change; `cargo xtask sim --seeds N` runs as many as one likes.

use wharf_sim::case::Case;
use wharf_sim::plant::Plant;
use wharf_sim::shrink::shrink;
use wharf_sim::trace::Trace;
use wharf_sim::violation::Report;

/// Runs `seeds`; a failure prints the shortest trace that shows it.
fn hold(seeds: std::ops::Range<u64>) -> Report {
    let mut total = Report::default();
    for seed in seeds {
        let case = Case::of(seed, Plant::None);
        match case.run(&mut Trace::off()) {
            Ok(report) => total.absorb(&report),
            Err(violation) => {
                let shrunk = shrink(case, violation);
                panic!(
                    "seed {seed}: {}\n{:#?}\n{}\ncargo xtask sim --seed {seed}",
                    shrunk.violation, shrunk.case, shrunk.trace
                );
            }
        }
    }
    total
}

#[test]
fn the_first_hundred_seeds_hold() {
    let total = hold(1..101);
    assert!(total.undelivered > 500 && total.resent > 500, "the network was bad: {total:?}");
    assert!(total.oversized > 20 && total.black_holes > 0, "paths changed: {total:?}");
    assert!(total.recycled > 0, "some daemons had few ports: {total:?}");
    assert!(total.connections > 100 && total.leases > 50, "much was done: {total:?}");
}

#[test]
fn the_second_hundred_seeds_hold() {
    hold(101..201);
}

#[test]
fn the_third_hundred_seeds_hold() {
    hold(201..301);
}

#[test]
fn a_seed_replays_to_the_packet() {
    for seed in [1, 3, 8, 12, 30] {
        let run = || Case::of(seed, Plant::None).run(&mut Trace::off());
        let (one, other) = (run().expect("it holds"), run().expect("it holds"));
        assert_eq!(one, other, "seed {seed}");
        assert_ne!(one.fingerprint, 0);
    }
}
