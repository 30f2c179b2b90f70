//! Which layer wins, how routes merge, and what the environment and the flags may say.

use core::time::Duration;
use std::fs;

use super::super::load::{Inputs, judge_owner};
use super::super::types::{Access, Share};
use super::{load_with, pairs};

#[test]
fn later_layers_win_key_by_key() {
    let inputs = Inputs {
        environment: pairs(&[("WHARF_POOL__MAX_USES", "3"), ("WHARF_LOG__FILTER", "warn")]),
        flags: pairs(&[("log.filter", "debug")]),
        ..Inputs::default()
    };
    let files = [
        "[pool]\nmax_uses = 1\nmax_total = 100\nlease_timeout = \"1s\"\n[log]\nfilter = \"error\"",
        "[pool]\nmax_uses = 2\nlease_timeout = \"2s\"",
    ];
    let loaded = load_with(&inputs, &files).unwrap();
    let pool = &loaded.config.pool;
    assert_eq!(pool.max_total, 100, "from the first file");
    assert_eq!(pool.per_route.lease_timeout, Duration::from_secs(2), "from the second");
    assert_eq!(pool.per_route.max_uses, 3, "from the environment");
    assert_eq!(loaded.config.log.filter, "debug", "from the flags");
    let printed = loaded.to_toml();
    for origin in [
        "max_total = 100 # f0:3",
        "lease_timeout = \"2s\" # f1:3",
        "max_uses = 3 # WHARF_POOL__MAX_USES",
        "filter = \"debug\" # --set log.filter",
    ] {
        assert!(printed.contains(origin), "{origin} is not in\n{printed}");
    }
}

#[test]
fn lists_replace_each_other() {
    let files = [
        "[transport]\naddresses = [\"10.213.0.2\", \"fd00:213::2\"]",
        "[transport]\naddresses = [\"fd00:213::3\"]",
    ];
    let loaded = load_with(&Inputs::default(), &files).unwrap();
    assert_eq!(
        loaded.config.transport.addresses,
        ["fd00:213::3".parse::<std::net::IpAddr>().unwrap()]
    );
}

#[test]
fn routes_of_one_match_are_one_route() {
    let files = [
        "[[route]]\nmatch = \"http://b\"\nname = \"b\"\nmax_uses = 1\n[[route]]\nmatch = \
         \"http://a\"",
        "[[route]]\nmatch = \"http://c\"\n[[route]]\nmatch = \"http://B:80\"\nmax_uses = 2\nshare \
         = \"any\"",
    ];
    let loaded = load_with(&Inputs::default(), &files).unwrap();
    let labels: Vec<String> =
        loaded.config.routes.iter().map(|route| route.pattern.to_string()).collect();
    assert_eq!(labels, ["http://b:80", "http://a:80", "http://c:80"], "in the order of mention");
    let merged = &loaded.config.routes[0];
    assert_eq!(merged.name.as_deref(), Some("b"));
    assert_eq!((merged.settings.max_uses, merged.settings.share), (2, Share::Any));
}

#[test]
fn a_route_has_what_the_pool_has_unless_it_says_otherwise() {
    let text = "[pool]\nmax_uses = 7\nidle_timeout = \"20s\"\n[[route]]\nmatch = \"http://a\"\n\
                idle_timeout = \"off\"\nallow_gids = [5]";
    let config = load_with(&Inputs::default(), &[text]).unwrap().config;
    let route = &config.routes[0];
    assert_eq!(route.settings.max_uses, 7);
    assert_eq!(route.settings.idle_timeout, None);
    assert_eq!(config.pool.per_route.idle_timeout, Some(Duration::from_secs(20)));
    assert_eq!(route.access, Access { allow_gids: vec![5], ..Access::default() });
    assert!(route.addresses.is_empty());
}

#[test]
fn access_denies_before_it_allows() {
    let list = |allow: &[u32], deny: &[u32]| Access {
        allow_uids: allow.to_vec(),
        deny_gids: deny.to_vec(),
        ..Access::default()
    };
    assert!(Access::default().permits(1, &[1]), "without lists all may");
    assert!(list(&[1], &[]).permits(1, &[9]));
    assert!(!list(&[1], &[]).permits(2, &[1]), "a group is not a user");
    assert!(!list(&[1], &[9]).permits(1, &[8, 9]), "a denial wins");
    assert!(list(&[], &[9]).permits(2, &[8]));
    let by_group = Access { allow_gids: vec![4], deny_uids: vec![2], ..Access::default() };
    assert!(by_group.permits(1, &[3, 4]));
    assert!(!by_group.permits(1, &[3]));
    assert!(!by_group.permits(2, &[4]));
}

#[test]
fn variables_have_the_types_of_their_keys() {
    let inputs = Inputs {
        environment: pairs(&[
            ("WHARF_DEVICE__ALLOW_UNOWNED", "true"),
            ("WHARF_DEVICE__MTU", " 1400 "),
            ("WHARF_TRANSPORT__ADDRESSES", "10.213.0.2, fd00:213::2"),
            ("WHARF_TRANSPORT__KEEPALIVE", "off"),
            ("WHARF_METRICS__LISTEN", "unix:/run/m"),
            ("WHARF_SOCKET", "/run/other"),
            ("WHARFAGE", "5"),
            ("PATH", "/bin"),
        ]),
        ..Inputs::default()
    };
    let config = load_with(&inputs, &[]).unwrap().config;
    assert!(config.device.allow_unowned);
    assert_eq!(config.device.mtu, 1400);
    assert_eq!(config.transport.addresses.len(), 2);
}

#[test]
fn faults_name_the_variable_or_the_flag() {
    let inputs = Inputs {
        environment: pairs(&[
            ("WHARF_POOL__MAX_TOTL", "3"),
            ("WHARF_POOL_MAX_TOTAL", "3"),
            ("WHARF_DEVICE__MTU", "12x"),
            ("WHARF_ROUTE__MATCH", "http://a"),
        ]),
        flags: pairs(&[("pool.reuse", "lilo"), ("zzz", "1")]),
        ..Inputs::default()
    };
    let faults = load_with(&inputs, &["[log]\nformat = 1"]).unwrap_err();
    let shown: Vec<String> = faults.list().iter().map(ToString::to_string).collect();
    let expected = [
        "f0:2: log.format: wanted one of \"auto\", \"text\", \"json\", found a number",
        "WHARF_POOL__MAX_TOTL: pool.max_totl: there is no such key (did you mean pool.max_total?)",
        "WHARF_POOL_MAX_TOTAL: two underlines part the section from the key (did you mean \
         WHARF_POOL__MAX_TOTAL?)",
        "WHARF_DEVICE__MTU: device.mtu: wanted a whole number from 1280 to 65535, found a text",
        "WHARF_ROUTE__MATCH: route.match: routes stand in files alone (write a [[route]] in \
         conf.d)",
        "--set pool.reuse: pool.reuse: \"lilo\" is not one of \"lifo\", \"fifo\", \"spread\", \"best\" (did you mean \
         \"lifo\"?)",
        "--set zzz: zzz: there is no such key (`wharfd --print-config` shows all keys)",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn conf_d_beside_a_file_is_read_after_it_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("wharf.toml");
    let extra = folder.path().join("conf.d");
    fs::create_dir(&extra).unwrap();
    fs::write(&main, "[pool]\nmax_uses = 1\n").unwrap();
    fs::write(extra.join("20-b.toml"), "[pool]\nmax_uses = 20\n").unwrap();
    fs::write(extra.join("10-a.toml"), "[pool]\nmax_uses = 10\nmax_total = 10\n").unwrap();
    fs::write(extra.join("notes.txt"), "not read").unwrap();
    fs::write(extra.join(".swap.toml"), "not read").unwrap();
    let inputs = Inputs { files: vec![main.clone(), main.clone()], ..Inputs::default() };
    let loaded = inputs.load().unwrap();
    assert_eq!(loaded.config.pool.per_route.max_uses, 20);
    assert_eq!(loaded.config.pool.max_total, 10);
    let expected = [main.clone(), main, extra.join("10-a.toml"), extra.join("20-b.toml")];
    assert_eq!(loaded.files, expected, "each folder once");
}

#[test]
fn conf_d_of_a_stranger_is_refused() {
    assert!(judge_owner(0, 1000).is_ok(), "root may");
    assert!(judge_owner(1000, 1000).is_ok(), "the owner may");
    let wrong = judge_owner(1001, 0).unwrap_err();
    assert_eq!(wrong.reason, "belongs to uid 1001, the file beside it to uid 0");
}

#[test]
fn files_that_cannot_be_read_are_faults_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("latin.toml"), b"[log]\n# \xe4\n").unwrap();
    fs::write(path("long.toml"), "#\n".repeat(3 << 20)).unwrap();
    fs::write(path("conf.d"), "a file, which is no folder to read").unwrap();
    let files = vec![path("none.toml"), path("latin.toml"), path("long.toml"), path(".")];
    let faults = Inputs { files, ..Inputs::default() }.load().unwrap_err().to_string();
    let lines: Vec<&str> = faults.lines().collect();
    let expected = [
        "none.toml: cannot be read: No such file or directory",
        "latin.toml: is not UTF-8 at line 2",
        "long.toml: is longer than 4194304 bytes",
        "/.: cannot be read: Is a directory",
    ];
    assert_eq!(lines.len(), expected.len(), "{faults}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.contains(expected), "{line}");
    }
}
