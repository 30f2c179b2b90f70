//! Configuration as the built daemon takes it, and the committed files of `configs/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use wharfd::config::origin::Origin;
use wharfd::config::pattern::RouteTable;
use wharfd::config::{Config, Inputs, reference};

fn configs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../configs")
}

fn committed(name: &str) -> Config {
    let inputs = Inputs { files: vec![configs().join(name)], ..Inputs::default() };
    inputs.load().unwrap_or_else(|faults| panic!("{faults}")).config
}

/// Runs wharfd without any variable.
fn wharfd(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    command.env_clear().args(arguments).output().expect("the binary was built")
}

/// Writes `text` to a file of its own and checks it.
fn check(text: &str) -> (Output, String) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("wharf.toml");
    fs::write(&file, text).expect("the folder is ours");
    let file = file.to_str().expect("the folder's name is text");
    (wharfd(&["--config", file, "--check"]), format!("{file}:"))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("wharfd prints text")
}

#[test]
fn reference_file_holds_every_key_at_its_default() {
    let written = fs::read_to_string(configs().join("wharf.toml")).unwrap();
    assert!(
        written == reference(),
        "configs/wharf.toml is not what `wharfd --print-reference` prints: write it anew"
    );
    assert_eq!(committed("wharf.toml"), Config::default());
}

#[test]
fn minimal_file_leases_the_upstream_at_the_gateway() {
    let config = committed("minimal.toml");
    assert_eq!(Config { routes: Vec::new(), ..config.clone() }, Config::default());
    let table = RouteTable::new(config.routes);
    let origin = Origin::new("http", "10.213.0.1", Some(8080)).unwrap();
    assert!(table.match_origin(&origin).is_some());
}

#[test]
fn examples_are_clean() {
    let mut names: Vec<String> = fs::read_dir(configs().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["many-upstreams.toml", "php-fpm.toml"]);
    for name in names {
        let config = committed(&Path::new("examples").join(&name).display().to_string());
        assert!(!config.routes.is_empty(), "{name}");
    }
}

#[test]
fn five_faults_are_five_lines_with_line_key_reason_and_suggestion() {
    let (output, file) = check(
        "[device]\nmtu = 900\n\n[pool]\nmax_totl = 100\nidle_timeout = 50\nmax_per_route = 20000\n\
         \n[[route]]\nmatch = \"https://api.internal\"\n",
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let found: Vec<&str> = text(&output.stderr).lines().collect();
    let expected = [
        "2: device.mtu: 900 is out of range (from 1280 to 65535)",
        "5: pool.max_totl: there is no such key (did you mean max_total?)",
        "6: pool.idle_timeout: a duration needs a unit, found 50 (write \"50s\" or \"50ms\")",
        "7: pool.max_per_route: 20000 is above pool.max_total = 16384, which encloses it (lower \
         pool.max_per_route, or raise pool.max_total)",
        "10: route.match: \"https://api.internal\" is not taken: TLS by the daemon is not there \
         yet (lease tcp://HOST:PORT and let the client speak TLS through it)",
    ]
    .map(|line| format!("{file}{line}"));
    assert_eq!(found, expected);
}

#[test]
fn clean_file_is_confirmed_in_one_line() {
    let (output, file) = check("[[route]]\nmatch = \"http://a\"\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), format!("{file} ok, 1 route\n"));
    assert_eq!(text(&output.stderr), "");
    let (output, _) = check("");
    assert!(text(&output.stdout).contains("no [[route]] yet"), "an idle daemon is pointed out");
}

#[test]
fn missing_file_is_a_fault() {
    let output = wharfd(&["--config", "/nonexistent/wharf.toml", "--check"]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "/nonexistent/wharf.toml: cannot be read: No such file or directory (os error \
                    2) (name another with --config FILE)\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn variables_and_flags_reach_the_configuration() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    let minimal = configs().join("minimal.toml");
    command.env_clear().env("WHARF_POOL__MAX_USES", "9").env("WHARF_SOCKET", "/run/x");
    command.arg("--config").arg(&minimal).args(["--print-config", "--set", "log.filter=debug"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(printed.contains("\nmax_uses = 9 # WHARF_POOL__MAX_USES\n"), "{printed}");
    assert!(printed.contains("\nfilter = \"debug\" # --set log.filter\n"), "{printed}");
    let origin = format!("match = \"http://10.213.0.1:8080\" # {}:5\n", minimal.display());
    assert!(printed.ends_with(&origin), "{printed}");
}

#[test]
fn variable_that_is_no_text_is_a_fault() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharfd"));
    command.env_clear().env("WHARF_LOG__FILTER", std::ffi::OsStr::from_bytes(b"\xff"));
    let output = command.args(["--check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "WHARF_LOG__FILTER: is not UTF-8\n");
}

#[test]
fn wrong_command_lines_exit_with_two() {
    for arguments in [&["--frobnicate"][..], &["--check", "--set", "pool.max_total"]] {
        assert_eq!(wharfd(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(wharfd(&["--help"]).status.code(), Some(0));
    assert_eq!(text(&wharfd(&["--print-reference"]).stdout), reference());
}
