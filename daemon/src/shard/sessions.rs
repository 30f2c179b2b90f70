//! All sessions of a shard, by index and generation, and the times by which each must have moved.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use slab::Slab;
use wharf_pool::time::Instant;

use super::session::{Session, SessionId};

/// A session and the generation of its place.
#[derive(Debug)]
struct Entry {
    generation: u32,
    session: Session,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    entries: Slab<Entry>,
    /// Counts sessions: each gets the next number as its generation.
    opened: u32,
    /// Deadlines, soonest first. One that no longer holds is passed over when its time comes.
    deadlines: BinaryHeap<Reverse<(Instant, u32, u32)>>,
    /// Until when ends are held back, soonest first; passed over in the same way.
    ends: BinaryHeap<Reverse<(Instant, u32, u32)>>,
}

impl Sessions {
    /// Takes in a session.
    pub(super) fn insert(&mut self, session: Session) -> SessionId {
        self.opened = self.opened.wrapping_add(1);
        let generation = self.opened;
        let index = self.entries.insert(Entry { generation, session });
        let index = u32::try_from(index).expect("fewer sessions than 2^32");
        SessionId { index, generation }
    }

    /// Takes a session out.
    pub(super) fn remove(&mut self, id: SessionId) -> Option<Session> {
        self.get(id)?;
        Some(self.entries.remove(id.index as usize).session)
    }

    /// The session `id`, if it still is one.
    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        let entry = self.entries.get(id.index as usize)?;
        (entry.generation == id.generation).then_some(&entry.session)
    }

    /// The session `id`, if it still is one.
    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        let entry = self.entries.get_mut(id.index as usize)?;
        (entry.generation == id.generation).then_some(&mut entry.session)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Each session.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.entries.iter().map(|(index, entry)| {
            let index = u32::try_from(index).expect("fewer sessions than 2^32");
            (SessionId { index, generation: entry.generation }, &entry.session)
        })
    }

    /// The ids of all sessions, for changes to them.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.iter().map(|(id, _)| id).collect()
    }

    /// Demands that `id` has moved on by `at`; `None` takes the demand back.
    pub(super) fn set_deadline(&mut self, id: SessionId, at: Option<Instant>) {
        if let Some(session) = self.get_mut(id) {
            session.deadline = at;
            if let Some(at) = at {
                self.deadlines.push(Reverse((at, id.index, id.generation)));
            }
        }
    }

    /// The end of the stream that the lease of `id` reads is held back until `at`.
    pub(super) fn hold_end(&mut self, id: SessionId, at: Instant) {
        self.ends.push(Reverse((at, id.index, id.generation)));
    }

    /// When the next deadline may be due, or the next end.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let first = [self.deadlines.peek(), self.ends.peek()];
        first.into_iter().flatten().map(|Reverse((at, ..))| *at).min()
    }

    /// A session whose lease's end is not held back any longer. Call until there is none.
    pub(super) fn poll_end(&mut self, now: Instant) -> Option<SessionId> {
        while let Some(Reverse((at, index, generation))) = self.ends.peek().copied() {
            if at > now {
                return None;
            }
            self.ends.pop();
            let id = SessionId { index, generation };
            let lease = self.get(id).and_then(|session| session.lease.as_ref());
            if lease.is_some_and(|lease| lease.end_held == Some(at)) {
                return Some(id);
            }
        }
        None
    }

    /// A session whose deadline has passed. Call until there is none.
    pub(super) fn poll_expired(&mut self, now: Instant) -> Option<SessionId> {
        while let Some(Reverse((at, index, generation))) = self.deadlines.peek().copied() {
            if at > now {
                return None;
            }
            self.deadlines.pop();
            let id = SessionId { index, generation };
            if let Some(session) = self.get_mut(id)
                && session.deadline == Some(at)
            {
                session.deadline = None;
                return Some(id);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use wharf_pool::ClientId;

    use super::super::session::Peer;
    use super::*;

    fn session() -> Session {
        Session::new(Peer {
            pid: 1,
            uid: 2,
            gid: 3,
            groups: Vec::new(),
            unit: None,
            client: ClientId(1),
        })
    }

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn a_place_used_again_has_another_id() {
        let mut sessions = Sessions::default();
        let old = sessions.insert(session());
        assert!(sessions.remove(old).is_some());
        let new = sessions.insert(session());
        assert_eq!(old.index(), new.index());
        assert!(sessions.get(old).is_none());
        assert!(sessions.remove(old).is_none());
        assert!(sessions.get(new).is_some());
    }

    #[test]
    fn deadlines_come_in_order_and_only_if_they_still_hold() {
        let mut sessions = Sessions::default();
        let [a, b, c] = [(); 3].map(|()| sessions.insert(session()));
        sessions.set_deadline(a, Some(at(30)));
        sessions.set_deadline(b, Some(at(10)));
        sessions.set_deadline(c, Some(at(20)));
        sessions.set_deadline(c, None);
        assert_eq!(sessions.poll_timeout(), Some(at(10)));
        assert_eq!(sessions.poll_expired(at(5)), None);
        assert_eq!(sessions.poll_expired(at(40)), Some(b));
        assert_eq!(sessions.poll_expired(at(40)), Some(a));
        assert_eq!(sessions.poll_expired(at(40)), None);
        assert_eq!(sessions.poll_timeout(), None);
    }

    #[test]
    fn a_deadline_that_was_moved_holds_once() {
        let mut sessions = Sessions::default();
        let id = sessions.insert(session());
        sessions.set_deadline(id, Some(at(10)));
        sessions.set_deadline(id, Some(at(20)));
        assert_eq!(sessions.poll_expired(at(15)), None);
        assert_eq!(sessions.poll_expired(at(20)), Some(id));
        assert_eq!(sessions.poll_expired(at(99)), None);
    }
}
