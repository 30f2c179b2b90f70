//! What a reload takes over, and what waits for a restart.

use super::load;

const ROUTES: &str = "[[route]]\nmatch = \"http://a\"\n[[route]]\nmatch = \"http://b\"\n";

#[test]
fn same_values_from_other_places_are_no_change() {
    let old = load("[pool]\nmax_lifetime = \"600s\"\n[transport]\nsend_buffer = \"16384KiB\"");
    let (kept, changes) = old.reload(&load("\n[pool]\nmax_total = 16384")).unwrap();
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(kept.config, old.config);
}

#[test]
fn what_needs_a_restart_stays_and_the_rest_is_taken_over() {
    let old = load("[device]\nmtu = 1400\n[pool]\nmax_uses = 1");
    let new = load("[device]\nmtu = 1300\n[pool]\nmax_uses = 2\n[log]\nformat = \"json\"");
    let (running, changes) = old.reload(&new).unwrap();
    assert_eq!(changes.applied, ["pool.max_uses"]);
    assert_eq!(changes.restart, ["device.mtu", "log.format"]);
    assert_eq!(running.config.device.mtu, 1400);
    assert_eq!(running.config.log, old.config.log);
    assert_eq!(running.config.pool.per_route.max_uses, 2);
    // The next reload of the same file still owes the restart, and nothing else.
    let (_, again) = running.reload(&new).unwrap();
    assert!(again.applied.is_empty());
    assert_eq!(again.restart, ["device.mtu", "log.format"]);
}

#[test]
fn routes_come_go_change_and_move() {
    let old = load(ROUTES);
    let cases = [
        (ROUTES.to_owned(), vec![]),
        (format!("{ROUTES}max_uses = 5\n"), vec!["route http://b:80"]),
        ("[[route]]\nmatch = \"http://a\"\n".to_owned(), vec!["route http://b:80"]),
        (format!("{ROUTES}[[route]]\nmatch = \"http://c\"\n"), vec!["route http://c:80"]),
        (
            "[[route]]\nmatch = \"http://b\"\n[[route]]\nmatch = \"http://a\"\n".to_owned(),
            vec!["order of routes"],
        ),
    ];
    for (text, expected) in cases {
        let (running, changes) = old.reload(&load(&text)).unwrap();
        assert_eq!(changes.applied, expected, "{text}");
        assert!(changes.restart.is_empty());
        assert_eq!(running.config, load(&text).config);
    }
}

#[test]
fn routes_inherit_the_changed_pool() {
    let old = load(ROUTES);
    let (running, changes) = old.reload(&load(&format!("{ROUTES}[pool]\nmax_uses = 4"))).unwrap();
    assert_eq!(changes.applied, ["pool.max_uses"]);
    assert_eq!(running.config.routes[0].settings.max_uses, 4);
}

#[test]
fn new_values_that_contradict_what_stays_are_refused() {
    let old = load("");
    let new = load("[pool]\nmax_total = 40000\n[transport]\nconnections_max = 50000");
    let faults = old.reload(&new).unwrap_err().to_string();
    assert_eq!(
        faults,
        "f0:2: pool.max_total: 40000 is above transport.connections_max = 32768, which encloses it \
         (lower pool.max_total, or raise transport.connections_max)"
    );
}
