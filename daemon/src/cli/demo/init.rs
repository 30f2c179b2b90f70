//! The first process of the demo's process namespace.
//!
//! It makes the namespace whole (`/proc`, the loopback interface), starts the [`runner`] and
//! reaps whatever is left to it. It ends when the runner ends, or when its standard input does:
//! that is a pipe held by the process outside, so the end of that one, however it came, is the end
//! of everything here. The parent-death signal says the same once more.
//!
//! [`runner`]: super::runner

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus, Stdio};

use rustix::process::{Signal, WaitOptions};

use super::namespace;
use super::reexec::Role;
use crate::cli::{Exit, complain};

/// What the demo ends with when it is interrupted: 128 + SIGINT, as shells say it.
pub(super) const INTERRUPTED: u8 = 130;

/// Runs the first process; `arguments` are handed on to the runner.
pub(super) fn run(arguments: &[OsString]) -> Exit {
    match start(arguments) {
        Ok(runner) => reap_until_ended(&runner),
        Err(message) => {
            complain(format_args!("{message}"));
            Exit::Failed
        }
    }
}

/// Makes the namespace whole and starts the runner.
fn start(arguments: &[OsString]) -> Result<Child, String> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("asking to end with the parent: {error}"))?;
    end_with_standard_input().map_err(|error| format!("watching the parent: {error}"))?;
    // The old /proc still shows the host's numbers: the one by which nsenter finds us.
    let host_pid =
        fs::read_link("/proc/self").map_err(|error| format!("reading /proc: {error}"))?;
    namespace::mount_proc().map_err(|error| error.to_string())?;
    super::network::loopback_up().map_err(|error| format!("bringing lo up: {error}"))?;
    Role::Runner
        .command()
        .arg(host_pid)
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("starting the demo's runner: {error}"))
}

/// Ends this process, and so the namespace, when the process outside is gone or asks for it.
fn end_with_standard_input() -> io::Result<()> {
    std::thread::Builder::new()
        .name("wharf-hangup".to_owned())
        .spawn(|| {
            // Nothing is ever sent: whatever this returns, the other end is gone.
            let _ = io::stdin().lock().read(&mut [0; 1]);
            std::process::exit(i32::from(INTERRUPTED));
        })
        .map(drop)
}

/// Waits for every child, own or inherited, until the runner has ended.
fn reap_until_ended(runner: &Child) -> Exit {
    let runner = i32::try_from(runner.id()).unwrap_or(-1);
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == runner => {
                return exit_of(ExitStatus::from_raw(status.as_raw()));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                complain(format_args!("waiting for the demo's runner: {error}"));
                return Exit::Failed;
            }
        }
    }
}

/// How to end after a child that ended so.
pub(super) fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(u8::try_from(code).unwrap_or(1)),
        (None, Some(signal)) => {
            complain(format_args!("the demo was ended by signal {signal}"));
            Exit::Failed
        }
        (None, None) => Exit::Failed,
    }
}
