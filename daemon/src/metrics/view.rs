//! What one render of the metrics reads: the shard's snapshot with its routes bounded, and what
//! the process knows about itself.
//!
//! Route names become labels, so their number is bounded here, once for all metrics: the first
//! [`ROUTES_MAX`] routes keep their names, the rest are added up under [`OTHER`].

use crate::snapshot::{RouteCounts, Snapshot};

/// Routes that have series of their own. 200 routes of at most 45 series stay below the 10 000
/// series that a Prometheus server keeps without noticing.
pub const ROUTES_MAX: usize = 200;

/// The label under which the routes beyond [`ROUTES_MAX`] are added up. No configured route can
/// have this name, since a route's name is a URL or a pattern of one.
pub const OTHER: &str = "__other__";

/// What the process knows about itself, beside its shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// The daemon's version.
    pub version: &'static str,
    /// Whether the last attempt to load the configuration succeeded.
    pub reload_successful: bool,
    /// When the configuration in force was loaded, in seconds since 1970.
    pub reload_unix_seconds: u64,
    /// When the process started, in seconds since 1970.
    pub started_unix_seconds: u64,
    /// Connections to the metrics listener and the admin socket that were closed at once because
    /// too many were open.
    pub control_refused: ControlRefused,
}

/// Connections to the control plane that were closed at once, by listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlRefused {
    /// By the metrics listener.
    pub metrics: u64,
    /// By the admin socket.
    pub admin: u64,
}

/// What one render reads.
#[derive(Debug)]
pub struct View<'a> {
    /// The shard's figures.
    pub snapshot: &'a Snapshot,
    /// The process's own.
    pub process: &'a ProcessFacts,
    other: Option<RouteCounts>,
}

impl<'a> View<'a> {
    /// Joins both and bounds the routes.
    pub fn new(snapshot: &'a Snapshot, process: &'a ProcessFacts) -> Self {
        let rest = snapshot.routes.get(ROUTES_MAX..).unwrap_or_default();
        let other = rest.iter().cloned().reduce(|mut sum, route| {
            sum.absorb(&route);
            sum
        });
        let other = other.map(|route| RouteCounts { name: OTHER.to_owned(), ..route });
        Self { snapshot, process, other }
    }

    /// The routes that have series, [`OTHER`] last.
    pub fn routes(&self) -> impl Iterator<Item = &RouteCounts> {
        self.snapshot.routes.iter().take(ROUTES_MAX).chain(&self.other)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::snapshot::RouteConnections;

    fn route(name: String, waiters: u64) -> RouteCounts {
        RouteCounts {
            name,
            waiters,
            oldest_waiter: Duration::from_secs(waiters),
            learned_idle: Duration::from_secs(waiters % 202),
            connections: RouteConnections { idle: 1, leased: 2, ..RouteConnections::default() },
            leases: vec![("idle", 1), ("new", 1)],
            ..RouteCounts::default()
        }
    }

    #[test]
    fn routes_beyond_the_bound_are_added_up() {
        let snapshot = Snapshot {
            routes: (0..203).map(|number| route(format!("r{number}"), number)).collect(),
            ..Snapshot::default()
        };
        let process = ProcessFacts::default();
        let view = View::new(&snapshot, &process);
        let last = view.routes().last().unwrap();
        assert_eq!(view.routes().count(), ROUTES_MAX + 1);
        assert_eq!(last.name, OTHER);
        assert_eq!(last.waiters, 200 + 201 + 202);
        assert_eq!(last.oldest_waiter, Duration::from_secs(202));
        assert_eq!(last.learned_idle, Duration::from_secs(200), "the least that is known");
        assert_eq!(last.connections.leased, 6);
        assert_eq!(last.leases, [("idle", 3), ("new", 3)]);
    }

    #[test]
    fn as_many_routes_as_the_bound_need_no_other() {
        let snapshot = Snapshot {
            routes: (0..200).map(|number| route(format!("r{number}"), 0)).collect(),
            ..Snapshot::default()
        };
        let process = ProcessFacts::default();
        assert!(View::new(&snapshot, &process).routes().all(|route| route.name != OTHER));
    }
}
