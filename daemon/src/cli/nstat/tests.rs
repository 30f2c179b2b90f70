use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn options(arguments: &[&str]) -> Options {
    Line::parse_from(["nstat"].iter().chain(arguments)).options
}

fn counter(name: &str, value: u64) -> Counter {
    Counter { name: name.to_owned(), value }
}

fn some() -> Vec<Counter> {
    vec![
        counter("TcpActiveOpens", 6),
        counter("TcpExtTCPTimeouts", 0),
        counter("IpInReceives", 1_000),
        counter("WharfDiscardedRsts", 1),
    ]
}

fn names(arguments: &[&str]) -> Vec<String> {
    options(arguments).choose(some()).into_iter().map(|counter| counter.name).collect()
}

#[test]
fn lines_as_nstat_prints_them() {
    let expected = "\
#kernel
TcpActiveOpens                  6               0.0
IpInReceives                    1000            0.0
#wharf
WharfDiscardedRsts              1               0.0
";
    assert_eq!(as_lines(&options(&["-a"]).choose(some()), None), expected);
    assert!(
        as_lines(&some(), Some(4))
            .contains("TcpActiveOpens                  6               1.5\n")
    );
}

#[test]
fn zeros_are_shown_on_demand() {
    assert_eq!(names(&[]), ["TcpActiveOpens", "IpInReceives", "WharfDiscardedRsts"]);
    assert_eq!(names(&["-z"]).len(), 4);
    assert_eq!(names(&["--zeros", "*timeouts"]), ["TcpExtTCPTimeouts"]);
}

#[test]
fn patterns_choose_by_name() {
    assert_eq!(names(&["Tcp*"]), ["TcpActiveOpens"]);
    assert_eq!(names(&["ipinreceives", "wharf*"]), ["IpInReceives", "WharfDiscardedRsts"]);
    assert_eq!(names(&["Tcp"]), [""; 0]);
    for (pattern, name, expected) in [
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("?", "a", true),
        ("?", "", false),
        ("a*c", "abbc", true),
        ("a*c", "abbcd", false),
        ("*b*", "abc", true),
        ("**b?", "aabc", true),
        ("A?C*", "abcd", true),
        ("a?c", "ac", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} and {name}");
    }
}

#[test]
fn json_has_the_same_choice() {
    let text = as_json(&options(&["Tcp*"]).choose(some()));
    let expected = "{\"command\":\"counters\",\"counters\":{\"TcpActiveOpens\":6},\"schema\":1}\n";
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parsed(&text), parsed(expected));
}

/// A daemon that gives these answers, one a connection.
fn daemon(path: &Path, answers: &'static [&'static str]) -> std::thread::JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut socket, _) = listener.accept().unwrap();
            let mut question = String::new();
            BufReader::new(&socket).read_line(&mut question).unwrap();
            assert_eq!(question, "counters\n");
            socket.write_all(answer.as_bytes()).unwrap();
        }
    })
}

#[test]
fn an_interval_shows_what_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let daemon = daemon(
        &path,
        &[
            "{\"schema\":1,\"counters\":[{\"name\":\"TcpInSegs\",\"value\":10},\
             {\"name\":\"TcpCurrEstab\",\"value\":3}]}",
            "{\"schema\":1,\"counters\":[{\"name\":\"TcpInSegs\",\"value\":35},\
             {\"name\":\"TcpCurrEstab\",\"value\":2}]}",
        ],
    );
    let options = options(&["-i", "5", "--socket", path.to_str().unwrap()]);
    let waited = std::cell::Cell::new(Duration::ZERO);
    let counters = counters(&options, |span| waited.set(span)).unwrap();
    daemon.join().unwrap();
    assert_eq!(waited.get(), Duration::from_secs(5));
    assert_eq!(counters, [counter("TcpInSegs", 25), counter("TcpCurrEstab", 0)]);
}

#[test]
fn an_interval_has_a_length_and_is_not_absolute() {
    for wrong in [&["-i", "0"][..], &["-i", "x"], &["-a", "-i", "1"]] {
        assert!(Line::try_parse_from(["nstat"].iter().chain(wrong)).is_err(), "{wrong:?}");
    }
}
