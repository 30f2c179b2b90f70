//! Which leases may share a connection: security domains and tags, interned to small numbers.
//!
//! The pool compares keys for equality and knows nothing else of them. A key is never a hash: two
//! domains that differ get numbers that differ, whatever they are called.

use std::collections::HashMap;
use wharf_pool::KeyId;

/// Who is in the same security domain, as far as a route's `share` setting tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Domain {
    /// One user.
    Uid(u32),
    /// One user and one group.
    UidAndGid(u32, u32),
    /// Everybody: the configuration says so for this route.
    Any,
}

/// A security domain and the affinity tag of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    domain: Domain,
    tag: Option<Box<str>>,
}

/// Hands out one [`KeyId`] for each pair of domain and tag, for as long as the daemon runs.
///
/// Bounded: tags come from clients, so a client that invents them without end is refused rather
/// than remembered, long before nothing is left for others.
#[derive(Debug)]
pub(super) struct Keys {
    ids: HashMap<Key, KeyId>,
    /// How many tags each domain has used.
    tags: HashMap<Domain, usize>,
    limit: usize,
    tags_limit: usize,
}

impl Keys {
    /// An empty interner that takes at most `limit` keys, and `tags_limit` tags of one domain.
    #[must_use]
    pub(super) fn new(limit: usize, tags_limit: usize) -> Self {
        Self { ids: HashMap::new(), tags: HashMap::new(), limit, tags_limit }
    }

    /// The key of `domain` and `tag`; `None` when a limit is met and the key is new.
    pub(super) fn intern(&mut self, domain: Domain, tag: Option<&str>) -> Option<KeyId> {
        let key = Key { domain, tag: tag.map(Box::from) };
        if let Some(id) = self.ids.get(&key) {
            return Some(*id);
        }
        let tags = self.tags.get(&domain).copied().unwrap_or(0);
        if self.ids.len() >= self.limit || (tag.is_some() && tags >= self.tags_limit) {
            return None;
        }
        let id = KeyId(u32::try_from(self.ids.len()).ok()?);
        self.ids.insert(key, id);
        if tag.is_some() {
            self.tags.insert(domain, tags + 1);
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pairs_share_a_key_and_others_do_not() {
        let mut keys = Keys::new(16, 16);
        let plain = keys.intern(Domain::Uid(1000), None);
        assert_eq!(keys.intern(Domain::Uid(1000), None), plain);
        let others = [
            keys.intern(Domain::Uid(1001), None),
            keys.intern(Domain::Uid(1000), Some("")),
            keys.intern(Domain::Uid(1000), Some("reports")),
            keys.intern(Domain::UidAndGid(1000, 1000), None),
            keys.intern(Domain::Any, None),
        ];
        for (at, key) in others.iter().enumerate() {
            assert_ne!(*key, plain);
            assert!(others[..at].iter().all(|other| other != key));
        }
    }

    #[test]
    fn a_full_table_refuses_new_keys_and_knows_old_ones() {
        let mut keys = Keys::new(1, 1);
        let first = keys.intern(Domain::Any, None);
        assert!(first.is_some());
        assert_eq!(keys.intern(Domain::Any, Some("more")), None);
        assert_eq!(keys.intern(Domain::Any, None), first);
    }

    #[test]
    fn who_invents_tags_leaves_room_for_others() {
        let mut keys = Keys::new(16, 2);
        let tagged = ["a", "b"].map(|tag| keys.intern(Domain::Uid(1), Some(tag)));
        assert_eq!(keys.intern(Domain::Uid(1), Some("c")), None);
        assert_eq!(keys.intern(Domain::Uid(1), Some("b")), tagged[1], "a known one is still known");
        assert!(keys.intern(Domain::Uid(1), None).is_some());
        assert!(keys.intern(Domain::Uid(2), Some("c")).is_some());
    }
}
