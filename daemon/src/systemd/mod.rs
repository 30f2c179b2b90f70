//! systemd's three conversations with a service: sockets handed over at the start, states told
//! back, and the watchdog.
//!
//! Everything systemd says comes in environment variables; `main` reads them into an
//! [`Environment`] and hands it down, so nothing here depends on the process's surroundings.

pub mod inherited;
pub mod notify;
#[expect(unsafe_code, reason = "descriptors arrive as bare numbers; see the file")]
mod sys;

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use self::inherited::{InheritError, Inherited};
use self::notify::Notifier;

/// What systemd said in the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    notify_socket: Option<OsString>,
    watchdog_usec: Option<OsString>,
    watchdog_pid: Option<OsString>,
    listen_fds: Option<OsString>,
    listen_pid: Option<OsString>,
    listen_fdnames: Option<OsString>,
}

impl Environment {
    /// Reads the variables; `main` passes `std::env::var_os`.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            notify_socket: variable("NOTIFY_SOCKET"),
            watchdog_usec: variable("WATCHDOG_USEC"),
            watchdog_pid: variable("WATCHDOG_PID"),
            listen_fds: variable("LISTEN_FDS"),
            listen_pid: variable("LISTEN_PID"),
            listen_fdnames: variable("LISTEN_FDNAMES"),
        }
    }

    /// Where states are told; silent without `NOTIFY_SOCKET`.
    pub fn notifier(&self) -> io::Result<Notifier> {
        Notifier::connect(self.notify_socket.as_deref())
    }

    /// How long the watchdog waits for a sign of life, if it watches the process `pid`.
    pub fn watchdog(&self, pid: u32) -> Option<Duration> {
        let is_another = number(&self.watchdog_pid).is_some_and(|other| other != u64::from(pid));
        let micros = number(&self.watchdog_usec).filter(|micros| *micros > 0 && !is_another)?;
        Some(Duration::from_micros(micros))
    }

    /// Takes over the sockets handed to the process `pid`.
    ///
    /// Call it once, first thing in `main`: a later call, or descriptors opened before, would make
    /// one number mean two things.
    pub fn inherited(&self, pid: u32) -> Result<Inherited, InheritError> {
        if number(&self.listen_pid) != Some(u64::from(pid)) {
            return Ok(Inherited::default());
        }
        let names = self.listen_fdnames.as_ref().map(|names| names.to_string_lossy());
        Inherited::take(number(&self.listen_fds), names.as_deref().unwrap_or_default())
    }
}

/// A variable's value as a number; what is no number counts as absent.
fn number(value: &Option<OsString>) -> Option<u64> {
    value.as_ref()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        let value = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, v)| v);
        Environment::read(|name| value(name).map(OsString::from))
    }

    #[test]
    fn the_watchdog_watches_this_process_or_nobody() {
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<Duration>);
        let cases: &[Case<'_>] = &[
            (&[], None),
            (&[("WATCHDOG_USEC", "10000000")], Some(Duration::from_secs(10))),
            (&[("WATCHDOG_USEC", "5"), ("WATCHDOG_PID", "7")], Some(Duration::from_micros(5))),
            (&[("WATCHDOG_USEC", "5"), ("WATCHDOG_PID", "8")], None),
            (&[("WATCHDOG_USEC", "0")], None),
            (&[("WATCHDOG_USEC", "soon")], None),
        ];
        for (pairs, expected) in cases {
            assert_eq!(environment(pairs).watchdog(7), *expected, "{pairs:?}");
        }
    }

    #[test]
    fn sockets_for_another_process_are_left_alone() {
        let environment = environment(&[("LISTEN_PID", "8"), ("LISTEN_FDS", "1")]);
        let inherited = environment.inherited(7).unwrap();
        assert!(inherited.lease.is_none() && inherited.admin.is_none());
    }
}
