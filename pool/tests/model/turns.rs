//! Whose turn it is, as a list of clients for each place: round robin over clients (rule F).

use std::collections::BTreeMap;

use wharf_pool::{ClientId, FamilyId, KeyId, RouteId};

use crate::naive::{Berth, Waiting, family_of};

/// Where clients stand one after the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Ring {
    Route(RouteId),
    Key(RouteId, KeyId, bool),
    Family(RouteId, FamilyId, bool),
}

impl Ring {
    fn all(waits: &Waiting) -> Vec<Self> {
        let own = [Self::Route(waits.route), Self::Key(waits.route, waits.key, waits.fresh)];
        let family = family_of(waits.key);
        let family = family.map(|family| Self::Family(waits.route, family, waits.fresh));
        own.into_iter().chain(family).collect()
    }
}

#[derive(Default, Debug)]
pub(crate) struct Turns {
    rings: BTreeMap<Ring, Vec<ClientId>>,
}

impl Turns {
    /// One more waits, behind all others of its client.
    pub(crate) fn join(&mut self, waits: &Waiting) {
        for ring in Ring::all(waits) {
            let clients = self.rings.entry(ring).or_default();
            if !clients.contains(&waits.client) {
                clients.push(waits.client);
            }
        }
    }

    /// One waits no more; `rest` are those who still do.
    pub(crate) fn leave(&mut self, waits: &Waiting, served: bool, rest: &[Waiting]) {
        for ring in Ring::all(waits) {
            let more = rest
                .iter()
                .any(|other| other.client == waits.client && Ring::all(other).contains(&ring));
            let clients = self.rings.get_mut(&ring).expect("a ring that was joined");
            if !more || served {
                clients.retain(|client| *client != waits.client);
            }
            if more && served {
                clients.push(waits.client);
            }
        }
    }

    /// Who is next for a free connection, at once or once it is proven quiet; `waiting` is in the
    /// order of arrival. If for all who wait in its family a connection is being proven, one that would
    /// have to be is for its own key.
    pub(crate) fn next<'a>(
        &self,
        berth: &Berth,
        waiting: &'a [Waiting],
        all_covered: bool,
    ) -> Option<&'a Waiting> {
        let (route, carried) = (berth.route, berth.carried);
        let rings = match (berth.key, berth.key.and_then(family_of)) {
            (None, _) => vec![Ring::Route(route)],
            (Some(_), Some(family)) if carried => {
                let next = self.first(Ring::Family(route, family, false), waiting)?;
                let at_once = berth.proven || berth.key == Some(next.key);
                if at_once || !all_covered {
                    return Some(next);
                }
                berth.key.map(|key| Ring::Key(route, key, false)).into_iter().collect()
            }
            (Some(_), Some(family)) => [false, true].map(|f| Ring::Family(route, family, f)).into(),
            (Some(key), None) if carried => vec![Ring::Key(route, key, false)],
            (Some(key), None) => [false, true].map(|fresh| Ring::Key(route, key, fresh)).into(),
        };
        let first = |ring: Ring| self.first(ring, waiting);
        rings.into_iter().filter_map(first).min_by_key(|waits| waits.number)
    }

    fn first<'a>(&self, ring: Ring, waiting: &'a [Waiting]) -> Option<&'a Waiting> {
        let client = self.rings.get(&ring)?.first()?;
        let of_ring = |w: &&Waiting| w.client == *client && Ring::all(w).contains(&ring);
        waiting.iter().find(of_ring)
    }
}
