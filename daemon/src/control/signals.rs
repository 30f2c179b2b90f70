//! Signals as descriptors: SIGTERM and SIGINT drain, SIGHUP reloads.
//!
//! `signal-hook` writes a byte into a socket pair from its handler; the control thread reads it
//! in its loop, so nothing of ours runs inside a handler.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::{pipe, unregister};

/// The signals the daemon answers to. Register them before anything can send one.
#[derive(Debug)]
pub struct Signals {
    stop: Received,
    reload: Received,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Finish: SIGTERM, SIGINT.
    Stop,
    /// Load the configuration anew: SIGHUP.
    Reload,
}

impl Signals {
    /// Takes the signals over from their default, which would end the process.
    pub fn register() -> io::Result<Self> {
        Ok(Self { stop: Received::of(&[SIGTERM, SIGINT])?, reload: Received::of(&[SIGHUP])? })
    }

    /// The wishes and the descriptors that become readable when they arrive.
    pub(super) fn descriptors(&self) -> [(Wish, BorrowedFd<'_>); 2] {
        [(Wish::Stop, self.stop.reader.as_fd()), (Wish::Reload, self.reload.reader.as_fd())]
    }

    /// How often this was asked for since the last call.
    pub(super) fn take(&self, wish: Wish) -> usize {
        match wish {
            Wish::Stop => self.stop.take(),
            Wish::Reload => self.reload.take(),
        }
    }
}

#[derive(Debug)]
struct Received {
    reader: UnixStream,
    registered: Vec<signal_hook::SigId>,
}

impl Received {
    fn of(signals: &[i32]) -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let mut received = Self { reader, registered: Vec::new() };
        for signal in signals {
            received.registered.push(pipe::register(*signal, writer.try_clone()?)?);
        }
        Ok(received)
    }

    fn take(&self) -> usize {
        let mut bytes = [0_u8; 16];
        // "Would block" and a closed pair both mean that no signal has come.
        rustix::io::read(&self.reader, &mut bytes).unwrap_or(0)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            unregister(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use signal_hook::low_level::raise;

    use super::*;

    #[test]
    fn each_signal_is_a_wish_and_is_taken_once() {
        let signals = Signals::register().unwrap();
        assert_eq!(signals.take(Wish::Stop), 0);
        raise(SIGTERM).unwrap();
        raise(SIGINT).unwrap();
        raise(SIGHUP).unwrap();
        assert_eq!(signals.take(Wish::Stop), 2);
        assert_eq!(signals.take(Wish::Stop), 0);
        assert_eq!(signals.take(Wish::Reload), 1);
    }
}
