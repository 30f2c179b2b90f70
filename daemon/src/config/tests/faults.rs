//! Every kind of fault of one file, as it is printed.

use super::super::reference;
use super::{assert_fault, faults_of, load_with};

#[test]
fn unknown_names_get_the_near_one() {
    assert_fault(
        "[pool]\nmax_totl = 1",
        "f0:2: pool.max_totl: there is no such key (did you mean max_total?)",
    );
    assert_fault(
        "[pool]\nmtu = 1",
        "f0:2: pool.mtu: there is no such key (it belongs below [device])",
    );
    assert_fault(
        "[log]\nzzz = 1",
        "f0:2: log.zzz: there is no such key (there are filter, format)",
    );
    assert_fault(
        "[transprt]\nsack = true\nnagle = true",
        "f0:1: transprt: there is no such section (did you mean [transport]?)",
    );
    assert_fault(
        "[[routes]]\nmatch = \"http://a\"",
        "f0:1: routes: there is no such section (did you mean [[route]]?)",
    );
    assert_fault(
        "[qq]",
        "f0:1: qq: there is no such section (there are [device], [transport], [pool], [control], \
         [metrics], [log] and [[route]])",
    );
    assert_fault("mtu = 1400", "f0:1: mtu: a key needs a section (it belongs below [device])");
    assert!(faults_of("zzz = 1").concat().starts_with("f0:1: zzz: a key needs a section (there"));
}

#[test]
fn sections_of_the_wrong_shape_are_told_apart() {
    assert_fault(
        "[[pool]]\nmax_total = 1",
        "f0:1: pool: this is a section (write [pool] on a line of its own)",
    );
    assert_fault("pool = 1", "f0:1: pool: this is a section (write [pool] on a line of its own)");
    assert_fault(
        "[route]\nmatch = \"http://a\"",
        "f0:1: route: routes are a list (write [[route]] on a line of its own)",
    );
    assert_fault(
        "route = [1]",
        "f0:1: route: a route is a section (write [[route]] on a line of its own)",
    );
    assert!(faults_of("[pool.max_total]\nx = 1").concat().contains("found a section"));
}

#[test]
fn values_of_the_wrong_type_are_not_coerced() {
    let cases = [
        (
            "[pool]\nmax_total = \"12\"",
            "f0:2: pool.max_total: wanted a whole number from 1 to 4000000, found a text (write 12 \
             without quotes)",
        ),
        (
            "[pool]\nmax_total = 1.7",
            "f0:2: pool.max_total: wanted a whole number from 1 to 4000000, found a fraction",
        ),
        (
            "[pool]\nmax_total = true",
            "f0:2: pool.max_total: wanted a whole number from 1 to 4000000, found a boolean",
        ),
        (
            "[pool]\nmax_total = 99999999999999999999",
            "f0:2: pool.max_total: a number beyond 64 bits is out of range (from 1 to 4000000)",
        ),
        ("[pool]\nmax_total = -1", "f0:2: pool.max_total: -1 is out of range (from 1 to 4000000)"),
        (
            "[transport]\nsack = \"true\"",
            "f0:2: transport.sack: wanted true or false, found a text (write true without quotes)",
        ),
        ("[transport]\nsack = 1", "f0:2: transport.sack: wanted true or false, found a number"),
        (
            "[transport]\naddresses = \"10.213.0.2\"",
            "f0:2: transport.addresses: wanted a list, each item an IP address, such as \
             \"10.213.0.2\", found a text (write [\"10.213.0.2\"])",
        ),
        (
            "[transport]\naddresses = [1]",
            "f0:2: transport.addresses: wanted a list, each item an IP address, such as \
             \"10.213.0.2\", found a number",
        ),
        (
            "[transport]\naddresses = []",
            "f0:2: transport.addresses: the list is empty; wanted at least 1",
        ),
        (
            "[log]\nfilter = 2026-01-01",
            "f0:2: log.filter: wanted a log filter, such as \"info\", found a date",
        ),
        (
            "[log]\nformat = \"jsn\"",
            "f0:2: log.format: \"jsn\" is not one of \"auto\", \"text\", \"json\" (did you mean \
             \"json\"?)",
        ),
    ];
    for (text, expected) in cases {
        assert_fault(text, expected);
    }
}

#[test]
fn durations_and_sizes_need_units() {
    let cases = [
        (
            "[pool]\nlease_timeout = 5",
            "f0:2: pool.lease_timeout: a duration needs a unit, found 5 (write \"5s\" or \"5ms\")",
        ),
        (
            "[pool]\nlease_timeout = \"5\"",
            "f0:2: pool.lease_timeout: a duration needs a unit, found \"5\" (write \"5s\" or \
             \"5ms\")",
        ),
        (
            "[pool]\nlease_timeout = \"5 fortnights\"",
            "f0:2: pool.lease_timeout: \"5 fortnights\" is not a duration (a number and one of us, \
             ms, s, min, h, d: \"500ms\", \"1min 30s\")",
        ),
        (
            "[pool]\nlease_timeout = \"off\"",
            "f0:2: pool.lease_timeout: \"off\" is not a duration (a number and one of us, ms, s, \
             min, h, d: \"500ms\", \"1min 30s\")",
        ),
        (
            "[pool]\nidle_timeout = \"0s\"",
            "f0:2: pool.idle_timeout: zero says nothing here (write \"off\" for never)",
        ),
        (
            "[pool]\nconnect_timeout = \"1h\"",
            "f0:2: pool.connect_timeout: 1h is out of range (from \"10ms\" to \"5min\")",
        ),
        (
            "[transport]\nsend_buffer = 65536",
            "f0:2: transport.send_buffer: a size needs a unit, found 65536 (write \"65536B\" or \
             \"65536KiB\")",
        ),
        (
            "[transport]\nsend_buffer = \"65536\"",
            "f0:2: transport.send_buffer: a size needs a unit, found \"65536\" (write \"65536B\" \
             or \"65536KiB\")",
        ),
        (
            "[transport]\nsend_buffer = \"64 parsecs\"",
            "f0:2: transport.send_buffer: \"64 parsecs\" is not a size (a number and one of B, KiB, \
             MiB, GiB: \"64KiB\")",
        ),
        (
            "[transport]\nsend_buffer = \"1KiB\"",
            "f0:2: transport.send_buffer: 1KiB is out of range (from \"16KiB\" to \"1GiB\")",
        ),
    ];
    for (text, expected) in cases {
        assert_fault(text, expected);
    }
}

#[test]
fn texts_with_a_rule_of_their_own() {
    let long = "x".repeat(108);
    let cases = [
        ("[device]\nname = \"wharf-interface0\"", "has 1 to 15 bytes, this one has 16"),
        ("[device]\nname = \"\"", "has 1 to 15 bytes, this one has 0"),
        ("[device]\nname = \"a b\"", "has no space"),
        ("[device]\nname = \"..\"", "has no space"),
        ("[transport]\naddresses = [\"10.213.0.300\"]", "is not an IP address"),
        ("[transport]\naddresses = [\"10.213.0.2\", \"10.213.0.2\"]", "stands twice"),
        ("[transport]\naddresses = [\"127.0.0.2\"]", "loopback address, which no TUN can carry"),
        ("[transport]\naddresses = [\"224.0.0.1\"]", "not the address of one host"),
        ("[transport]\naddresses = [\"::\"]", "not the address of one host"),
        ("[transport]\naddresses = [\"255.255.255.255\"]", "not the address of one host"),
        ("[transport]\ngateway = [\"10.213.0.1\"]", "has no prefix length (write ADDRESS/LENGTH"),
        ("[transport]\ngateway = [\"10.213.0.1/33\"]", "has a length from 1 to 32"),
        ("[transport]\ngateway = [\"fd00::1/129\"]", "has a length from 1 to 128"),
        ("[transport]\ngateway = [\"::ffff:10.213.0.1/120\"]", "a length from 1 to 32"),
        ("[transport]\ngateway = [\"x/8\"]", "is not an IP address"),
        ("[transport]\nport_range = \"9\"", "is not a range of ports (write LOWEST-HIGHEST"),
        ("[transport]\nport_range = \"9-8\"", "is not a range of ports"),
        ("[transport]\nport_range = \"0-8\"", "is not a range of ports"),
        ("[transport]\nport_range = \"1-65536\"", "is not a range of ports"),
        ("[control]\nlease_socket = \"run/l\"", "must be absolute"),
        ("[control]\nlease_socket = \"/run/\"", "names a file and has at most 107 bytes"),
        ("[control]\nlease_mode = \"0999\"", "is not a mode (three octal digits"),
        ("[control]\nlease_mode = \"1777\"", "is not a mode"),
        ("[control]\nlease_mode = \"+77\"", "is not a mode"),
        ("[control]\nlease_mode = \"\"", "is not a mode"),
        ("[metrics]\nlisten = \"19900\"", "is no place to listen (write \"ADDRESS:PORT\""),
        ("[metrics]\nlisten = \"0.0.0.0:19900\"", "is not a loopback address"),
        ("[metrics]\nlisten = \"unix:m\"", "must be absolute"),
        ("[log]\nfilter = \"wharfd=loud\"", "not a log filter"),
        ("[log]\nfilter = \"\"", "the filter is empty (write \"off\" for no log)"),
        ("[[route]]\nmatch = \"http://a\"\nname = \"a b\"", "1 to 64 letters"),
        ("[[route]]\nmatch = \"http://a\"\nname = \"__other__\"", "the daemon's own labels"),
        ("[[route]]\nmatch = \"http://a\"\nallow_uids = [\"www\"]", "is a name; ids are numbers"),
        ("[[route]]\nmatch = \"http://a\"\nallow_uids = [true]", "found a boolean"),
        ("[[route]]\nmatch = \"http://a\"\nallow_uids = 5", "found a number (write [5])"),
        ("[[route]]\nmatch = \"http://a\"\nallow_uids = [4294967295]", "is out of range"),
    ];
    for (text, expected) in cases {
        let found = faults_of(text);
        assert!(found.len() == 1 && found.concat().contains(expected), "{text}: {found:?}");
    }
    let text = format!("[control]\nlease_socket = \"/{long}\"");
    assert!(faults_of(&text).concat().contains("at most 107 bytes"));
}

#[test]
fn routes_name_what_is_wrong_with_their_match() {
    assert_fault(
        "[[route]]\nmatch = \"https://api.internal\"",
        "f0:2: route.match: \"https://api.internal\" is not taken: TLS by the daemon is not there \
         yet (lease tcp://HOST:PORT and let the client speak TLS through it)",
    );
    assert_fault(
        "\n[[route]]\nname = \"a\"",
        "f0:2: route.match: a route needs a `match` (match = \"http://api.internal:8080\")",
    );
    assert_fault(
        "[[route]]\nmatch = \"http://a\"\n[[route]]\nmatch = \"http://A:80\"",
        "f0:4: route.match: http://a:80 has a route already, at f0:2 (one [[route]] for each match \
         in a file)",
    );
    assert_fault(
        "[[route]]\nmatch = \"http://a\"\nmax_total = 5",
        "f0:3: route.max_total: there is no such key (it belongs below [pool] alone)",
    );
    assert_fault(
        "[pool]\nallow_uids = [5]",
        "f0:2: pool.allow_uids: there is no such key (it belongs below [[route]])",
    );
    for host in ["127.0.0.1", "[::1]", "localhost", "api.localhost"] {
        let found = faults_of(&format!("[[route]]\nmatch = \"http://{host}\"")).concat();
        assert!(found.contains("let the service listen on the gateway's address"), "{found}");
    }
}

#[test]
fn a_syntax_error_hides_nothing_behind_it() {
    let text = "[pool]\nmax_total 100\nreuse = = \"lifo\"\nshare = \"all\"\n[log\nformat = 1\n\
                [device]\nname = \"a\"\nname = \"b\"\nmtu = 1\n[control]\nlease_mode = 0660\n";
    let expected = [
        "f0:2: not TOML: key with no value, expected `=` (write KEY = VALUE)",
        "f0:3: not TOML: extra `=`, expected nothing (text stands in \"quotes\", a list in \
         [brackets])",
        "f0:4: pool.share: \"all\" is not one of \"uid\", \"uid+group\", \"unit\", \"any\"",
        "f0:5: not TOML: unclosed table, expected `]` (write [SECTION] or [[route]] on a line of \
         its own)",
        "f0:9: not TOML: duplicate key (keep one of the two)",
        "f0:10: device.mtu: 1 is out of range (from 1280 to 65535)",
        "f0:12: not TOML: unexpected leading zero, expected nothing (text stands in \"quotes\", a \
         list in [brackets])",
    ];
    assert_eq!(faults_of(text), expected);
}

#[test]
fn a_fault_is_one_line_whatever_it_quotes() {
    assert_fault(
        "[log]\n\"a\\nb\\u001b[0m\" = 1",
        "f0:2: log.a\\nb\\u{1b}[0m: there is no such key (there are filter, format)",
    );
}

#[test]
fn lines_are_counted_with_either_ending() {
    assert!(faults_of("[pool]\r\n\r\nx = 1\r\n").concat().starts_with("f0:3: "));
    assert!(faults_of("# ä\n[pool]\nx = 1").concat().starts_with("f0:3: "));
}

/// Mutations of a whole file: the walk ends, and what it takes for clean can be stacked.
#[test]
fn no_text_panics() {
    let text = format!("{}\n[[route]]\nmatch = \"http://*.a:*\"\nname = \"n\"\n", reference());
    let noise = ["[", "]", "=", "\"", "\n", "'''", "{", ",", "1e9", ".", "#", "\u{0}", "é", "[["];
    let mut seed: u64 = 0x5eed;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % below
    };
    let mut refused = 0;
    for _ in 0..300 {
        let mut mutated: Vec<char> = text.chars().collect();
        for _ in 0..=random(3) {
            let at = random(mutated.len());
            let end = (at + random(40)).min(mutated.len());
            mutated.splice(at..end, noise[random(noise.len())].chars());
        }
        let mutated: String = mutated.into_iter().collect();
        refused += usize::from(load_with(&super::Inputs::default(), &[&mutated]).is_err());
    }
    assert!((1..300).contains(&refused), "{refused} of 300");
}
