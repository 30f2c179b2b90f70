//! One request after another, as a new user would make them.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{
    Daemon, Process, get, in_namespaces, metrics, series, sh, total, wait_for, wharf,
};

const STATES: [&str; 11] = [
    "closed",
    "listen",
    "syn_sent",
    "syn_received",
    "established",
    "fin_wait_1",
    "fin_wait_2",
    "close_wait",
    "closing",
    "last_ack",
    "time_wait",
];

/// Python's own HTTP server, which knows nothing of us.
fn python_server() -> Process {
    let child = Command::new("python3")
        .args(["-m", "http.server", "8080", "--protocol", "HTTP/1.1", "--directory", "/run/wharf"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 starts");
    let process = Process(child);
    wait_for("the server listens", || std::net::TcpStream::connect("127.0.0.1:8080").is_ok());
    process
}

fn minimal_config() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/minimal.toml"))
}

#[test]
fn the_second_request_finds_an_idle_connection() {
    in_namespaces("show::the_second_request_finds_an_idle_connection", || {
        let _daemon = Daemon::start_with_file(minimal_config());
        let _server = python_server();
        let first = get("http://10.213.0.1:8080/", &[]);
        assert_eq!((&first["status"], &first["source"]), (&200.into(), &"new".into()), "{first}");
        let second = get("http://10.213.0.1:8080/", &[]);
        assert_eq!(second["source"], "idle", "{second}");
        assert_eq!(second["sha256"], first["sha256"]);
        assert_eq!(second["released"], "kept", "{second}");

        let text = metrics();
        for source in ["new", "idle"] {
            assert_eq!(series(&text, "wharf_pool_leases_total", &[("source", source)]), Some(1.0));
        }
        for state in STATES {
            let found = series(&text, "wharf_tcp_connections", &[("state", state)]);
            assert!(found.is_some(), "no series for {state}");
        }
        assert_eq!(total(&text, "wharf_pool_connections", &[("state", "idle")]), 1.0);
    });
}

#[test]
fn what_the_tool_shows_is_what_the_daemon_has() {
    in_namespaces("show::what_the_tool_shows_is_what_the_daemon_has", || {
        let _daemon = Daemon::start_with_file(minimal_config());
        let _server = python_server();
        get("http://10.213.0.1:8080/", &[]);
        let shown = |command| {
            let output = wharf(&[command, "--json"]);
            assert!(output.status.success(), "wharf {command}");
            serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("one object")
        };
        let routes = shown("routes");
        assert_eq!(routes["routes"][0]["connections"]["idle"], 1, "{routes}");
        let connections = shown("ss");
        assert_eq!(connections["connections"][0]["state"], "established", "{connections}");
        assert_eq!(connections["connections"][0]["pool_state"], "idle", "{connections}");
        assert_eq!(shown("nstat")["counters"]["TcpCurrEstab"], 1);
        assert_eq!(shown("status")["ready"], true);
        assert_eq!(shown("leases")["sessions"], serde_json::json!([]));
        let steps = shown("trace");
        let steps = steps["transitions"].as_array().expect("a list");
        let names: Vec<&str> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
        // The acknowledgement of the request may come with the answer, or after it.
        assert!(names.starts_with(&["connecting", "leased"]), "{names:?}");
        assert_eq!(names.last(), Some(&"idle"), "{names:?}");
        let config = wharf(&["config"]);
        let text = String::from_utf8(config.stdout).expect("text");
        assert!(text.contains("[[route]]") && text.contains("max_per_route"), "{text}");
    });
}

#[test]
fn the_kernel_can_ping_the_stack() {
    in_namespaces("show::the_kernel_can_ping_the_stack", || {
        let _daemon = Daemon::start_with_file(minimal_config());
        sh("ping -n -c 2 -i 0.2 -W 5 10.213.0.2");
        sh("ping -n -c 2 -i 0.2 -W 5 fd00:213::2");
    });
}

#[test]
fn a_route_that_nobody_allowed_is_denied() {
    in_namespaces("show::a_route_that_nobody_allowed_is_denied", || {
        let _daemon = Daemon::start_with_file(minimal_config());
        let output = wharf(&["get", "http://10.213.0.1:9999/", "--json"]);
        assert_eq!(output.status.code(), Some(1));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an object");
        assert_eq!(answer["error"]["token"], "http_request_denied", "{answer}");
    });
}
