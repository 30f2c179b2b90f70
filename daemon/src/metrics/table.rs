//! What the daemon measures, in the words of those who operate it.
//!
//! Name, help text, labels and the way each value is read stand once, here. The names follow
//! DESIGN.md, section 8 and POOL.md, section 4, without the prefix `wharf_`; units end the name.
//! The stack's counters have a table of their own, [`wharf_transport::stack::stats::Stats`].

use std::time::Duration;

use super::view::View;
use crate::snapshot::{Counts, Distribution, RouteCounts, TCP_STATES, UidCounts};

/// Takes one series: its label values in the order of [`Metric::labels`], and its value.
pub type Sink<'a, T> = dyn FnMut(&[&str], T) + 'a;

/// Takes one histogram: its label values, and its buckets.
pub type HistogramSink<'a> = dyn FnMut(&[&str], &Distribution) + 'a;

/// How a metric's series are read from a view, and of which type they are.
#[derive(Clone, Copy, Debug)]
pub enum Read {
    /// Only grows.
    Counter(fn(&View<'_>, &mut Sink<'_, u64>)),
    /// Goes up and down.
    Gauge(fn(&View<'_>, &mut Sink<'_, f64>)),
    /// Durations in buckets.
    Histogram(fn(&View<'_>, &mut HistogramSink<'_>)),
}

/// One metric: a family of series.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name without the prefix.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub help: &'static str,
    /// The label names, in the order of the values that `read` gives.
    pub labels: &'static [&'static str],
    /// Type and values.
    pub read: Read,
}

const fn counter(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    read: fn(&View<'_>, &mut Sink<'_, u64>),
) -> Metric {
    Metric { name, help, labels, read: Read::Counter(read) }
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    read: fn(&View<'_>, &mut Sink<'_, f64>),
) -> Metric {
    Metric { name, help, labels, read: Read::Gauge(read) }
}

const fn histogram(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    read: fn(&View<'_>, &mut HistogramSink<'_>),
) -> Metric {
    Metric { name, help, labels, read: Read::Histogram(read) }
}

/// Every metric of the daemon but the stack's counters.
pub const TABLE: &[Metric] = &[
    // The stack and its device.
    gauge("tcp_connections", "TCP connections by state.", &["state"], |view, sink| {
        for (state, count) in TCP_STATES.iter().zip(view.snapshot.tcp_states) {
            sink(&[state], level(count));
        }
    }),
    counter("device_in_packets_total", "Packets read from the device.", &[], |view, sink| {
        sink(&[], view.snapshot.device.in_packets);
    }),
    counter("device_in_bytes_total", "Bytes of the packets read.", &[], |view, sink| {
        sink(&[], view.snapshot.device.in_bytes);
    }),
    counter("device_in_batches_total", "Batches of packets read.", &[], |view, sink| {
        sink(&[], view.snapshot.device.in_batches);
    }),
    counter("device_in_errors_total", "Reads from the device that failed.", &[], |view, sink| {
        sink(&[], view.snapshot.device.in_errors);
    }),
    counter("device_out_packets_total", "Packets the device took.", &[], |view, sink| {
        sink(&[], view.snapshot.device.out_packets);
    }),
    counter("device_out_bytes_total", "Bytes of the packets it took.", &[], |view, sink| {
        sink(&[], view.snapshot.device.out_bytes);
    }),
    counter("device_out_batches_total", "Batches of packets sent.", &[], |view, sink| {
        sink(&[], view.snapshot.device.out_batches);
    }),
    counter(
        "device_out_drops_total",
        "Packets the device refused for lack of room.",
        &[],
        |view, sink| sink(&[], view.snapshot.device.out_drops),
    ),
    counter("device_out_errors_total", "Writes to the device that failed.", &[], |view, sink| {
        sink(&[], view.snapshot.device.out_errors);
    }),
    // The pool's connections.
    gauge(
        "pool_connections",
        "Connections by route and state.",
        &["route", "state"],
        |view, sink| {
            for route in view.routes() {
                for (state, count) in route.connections.entries() {
                    sink(&[&route.name, state], level(count));
                }
            }
        },
    ),
    gauge(
        "pool_connections_limit",
        "Connections that a route may have.",
        &["route"],
        |view, sink| {
            per_route_level(view, sink, |route| level(route.connections_limit));
        },
    ),
    gauge(
        "pool_connections_needed",
        "Connections that would serve at once all who lease and all who wait, and leave ready what \
         the route keeps so.",
        &["route"],
        |view, sink| {
            per_route_level(view, sink, |route| level(route.connections_needed));
        },
    ),
    counter(
        "pool_connections_opened_total",
        "Connections opened, by route and cause.",
        &["route", "cause"],
        |view, sink| per_route_counts(view, sink, |route| &route.opened),
    ),
    counter(
        "pool_connections_closed_total",
        "Connections closed, by cause.",
        &["cause"],
        |view, sink| counts(&view.snapshot.pool.closed, sink),
    ),
    counter(
        "pool_connections_closed_by_route_total",
        "Connections closed, by route.",
        &["route"],
        |view, sink| per_route(view, sink, |route| route.closed),
    ),
    counter(
        "pool_connect_failures_total",
        "Connects that failed, by the wire's error token.",
        &["error"],
        |view, sink| counts(&view.snapshot.pool.connect_failures, sink),
    ),
    counter(
        "pool_connect_failures_by_route_total",
        "Connects that failed, by route.",
        &["route"],
        |view, sink| per_route(view, sink, |route| route.connect_failures),
    ),
    histogram(
        "pool_connect_duration_seconds",
        "Time from SYN to the end of the connect, by outcome.",
        &["outcome"],
        |view, sink| {
            for (outcome, distribution) in &view.snapshot.pool.connect_duration {
                sink(&[outcome], distribution);
            }
        },
    ),
    counter(
        "pool_evictions_total",
        "Idle connections closed to make room, by route.",
        &["route"],
        |view, sink| per_route(view, sink, |route| route.evictions),
    ),
    // Leases and those who wait for one.
    counter(
        "pool_leases_total",
        "Leases granted, by route and source.",
        &["route", "source"],
        |view, sink| per_route_counts(view, sink, |route| &route.leases),
    ),
    counter(
        "pool_lease_failures_total",
        "Leases refused, by the wire's error token.",
        &["reason"],
        |view, sink| counts(&view.snapshot.pool.lease_failures, sink),
    ),
    counter(
        "pool_lease_failures_by_route_total",
        "Leases refused, by route.",
        &["route"],
        |view, sink| per_route(view, sink, |route| route.lease_failures),
    ),
    histogram(
        "pool_lease_wait_seconds",
        "Time from request to grant, by route.",
        &["route"],
        |view, sink| {
            for route in view.routes() {
                sink(&[&route.name], &route.lease_wait);
            }
        },
    ),
    histogram("pool_lease_hold_seconds", "Time from grant to release.", &[], |view, sink| {
        sink(&[], &view.snapshot.pool.lease_hold);
    }),
    gauge(
        "pool_lease_overdue",
        "Leases held for longer than lease_warn_after.",
        &["route"],
        |view, sink| per_route_level(view, sink, |route| level(route.lease_overdue)),
    ),
    counter(
        "pool_connects_elided_total",
        "Attempts to connect that did not begin because a release came before, by route.",
        &["route"],
        |view, sink| per_route(view, sink, |route| route.connects_elided),
    ),
    gauge(
        "pool_backoff_active",
        "Whether the route is left alone after an attempt to connect that failed: 1, or else 0.",
        &["route"],
        |view, sink| per_route_level(view, sink, |route| level((!route.backoff.is_zero()).into())),
    ),
    gauge(
        "pool_learned_idle_timeout_seconds",
        "How long the route's peers let a connection idle, as far as was learned; 0 if not yet.",
        &["route"],
        |view, sink| per_route_level(view, sink, |route| seconds(route.learned_idle)),
    ),
    gauge("pool_waiters", "Leases that wait, by route.", &["route"], |view, sink| {
        per_route_level(view, sink, |route| level(route.waiters));
    }),
    gauge(
        "pool_oldest_waiter_seconds",
        "How long the first waiter of the route has waited.",
        &["route"],
        |view, sink| per_route_level(view, sink, |route| seconds(route.oldest_waiter)),
    ),
    counter(
        "pool_waiters_queued_total",
        "Leases that had to wait, by route.",
        &["route"],
        |view, sink| per_route(view, sink, |route| route.waiters_queued),
    ),
    counter(
        "pool_waiter_cancel_after_offer_total",
        "Waiters who cancelled after a connection had been chosen for them.",
        &["route"],
        |view, sink| per_route(view, sink, |route| route.waiter_cancel_after_offer),
    ),
    counter(
        "pool_addresses_suspected_total",
        "Addresses asked whether they are there, because nothing came where something should.",
        &[],
        |view, sink| sink(&[], view.snapshot.pool.addresses_suspected),
    ),
    counter(
        "pool_addresses_failed_total",
        "Addresses given up because they did not answer.",
        &[],
        |view, sink| sink(&[], view.snapshot.pool.addresses_failed),
    ),
    counter(
        "pool_waiters_woken_total",
        "Waiters woken: one for each release or freed slot that serves one.",
        &[],
        |view, sink| sink(&[], view.snapshot.pool.waiters_woken),
    ),
    counter(
        "pool_releases_total",
        "Leases taken back, by route and result.",
        &["route", "result"],
        |view, sink| per_route_counts(view, sink, |route| &route.releases),
    ),
    counter(
        "pool_release_rejected_total",
        "Releases that changed nothing, by reason.",
        &["reason"],
        |view, sink| counts(&view.snapshot.pool.release_rejected, sink),
    ),
    counter(
        "pool_stale_lease_errors_total",
        "Leases whose connection broke before the first byte of an answer, by verdict.",
        &["verdict"],
        |view, sink| counts(&view.snapshot.pool.stale_lease_errors, sink),
    ),
    // Clients.
    gauge("client_sessions", "Open sessions, by user.", &["uid"], |view, sink| {
        per_uid(view, sink, |user| user.sessions);
    }),
    gauge("client_leases", "Leases held, by user.", &["uid"], |view, sink| {
        per_uid(view, sink, |user| user.leases);
    }),
    gauge("client_waiters", "Leases waited for, by user.", &["uid"], |view, sink| {
        per_uid(view, sink, |user| user.waiters);
    }),
    counter(
        "client_protocol_errors_total",
        "Frames that broke the protocol, by code.",
        &["code"],
        |view, sink| counts(&view.snapshot.clients.protocol_errors, sink),
    ),
    // The process.
    gauge(
        "tcp_memory_bytes",
        "Memory that the buffers of connections hold or have promised.",
        &[],
        |view, sink| sink(&[], level(view.snapshot.tcp_memory.used)),
    ),
    gauge(
        "tcp_memory_limit_bytes",
        "Most of that, of all and of one user.",
        &["of"],
        |view, sink| {
            sink(&["all"], level(view.snapshot.tcp_memory.limit));
            sink(&["uid"], level(view.snapshot.tcp_memory.limit_per_uid));
        },
    ),
    gauge("memory_bytes", "Memory in use, by kind.", &["kind"], |view, sink| {
        for (kind, bytes) in &view.snapshot.memory_bytes {
            sink(&[kind], level(*bytes));
        }
    }),
    histogram("event_loop_lag_seconds", "How late a turn began.", &[], |view, sink| {
        sink(&[], &view.snapshot.event_loop_lag);
    }),
    gauge("draining", "1 while no new lease is granted, else 0.", &[], |view, sink| {
        sink(&[], f64::from(u8::from(view.snapshot.draining)));
    }),
    gauge("build_info", "Always 1; the version is a label.", &["version"], |view, sink| {
        sink(&[view.process.version], 1.0);
    }),
    gauge(
        "start_time_seconds",
        "When the process started, in seconds since 1970.",
        &[],
        |view, sink| sink(&[], level(view.process.started_unix_seconds)),
    ),
    gauge(
        "config_last_reload_successful",
        "1 if the last attempt to load the configuration succeeded, else 0.",
        &[],
        |view, sink| sink(&[], f64::from(u8::from(view.process.reload_successful))),
    ),
    gauge(
        "config_last_reload_timestamp_seconds",
        "When the configuration in force was loaded, in seconds since 1970.",
        &[],
        |view, sink| sink(&[], level(view.process.reload_unix_seconds)),
    ),
    counter(
        "control_connections_refused_total",
        "Connections closed at once because too many were open, by listener.",
        &["listener"],
        |view, sink| {
            sink(&["admin"], view.process.control_refused.admin);
            sink(&["metrics"], view.process.control_refused.metrics);
        },
    ),
];

/// A count as a gauge's value. Above 2^53 the nearest value that a float has is near enough.
fn level(count: u64) -> f64 {
    count as f64
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn counts(list: &Counts, sink: &mut Sink<'_, u64>) {
    for (word, count) in list {
        sink(&[word], *count);
    }
}

fn per_route(view: &View<'_>, sink: &mut Sink<'_, u64>, value: fn(&RouteCounts) -> u64) {
    for route in view.routes() {
        sink(&[&route.name], value(route));
    }
}

fn per_route_level(view: &View<'_>, sink: &mut Sink<'_, f64>, value: fn(&RouteCounts) -> f64) {
    for route in view.routes() {
        sink(&[&route.name], value(route));
    }
}

fn per_route_counts(view: &View<'_>, sink: &mut Sink<'_, u64>, list: fn(&RouteCounts) -> &Counts) {
    for route in view.routes() {
        for (word, count) in list(route) {
            sink(&[&route.name, word], *count);
        }
    }
}

fn per_uid(view: &View<'_>, sink: &mut Sink<'_, f64>, value: fn(&UidCounts) -> u64) {
    for user in &view.snapshot.clients.by_uid {
        sink(&[&user.uid], level(value(user)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_name_stands_once_and_says_its_type() {
        let mut names = HashSet::new();
        for metric in TABLE {
            assert!(names.insert(metric.name), "{} stands twice", metric.name);
            let ends_with_total = metric.name.ends_with("_total");
            assert_eq!(matches!(metric.read, Read::Counter(_)), ends_with_total, "{}", metric.name);
        }
    }

    #[test]
    fn each_help_text_is_a_sentence() {
        for metric in TABLE {
            assert!(metric.help.ends_with('.'), "{}: {}", metric.name, metric.help);
            assert!(metric.help.starts_with(|c: char| c.is_ascii_uppercase() || c == '1'));
        }
    }
}
