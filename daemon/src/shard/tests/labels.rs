//! Every label that counts a cause or a reason is reached: POOL.md, sections 4 and 6 (T10).
//!
//! Each table names the label and the shortest way to it; what is missing from a table fails, and so
//! does a way that does not lead there. What each failure looks like to a client stands elsewhere.

use std::net::Ipv6Addr;
use std::time::Duration;

use wharf_pool::{
    CloseCause, ConnectError, ConnectOutcome, OpenCause, ReleaseResult, Source, Token,
};
use wharf_protocol::{ErrorToken, Verdict};

use super::world::{Setting, World};

/// A lease that is held and has asked something, which has arrived.
const HELD: &str = "a > HELLO; 1 LEASE route=web; 1 DATA \"ping\"";
/// It is given back.
const BACK: &str = "a > 1 RELEASE reusable tx=4";

/// How to come to a label: what is set before, and what is done.
struct Way {
    set: fn(&mut Setting),
    orders: &'static [&'static str],
    /// What is set before the order `reload`.
    change: fn(&mut World),
}

impl Way {
    const fn of(orders: &'static [&'static str]) -> Self {
        Self { set: |_| {}, orders, change: |_| {} }
    }

    const fn with(self, set: fn(&mut Setting)) -> Self {
        Self { set, ..self }
    }

    fn go(&self) -> World {
        let mut world = World::with(self.set);
        for order in self.orders {
            if *order == "reload" {
                (self.change)(&mut world);
            }
            world.order(order);
            world.run();
        }
        world
    }
}

/// Goes every way of a table, and sees that it names each of `labels` that is not `excused`.
fn check<L: Copy + PartialEq + std::fmt::Debug + 'static>(
    labels: &[L],
    excused: &[L],
    table: &[(L, Way)],
    count: fn(&World, L) -> u64,
) {
    for (label, way) in table {
        let world = way.go();
        assert!(count(&world, *label) > 0, "{label:?} is not reached");
    }
    for label in labels {
        let is_named = table.iter().any(|(named, _)| named == label);
        assert!(
            is_named != excused.contains(label),
            "{label:?} is in no table, or excused in vain"
        );
    }
}

#[test]
fn every_cause_of_a_close_is_reached() {
    let count = |world: &World, cause| world.shard.pool.stats().closed.of(cause);
    check(CloseCause::VALUES, &[], &closes(), count);
}

fn closes() -> Vec<(CloseCause, Way)> {
    let mut all = closed_by_the_peer();
    all.extend(closed_for_what_was_released());
    all.extend(closed_by_time_and_limits());
    all.extend(closed_by_the_operator());
    all
}

fn closed_by_the_peer() -> Vec<(CloseCause, Way)> {
    vec![
        (CloseCause::PeerFin, Way::of(&[HELD, BACK, "u1 > FIN"])),
        (CloseCause::PeerRst, Way::of(&[HELD, BACK, "u1 > RST"])),
        (
            CloseCause::PathDead,
            Way::of(&[
                HELD,
                "b > HELLO; 1 LEASE route=web; 1 DATA \"b\"",
                BACK,
                "10.0.0.1 is silent",
                "b > 1 DATA \"again\"",
                "wait 10s",
            ]),
        ),
        (CloseCause::DataWhileIdle, Way::of(&[HELD, BACK, "u1 > \"late\""])),
        (
            CloseCause::ForeignBytes,
            Way::of(&[
                HELD,
                BACK,
                "down is held",
                "u1 > \"late\"",
                "a > 2 LEASE route=web; 2 DATA \"next\"",
                "down flows",
                "a > 2 RELEASE discard",
            ]),
        ),
        (
            CloseCause::TimedOut,
            Way::of(&[
                "a > HELLO; 1 LEASE route=web",
                "up is cut",
                "a > 1 DATA \"first\"",
                "wait 20s",
                "a > 1 RELEASE discard",
            ])
            .with(|s| s.tcp.user_timeout = Some(Duration::from_secs(10))),
        ),
    ]
}

fn closed_for_what_was_released() -> Vec<(CloseCause, Way)> {
    vec![
        (CloseCause::UnreadBytes, Way::of(&[HELD, "u1 > \"pong\"", BACK])),
        (CloseCause::UnsentBytes, Way::of(&[HELD, "a > 1 RELEASE reusable tx=5"])),
        (
            CloseCause::UnackedBytes,
            Way::of(&[
                "a > HELLO; 1 LEASE route=web",
                "up is cut",
                "a > 1 DATA \"ping\"",
                BACK,
                "wait 300ms",
            ]),
        ),
        (
            CloseCause::OutOfOrder,
            Way::of(&[HELD, "down loses 1", "u1 > \"lost\"", "u1 > \"seen\"", BACK]),
        ),
        (
            CloseCause::HalfClosed,
            Way::of(&[HELD, "u1 > \"pong\"; FIN", "a > 1 RELEASE reusable rx=4 tx=4"]),
        ),
        (
            CloseCause::Opaque,
            Way::of(&["a > HELLO; 1 LEASE route=web opaque; 1 DATA \"ping\"", BACK]),
        ),
        (CloseCause::ClientDiscard, Way::of(&[HELD, "a > 1 RELEASE discard"])),
        (CloseCause::ClientDied, Way::of(&[HELD, "a dies"])),
    ]
}

fn closed_by_time_and_limits() -> Vec<(CloseCause, Way)> {
    vec![
        (CloseCause::IdleTimeout, Way::of(&[HELD, BACK, "wait 51s"])),
        (
            CloseCause::KeepaliveHint,
            Way::of(&[HELD, "a > 1 RELEASE reusable tx=4 keep_alive=5000", "wait 5s"]),
        ),
        (
            CloseCause::LearnedIdle,
            Way::of(&[
                HELD,
                BACK,
                "wait 5s",
                "u1 > FIN",
                "a > 2 LEASE route=web; 2 DATA \"ping\"",
                "a > 2 RELEASE reusable tx=4",
                "wait 5s",
                "u2 > FIN",
                "a > 3 LEASE route=web; 3 DATA \"ping\"",
                "a > 3 RELEASE reusable tx=4",
                "wait 5s",
                "u3 > FIN",
                "wait 200ms",
                "a > 4 LEASE route=web; 4 DATA \"ping\"",
                "a > 4 RELEASE reusable tx=4",
                "wait 5s",
            ]),
        ),
        (
            CloseCause::MaxLifetime,
            Way::of(&[HELD, "wait 71s", BACK]).with(|s| {
                s.config.routes[0].settings.max_lifetime = Some(Duration::from_secs(70));
            }),
        ),
        (
            CloseCause::MaxUses,
            Way::of(&[HELD, BACK]).with(|s| s.config.routes[0].settings.max_uses = 1),
        ),
        (
            CloseCause::Evicted,
            Way::of(&[HELD, BACK, "b connects uid=1001", "b > HELLO; 1 LEASE route=web"])
                .with(|s| s.config.routes[0].settings.max_per_route = 1),
        ),
        (
            CloseCause::Revoked,
            Way::of(&[HELD, "wait 91s"]).with(|s| {
                s.config.routes[0].settings.lease_max = Some(Duration::from_secs(90));
            }),
        ),
        (CloseCause::ProbeFailed, Way::of(&[HELD, BACK, "up is cut", "sleep 30s", "wait 3s"])),
    ]
}

fn closed_by_the_operator() -> Vec<(CloseCause, Way)> {
    let lowered = Way {
        change: |world| world.config.routes[0].settings.max_per_route = 1,
        ..Way::of(&[HELD, "b > HELLO; 1 LEASE route=web", BACK, "reload"])
    };
    vec![
        (CloseCause::LimitLowered, lowered),
        (CloseCause::Drain, Way::of(&[HELD, BACK, "drain 30s"])),
        (CloseCause::Shutdown, Way::of(&[HELD, BACK, "shutdown"])),
        (CloseCause::Reconnect, Way::of(&[HELD, BACK, "operator reconnect web"])),
        (
            CloseCause::DnsRemoved,
            Way::of(&[
                "a > HELLO; 1 LEASE route=named",
                "resolver named.test 10.0.0.1",
                "a > 1 RELEASE unused",
                "wait 31s",
                "resolver named.test 10.0.0.2",
            ]),
        ),
    ]
}

#[test]
fn every_reason_of_a_refusal_is_reached() {
    let count = |world: &World, token| {
        let mut refused = world.shard.tally.refused.iter();
        refused.find(|(known, _)| *known == token).map_or(0, |(_, count)| count)
    };
    let tally = super::super::tally::Tally::default();
    let tokens: Vec<ErrorToken> = tally.refused.iter().map(|(token, _)| token).collect();
    // A reset ends every handshake of TCP as refused; TLS will have more to say.
    check(&tokens, &[ErrorToken::ConnectionTerminated], &refusals(), count);
}

/// A waiter, and no room for him.
const FULL: [&str; 2] = ["a > HELLO; 1 LEASE route=web", "b > HELLO; 1 LEASE route=web"];

fn refusals() -> Vec<(ErrorToken, Way)> {
    let mut all = refused_for_the_destination();
    all.extend(refused_for_the_queue());
    all
}

fn refused_for_the_destination() -> Vec<(ErrorToken, Way)> {
    vec![
        (ErrorToken::DnsTimeout, Way::of(&["a > HELLO; 1 LEASE route=named", "wait 6s"])),
        (
            ErrorToken::DnsError,
            Way::of(&["a > HELLO; 1 LEASE route=named", "resolver named.test fails"]),
        ),
        (ErrorToken::DestinationNotFound, Way::of(&["a > HELLO; 1 LEASE route=nowhere"])),
        (
            ErrorToken::DestinationUnavailable,
            Way::of(&[HELD, "operator deny web", "b > HELLO; 1 LEASE route=web"]),
        ),
        (ErrorToken::DestinationIpProhibited, Way::of(&["a > HELLO; 1 LEASE route=local"])),
        (
            ErrorToken::DestinationIpUnroutable,
            Way::of(&["a > HELLO; 1 LEASE route=web"]).with(|s| {
                let v6 = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
                s.config.routes[0].addresses = vec![v6.into()];
            }),
        ),
        (
            ErrorToken::ConnectionRefused,
            Way::of(&["upstream stops listening", "a > HELLO; 1 LEASE route=web"]),
        ),
        (
            ErrorToken::ConnectionTimeout,
            Way::of(&["10.0.0.1 is silent", "a > HELLO; 1 LEASE route=web", "wait 6s"]),
        ),
        (
            ErrorToken::ConnectionLimitReached,
            Way::of(&["a > HELLO; 1 LEASE route=web; 1 RELEASE unused; 2 LEASE route=many"])
                .with(|s| s.config.pool.max_routes = 1),
        ),
        (ErrorToken::HttpRequestDenied, Way::of(&["a > HELLO; 1 LEASE host=nowhere.test"])),
        (
            ErrorToken::Backoff,
            Way::of(&[
                "upstream stops listening",
                "a > HELLO; 1 LEASE route=web",
                "a > 2 LEASE route=web",
            ]),
        ),
        (
            ErrorToken::NoPort,
            Way::of(&[
                "a > HELLO; 1 LEASE route=web; 1 DATA \"x\"",
                "b > HELLO; 1 LEASE route=other",
            ])
            .with(|s| {
                s.config.transport.port_range = 10_000..=10_000;
                let other = super::world::route(
                    "other",
                    "tcp://other.test:80",
                    &super::upstream::ADDRESSES[..1],
                );
                s.config.routes.push(other);
            }),
        ),
    ]
}

fn refused_for_the_queue() -> Vec<(ErrorToken, Way)> {
    const NARROW: fn(&mut Setting) = |s| s.config.routes[0].settings.max_per_route = 1;
    vec![
        (
            ErrorToken::QueueFull,
            Way::of(&FULL).with(|s| {
                s.config.routes[0].settings.max_per_route = 1;
                s.config.routes[0].settings.max_waiters_per_route = 0;
            }),
        ),
        (
            ErrorToken::QueueTimeout,
            Way::of(&["a > HELLO; 1 LEASE route=web", "b > HELLO; 1 LEASE route=web", "wait 6s"])
                .with(NARROW),
        ),
        (ErrorToken::Quota, Way::of(&FULL).with(|s| s.config.control.max_leases_per_uid = 1)),
        (
            ErrorToken::WouldTimeOut,
            Way::of(&[
                "a > HELLO; 1 LEASE route=web",
                "wait 10s",
                "b > HELLO; 1 LEASE route=web deadline=60000",
                "c > HELLO; 1 LEASE route=web deadline=10",
            ])
            .with(NARROW),
        ),
        (ErrorToken::Draining, Way::of(&[HELD, "drain 30s", "b > HELLO; 1 LEASE route=web"])),
        (
            ErrorToken::Cancelled,
            Way::of(&[
                "a > HELLO; 1 LEASE route=web",
                "b > HELLO; 1 LEASE route=web",
                "b > 1 CANCEL",
            ])
            .with(NARROW),
        ),
    ]
}

#[test]
fn every_code_of_a_session_that_was_ended_is_reached() {
    let count = |world: &World, token| {
        let mut ended = world.shard.tally.sessions_refused.iter();
        ended.find(|(known, _)| *known == token).map_or(0, |(_, count)| count)
    };
    let tally = super::super::tally::Tally::default();
    let tokens: Vec<ErrorToken> = tally.sessions_refused.iter().map(|(token, _)| token).collect();
    let table = [
        (
            ErrorToken::Quota,
            Way::of(&["a > HELLO", "b > HELLO"])
                .with(|s| s.config.control.max_sessions_per_uid = 1),
        ),
        (ErrorToken::ProtocolViolation, Way::of(&["a > HELLO; HELLO"])),
    ];
    check(&tokens, &[], &table, count);
}

#[test]
fn every_verdict_is_reached() {
    let count = |world: &World, verdict| {
        let mut lost = world.shard.tally.lost.iter();
        lost.find(|(known, _)| *known == verdict).map_or(0, |(_, count)| count)
    };
    let table = [
        (Verdict::NeverSent, Way::of(&["a > HELLO; 1 LEASE route=web", "u1 > RST"])),
        (
            Verdict::Unprocessed,
            Way::of(&[
                "a > HELLO; 1 LEASE route=web",
                "a > 1 RELEASE unused",
                "a > 2 LEASE route=web",
                "down is held",
                "upstream restarts",
                "a > 2 DATA \"ping\"",
                "down flows",
            ]),
        ),
        (Verdict::Acked, Way::of(&[HELD, "u1 > RST"])),
        (
            Verdict::Unknown,
            Way::of(&[
                "a > HELLO; 1 LEASE route=web",
                "up is cut",
                "a > 1 DATA \"first\"",
                "wait 20s",
            ])
            .with(|s| s.tcp.user_timeout = Some(Duration::from_secs(10))),
        ),
    ];
    check(Verdict::ALL, &[], &table, count);
}

#[test]
fn every_error_and_outcome_of_a_connect_is_reached() {
    let errors = |world: &World, error| world.shard.pool.stats().connect_failures.of(error);
    let of_token = |error: ConnectError| {
        let refusals = refused_for_the_destination();
        let found = refusals.into_iter().find(|(token, _)| token.token() == error.token());
        (error, found.expect("a connect that fails refuses a lease").1)
    };
    let excused = [ConnectError::ConnectionTerminated, ConnectError::ConnectionLimitReached];
    let table: Vec<_> = ConnectError::ALL
        .iter()
        .filter(|error| !excused.contains(error))
        .map(|error| of_token(*error))
        .collect();
    // A lease hears of this one by the number of routes; the stack's own limit is this.
    let limit = Way::of(&["a > HELLO; 1 LEASE route=web", "b > HELLO; 1 LEASE route=web"])
        .with(|s| s.config.transport.connections_max = 1);
    let table: Vec<_> =
        table.into_iter().chain([(ConnectError::ConnectionLimitReached, limit)]).collect();
    check(ConnectError::ALL, &excused[..1], &table, errors);

    let outcomes = |world: &World, outcome| {
        world.shard.pool.stats().connect_duration(outcome).counts().iter().sum()
    };
    let table = [
        (ConnectOutcome::Connected, Way::of(&[HELD])),
        (
            ConnectOutcome::Failed,
            Way::of(&["upstream stops listening", "a > HELLO; 1 LEASE route=web"]),
        ),
        (
            ConnectOutcome::TimedOut,
            Way::of(&["10.0.0.1 is silent", "a > HELLO; 1 LEASE route=web", "wait 6s"]),
        ),
        (
            ConnectOutcome::Abandoned,
            Way::of(&["10.0.0.1 is silent", "a > HELLO; 1 LEASE route=web", "drain 30s"]),
        ),
    ];
    check(ConnectOutcome::ALL, &[], &table, outcomes);
}

#[test]
fn every_source_and_result_of_a_lease_and_cause_of_an_opening_is_reached() {
    let sources = |world: &World, source| world.shard.pool.stats().leases.of(source);
    let handed_on: &[&str] = &[HELD, "b > HELLO; 1 LEASE route=web", BACK];
    let narrow: fn(&mut Setting) = |s| s.config.routes[0].settings.max_per_route = 1;
    let table = [
        (Source::New, Way::of(&[HELD])),
        (Source::Idle, Way::of(&[HELD, BACK, "a > 2 LEASE route=web"])),
        (Source::Handoff, Way { set: narrow, ..Way::of(handed_on) }),
    ];
    check(Source::ALL, &[], &table, sources);

    let results = |world: &World, result| world.shard.pool.stats().releases.of(result);
    let table = [
        (ReleaseResult::Reused, Way::of(&[HELD, BACK])),
        (ReleaseResult::Handoff, Way { set: narrow, ..Way::of(handed_on) }),
        (ReleaseResult::Closed, Way::of(&[HELD, "a > 1 RELEASE discard"])),
    ];
    check(ReleaseResult::ALL, &[], &table, results);

    let openings = |world: &World, cause| world.shard.pool.stats().opened.of(cause);
    let ready: fn(&mut Setting) = |s| s.config.routes[0].settings.min_idle = 1;
    let table = [
        (OpenCause::Demand, Way::of(&[HELD])),
        (OpenCause::Prewarm, Way { set: ready, ..Way::of(&[HELD, "wait 2s"]) }),
        (
            OpenCause::Replace,
            Way {
                set: ready,
                ..Way::of(&[HELD, BACK, "wait 2s", "u1 > RST", "u2 > RST", "wait 2s"])
            },
        ),
    ];
    check(OpenCause::ALL, &[], &table, openings);
}
