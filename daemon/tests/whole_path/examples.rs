//! The client library's examples, against the real daemon.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Daemon, LEASE_SOCKET, REQUIRE, Upstream, in_namespaces, sh, variable};

const CONFIG: &str = r#"
[[route]]
match = "http://10.213.0.1:8080"
"#;

/// An example's binary, which cargo builds together with the tests of the whole workspace.
fn example(name: &str) -> Option<PathBuf> {
    let me = std::env::current_exe().expect("the test binary");
    let folder = me.parent()?.parent()?.join("examples");
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(variable(REQUIRE).is_none(), "{REQUIRE} is set, and {} is missing", path.display());
    println!("skipped: {} is built with the tests of the workspace alone", path.display());
    None
}

fn gets_twice(name: &str) {
    let Some(binary) = example(name) else {
        return;
    };
    let _daemon = Daemon::start(CONFIG);
    let _upstream = Upstream::start(&[], &["--listen", "10.213.0.1:8080"]);
    for source in ["new", "idle"] {
        let output = Command::new(&binary)
            .args([LEASE_SOCKET, "http://10.213.0.1:8080/bytes/100000"])
            .output()
            .expect("the example runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        assert_eq!(told.trim(), format!("source: {source}, released: kept"));
        std::fs::write("/run/got", &output.stdout).expect("written");
        let direct = "curl -s http://10.213.0.1:8080/bytes/100000 | cmp - /run/got";
        sh(direct);
    }
}

#[test]
fn the_blocking_example_finds_its_connection_again() {
    in_namespaces("examples::the_blocking_example_finds_its_connection_again", || {
        gets_twice("blocking_get");
    });
}

#[test]
fn the_tokio_example_finds_its_connection_again() {
    in_namespaces("examples::the_tokio_example_finds_its_connection_again", || {
        gets_twice("tokio_get");
    });
}
