//! Moments at which something is to be looked at again, one for each.

use std::collections::{BTreeMap, BTreeSet};

use wharf_pool::time::Instant;

/// Alarms by what they are for, the next first.
#[derive(Debug)]
pub(super) struct Alarms<K> {
    by_key: BTreeMap<K, Instant>,
    queue: BTreeSet<(Instant, K)>,
}

impl<K> Default for Alarms<K> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new(), queue: BTreeSet::new() }
    }
}

impl<K: Copy + Ord> Alarms<K> {
    /// Sets the alarm of `key`; one that was set before is taken back.
    pub(super) fn set(&mut self, key: K, at: Instant) {
        self.clear(key);
        self.by_key.insert(key, at);
        self.queue.insert((at, key));
    }

    /// Takes back the alarm of `key`, if it has one.
    pub(super) fn clear(&mut self, key: K) {
        if let Some(at) = self.by_key.remove(&key) {
            self.queue.remove(&(at, key));
        }
    }

    /// When the next one is.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// When that of `key` is, if it has one.
    pub(super) fn at(&self, key: K) -> Option<Instant> {
        self.by_key.get(&key).copied()
    }

    /// How many are set.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Takes out one that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<K> {
        self.next().filter(|at| *at <= now)?;
        self.pop_first()
    }

    /// Takes out the next, due or not.
    pub(super) fn pop_first(&mut self) -> Option<K> {
        let (_, key) = self.queue.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use wharf_pool::time::Duration;

    use super::*;

    #[test]
    fn each_has_one_alarm_that_can_be_moved_and_taken_back() {
        let after = |ms| Instant::ORIGIN + Duration::from_millis(ms);
        let mut alarms = Alarms::default();
        for (key, at) in [("moved", 1), ("last", 9), ("gone", 2), ("moved", 5)] {
            alarms.set(key, after(at));
        }
        alarms.clear("gone");
        alarms.clear("never set");
        assert_eq!((alarms.next(), alarms.pop(after(4))), (Some(after(5)), None));
        assert_eq!(
            (alarms.at("moved"), alarms.at("gone"), alarms.len()),
            (Some(after(5)), None, 2)
        );
        assert_eq!([alarms.pop(after(9)), alarms.pop(after(9))], [Some("moved"), Some("last")]);
        assert_eq!((alarms.next(), alarms.pop(after(99))), (None, None));
    }
}
