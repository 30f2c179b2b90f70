//! Leases that are held for long: what is logged of them, and how one is taken away.

use wharf_pool::time::Duration;
use wharf_pool::{CloseCause, Overdue};

use super::super::Notice;
use super::world::World;

/// A world in which a lease of `web` is taken away after 90 s.
fn world() -> World {
    World::with(|s| s.config.routes[0].settings.lease_max = Some(Duration::from_secs(90)))
}

/// Which limits the log says were passed, by which process, and after how many seconds.
fn complaints(world: &World) -> Vec<(i32, Overdue, u64)> {
    let complaint = |notice: &Notice| {
        let Notice::LeaseOverdue { pid, limit, held, .. } = notice else { return None };
        Some((*pid, *limit, held.as_secs()))
    };
    world.notices.iter().filter_map(complaint).collect()
}

#[test]
fn a_lease_that_is_never_used_is_logged_with_its_holder_and_then_taken_away() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        wait 89s
        wait 2s
            u1 < RST
            a < 1 RESET lease_revoked never_sent sent=0 acked=0
            closed revoked
            pool: empty
        # What it says before it has read RESET is void.
        a > 1 DATA "late"
        a > 1 RELEASE reusable tx=4
            a < 1 RELEASED closed revoked
        a > 2 LEASE route=web
            u2 opens
            a < 2 LEASED new
            pool: leased 1
        "#,
    );
    let passed = [(1, Overdue::FirstUse, 5), (1, Overdue::Warn, 60), (1, Overdue::Max, 90)];
    assert_eq!(complaints(&world), passed);
}

#[test]
fn a_lease_in_use_is_taken_away_with_its_verdict_and_its_room_serves_the_next() {
    let mut world = World::with(|s| {
        let settings = &mut s.config.routes[0].settings;
        settings.lease_max = Some(Duration::from_secs(90));
        settings.max_per_route = 1;
    });
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        wait 88s
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            b < WELCOME
            pool: leased 1, waiting 1
        wait 3s
            u1 < RST
            u2 opens
            u2 < "b"
            a < 1 RESET lease_revoked acked sent=1 acked=1
            b < 1 LEASED new
            closed revoked
            pool: leased 1
        a hangs up
        "#,
    );
    assert_eq!(complaints(&world), [(1, Overdue::Warn, 60), (1, Overdue::Max, 90)]);
}

#[test]
fn a_lease_whose_connection_died_is_taken_away_too() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        u1 > RST
            a < 1 RESET connection_terminated acked sent=1 acked=1
            pool: draining 1
        wait 91s
            closed peer_rst
            pool: empty
        a > 1 RELEASE discard
            a < 1 RELEASED closed peer_rst
        "#,
    );
}

#[test]
fn a_limit_that_is_off_says_nothing_and_overdue_leases_are_counted_until_they_end() {
    let mut world = World::with(|s| {
        s.config.routes[0].settings.first_use_timeout = None;
    });
    let overdue = |world: &World| -> u64 {
        world.shard.snapshot(world.now).routes.iter().map(|route| route.lease_overdue).sum()
    };
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        wait 61s
        "#,
    );
    assert_eq!(complaints(&world), [(1, Overdue::Warn, 60)]);
    assert_eq!(overdue(&world), 1);
    world.play(
        r#"
        wait 400s
        a > 1 RELEASE unused
            a < 1 RELEASED kept
            pool: idle 1
        "#,
    );
    assert_eq!(overdue(&world), 0);
    assert_eq!(world.shard.pool.stats().closed.of(CloseCause::Revoked), 0);
}
