//! Table of keys, typed structs and reference hold together.

use super::super::keys::{self, KEYS};
use super::super::types::Config;
use super::super::{reference, show};
use super::{assert_fault, load};

/// A value of each key that is not its default, as it is written in a file.
const OTHER: &[(&str, &str)] = &[
    ("device.name", "\"tun7\""),
    ("device.mtu", "1400"),
    ("device.allow_unowned", "true"),
    ("transport.addresses", "[\"10.213.0.2\"]"),
    ("transport.gateway", "[\"10.213.0.1/29\", \"fd00:213::1/64\"]"),
    ("transport.port_range", "\"20000-30000\""),
    ("transport.connections_max", "20000"),
    ("transport.time_wait_max", "0"),
    ("transport.time_wait", "\"10s\""),
    ("transport.sack", "false"),
    ("transport.timestamps", "false"),
    ("transport.congestion", "\"reno\""),
    ("transport.ecn", "true"),
    ("transport.nagle", "true"),
    ("transport.delayed_ack", "\"0s\""),
    ("transport.rto_min", "\"1s\""),
    ("transport.keepalive", "\"2h\""),
    ("transport.user_timeout", "\"1min 30s\""),
    ("transport.send_buffer", "\"64KiB\""),
    ("transport.receive_buffer", "\"4MiB\""),
    ("transport.memory_limit", "\"2GiB\""),
    ("transport.memory_per_uid", "\"64MiB\""),
    ("pool.max_total", "1000"),
    ("pool.max_waiters_total", "9000"),
    ("pool.max_connecting_total", "9"),
    ("pool.max_routes", "7"),
    ("pool.dns_refresh", "\"1min\""),
    ("pool.probe_after_idle", "\"off\""),
    ("pool.max_per_route", "3"),
    ("pool.max_waiters_per_route", "300"),
    ("pool.max_waiters_per_client", "0"),
    ("pool.max_connecting_per_route", "1"),
    ("pool.lease_timeout", "\"0s\""),
    ("pool.connect_timeout", "\"250ms\""),
    ("pool.backoff_min", "\"10ms\""),
    ("pool.backoff_max", "\"1min\""),
    ("pool.idle_timeout", "\"off\""),
    ("pool.max_lifetime", "\"1d\""),
    ("pool.max_uses", "4294967295"),
    ("pool.min_idle", "2"),
    ("pool.reuse", "\"fifo\""),
    ("pool.first_use_timeout", "\"off\""),
    ("pool.lease_warn_after", "\"1h\""),
    ("pool.lease_max", "\"2h\""),
    ("pool.share", "\"uid+group\""),
    ("pool.quarantine", "false"),
    ("control.lease_socket", "\"/tmp/l\""),
    ("control.lease_mode", "\"0666\""),
    ("control.admin_socket", "\"/tmp/a\""),
    ("control.admin_mode", "\"600\""),
    ("control.max_sessions", "5000"),
    ("control.max_sessions_per_uid", "1"),
    ("control.max_leases_per_uid", "1"),
    ("control.session_buffer", "\"128KiB\""),
    ("control.hello_timeout", "\"5s\""),
    ("control.drain_timeout", "\"0s\""),
    ("metrics.listen", "\"unix:/run/m.sock\""),
    ("log.filter", "\"warn,wharfd=debug\""),
    ("log.format", "\"json\""),
    ("route.name", "\"api\""),
    ("route.addresses", "[\"10.9.9.9\"]"),
    ("route.allow_uids", "[0, 4294967294]"),
    ("route.allow_gids", "[5]"),
    ("route.deny_uids", "[6]"),
    ("route.deny_gids", "[7]"),
];

const ROUTE: &str = "[[route]]\nmatch = \"http://a.b\"\n";

#[test]
fn defaults_of_the_table_are_the_defaults_of_the_types() {
    assert_eq!(load("").config, Config::default());
}

#[test]
fn reference_has_every_key_and_reads_as_the_defaults() {
    let text = reference();
    assert_eq!(load(&text).config, Config::default());
    for key in KEYS {
        let shown = if key.default.is_some() {
            format!("\n{} = ", key.name())
        } else {
            format!("\n# {}: ", key.name())
        };
        assert!(text.contains(&shown), "{}", key.path);
    }
    assert!(text.lines().all(|line| line.len() <= show::WIDTH), "a line is too long");
}

#[test]
fn every_key_changes_what_the_daemon_is_told() {
    for key in KEYS.iter().filter(|key| key.path != "route.match") {
        let value = OTHER.iter().find(|(path, _)| *path == key.path);
        let (_, value) = value.unwrap_or_else(|| panic!("no other value for {}", key.path));
        if key.default.is_some() {
            let text = format!("[{}]\n{} = {value}\n", key.section(), key.name());
            // Without IPv6 in `addresses` the gateway keeps its own, and that is allowed.
            assert_ne!(load(&text).config, Config::default(), "{}", key.path);
        }
        if key.per_route || key.default.is_none() {
            let text = format!("{ROUTE}{} = {value}\n", key.name());
            assert_ne!(load(&text).config, load(ROUTE).config, "{}", key.path);
        }
    }
}

#[test]
fn what_is_printed_reads_as_the_same_configuration() {
    for key in KEYS.iter().filter(|key| key.default.is_some()) {
        let (_, value) = OTHER.iter().find(|(path, _)| *path == key.path).expect("listed above");
        let text = format!("[{}]\n{} = {value}\n{ROUTE}", key.section(), key.name());
        let loaded = load(&text);
        let printed = loaded.to_toml();
        assert_eq!(load(&printed).config, loaded.config, "{printed}");
        assert!(printed.contains(" # f0:2\n"), "{}: no origin in\n{printed}", key.path);
    }
}

#[test]
fn route_values_are_printed_with_their_origin() {
    let printed = load(&format!("{ROUTE}allow_uids = [1, 2]\nmax_uses = 5\n")).to_toml();
    let expected = "\n[[route]]\nmatch = \"http://a.b:80\" # f0:2\nallow_uids = [1, 2] # f0:3\n\
                    max_uses = 5 # f0:4\n";
    assert!(printed.ends_with(expected), "{printed}");
}

#[test]
fn paths_and_variables_are_unique() {
    for (i, key) in KEYS.iter().enumerate() {
        let rest = KEYS.iter().skip(i + 1);
        assert!(rest.clone().all(|other| other.path != key.path), "{}", key.path);
        assert!(keys::find(key.path).is_some());
        assert!(!key.doc.is_empty() && key.doc.ends_with('.'), "{}", key.path);
        if key.per_route {
            let own = keys::of_section(keys::ROUTE).any(|other| other.name() == key.name());
            assert!(!own, "{} is also a key of [[route]]", key.path);
        }
    }
}

/// The bounds that a key states are those that it holds.
#[test]
fn limits_are_what_the_reference_says() {
    assert_eq!(load("[device]\nmtu = 1280").config.device.mtu, 1280);
    assert_eq!(load("[device]\nmtu = 65535").config.device.mtu, 65_535);
    assert_fault(
        "[device]\nmtu = 1279",
        "f0:2: device.mtu: 1279 is out of range (from 1280 to 65535)",
    );
    assert_fault(
        "[device]\nmtu = 65536",
        "f0:2: device.mtu: 65536 is out of range (from 1280 to 65535)",
    );
}
