use super::super::tuple::{Addresses, LocalAddress};
use super::*;

fn ports(range: RangeInclusive<u16>, seed: u8) -> Ports {
    Ports::new(range, &Secrets::from_bytes(&[seed; Secrets::LEN]))
}

fn local() -> LocalAddress {
    let addresses = Addresses::new(vec!["10.0.0.1".parse().unwrap()]);
    addresses.find("10.0.0.1".parse().unwrap()).unwrap()
}

/// Where connections to 10.0.0.2 go, at this port.
fn to(port: u16) -> FourTuple {
    FourTuple::new(local(), 0, core::net::SocketAddr::new([10, 0, 0, 2].into(), port))
}

/// Chooses a port that is then taken.
fn taken(ports: &mut Ports) -> FourTuple {
    let port = ports.choose(&to(80), |_| true).expect("the range is not full");
    let tuple = to(80).with_port(port);
    ports.take(&tuple);
    tuple
}

#[test]
fn a_destination_walks_the_whole_range_before_a_port_comes_again() {
    let mut ports = ports(50_000..=50_099, 1);
    let mut seen: Vec<u16> = (0..100).map(|_| ports.choose(&to(80), |_| true).unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (50_000..=50_099).collect::<Vec<_>>());
}

#[test]
fn ports_in_use_otherwise_are_passed_over_and_a_full_range_is_said() {
    let mut ports = ports(50_000..=50_009, 1);
    for _ in 0..30 {
        assert_eq!(ports.choose(&to(80), |port| port == 50_007), Some(50_007));
    }
    assert_eq!(ports.choose(&to(80), |_| false), None);
}

#[test]
fn ports_that_are_taken_are_not_chosen_until_they_are_released() {
    let mut ports = ports(50_000..=50_009, 1);
    let all: Vec<FourTuple> = (0..10).map(|_| taken(&mut ports)).collect();
    assert_eq!(ports.choose(&to(80), |_| true), None);
    assert!(ports.choose(&to(81), |_| true).is_some(), "another destination has its own");
    assert_eq!(ports.totals(), (10, 0));
    ports.release(&all[3]);
    assert_eq!(ports.choose(&to(80), |_| true), Some(all[3].local_port()));
    all.iter().for_each(|tuple| ports.release(tuple));
    assert_eq!((ports.totals(), ports.targets.len()), ((0, 0), 0), "nothing is kept");
}

#[test]
fn the_upper_end_of_all_ports_can_be_used() {
    let mut ports = ports(65_535..=65_535, 1);
    assert_eq!(taken(&mut ports).local_port(), 65_535);
    assert_eq!(ports.choose(&to(80), |_| true), None);
}

#[test]
fn an_empty_range_has_no_port() {
    #[expect(clippy::reversed_empty_ranges, reason = "the empty range is the case")]
    let mut ports = ports(5..=4, 1);
    assert_eq!(ports.choose(&to(80), |_| true), None);
    assert_eq!(ports.choose_waiting(&to(80), |_| true), None);
}

#[test]
fn destinations_and_starts_begin_at_different_ports() {
    let first = |seed, port| ports(1024..=65_535, seed).choose(&to(port), |_| true).unwrap();
    assert_ne!(first(1, 80), first(2, 80));
    assert_ne!(first(1, 80), first(1, 81));
    assert_eq!(first(1, 80), first(1, 80));
}

#[test]
fn the_stripe_alone_moves_the_ports_of_a_start() {
    let mut secrets = Secrets::from_bytes(&[1; Secrets::LEN]);
    let before = Ports::new(1024..=65_535, &secrets).choose(&to(80), |_| true);
    secrets.stripe = [9; 16];
    let after = Ports::new(1024..=65_535, &secrets).choose(&to(80), |_| true);
    assert_ne!(before, after);
}

#[test]
fn a_full_range_costs_a_connection_as_little_as_an_empty_one() {
    let mut ports = ports(10_000..=65_535, 3);
    let mut looks = 0;
    let mut choose = |ports: &mut Ports| {
        let mut here = 0;
        let port = ports.choose(&to(80), |_| {
            here += 1;
            true
        });
        looks += here;
        port
    };
    let mut all = Vec::new();
    while let Some(port) = choose(&mut ports) {
        all.push(to(80).with_port(port));
        ports.take(all.last().unwrap());
    }
    assert_eq!(all.len(), 55_536);
    // One in a hundred is given back, and taken again.
    for tuple in all.iter().step_by(100) {
        ports.release(tuple);
    }
    let again = core::iter::from_fn(|| {
        let port = choose(&mut ports)?;
        ports.take(&to(80).with_port(port));
        Some(port)
    });
    let again = again.count();
    assert_eq!((again, looks), (556, 55_536 + 556), "each port was looked at once");
    ports.choose(&to(80), |_| panic!("nothing is looked at in a full range"));
}

#[test]
fn a_port_in_time_wait_is_found_among_many_that_are_not() {
    let mut ports = ports(10_000..=65_535, 3);
    let all: Vec<FourTuple> = (0..55_536).map(|_| taken(&mut ports)).collect();
    assert_eq!(ports.choose_waiting(&to(80), |_| panic!("none is in TIME-WAIT")), None);
    for place in [500, 40_000] {
        ports.wait(&all[place]);
    }
    for place in [500, 40_000] {
        let port = ports.choose_waiting(&to(80), |_| true);
        assert_eq!(port, Some(all[place].local_port()), "in the order of their turns");
    }
    ports.take(&all[500]);
    assert_eq!(ports.knows(&all[500]), (true, false), "it is in use again");
    ports.release(&all[40_000]);
    assert_eq!(ports.choose_waiting(&to(80), |_| true), None);
}

#[test]
fn time_waits_that_may_not_end_are_looked_at_in_bounds() {
    let mut ports = ports(10_000..=65_535, 3);
    let all: Vec<FourTuple> = (0..55_536).map(|_| taken(&mut ports)).collect();
    all.iter().for_each(|tuple| ports.wait(tuple));
    let mut looks = 0;
    let none = ports.choose_waiting(&to(80), |_| {
        looks += 1;
        false
    });
    assert_eq!((none, looks), (None, LOOKS));
}

#[test] // connections that began together have ended together
fn a_block_of_young_time_waits_hides_no_old_ones() {
    let mut ports = ports(10_000..=65_535, 3);
    let all: Vec<FourTuple> = (0..55_536).map(|_| taken(&mut ports)).collect();
    all.iter().for_each(|tuple| ports.wait(tuple));
    let young: std::collections::BTreeSet<u16> =
        all.iter().take(30_000).map(FourTuple::local_port).collect();
    for _ in 0..1_000 {
        let port = ports.choose_waiting(&to(80), |port| !young.contains(&port));
        ports.take(&to(80).with_port(port.expect("half of them are old")));
    }
}

#[test]
fn a_port_that_was_not_chosen_here_is_not_known() {
    let mut ports = ports(50_000..=50_009, 1);
    taken(&mut ports);
    for stranger in [to(80).with_port(49_999), to(80).with_port(50_010), to(81).with_port(50_001)] {
        ports.wait(&stranger);
        ports.release(&stranger);
        assert_eq!(ports.knows(&stranger), (false, false));
    }
    assert_eq!(ports.totals(), (1, 0));
}
