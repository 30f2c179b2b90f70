//! Which leases may share a connection: security domains and tags, interned to small numbers.
//!
//! The pool compares keys for equality and knows nothing else of them, but which belong to one family:
//! those of all users of a route that is shared by all, with the same tag. A key is never a hash: two
//! domains that differ get numbers that differ, whatever they are called.

use std::collections::{HashMap, VecDeque};
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
/// who are among all. It is remembered for as long as the daemon runs, but for control groups, which
/// come under ever new names.
///
/// Bounded: tags come from clients, so a client that invents them without end is refused rather
/// than remembered, long before nothing is left for others.
#[derive(Debug)]
pub(super) struct Keys {
    ids: HashMap<Key, KeyId>,
    /// No more than there are keys.
    families: HashMap<Option<Box<str>>, FamilyId>,
    /// How many tags each domain has used.
    tags: HashMap<Domain, usize>,
    /// The keys of each user's control groups, the oldest first.
    units: HashMap<u32, VecDeque<Key>>,
    /// The number of the next key; none is given twice.
    next: u32,
    limit: usize,
    tags_limit: usize,
}

impl Keys {
    /// An empty interner that takes at most `limit` keys, and `tags_limit` tags of one domain; and of
    /// one user so many control groups.
    #[must_use]
    pub(super) fn new(limit: usize, tags_limit: usize) -> Self {
        let (ids, families, tags) = (HashMap::new(), HashMap::new(), HashMap::new());
        let units = HashMap::new();
        Self { ids, families, tags, units, next: 0, limit, tags_limit }
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
        let is_unit = matches!(key.domain, Domain::Unit(..));
        if let Domain::Unit(uid, _) = key.domain {
            self.make_room(uid);
        }
        let is_tag = tag.is_some() && !is_unit;
        let tags = self.tags.get(&key.domain).copied().unwrap_or(0);
        if self.ids.len() >= self.limit || (is_tag && tags >= self.tags_limit) {
            return None;
        }
        let id = KeyId(self.next);
        self.next = self.next.checked_add(1)?;
        if let Domain::Unit(uid, _) = key.domain {
            self.units.entry(uid).or_default().push_back(key.clone());
        } else if is_tag {
            self.tags.insert(key.domain.clone(), tags + 1);
        }
        self.ids.insert(key, id);
        Some(id)
    }

    /// Forgets the oldest control group of a user that has used as many as are remembered. Containers
    /// and transient services come under ever new names; one that comes again begins anew, without
    /// the connections that it had.
    fn make_room(&mut self, uid: u32) {
        if let Some(units) = self.units.get_mut(&uid)
            && units.len() >= self.tags_limit
            && let Some(oldest) = units.pop_front()
        {
            self.ids.remove(&oldest);
        }
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
    fn control_groups_come_under_ever_new_names_and_the_oldest_is_forgotten() {
        let mut keys = Keys::new(16, 2);
        let unit = |uid, name: &str| Domain::Unit(uid, name.into());
        let [a, b, c] = ["/a", "/b", "/c"].map(|name| keys.intern(unit(1, name), None));
        assert!(a.is_some() && b.is_some() && c.is_some());
        assert_eq!(keys.intern(unit(1, "/c"), None), c, "a known one is still known");
        let again = keys.intern(unit(1, "/a"), None);
        assert!(again.is_some() && ![a, b, c].contains(&again), "one that was forgotten is new");
        assert!(keys.intern(unit(2, "/c"), Some("tag")).is_some());
        assert!(keys.intern(Domain::Uid(1), Some("tag")).is_some(), "tags are counted apart");
    }
}
