//! What the owner may change of one connection while it lives: RFC 9293, sections 3.7.4, 3.8.3 and
//! 3.8.4; RFC 5482.

use crate::time::{Duration, Instant};

use super::config::Keepalive;
use super::connection::Connection;
use super::state::State;
use super::timers::Timer;

/// One thing of [`super::Config`], for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Whether small segments are held back while text is unacknowledged (MUST-17).
    Nagle(bool),
    /// Probing of the idle connection, or none (MUST-24).
    Keepalive(Option<Keepalive>),
    /// How often a segment is sent again before the connection is given up: R2 (MUST-21).
    Retries(u8),
    /// How long written bytes may stay unacknowledged, from now on.
    UserTimeout(Option<Duration>),
}

impl Connection {
    /// Changes one setting of this connection; it holds from now on.
    pub fn set(&mut self, now: Instant, setting: Setting) {
        match setting {
            Setting::Nagle(nagle) => self.config.nagle = nagle,
            Setting::Keepalive(keepalive) => self.set_keepalive(keepalive),
            Setting::Retries(retries) => self.config.retries = retries,
            Setting::UserTimeout(timeout) => self.set_user_timeout(now, timeout),
        }
    }

    /// Silence counts from when the peer was last heard; probes are counted anew, unless they are
    /// those of a closed window.
    fn set_keepalive(&mut self, keepalive: Option<Keepalive>) {
        self.config.keepalive = keepalive.map(Keepalive::bounded);
        if !self.timers.is_armed(Timer::Persist) {
            self.probes = 0;
        }
        self.timers.stop(Timer::Keepalive);
        self.pending.keepalive = false;
        let is_open = self.state().is_synchronized() && self.state() != State::TimeWait;
        if let Some(keepalive) = self.config.keepalive.filter(|_| is_open) {
            self.timers.set(Timer::Keepalive, self.heard_at + keepalive.idle);
        }
    }

    fn set_user_timeout(&mut self, now: Instant, timeout: Option<Duration>) {
        self.config.user_timeout = timeout;
        self.timers.stop(Timer::User);
        if let Some(timeout) = timeout.filter(|_| !self.send_buffer.is_empty()) {
            self.timers.set(Timer::User, now + timeout);
        }
    }
}
