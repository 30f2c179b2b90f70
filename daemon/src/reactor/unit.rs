//! The control group of a client's process: which service or container it belongs to.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The control group of process `pid`, whose descriptor is `pidfd`; none if it is gone or out of sight.
///
/// The process is looked at after its file was read: as long as it has not exited, the number was its
/// own.
pub(super) fn of(pid: i32, pidfd: &OwnedFd) -> Option<Arc<str>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let has_exited = poll(&mut fds, Some(&now)).ok()? > 0;
    parse(&text).filter(|_| !has_exited).map(Arc::from)
}

/// The unit in the text of `/proc/PID/cgroup`: the path in the one hierarchy of cgroup v2, or in
/// systemd's own where controllers have hierarchies of their own.
fn parse(text: &str) -> Option<&str> {
    let path_in = |wanted: &str| {
        text.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (_number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            (controllers == wanted).then_some(path)
        })
    };
    let systemd = path_in("name=systemd");
    systemd.or_else(|| path_in("")).map(unit)
}

/// What a service or a container has made below itself belongs to it. A login of a user does not stand
/// for itself: each would be another, and the user is the same.
fn unit(path: &str) -> &str {
    let mut end = 0;
    for part in path.split_inclusive('/') {
        let name = part.trim_end_matches('/');
        if name.starts_with("session-") && name.ends_with(".scope") {
            return path[..end].trim_end_matches('/');
        }
        end += part.len();
        if name.ends_with(".service") || name.ends_with(".scope") {
            return path[..end].trim_end_matches('/');
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_the_service_or_the_container() {
        let cases = [
            ("0::/system.slice/php-fpm.service\n", "/system.slice/php-fpm.service"),
            ("0::/system.slice/a.service/worker/7\n", "/system.slice/a.service"),
            ("0::/machine.slice/docker-0f.scope/init\n", "/machine.slice/docker-0f.scope"),
            ("0::/user.slice/user-7.slice/session-3.scope\n", "/user.slice/user-7.slice"),
            (
                "12:pids:/x\n1:name=systemd:/system.slice/b.service\n0::/\n",
                "/system.slice/b.service",
            ),
            ("0::/kubepods/pod1/c2\n", "/kubepods/pod1/c2"),
            ("0::/\n", "/"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(parse(""), None);
        assert_eq!(parse("nonsense\n4:cpu:/x\n"), None);
    }

    #[test]
    fn a_process_that_has_exited_belongs_nowhere() {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a child");
        let pid = i32::try_from(child.id()).expect("a number of a process");
        let number = Pid::from_raw(pid).expect("not zero");
        let pidfd = pidfd_open(number, PidfdFlags::empty()).expect("it lives");
        assert!(of(pid, &pidfd).is_some());
        child.kill().expect("it was there");
        child.wait().expect("it has ended");
        assert_eq!(of(pid, &pidfd), None);
        // Somebody alive, by another's descriptor.
        let own = i32::try_from(std::process::id()).expect("a number of a process");
        assert_eq!(of(own, &pidfd), None);
    }
}
