//! The client processes behind the sessions, watched through pid descriptors.
//!
//! A session's socket may outlive the process that connected: a forked child keeps the descriptor.
//! So each process is watched by itself, once, however many sessions it has; its exit ends them
//! all (DESIGN: "Hang-up").

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use slab::Slab;
use std::collections::HashMap;
use wharf_pool::ClientId;

/// One living client process.
#[derive(Debug)]
struct Process {
    pid: i32,
    client: ClientId,
    pidfd: OwnedFd,
    sessions: usize,
}

/// All client processes that have a session.
#[derive(Debug, Default)]
pub(super) struct Processes {
    slots: Slab<Process>,
    by_pid: HashMap<i32, usize>,
    /// Processes seen so far: each gets the next number, which no other ever has.
    seen: u64,
}

/// A process that has one more session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Joined {
    /// Its place, for tokens.
    pub(super) process: u32,
    /// Its number for the pool, which no other process ever has.
    pub(super) client: ClientId,
    /// It is new: its descriptor is to be watched from now on.
    pub(super) is_new: bool,
}

impl Processes {
    /// Notes one more session of the process `pid`, whose descriptor is `pidfd`.
    ///
    /// While a process is watched and has not exited, its number cannot belong to another, so one
    /// descriptor for each number is enough. [`Processes::exited`] forgets the number.
    pub(super) fn join(&mut self, pid: i32, pidfd: OwnedFd) -> Joined {
        if let Some(index) = self.by_pid.get(&pid) {
            let entry = &mut self.slots[*index];
            entry.sessions += 1;
            return Joined { process: number(*index), client: entry.client, is_new: false };
        }
        let client = self.stranger();
        let index = self.slots.insert(Process { pid, client, pidfd, sessions: 1 });
        self.by_pid.insert(pid, index);
        Joined { process: number(index), client, is_new: true }
    }

    /// A number for a client whose process cannot be watched.
    pub(super) fn stranger(&mut self) -> ClientId {
        self.seen += 1;
        ClientId(self.seen)
    }

    /// A session of the process ended. Returns its descriptor if that was the last one: it need
    /// not be watched any more.
    pub(super) fn leave(&mut self, process: u32) -> Option<OwnedFd> {
        let index = process as usize;
        let entry = self.slots.get_mut(index)?;
        entry.sessions -= 1;
        if entry.sessions > 0 {
            return None;
        }
        let entry = self.slots.remove(index);
        // The number may be somebody else's by now, if this one exited first.
        if self.by_pid.get(&entry.pid) == Some(&index) {
            self.by_pid.remove(&entry.pid);
        }
        Some(entry.pidfd)
    }

    /// The process exited: its number may be given to another from now on. Its sessions leave one
    /// by one.
    pub(super) fn exited(&mut self, process: u32) {
        if let Some(entry) = self.slots.get(process as usize) {
            self.by_pid.remove(&entry.pid);
        }
    }

    /// The descriptor of a process that is known.
    pub(super) fn descriptor(&self, process: u32) -> Option<BorrowedFd<'_>> {
        self.slots.get(process as usize).map(|entry| entry.pidfd.as_fd())
    }
}

/// A slab's index as a token carries it. Sessions are far fewer than 2^32.
fn number(index: usize) -> u32 {
    u32::try_from(index).expect("fewer processes than 2^32")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor() -> OwnedFd {
        std::fs::File::open("/dev/null").expect("/dev/null").into()
    }

    #[test]
    fn one_process_is_watched_once() {
        let mut processes = Processes::default();
        let first = processes.join(42, descriptor());
        assert!(first.is_new);
        let again = processes.join(42, descriptor());
        assert_eq!(again, Joined { is_new: false, ..first });
        assert!(processes.leave(first.process).is_none());
        assert!(processes.leave(first.process).is_some());
        assert!(processes.leave(first.process).is_none(), "a process that is gone");
    }

    #[test]
    fn a_number_used_again_is_another_process() {
        let mut processes = Processes::default();
        let old = processes.join(42, descriptor());
        processes.exited(old.process);
        let new = processes.join(42, descriptor());
        assert!(new.is_new);
        assert_ne!(old.client, new.client);
        assert!(processes.leave(old.process).is_some());
        assert!(!processes.join(42, descriptor()).is_new);
    }
}
