//! A network namespace for one thread: interfaces, routes and settings that nobody else sees, and
//! that end with the thread and the descriptors that it opened there.

mod sys;

use std::fs;
use std::io;
use std::process::Command;

/// The node through which TUN devices are made.
const TUN_NODE: &str = "/dev/net/tun";

/// Moves the calling thread, and it alone, into a network namespace of its own.
///
/// # Errors
///
/// What the system says, and what would help.
pub fn enter() -> io::Result<()> {
    sys::unshare_network().map_err(|error| {
        let help = "run as root, or under `unshare --user --map-root-user`";
        io::Error::new(error.kind(), format!("no network namespace: {error}; {help}"))
    })
}

/// Why there can be no namespace with TUN devices here; none if there can.
#[must_use]
pub fn obstacle() -> Option<String> {
    if let Err(error) = fs::File::options().read(true).write(true).open(TUN_NODE) {
        return Some(format!("{TUN_NODE}: {error}"));
    }
    let tried = std::thread::spawn(enter).join();
    match tried {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("the thread that tried panicked".to_owned()),
    }
}

/// Runs a command in the namespace of the calling thread; the words are separated by blanks.
///
/// # Errors
///
/// What the command says if it fails, or why it could not be run.
pub fn run(command: &str) -> io::Result<()> {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let failed = |reason: String| io::Error::other(format!("{command}: {reason}"));
    let output = Command::new(program).args(words).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// Reads a setting below /proc/sys/net; those of the calling thread's namespace are shown there.
///
/// # Errors
///
/// If there is none of that name.
pub fn setting(name: &str) -> io::Result<String> {
    let text = fs::read_to_string(format!("/proc/sys/net/{name}"))?;
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Changes one.
///
/// # Errors
///
/// If there is none of that name, or not that value for it.
pub fn set(name: &str, value: &str) -> io::Result<()> {
    fs::write(format!("/proc/sys/net/{name}"), value)
        .map_err(|error| io::Error::new(error.kind(), format!("net/{name} = {value}: {error}")))
}

/// A counter of the calling thread's namespace: `file` is `snmp` or `netstat` below its
/// /proc/net, `group` what a line begins with.
#[must_use]
pub fn counter(file: &str, group: &str, name: &str) -> Option<u64> {
    // /proc/net is the process's namespace, which the thread has left.
    let text = fs::read_to_string(format!("/proc/thread-self/net/{file}")).ok()?;
    read_counter(&text, group, name)
}

/// Lines come in pairs, names and then values.
fn read_counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(": "));
    let mut lines = lines.by_ref().filter(|(of, _)| *of == group).map(|(_, rest)| rest);
    let (names, values) = (lines.next()?, lines.next()?);
    let place = names.split_whitespace().position(|word| word == name)?;
    values.split_whitespace().nth(place)?.parse().ok()
}

/// Packets that an interface of the calling thread's namespace was to send and dropped.
#[must_use]
pub fn send_drops(interface: &str) -> Option<u64> {
    read_send_drops(&fs::read_to_string("/proc/thread-self/net/dev").ok()?, interface)
}

/// Eight figures of what is received, then bytes, packets, errors and drops of what is sent.
fn read_send_drops(text: &str, interface: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, figures) = lines.find(|(name, _)| name.trim() == interface)?;
    figures.split_whitespace().nth(11)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_group_and_name() {
        let text = "Ip: A B\nIp: 1 2\nTcp: RtoMin RetransSegs\nTcp: 200 7\n";
        assert_eq!(read_counter(text, "Tcp", "RetransSegs"), Some(7));
        assert_eq!(read_counter(text, "Ip", "B"), Some(2));
        assert_eq!(read_counter(text, "Tcp", "B"), None);
        assert_eq!(read_counter(text, "Udp", "A"), None);
        assert!(counter("snmp", "Tcp", "RetransSegs").is_some());
    }

    #[test]
    fn drops_are_the_twelfth_figure() {
        let text =
            "Inter-|   Receive\n face |bytes\n  lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        assert_eq!(read_send_drops(text, "lo"), Some(12));
        assert_eq!(read_send_drops(text, "eth0"), None);
        assert_eq!(send_drops("lo"), Some(0));
    }

    #[test]
    fn a_command_that_fails_says_which_and_why() {
        run("true with words").unwrap();
        let error = run("ls /nonexistent/file").unwrap_err().to_string();
        assert!(error.starts_with("ls /nonexistent/file: ls:"), "{error}");
        assert!(run("/nonexistent/program").is_err());
        assert!(setting("ipv4/no_such_setting").is_err());
    }
}
