//! Transcripts: what is done, and everything that comes of it, as text that is compared as a whole.
//!
//! A line at the margin is done; indented lines are what follows before the world is at rest, in
//! the order: questions to the resolver, upstreams, clients, connections closed, the pool. Nothing
//! may be missing and nothing may come that is not written. `#` begins a comment.
//!
//! ```text
//! a > HELLO; 1 LEASE route=web; 1 DATA "ping"    # one write
//!     u1 opens
//!     u1 < "ping"
//!     a < WELCOME
//!     a < 1 LEASED new
//!     pool: leased 1
//! u1 > "pong"; FIN
//! a hangs up
//! wait 200ms
//! ```
//!
//! | Done | |
//! |---|---|
//! | `a > FRAME; FRAME` | client `a` writes frames, in one piece |
//! | `a connects [uid=N] [gid=N]` | else the first frame does it, as uid 1000 |
//! | `a hangs up`, `a stops reading`, `a reads again` | |
//! | `a dies` | its process exits; the reactor reads what it said |
//! | `u1 > "text"; FIN; RST` | the first connection that an upstream accepted says something |
//! | `u1 stops reading`, `u1 reads again` | |
//! | `upstream restarts`, `stops listening`, `listens` | |
//! | `10.0.0.2 is silent`, `refuses` | it answers nothing, or with resets |
//! | `up is held`, `is cut`, `flows`, `loses 2` | packets to the upstreams; `down`: from them |
//! | `resolver NAME ADDRESS ..`, `resolver NAME fails` | |
//! | `wait 1s`, `sleep 1h` | time passes; the host sleeps |
//! | `reload` | with [`World::config`] as it is now |
//! | `drain 30s`, `shutdown` | |

use std::collections::BTreeMap;
use std::net::IpAddr;

use wharf_pool::{CloseCause, Token};

use crate::order::{Order, RouteOrder};

use super::super::instant;
use super::frames;
use super::wire::Wire;
use super::world::World;

/// What was written of the world before.
#[derive(Debug)]
struct Seen {
    pool: String,
    closed: BTreeMap<&'static str, u64>,
}

impl World {
    /// Plays a transcript and compares.
    pub(super) fn play(&mut self, expected: &str) {
        let mut seen = Seen { pool: self.pool_line(), closed: self.closed() };
        let expected = tidy(expected);
        let mut actual = Vec::new();
        for line in expected.iter().filter(|line| !line.starts_with(' ')) {
            actual.push(line.clone());
            let command = line.split('#').next().unwrap_or_default().trim_end();
            self.order(command);
            self.run();
            self.report(&mut seen, &mut actual);
        }
        let bare = |line: &String| line.split('#').next().unwrap_or_default().trim_end().to_owned();
        let wanted: Vec<String> = expected.iter().map(bare).collect();
        let got: Vec<String> = actual.iter().map(bare).collect();
        assert!(
            wanted == got,
            "\n--- expected\n{}\n--- actual\n{}\n--- end\nnotices: {:#?}",
            expected.join("\n"),
            actual.join("\n"),
            self.notices,
        );
    }

    /// Writes what happened since the last report.
    fn report(&mut self, seen: &mut Seen, out: &mut Vec<String>) {
        for host in self.asked.drain(..) {
            out.push(format!("    asks {host}"));
        }
        for at in 0..self.upstream.accepted.len() {
            self.upstream.show_heard(at);
            for event in self.upstream.accepted[at].events.drain(..) {
                out.push(format!("    u{} {event}", at + 1));
            }
        }
        for (name, client) in &mut self.clients {
            for heard in client.take_heard() {
                out.push(format!("    {name} < {heard}"));
            }
        }
        let closed = self.closed();
        for (cause, count) in &closed {
            let more = count - seen.closed.get(cause).unwrap_or(&0);
            match more {
                0 => {}
                1 => out.push(format!("    closed {cause}")),
                _ => out.push(format!("    closed {cause} {more}")),
            }
        }
        let pool = self.pool_line();
        if pool != seen.pool {
            out.push(format!("    pool: {pool}"));
        }
        *seen = Seen { pool, closed };
    }

    fn closed(&self) -> BTreeMap<&'static str, u64> {
        let causes = CloseCause::VALUES.iter().copied();
        causes.map(|cause| (cause.name(), self.shard.pool.stats().closed.of(cause))).collect()
    }

    /// How many connections and waiters the pool has, by state.
    pub(super) fn pool_line(&self) -> String {
        let states = self.shard.pool.connections();
        let counts = [
            ("connecting", states.connecting),
            ("idle", states.idle),
            ("leased", states.leased),
            ("settling", states.settling),
            ("quarantined", states.quarantined),
            ("suspect", states.suspect),
            ("draining", states.draining),
            ("closing", self.shard.pool.closing()),
            ("waiting", self.shard.pool.waiters()),
        ];
        let parts: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{state} {count}"))
            .collect();
        if parts.is_empty() { "empty".to_owned() } else { parts.join(", ") }
    }

    /// Does what one line at the margin says.
    pub(super) fn order(&mut self, line: &str) {
        let (subject, rest) = line.split_once(' ').unwrap_or((line, ""));
        match subject {
            "up" => order_wire(&mut self.up, rest),
            "down" => order_wire(&mut self.down, rest),
            "upstream" => self.order_upstream(rest),
            "resolver" => self.order_resolver(rest),
            "wait" => self.wait(humantime::parse_duration(rest).expect("a duration")),
            "sleep" => self.sleep(humantime::parse_duration(rest).expect("a duration")),
            "drain" => {
                let within = humantime::parse_duration(rest).expect("a duration");
                self.shard.handle_drain(self.now, within);
            }
            "operator" => {
                let (name, route) = rest.split_once(' ').expect("an order and a route");
                let order = Order::ALL.into_iter().find(|order| order.name() == name);
                let order = order.expect("an order");
                let route = Some(route.to_owned()).filter(|route| route != "all");
                self.shard.handle_order(self.now, &RouteOrder { order, route });
            }
            "reload" => self.shard.handle_reload(self.now, &self.config),
            "shutdown" => self.shard.handle_shutdown(self.now),
            address if rest == "is silent" => {
                self.upstream.silent.push(address.parse().expect("an address"));
            }
            address if rest == "refuses" => {
                self.upstream.refusing.push(address.parse().expect("an address"));
            }
            accepted if is_accepted(accepted) => self.order_accepted(accepted, rest),
            client => self.order_client(client, rest),
        }
    }

    fn order_client(&mut self, name: &str, rest: &str) {
        if let Some(frames) = rest.strip_prefix("> ") {
            let mut bytes = Vec::new();
            for frame in frames.split(';').map(str::trim) {
                frames::encode(frame, &mut bytes);
                if let Some((number, _)) = frame.split_once(" LEASE ") {
                    self.client(name).asked(number.parse().expect("a number"));
                }
            }
            return self.client(name).write(&bytes);
        }
        let words: Vec<&str> = rest.split(' ').collect();
        let number = |key: &str| {
            let value = words.iter().find_map(|word| word.strip_prefix(key));
            value.map_or(1000, |value| value.parse().expect("a number"))
        };
        match rest {
            "hangs up" => self.client(name).has_hung_up = true,
            "dies" => self.bury(name),
            "stops reading" => self.client(name).room = 0,
            "reads again" => {
                self.client(name).room = usize::MAX;
                let session = self.client(name).session;
                self.flush_session(session);
            }
            connects if connects.starts_with("connects") => {
                self.connect(name, number("uid="), number("gid="));
            }
            other => panic!("a client cannot: {other}"),
        }
    }

    fn order_accepted(&mut self, name: &str, rest: &str) {
        let number: usize = name.trim_start_matches('u').parse().expect("uN");
        let (at, now) = (number - 1, instant(self.now));
        match rest {
            "stops reading" => self.upstream.accepted[at].reads = false,
            "reads again" => self.upstream.accepted[at].reads = true,
            says => {
                let says = says.strip_prefix("> ").expect("an upstream says something");
                for part in says.split(';').map(str::trim) {
                    match part {
                        "FIN" => self.upstream.finish(now, at),
                        "RST" => self.upstream.reset(now, at),
                        text => self.upstream.say(now, at, &frames::payload(text)),
                    }
                }
            }
        }
    }

    fn order_upstream(&mut self, what: &str) {
        match what {
            "restarts" => self.upstream.restart(),
            "stops listening" => self.upstream.stop_listening(instant(self.now)),
            "listens" => self.upstream.listen(),
            other => panic!("upstreams cannot: {other}"),
        }
    }

    fn order_resolver(&mut self, rest: &str) {
        let (host, rest) = rest.split_once(' ').expect("a name and its addresses");
        let answer = match rest {
            "fails" => Err("no such name".to_owned()),
            "has none" => Ok(Vec::new()),
            addresses => Ok(addresses
                .split(' ')
                .map(|address| address.parse::<IpAddr>().expect("an address"))
                .collect()),
        };
        self.answer(host, answer);
    }
}

fn is_accepted(word: &str) -> bool {
    word.strip_prefix('u').is_some_and(|rest| rest.parse::<usize>().is_ok())
}

fn order_wire(wire: &mut Wire, what: &str) {
    match what {
        "is held" => wire.is_held = true,
        "is cut" => wire.is_cut = true,
        "flows" => {
            wire.is_held = false;
            wire.is_cut = false;
        }
        other => {
            let count = other.strip_prefix("loses ").expect("held, cut, flows or loses N");
            wire.lose_next = count.parse().expect("a number");
        }
    }
}

/// The lines without their common margin, comment lines and empty lines.
fn tidy(text: &str) -> Vec<String> {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let margin = lines().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    lines()
        .map(|line| line[margin..].trim_end().to_owned())
        .filter(|line| !line.starts_with('#'))
        .collect()
}
