//! Whose turn it is, as a list of clients for each place: round robin over clients (rule F).

use std::collections::BTreeMap;

use wharf_pool::{ClientId, KeyId, RouteId};

use crate::naive::{Berth, Waiting};

/// Where clients stand one after the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Ring {
    Route(RouteId),
    Key(RouteId, KeyId, bool),
}

impl Ring {
    fn both(waits: &Waiting) -> [Self; 2] {
        [Self::Route(waits.route), Self::Key(waits.route, waits.key, waits.fresh)]
    }
}

#[derive(Default, Debug)]
pub(crate) struct Turns {
    rings: BTreeMap<Ring, Vec<ClientId>>,
}

impl Turns {
    /// One more waits, behind all others of its client.
    pub(crate) fn join(&mut self, waits: &Waiting) {
        for ring in Ring::both(waits) {
            let clients = self.rings.entry(ring).or_default();
            if !clients.contains(&waits.client) {
                clients.push(waits.client);
            }
        }
    }

    /// One waits no more; `rest` are those who still do.
    pub(crate) fn leave(&mut self, waits: &Waiting, served: bool, rest: &[Waiting]) {
        for ring in Ring::both(waits) {
            let more = rest
                .iter()
                .any(|other| other.client == waits.client && Ring::both(other).contains(&ring));
            let clients = self.rings.get_mut(&ring).expect("a ring that was joined");
            if !more || served {
                clients.retain(|client| *client != waits.client);
            }
            if more && served {
                clients.push(waits.client);
            }
        }
    }

    /// Who is next for a free connection; `waiting` is in the order of arrival.
    pub(crate) fn next<'a>(&self, berth: &Berth, waiting: &'a [Waiting]) -> Option<&'a Waiting> {
        let rings = match berth.key {
            None => vec![Ring::Route(berth.route)],
            Some(key) if berth.carried => vec![Ring::Key(berth.route, key, false)],
            Some(key) => {
                vec![Ring::Key(berth.route, key, false), Ring::Key(berth.route, key, true)]
            }
        };
        let first = |ring: Ring| {
            let client = self.rings.get(&ring)?.first()?;
            let of_ring = |w: &&Waiting| w.client == *client && Ring::both(w).contains(&ring);
            waiting.iter().find(of_ring)
        };
        rings.into_iter().filter_map(first).min_by_key(|waits| waits.number)
    }
}
