//! Values that contradict each other, and those that only seem to.

use super::{assert_fault, faults_of, load};

#[test]
fn an_inner_limit_is_not_above_the_one_that_encloses_it() {
    let cases = [
        ("pool", "max_total", "100", "max_per_route", "101", "100"),
        ("pool", "max_connecting_total", "10", "max_connecting_per_route", "11", "10"),
        ("pool", "max_waiters_total", "2000", "max_waiters_per_route", "2001", "2000"),
        ("pool", "max_waiters_per_route", "300", "max_waiters_per_client", "301", "300"),
        ("pool", "max_per_route", "10", "min_idle", "11", "10"),
        ("pool", "backoff_max", "\"1s\"", "backoff_min", "\"2s\"", "1s"),
        ("pool", "max_lifetime", "\"1min\"", "idle_timeout", "\"61s\"", "1min"),
        ("control", "max_sessions", "5000", "max_sessions_per_uid", "5001", "5000"),
    ];
    for (section, outer, limit, inner, value, shown) in cases {
        let shown_value = value.trim_matches('"');
        assert_fault(
            &format!("[{section}]\n{outer} = {limit}\n{inner} = {value}\n"),
            &format!(
                "f0:3: {section}.{inner}: {shown_value} is above {section}.{outer} = {shown}, \
                 which encloses it (lower {section}.{inner}, or raise {section}.{outer})"
            ),
        );
        let equal = format!("[{section}]\n{outer} = {limit}\n{inner} = {limit}\n");
        assert_eq!(faults_of(&equal), [""; 0], "{equal}");
    }
}

#[test]
fn a_default_contradicts_nobody() {
    // 256 per route is the default, and so is an idle timeout of 50 s.
    load("[pool]\nmax_total = 100");
    load("[pool]\nmax_total = 100\nmax_per_route = 256");
    load("[pool]\nmax_lifetime = \"10s\"");
    load("[pool]\nidle_timeout = \"off\"");
    load("[control]\nmax_sessions = 10");
    assert_fault(
        "[pool]\nmax_per_route = 20000",
        "f0:2: pool.max_per_route: 20000 is above pool.max_total = 16384, which encloses it (lower \
         pool.max_per_route, or raise pool.max_total)",
    );
}

#[test]
fn the_stack_holds_what_the_pool_opens() {
    assert_fault(
        "[transport]\nconnections_max = 100",
        "f0:2: transport.connections_max: 100 is below pool.max_total = 16384, which it encloses \
         (raise transport.connections_max, or lower pool.max_total)",
    );
    assert_fault(
        "[pool]\nmax_total = 40000",
        "f0:2: pool.max_total: 40000 is above transport.connections_max = 32768, which encloses it \
         (lower pool.max_total, or raise transport.connections_max)",
    );
    load("[pool]\nmax_total = 100\n[transport]\nconnections_max = 100");
}

#[test]
fn limits_of_a_route_are_held_to_its_own_and_to_those_of_the_pool() {
    assert_fault(
        "[pool]\nmax_total = 100\n[[route]]\nmatch = \"http://a\"\nmax_per_route = 101",
        "f0:5: route.max_per_route: 101 is above pool.max_total = 100, which encloses it (lower \
         pool.max_per_route, or raise pool.max_total)",
    );
    assert_fault(
        "[[route]]\nmatch = \"http://a\"\nmax_lifetime = \"1min\"\nidle_timeout = \"2min\"",
        "f0:4: route.idle_timeout: 2min is above pool.max_lifetime = 1min, which encloses it \
         (lower pool.idle_timeout, or raise pool.max_lifetime)",
    );
    load("[[route]]\nmatch = \"http://a\"\nmax_lifetime = \"1h\"\nidle_timeout = \"30min\"");
    load("[[route]]\nmatch = \"http://a\"\nmax_lifetime = \"20s\"");
}

/// One mistake is one line: a limit with a fault of its own is compared with nothing.
#[test]
fn faulty_values_are_not_compared() {
    assert_fault(
        "[pool]\nmax_total = \"2O000\"\nmax_per_route = 20000",
        "f0:2: pool.max_total: wanted a whole number from 1 to 4000000, found a text",
    );
}

#[test]
fn addresses_are_hosts_of_the_gateways_network() {
    let cases = [
        (
            "addresses = [\"10.213.1.2\"]",
            "f0:2: transport.addresses: 10.213.1.2 is in no network of transport.gateway (take an \
             address of the gateway's network, or add a gateway)",
        ),
        (
            "addresses = [\"10.213.0.1\"]",
            "f0:2: transport.addresses: 10.213.0.1 is the gateway's own address (the two ends of \
             the link need an address each)",
        ),
        (
            "addresses = [\"10.213.0.3\"]",
            "f0:2: transport.addresses: 10.213.0.3 is the network's or the broadcast address of \
             10.213.0.1/30",
        ),
        (
            "gateway = [\"10.213.0.1/30\"]",
            "f0:2: transport.gateway: fd00:213::2 is in no network of transport.gateway (take an \
             address of the gateway's network, or add a gateway)",
        ),
    ];
    for (line, expected) in cases {
        assert_fault(&format!("[transport]\n{line}"), expected);
    }
    load("[transport]\naddresses = [\"192.0.2.9\"]\ngateway = [\"192.0.2.8/31\"]");
}

#[test]
fn sockets_do_not_share_a_path() {
    assert_fault(
        "[control]\nadmin_socket = \"/run/x\"\nlease_socket = \"/run/x\"",
        "f0:2: control.admin_socket: control.lease_socket and control.admin_socket are both /run/x \
         (give each socket a path of its own)",
    );
    assert_fault(
        "[control]\nlease_socket = \"/run/wharf/admin.sock\"",
        "f0:2: control.admin_socket: control.lease_socket and control.admin_socket are both \
         /run/wharf/admin.sock (give each socket a path of its own)",
    );
    assert_fault(
        "[metrics]\nlisten = \"unix:/run/wharf/lease.sock\"",
        "f0:2: metrics.listen: control.lease_socket and metrics.listen are both \
         /run/wharf/lease.sock (give each socket a path of its own)",
    );
}

#[test]
fn a_route_that_is_never_reached_is_a_fault() {
    assert_fault(
        "[[route]]\nmatch = \"http://*.a\"\n[[route]]\nmatch = \"http://b.a\"",
        "f0:4: route.match: http://b.a:80 is never reached: http://*.a:80 at f0:2 matches first \
         (put the narrower route first)",
    );
    load("[[route]]\nmatch = \"http://b.a\"\n[[route]]\nmatch = \"http://*.a\"");
}

#[test]
fn names_of_routes_are_unique() {
    assert_fault(
        "[[route]]\nmatch = \"http://a\"\nname = \"x\"\n[[route]]\nmatch = \"http://b\"\nname = \
         \"x\"",
        "f0:6: route.name: x names a route already, at f0:3 (names are unique)",
    );
}

#[test]
fn nobody_is_allowed_and_denied() {
    assert_fault(
        "[[route]]\nmatch = \"http://a\"\nallow_uids = [1, 2]\ndeny_uids = [2]",
        "f0:4: route.deny_uids: 2 stands in allow_uids and in deny_uids (keep one of the two)",
    );
    assert_fault(
        "[[route]]\nmatch = \"http://a\"\nallow_gids = [7]\ndeny_gids = [7]",
        "f0:4: route.deny_gids: 7 stands in allow_gids and in deny_gids (keep one of the two)",
    );
}
