//! Which leases may share a connection: security domains and tags, interned to small numbers.
//!
//! The pool compares keys for equality and knows nothing else of them, but which belong to one family:
//! those of all users of a route that is shared by all, with the same tag. A key is never a hash: two
//! domains that differ get numbers that differ, whatever they are called.

use std::collections::HashMap;
use std::sync::Arc;

use wharf_pool::{FamilyId, KeyId};

/// Who is in the same security domain, as far as a route's `share` setting tells them apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Domain {
    /// One user.
    Uid(u32),
    /// One user and one group.
    UidAndGid(u32, u32),
    /// One user in one control group.
    Unit(u32, Arc<str>),
    /// One user among all: the configuration lets everybody share, one after the other. What such a
    /// connection has served is not what it serves now, so it is none of the user's alone.
    AmongAll(u32),
    /// Everybody as one: the configuration says so, and that nobody is told from another.
    Any,
}

/// Which connections a lease may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sharing {
    /// Those that served the same.
    pub(super) key: KeyId,
    /// Those too that served another of these, once nothing is under way on them.
    pub(super) family: Option<FamilyId>,
}

/// A security domain and the affinity tag of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    domain: Domain,
    tag: Option<Box<str>>,
}

/// Hands out one [`KeyId`] for each pair of domain and tag, and one [`FamilyId`] for each tag of those
/// who are among all, for as long as the daemon runs.
///
/// Bounded: tags come from clients, so a client that invents them without end is refused rather
/// than remembered, long before nothing is left for others.
#[derive(Debug)]
pub(super) struct Keys {
    ids: HashMap<Key, KeyId>,
    /// No more than there are keys.
    families: HashMap<Option<Box<str>>, FamilyId>,
    /// How many tags each domain has used, and how many control groups each user.
    tags: HashMap<Domain, usize>,
    limit: usize,
    tags_limit: usize,
}

impl Keys {
    /// An empty interner that takes at most `limit` keys, and `tags_limit` tags of one domain.
    #[must_use]
    pub(super) fn new(limit: usize, tags_limit: usize) -> Self {
        let (ids, families, tags) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { ids, families, tags, limit, tags_limit }
    }

    /// The key of `domain` and `tag`, and its family; `None` when a limit is met and the key is new.
    pub(super) fn intern(&mut self, domain: Domain, tag: Option<&str>) -> Option<Sharing> {
        let is_among_all = matches!(domain, Domain::AmongAll(_));
        let key = self.key(domain, tag)?;
        let family = if is_among_all { Some(self.family(tag)?) } else { None };
        Some(Sharing { key, family })
    }

    fn family(&mut self, tag: Option<&str>) -> Option<FamilyId> {
        let next = FamilyId(u32::try_from(self.families.len()).ok()?);
        Some(*self.families.entry(tag.map(Box::from)).or_insert(next))
    }

    fn key(&mut self, domain: Domain, tag: Option<&str>) -> Option<KeyId> {
        let key = Key { domain, tag: tag.map(Box::from) };
        if let Some(id) = self.ids.get(&key) {
            return Some(*id);
        }
        // What clients can make any number of: tags of their domain, control groups of their user.
        let invented = match (&key.domain, tag) {
            (Domain::Unit(uid, _), _) => Some(Domain::Uid(*uid)),
            (domain, Some(_)) => Some(domain.clone()),
            (_, None) => None,
        };
        let tags = invented.as_ref().and_then(|by| self.tags.get(by)).copied().unwrap_or(0);
        if self.ids.len() >= self.limit || (invented.is_some() && tags >= self.tags_limit) {
            return None;
        }
        let id = KeyId(u32::try_from(self.ids.len()).ok()?);
        self.ids.insert(key, id);
        if let Some(by) = invented {
            self.tags.insert(by, tags + 1);
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
            keys.intern(Domain::Unit(1000, "/a.service".into()), None),
            keys.intern(Domain::Unit(1000, "/b.service".into()), None),
            keys.intern(Domain::Unit(1001, "/a.service".into()), None),
            keys.intern(Domain::AmongAll(1000), None),
            keys.intern(Domain::Any, None),
        ];
        let key = |sharing: &Option<Sharing>| sharing.expect("there is room").key;
        for (at, other) in others.iter().enumerate() {
            assert_ne!(key(other), key(&plain));
            assert!(others[..at].iter().all(|earlier| key(earlier) != key(other)));
        }
    }

    #[test]
    fn those_among_all_are_a_family_for_each_tag_and_others_are_none() {
        let mut keys = Keys::new(16, 16);
        let mut family = |domain, tag| keys.intern(domain, tag).expect("there is room").family;
        let all = family(Domain::AmongAll(1), None);
        assert!(all.is_some());
        assert_eq!(family(Domain::AmongAll(2), None), all);
        let tagged = family(Domain::AmongAll(1), Some("reports"));
        assert!(tagged.is_some() && tagged != all);
        assert_eq!(family(Domain::AmongAll(2), Some("reports")), tagged);
        for alone in [Domain::Uid(1), Domain::UidAndGid(1, 1), Domain::Any] {
            assert_eq!(family(alone, None), None);
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

    #[test]
    fn who_invents_control_groups_leaves_room_for_others() {
        let mut keys = Keys::new(16, 2);
        let unit = |uid, name: &str| Domain::Unit(uid, name.into());
        assert!(keys.intern(unit(1, "/a"), None).is_some());
        assert!(keys.intern(unit(1, "/b"), None).is_some());
        assert_eq!(keys.intern(unit(1, "/c"), None), None);
        assert!(keys.intern(unit(1, "/a"), None).is_some(), "a known one is still known");
        assert!(keys.intern(unit(2, "/c"), None).is_some());
    }
}
