//! Which origins a pattern is for, and which route an origin takes.

use super::*;
use crate::config::types::{Access, RouteSettings};

fn pattern(text: &str) -> RoutePattern {
    text.parse().unwrap_or_else(|bad| panic!("{text}: {bad}"))
}

fn origin(text: &str) -> Origin {
    pattern(text).origin().expect("a pattern without a star")
}

fn route(text: &str, name: Option<&str>) -> Route {
    Route {
        pattern: pattern(text),
        name: name.map(str::to_owned),
        addresses: Vec::new(),
        access: Access::default(),
        settings: RouteSettings::default(),
    }
}

#[test]
fn patterns_are_kept_in_one_spelling() {
    let cases = [
        ("http://API.Internal", "http://api.internal:80"),
        ("HTTP://api.internal.:80/", "http://api.internal:80"),
        ("http://api.internal:*", "http://api.internal:*"),
        ("http://*", "http://*:80"),
        ("tcp://*:*", "tcp://*:*"),
        ("http://*.SVC.internal.:8080", "http://*.svc.internal:8080"),
        ("http://[FD00:0::1]:8080", "http://[fd00::1]:8080"),
        ("http://[fd00::1]", "http://[fd00::1]:80"),
        ("tcp://[::ffff:10.0.0.1]:5", "tcp://10.0.0.1:5"),
    ];
    for (text, expected) in cases {
        assert_eq!(pattern(text).to_string(), expected, "{text}");
        assert_eq!(pattern(expected), pattern(text), "{text}");
    }
}

#[test]
fn what_is_no_pattern_says_why() {
    let cases = [
        ("api.internal:80", BadOrigin::Form),
        ("http://[::1]80", BadOrigin::Form),
        ("https://api.internal", BadOrigin::Tls),
        ("*://api.internal", BadOrigin::Scheme),
        ("udp://a:1", BadOrigin::Scheme),
        ("tcp://api.internal", BadOrigin::NoPort),
        ("tcp://*", BadOrigin::NoPort),
        ("http://", BadOrigin::NameLength),
        ("http://:80", BadOrigin::NameLength),
        ("http://a/path", BadOrigin::Excess),
        ("http://a?q", BadOrigin::Excess),
        ("http://user@a", BadOrigin::Excess),
        ("http://fd00::1", BadOrigin::Brackets),
        ("http://[fd00::1", BadOrigin::Brackets),
        ("http://[fd00::g]", BadOrigin::Ipv6),
        ("http://a:0", BadOrigin::Port),
        ("http://a:65536", BadOrigin::Port),
        ("http://a:+80", BadOrigin::Port),
        ("http://a:", BadOrigin::Port),
        ("http://a:80*", BadOrigin::Star),
        ("http://api-*.internal", BadOrigin::Star),
        ("http://**.internal", BadOrigin::Star),
        ("http://*..internal", BadOrigin::Label),
        ("http://*.-x.internal", BadOrigin::Label),
        ("http://*.0.0.1", BadOrigin::NumericName),
        ("http://10.0.0.*", BadOrigin::NumericName),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<RoutePattern>(), Err(expected), "{text}");
    }
}

#[test]
fn a_star_stands_for_one_label_any_host_or_any_port() {
    let cases = [
        ("http://api.internal", "http://api.internal:80", true),
        ("http://api.internal", "http://API.internal.", true),
        ("http://api.internal", "http://api.internal:81", false),
        ("http://api.internal", "tcp://api.internal:80", false),
        ("http://api.internal:*", "http://api.internal:81", true),
        ("http://*", "http://10.0.0.1", true),
        ("http://*", "http://[fd00::1]", true),
        ("http://*", "http://a.b.c", true),
        ("http://*", "http://a.b.c:81", false),
        ("tcp://*:*", "tcp://a:9", true),
        ("tcp://*:*", "http://a:9", false),
        ("http://*.svc", "http://a.svc", true),
        ("http://*.svc", "http://svc", false),
        ("http://*.svc", "http://a.b.svc", false),
        ("http://*.*.svc", "http://a.b.svc", true),
        ("http://a.*.svc", "http://a.b.svc", true),
        ("http://a.*.svc", "http://b.b.svc", false),
        ("http://a.*", "http://a.b", true),
        ("http://a.*", "http://a.b.c", false),
        ("http://*.*.*.*", "http://10.0.0.1", false),
        ("http://[fd00::1]:*", "http://[fd00:0::1]:8", true),
        ("http://10.0.0.1", "http://10.0.0.2", false),
    ];
    for (text, asked, expected) in cases {
        assert_eq!(pattern(text).matches(&origin(asked)), expected, "{text} and {asked}");
    }
}

#[test]
fn covering_is_matching_of_patterns() {
    let cases = [
        ("http://*:*", "http://a", true),
        ("http://*:*", "http://*.a:9", true),
        ("http://*:*", "http://*:*", true),
        ("http://*", "http://*:*", false),
        ("http://*", "tcp://a:80", false),
        ("http://*.a", "http://b.a", true),
        ("http://*.a", "http://*.a", true),
        ("http://*.*", "http://b.*", true),
        ("http://b.*", "http://*.*", false),
        ("http://*.a", "http://*.*.a", false),
        ("http://*.a", "http://*", false),
        ("http://b.a", "http://*.a", false),
        ("http://b.a", "http://*", false),
        ("http://b.a", "http://b.a", true),
        ("http://*.*.*.*", "http://10.0.0.1", false),
    ];
    for (wide, narrow, expected) in cases {
        assert_eq!(pattern(wide).covers(&pattern(narrow)), expected, "{wide} and {narrow}");
    }
}

#[test]
fn first_route_that_matches_wins() {
    let table = RouteTable::new(vec![
        route("http://api.svc:*", Some("api")),
        route("http://*.svc", None),
        route("http://*", Some("rest")),
    ]);
    let label = |asked: &str| table.match_origin(&origin(asked)).map(Route::label);
    assert_eq!(label("http://api.svc").as_deref(), Some("api"));
    assert_eq!(label("http://api.svc:9").as_deref(), Some("api"));
    assert_eq!(label("http://b.svc").as_deref(), Some("http://*.svc:80"));
    assert_eq!(label("http://b.c.svc").as_deref(), Some("rest"));
    assert_eq!(label("http://b.svc:81"), None);
    assert_eq!(label("tcp://b.svc:80"), None);
    assert_eq!(table.routes().len(), 3);
}

#[test]
fn only_a_route_of_one_origin_has_it_by_name() {
    let table = RouteTable::new(vec![
        route("http://*.svc", Some("many")),
        route("http://api.svc:8080", Some("one")),
    ]);
    let found = table.by_name("one").expect("it has one origin");
    assert_eq!(found.0.to_string(), "http://api.svc:8080");
    assert_eq!(found.1.label(), "one");
    assert!(table.by_name("many").is_none());
    assert!(table.by_name("none").is_none());
}
