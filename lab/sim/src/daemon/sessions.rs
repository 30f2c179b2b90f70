//! The clients' sockets, as the reactor sees them, and what holds after every turn.

use wharf_pool::ClientId;
use wharf_protocol::Verdict;
use wharf_transport::time::{Duration, Instant};
use wharfd::shard::{Peer, SessionId};

use super::client::Client;
use super::patron::Customer;
use super::world::{Phase, World};
use crate::plant::Plant;
use crate::violation::{Kind, Violation, demand};
use crate::way::Conditions;

/// How long a client that has exited may hold anything (DESIGN.md, section 10, P5), and what coarse
/// clocks add to it.
const DEAD_MAX: Duration = Duration::from_millis(1_000 + 100);

/// Turns between two looks at the caps: a snapshot of the daemon costs as much as many turns.
const CAPS_EVERY: u64 = 16;

/// A pause of a client that reads little at a time.
const SIP: Duration = Duration::from_millis(1);

impl Customer {
    /// When it does something by itself, or takes more of what waits for it.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        let sips = self.sips_at.filter(|_| self.client.is_open);
        [self.next(), sips].into_iter().flatten().min()
    }
}

impl World<'_> {
    /// Clients come, and do what is due.
    pub(super) fn step_customers(&mut self) {
        if self.phase == Phase::Over {
            return;
        }
        for at in 0..self.customers.len() {
            if self.customers[at].is_none() {
                self.admit(at);
            }
            if let Some(customer) = &mut self.customers[at] {
                customer.step(self.now);
            }
        }
    }

    /// A client connects, if its time has come.
    fn admit(&mut self, at: usize) {
        let plan = &self.scenario.patrons[at];
        if self.began + plan.after > self.now {
            return;
        }
        let number = u64::try_from(at).expect("64 bits");
        let peer = Peer {
            pid: i32::try_from(at + 1).expect("few clients"),
            uid: plan.uid,
            gid: plan.uid,
            groups: vec![plan.uid],
            unit: None,
            client: ClientId(number),
        };
        let session = self.shard.handle_session_opened(self.shown(), peer);
        let mut client = Client::new(session, plan.exits_at, plan.raves_at);
        if plan.sips > 0 {
            client.room = plan.sips;
        }
        let seed = self.scenario.seed;
        self.customers[at] = Some(Customer::new(plan.clone(), client, number, seed, self.now));
    }

    /// Reads what clients have said, as far as the shard takes it; hears who has hung up.
    pub(super) fn serve_sessions(&mut self) -> Result<bool, Violation> {
        let mut moved = false;
        for at in 0..self.customers.len() {
            moved |= self.serve_session(at)?;
        }
        Ok(moved)
    }

    fn serve_session(&mut self, at: usize) -> Result<bool, Violation> {
        let (now, truly) = (self.shown(), self.now);
        let Some(customer) = self.customers[at].as_mut().filter(|c| c.client.is_open) else {
            return Ok(false);
        };
        if customer.sips_at.is_some_and(|due| due <= truly) {
            customer.sips_at = None;
            customer.client.room = customer.plan.sips;
            let id = customer.client.session;
            self.flush_session(id)?;
            return Ok(true);
        }
        let id = customer.client.session;
        let forgets = self.scenario.plant == Plant::ForgetHangUp;
        if customer.client.has_exited && !customer.is_buried && !forgets {
            customer.is_buried = true;
            self.bury(at);
            return Ok(true);
        }
        if !customer.client.watches_input || !self.shard.session_wants_input(id) {
            return Ok(false);
        }
        let bytes = customer.client.take_outgoing();
        if !bytes.is_empty() {
            self.trace.say(truly, || format!("c{at}  > {} bytes", bytes.len()));
            self.shard.handle_session_bytes(now, id, &bytes);
            return Ok(true);
        }
        // A child may hold the descriptor of a process that has exited: there is no end to read.
        let ends = customer.client.has_hung_up && !customer.client.has_exited;
        if ends && !forgets {
            self.trace.say(truly, || format!("c{at}  > hangs up"));
            customer.client.is_open = false;
            self.shard.handle_session_closed(now, id);
            return Ok(true);
        }
        Ok(false)
    }

    /// The process has exited: what it said is read as far as the shard takes it now.
    fn bury(&mut self, at: usize) {
        let now = self.shown();
        let Some(customer) = self.customers[at].as_mut() else { return };
        self.trace.say(self.now, || format!("c{at}  > exits"));
        let id = customer.client.session;
        while self.shard.session_wants_input(id) {
            let bytes = customer.client.take_outgoing();
            if bytes.is_empty() {
                customer.client.is_open = false;
                return self.shard.handle_session_closed(now, id);
            }
            self.shard.handle_session_bytes(now, id, &bytes);
        }
        self.shard.handle_session_dying(now, id);
    }

    /// Writes what a session has to say as far as its client takes it.
    pub(super) fn flush_session(&mut self, id: SessionId) -> Result<(), Violation> {
        let (now, truly) = (self.shown(), self.now);
        let is_it = |customer: &Option<Customer>| {
            customer.as_ref().is_some_and(|c| c.client.session == id && c.client.is_open)
        };
        let at = self.customers.iter().position(is_it);
        let Some(at) = at else { return Ok(()) };
        let Some(customer) = self.customers[at].as_mut() else { return Ok(()) };
        loop {
            let output = self.shard.session_output(id);
            // Who has hung up reads nothing, and its socket takes everything.
            let room = if customer.client.has_hung_up { usize::MAX } else { customer.client.room };
            let count = output.len().min(room);
            if count == 0 {
                break;
            }
            if !customer.client.has_hung_up {
                customer.client.take(output.get(..count).unwrap_or_default());
                while let Some((lease, heard, line)) = customer.client.poll_frame()? {
                    self.trace.say(truly, || format!("c{at} <  {line}"));
                    customer.hear(truly, lease, &heard)?;
                }
            }
            self.shard.handle_session_sent(now, id, count);
        }
        if customer.plan.sips > 0 && customer.client.room == 0 {
            customer.sips_at.get_or_insert(truly + SIP);
        }
        customer.client.watches_input = self.shard.session_wants_input(id);
        if self.shard.session_is_over(id) {
            customer.client.is_open = false;
            self.shard.handle_session_closed(now, id);
            let is_due = customer.client.has_hung_up || customer.was_refused;
            let ends = self.phase != Phase::Open;
            customer.hang_up(truly);
            return demand(is_due || ends, Kind::Lease, || {
                format!("client {at}: its session is closed without a word")
            });
        }
        Ok(())
    }

    /// The daemon has ended: every socket is closed.
    pub(super) fn close_all(&mut self) {
        for customer in self.customers.iter_mut().flatten() {
            customer.client.is_open = false;
            customer.hang_up(self.now);
        }
    }

    /// What holds after every turn.
    pub(super) fn check(&self) -> Result<(), Violation> {
        self.shard.assert_invariants();
        self.servers.stack.assert_invariants();
        if self.turns.is_multiple_of(CAPS_EVERY) {
            self.check_caps()?;
        }
        for (at, customer) in self.customers.iter().enumerate() {
            let Some(customer) = customer else { continue };
            demand(!customer.is_ignored, Kind::Lease, || {
                format!("client {at}: the daemon never ended its lease ({})", customer.show())
            })?;
            let since = customer.gone_since.filter(|_| customer.client.has_exited);
            let Some(since) = since else { continue };
            let is_long = self.now.since(since) > DEAD_MAX;
            demand(
                !is_long || self.shard.session_is_over(customer.client.session),
                Kind::Limit,
                || {
                    format!(
                        "client {at} is gone since {:?} and holds its session",
                        self.now.since(since)
                    )
                },
            )?;
        }
        Ok(())
    }

    /// No route has more connections than it may.
    fn check_caps(&self) -> Result<(), Violation> {
        let most = self.most_connections();
        for route in self.shard.snapshot(self.shown()).routes {
            let total = route.connections.total();
            demand(total <= most, Kind::Limit, || {
                format!("route {}: {total} connections, {most} at most", route.name)
            })?;
        }
        Ok(())
    }

    /// The highest limit that a route has had: one that is lowered ends no lease.
    fn most_connections(&self) -> u64 {
        let reloads = self.scenario.acts.iter().filter_map(|(_, act)| match act {
            super::scenario::Act::Reload(connections) => Some(*connections),
            super::scenario::Act::Suspend(_)
            | super::scenario::Act::Restart
            | super::scenario::Act::Drain(_) => None,
        });
        let most = reloads.chain([self.scenario.settings.connections]).max().unwrap_or(0);
        u64::try_from(most).unwrap_or(u64::MAX)
    }

    /// Looks at what clients were told of their requests, and at what is left.
    pub(super) fn judge(&mut self) -> Result<(), Violation> {
        demand(self.phase == Phase::Over, Kind::Stalled, || {
            let open = self.customers.iter().enumerate().filter_map(|(at, customer)| {
                let customer = customer.as_ref()?;
                (!customer.is_done()).then(|| format!("client {at}: {}", customer.show()))
            });
            format!("nothing will ever happen; {}", open.collect::<Vec<_>>().join("; "))
        })?;
        // A network that doubles the request, or lets it overtake an ACK, makes a bare reset look like
        // a proof that it is not: ARCHITECTURE.md, "What is not proved".
        let misleads = self.scenario.ways.iter().any(Conditions::repeats_or_reorders);
        for (at, customer) in self.customers.iter().enumerate() {
            for told in customer.iter().flat_map(|customer| &customer.told) {
                let read = self.servers.has_read(told.id);
                let is_excused = misleads && told.verdict == Verdict::Unprocessed;
                let holds = !told.verdict.is_repeatable() || read == 0 || is_excused;
                demand(holds, Kind::Lease, || {
                    format!("client {at} was told {}, and {read} bytes were read", told.verdict)
                })?;
            }
        }
        self.shard.assert_empty();
        let snapshot = self.shard.snapshot(self.shown());
        let left: u64 = snapshot.tcp_states.iter().sum();
        demand(left == 0, Kind::Left, || format!("connections by state: {:?}", snapshot.tcp_states))
    }
}
