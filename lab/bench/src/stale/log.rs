//! The server's log: what it did, by which all that clients are told is judged.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// How often each request was processed, and what became of connections. Shared by the server's
/// tasks, and read when it has ended.
#[derive(Debug)]
pub struct Log {
    processed: Box<[AtomicU8]>,
    accepted: AtomicU32,
    closed_idle: AtomicU32,
    unreadable: AtomicU32,
}

impl Log {
    /// An empty one, for requests 0 up to and without `requests`.
    #[must_use]
    pub fn new(requests: u32) -> Self {
        let processed = (0..requests).map(|_| AtomicU8::new(0)).collect();
        let none = || AtomicU32::new(0);
        Self { processed, accepted: none(), closed_idle: none(), unreadable: none() }
    }

    /// The application has read this request and acts on it.
    pub fn note(&self, request: u32) {
        let Some(count) = usize::try_from(request).ok().and_then(|it| self.processed.get(it))
        else {
            return self.note_unreadable();
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Something came that is none of the requests.
    pub fn note_unreadable(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection has come.
    pub fn note_accepted(&self) -> u32 {
        self.accepted.fetch_add(1, Ordering::Relaxed)
    }

    /// A connection was idle for too long.
    pub fn note_closed_idle(&self) {
        self.closed_idle.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a request was processed.
    #[must_use]
    pub fn processed(&self, request: u32) -> u8 {
        let count = usize::try_from(request).ok().and_then(|it| self.processed.get(it));
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Connections that came.
    #[must_use]
    pub fn accepted(&self) -> u32 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Those that the server closed because they were idle.
    #[must_use]
    pub fn closed_idle(&self) -> u32 {
        self.closed_idle.load(Ordering::Relaxed)
    }

    /// What came and was none of the requests: there must be none.
    #[must_use]
    pub fn unreadable(&self) -> u32 {
        self.unreadable.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_counted_by_itself_and_strangers_apart() {
        let log = Log::new(3);
        for request in [2, 0, 2, 3] {
            log.note(request);
        }
        assert_eq!([0, 1, 2, 3].map(|request| log.processed(request)), [1, 0, 2, 0]);
        assert_eq!(log.unreadable(), 1);
    }
}
