//! The tools that tests need: Debian packages installed by name, and promtool out of a package
//! whose service we do not want.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Done, run};

/// Programs that tests call, and the package that brings each.
const PROGRAMS: &[(&str, &str)] = &[
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("ping", "iputils-ping"),
    ("curl", "curl"),
    ("python3", "python3"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("systemd-analyze", "systemd"),
    ("systemd-sysusers", "systemd"),
    ("dpkg-deb", "dpkg"),
];

/// Installs what is missing. Only root can; others are told what to install.
pub(crate) fn install_packages() -> Done {
    let missing = missing_packages(is_on_path);
    if missing.is_empty() {
        println!("all programs are there");
        return Ok(());
    }
    if !is_root() {
        return Err(format!("not root; install these yourself: {}", missing.join(" ")));
    }
    run(Command::new("apt-get").args(["update", "--quiet"]))?;
    let arguments = ["install", "--yes", "--quiet", "--no-install-recommends"];
    let mut install = Command::new("apt-get");
    install.args(arguments).args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut install)
}

fn missing_packages(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let missing = PROGRAMS.iter().filter(|(program, _)| !is_there(program));
    let mut packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    // The owner of our own entry in /proc is the effective user.
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Where promtool lies once it was brought.
pub(crate) fn promtool_path(root: &Path) -> PathBuf {
    target(root).join("tools/prometheus/usr/bin/promtool")
}

/// Brings promtool, unless it is there: out of Debian's package, which is unpacked and not
/// installed, since installing it would start a Prometheus.
pub(crate) fn promtool(root: &Path) -> Result<PathBuf, String> {
    let path = promtool_path(root);
    if path.is_file() {
        return Ok(path);
    }
    let folder = target(root).join("tools/download");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut download = Command::new("apt-get");
    download.current_dir(&folder).args(["download", "--quiet", "prometheus"]);
    if run(&mut download).is_err() {
        // A machine that never asked knows no packages.
        run(Command::new("apt-get").args(["update", "--quiet"]))?;
        run(&mut download)?;
    }
    let package = package_in(&folder)?;
    let unpacked = target(root).join("tools/prometheus");
    run(Command::new("dpkg-deb").arg("-x").arg(package).arg(unpacked))?;
    if path.is_file() { Ok(path) } else { Err("the package holds no promtool".to_owned()) }
}

fn package_in(folder: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let package = paths.find(|path| path.extension().is_some_and(|end| end == "deb"));
    package.ok_or_else(|| format!("no package in {}", folder.display()))
}

fn target(root: &Path) -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR");
    root.join(named.unwrap_or_else(|| OsString::from("target")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_package_is_named_once() {
        assert!(missing_packages(|_| true).is_empty());
        assert_eq!(missing_packages(|program| program != "ip" && program != "tc"), ["iproute2"]);
        let all = missing_packages(|_| false);
        assert!(all.contains(&"nftables") && all.is_sorted(), "{all:?}");
    }

    #[test]
    fn a_program_is_found_on_the_path_or_not() {
        assert!(is_on_path("sh"));
        assert!(!is_on_path("no-such-program-anywhere"));
    }
}
