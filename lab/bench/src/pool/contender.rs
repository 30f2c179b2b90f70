//! Who takes part, and how each is driven.

use std::sync::Arc;

use super::craft::Yard;
use super::drive::{Load, Tally, Visit, blocking, on_tasks, on_threads};
use super::peers::{Bb8, Deadpool, Deque, Hyper, Ours, OursAsync, Pingora, R2d2};

/// A pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// `SharedPool::lease`.
    Ours,
    /// `SharedPool::lease_async`.
    OursAsync,
    /// deadpool.
    Deadpool,
    /// bb8.
    Bb8,
    /// r2d2.
    R2d2,
    /// The pool of hyper-util's legacy client.
    Hyper,
    /// pingora-pool.
    Pingora,
    /// A queue behind a lock.
    Deque,
}

/// Who runs the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// A thread each, which the lease blocks.
    Threads,
    /// Tasks of one runtime of as many threads.
    Tasks,
    /// A thread each with a runtime of its own, blocked on one task.
    BlockOn,
}

/// A pool and how it is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contender {
    /// The pool.
    pub peer: Peer,
    /// How.
    pub drive: Drive,
}

impl Contender {
    /// All there are: futures are driven in both ways.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let driven = |peer: Peer| {
            let drives = if peer.is_async() {
                &[Drive::Tasks, Drive::BlockOn][..]
            } else {
                &[Drive::Threads]
            };
            drives.iter().map(move |drive| Self { peer, drive: *drive })
        };
        Peer::ALL.into_iter().flat_map(driven).collect()
    }

    /// Runs `load` on a new pool of connections from `yard`; each that is leased is shown to
    /// `visit`.
    pub fn run(self, load: Load, yard: &Yard, visit: &Arc<impl Visit>) -> Tally {
        let is_tasks = self.drive == Drive::Tasks;
        macro_rules! driven {
            ($pool:ty) => {
                if is_tasks {
                    on_tasks::<$pool>(load, yard, visit)
                } else {
                    on_threads::<$pool>(load, yard, visit)
                }
            };
        }
        match self.peer {
            Peer::Ours => blocking::<Ours>(load, yard, &**visit),
            Peer::OursAsync => driven!(OursAsync),
            Peer::Deadpool => driven!(Deadpool),
            Peer::Bb8 => driven!(Bb8),
            Peer::R2d2 => blocking::<R2d2>(load, yard, &**visit),
            Peer::Hyper => driven!(Hyper),
            Peer::Pingora => blocking::<Pingora>(load, yard, &**visit),
            Peer::Deque => blocking::<Deque>(load, yard, &**visit),
        }
    }
}

impl Peer {
    /// In the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Ours,
        Self::OursAsync,
        Self::Deadpool,
        Self::Bb8,
        Self::R2d2,
        Self::Hyper,
        Self::Pingora,
        Self::Deque,
    ];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours, lease",
            Self::OursAsync => "ours, lease_async",
            Self::Deadpool => "deadpool",
            Self::Bb8 => "bb8",
            Self::R2d2 => "r2d2",
            Self::Hyper => "hyper-util legacy",
            Self::Pingora => "pingora-pool",
            Self::Deque => "Mutex<VecDeque>",
        }
    }

    /// Whether the goals are its.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::OursAsync)
    }

    /// Whether a lease is a future.
    #[must_use]
    pub const fn is_async(self) -> bool {
        matches!(self, Self::OursAsync | Self::Deadpool | Self::Bb8 | Self::Hyper)
    }

    /// Whether it has no more connections than it was told, so that its users wait.
    #[must_use]
    pub const fn has_limit(self) -> bool {
        !matches!(self, Self::Pingora)
    }
}

impl Drive {
    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Tasks => "tasks",
            Self::BlockOn => "block_on",
        }
    }
}
