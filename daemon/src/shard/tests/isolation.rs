//! Who may share a connection with whom: DESIGN.md, section 10, P2.

use super::world::World;
use crate::config::Share;

fn world() -> World {
    World::with(|_| {})
}

#[test]
fn two_users_never_share_by_default() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 1
        b connects uid=1001
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            u2 opens
            u2 < "b"
            b < WELCOME
            b < 1 LEASED new
            pool: idle 1, leased 1
        b > 1 RELEASE reusable tx=1
            b < 1 RELEASED kept
            pool: idle 2
        a > 2 LEASE route=web; 2 DATA "own"
            u1 < "own"
            a < 2 LEASED idle uses=1
            pool: idle 1, leased 1
        b > 2 LEASE route=web; 2 DATA "own"
            u2 < "own"
            b < 2 LEASED idle uses=1
            pool: leased 2
        "#,
    );
}

#[test]
fn a_connection_that_carried_nothing_is_not_passed_on_either() {
    let mut world = world();
    world.play(
        r#"
        # Offered to one user, it is that user's.
        a > HELLO; 1 LEASE route=web
            u1 opens
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE unused
            a < 1 RELEASED kept
            pool: idle 1
        b connects uid=1001
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            u2 opens
            u2 < "b"
            b < WELCOME
            b < 1 LEASED new
            pool: idle 1, leased 1
        "#,
    );
}

#[test]
fn a_connection_that_nobody_was_offered_is_anybodys() {
    let mut world = world();
    world.play(
        r#"
        up is held
        a > HELLO; 1 LEASE route=web; 1 CANCEL
            a < WELCOME
            a < 1 REFUSED cancelled
            pool: connecting 1
        up flows
            u1 opens
            pool: idle 1
        b connects uid=1001
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            u1 < "b"
            b < WELCOME
            b < 1 LEASED idle
            pool: leased 1
        "#,
    );
}

#[test]
fn at_the_cap_another_users_idle_connection_gives_way() {
    let mut world = World::with(|s| s.config.routes[0].settings.max_per_route = 1);
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 1
        b connects uid=1001
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            u1 < RST
            u2 opens
            u2 < "b"
            b < WELCOME
            b < 1 LEASED new
            closed evicted
            pool: leased 1
        # A waiter of another user gets a new connection in place of the released one.
        a > 2 LEASE route=web; 2 DATA "a"
            pool: leased 1, waiting 1
        b > 1 RELEASE reusable tx=1
            u2 < RST
            u3 opens
            u3 < "a"
            a < 2 LEASED new
            b < 1 RELEASED closed evicted
            closed evicted
            pool: leased 1
        "#,
    );
}

#[test]
fn a_group_of_its_own_separates() {
    let mut world = World::with(|s| s.config.routes[0].settings.share = Share::UidGroup);
    world.play(
        r#"
        a connects uid=1000 gid=50
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 1
        b connects uid=1000 gid=51
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            u2 opens
            u2 < "b"
            b < WELCOME
            b < 1 LEASED new
            pool: idle 1, leased 1
        c connects uid=1000 gid=50
        c > HELLO; 1 LEASE route=web; 1 DATA "c"
            u1 < "c"
            c < WELCOME
            c < 1 LEASED idle uses=1
            pool: leased 2
        "#,
    );
}

#[test]
fn any_shares_with_all() {
    let mut world = World::with(|s| s.config.routes[0].settings.share = Share::Any);
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 1
        b connects uid=1001 gid=1001
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            u1 < "b"
            b < WELCOME
            b < 1 LEASED idle uses=1
            pool: leased 1
        "#,
    );
}

#[test]
fn tags_separate() {
    let mut world = world();
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web tag=reports; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=1; 2 LEASE route=web; 2 DATA "no tag"
            u2 opens
            u2 < "no tag"
            a < 1 RELEASED kept
            a < 2 LEASED new
            pool: idle 1, leased 1
        a > 2 RELEASE reusable tx=6; 3 LEASE route=web tag=reports; 3 DATA "same tag"
            u1 < "same tag"
            a < 2 RELEASED kept
            a < 3 LEASED idle uses=1
        "#,
    );
}

#[test]
fn a_reload_that_stops_sharing_holds_for_the_next_lease() {
    let mut world = World::with(|s| s.config.routes[0].settings.share = Share::Any);
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 1
        "#,
    );
    world.config.routes[0].settings.share = Share::Uid;
    world.play(
        r#"
        reload
        b connects uid=1001
        b > HELLO; 1 LEASE route=web; 1 DATA "b"
            u2 opens
            u2 < "b"
            b < WELCOME
            b < 1 LEASED new
            pool: idle 1, leased 1
        a > 2 LEASE route=web; 2 DATA "a"
            u3 opens
            u3 < "a"
            a < 2 LEASED new
            pool: idle 1, leased 2
        "#,
    );
}

#[test]
fn services_of_one_user_share_no_connection_where_the_unit_decides() {
    let mut world = World::with(|s| s.config.routes[0].settings.share = Share::Unit);
    for (name, unit) in [("a", "/shop.service"), ("b", "/blog.service"), ("c", "/shop.service")] {
        world.units.insert(name.to_owned(), unit.into());
    }
    world.play(
        r#"
        a > HELLO; 1 LEASE route=web; 1 DATA "a"
            u1 opens
            u1 < "a"
            a < WELCOME
            a < 1 LEASED new
            pool: leased 1
        a > 1 RELEASE reusable tx=1
            a < 1 RELEASED kept
            pool: idle 1
        b > HELLO; 1 LEASE route=web
            u2 opens
            b < WELCOME
            b < 1 LEASED new
            pool: idle 1, leased 1
        c > HELLO; 1 LEASE route=web
            c < WELCOME
            c < 1 LEASED idle uses=1
            pool: leased 2
        # Its control group is not known, so neither is whose connections it may have.
        d > HELLO; 1 LEASE route=web
            d < WELCOME
            d < 1 REFUSED http_request_denied "the control group of process 4 is not known, by which this route is shared: connect again, and see that wharfd can read /proc/4/cgroup"
        "#,
    );
}
