//! The budget of memory that connections share: one for all of them, and one for each account.
//!
//! What counts is what a connection's buffers hold; of a connection that has an account also what its
//! window promises the peer beyond [`Config::buffer_start`], *start* here, because nothing inside an
//! offered window is ever dropped: a promise is memory that is spoken for. Growth beyond start is
//! therefore granted before it is promised, and each grant is O(1).
//!
//! *The arithmetic.* Growth is granted up to three quarters of a limit. The rest is for what nobody
//! asks for: both buffers of every connection may have start bytes, so that each goes on whatever the
//! others do. So `n` connections hold at most
//!
//! ```text
//! 3/4 limit + n * (2 * start + 2^shift)
//! ```
//!
//! where the last is what an offer is rounded up by, and lists of 24 bytes a segment in flight come on
//! top. In practice the second part is far less: a buffer that is empty can be given back, and idle
//! connections hold none. A connection without account (0: nobody) is not charged for what it
//! promises: it lies idle in a pool, and its owner ends it if the peer sends.
//!
//! *Pressure* begins when three quarters are used and ends at a half. For as long as it lasts no
//! buffer is larger than start: windows that were larger close as text comes, send buffers take
//! nothing new until they are below, and what is empty is given back after each segment. Once the
//! whole limit is used, buffers shrink to [`LEAST`] in the same way, and SYNs of strangers are
//! dropped: the peer tries again.

use std::collections::HashMap;

use super::Stack;
use super::bookkeeping::Entry;
use super::errors::NoConnection;
use super::slots::ConnectionId;
#[cfg(doc)]
use crate::tcp::Config;
use crate::tcp::{Allowance, Connection};

/// What all buffers of a stack may hold unless it is told otherwise, in bytes: half of a host of 1
/// GiB.
const LIMIT: usize = 512 << 20;

/// What a buffer may have when all memory is used, in bytes: Linux gives each socket as much under
/// any pressure (the first number of `tcp_rmem`).
const LEAST: usize = 4 << 10;

/// What a part of the connections has of its limit.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    /// Bytes charged.
    used: usize,
    is_short: bool,
}

impl Share {
    /// Exchanges one charge for another. Says whether pressure has begun by that.
    fn exchange(&mut self, limit: usize, before: usize, after: usize) -> bool {
        self.used = self.used - before + after;
        let was_short = self.is_short;
        self.is_short = self.used > if was_short { limit / 2 } else { pressure_from(limit) };
        self.is_short && !was_short
    }

    fn allowance(&self, limit: usize, start: usize) -> Allowance {
        let growth = pressure_from(limit).saturating_sub(self.used);
        match (self.is_full(limit), self.is_short) {
            (true, _) => Allowance { growth: 0, most: LEAST.min(start) },
            (false, true) => Allowance { growth: 0, most: start },
            (false, false) => Allowance { growth, most: usize::MAX },
        }
    }

    fn is_full(&self, limit: usize) -> bool {
        self.used >= limit
    }
}

/// Three quarters.
fn pressure_from(limit: usize) -> usize {
    limit - limit / 4
}

/// Connections of one owner.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// The owner's number for it.
    number: u32,
    share: Share,
    connections: usize,
}

/// Where an account is kept, so that a segment costs no search. In two bytes, since each connection
/// has one: beyond 65 535 accounts at a time a connection is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u16);

impl Place {
    /// That of connections without account.
    pub(super) const NOBODY: Self = Self(0);

    fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Who has how much.
#[derive(Debug)]
pub(super) struct Memory {
    /// What a buffer begins with, in bytes.
    start: usize,
    limit: usize,
    limit_per_account: usize,
    all: Share,
    /// By place; those without connections are used again.
    accounts: Vec<Account>,
    places: HashMap<u32, Place>,
    vacant: Vec<Place>,
    /// The account of each connection, by its index; those beyond the end are nobody's. Not in the
    /// connection's place: a stack without accounts has none.
    owners: Vec<Place>,
}

impl Memory {
    pub(super) fn new(start: usize) -> Self {
        Self {
            start,
            limit: LIMIT,
            limit_per_account: LIMIT,
            all: Share::default(),
            accounts: vec![Account::default()],
            places: HashMap::new(),
            vacant: Vec::new(),
            owners: Vec::new(),
        }
    }

    /// The account of the connection at `index`.
    fn owner(&self, index: u32) -> Place {
        let owner = usize::try_from(index).ok().and_then(|index| self.owners.get(index));
        owner.copied().unwrap_or(Place::NOBODY)
    }

    /// Sets the account of the connection at `index`, and returns what it was.
    fn set_owner(&mut self, index: u32, owner: Place) -> Place {
        let before = self.owner(index);
        let index = usize::try_from(index).expect("an index fits");
        if before != owner {
            self.owners.resize(self.owners.len().max(index + 1), Place::NOBODY);
            self.owners[index] = owner;
        }
        before
    }

    /// What a connection of an account may take.
    fn allowance(&self, place: Place) -> Allowance {
        let all = self.all.allowance(self.limit, self.start);
        let own = self.accounts[place.index()].share.allowance(self.limit_of(place), self.start);
        Allowance { growth: all.growth.min(own.growth), most: all.most.min(own.most) }
    }

    /// Whether a connection of an account has to give back what is empty.
    fn is_short_for(&self, place: Place) -> bool {
        self.all.is_short || self.accounts[place.index()].share.is_short
    }

    /// Nobody's connections have no limit but that of all.
    fn limit_of(&self, place: Place) -> usize {
        if place == Place::NOBODY { usize::MAX } else { self.limit_per_account }
    }

    /// Exchanges one charge of a connection for another. Says whether memory for all has become
    /// short by that.
    fn exchange(&mut self, place: Place, before: usize, after: usize) -> bool {
        let limit = self.limit_of(place);
        self.accounts[place.index()].share.exchange(limit, before, after);
        self.all.exchange(self.limit, before, after)
    }

    /// One connection more for the account with this number.
    fn join(&mut self, number: u32) -> Place {
        if number == 0 {
            return Place::NOBODY;
        }
        let Some(place) = self.place_of(number) else { return Place::NOBODY };
        let account = &mut self.accounts[place.index()];
        account.number = number;
        account.connections += 1;
        place
    }

    /// The place of an account, new or not; none if there are too many.
    fn place_of(&mut self, number: u32) -> Option<Place> {
        if let Some(place) = self.places.get(&number) {
            return Some(*place);
        }
        let place = match self.vacant.pop() {
            Some(place) => place,
            None => Place(u16::try_from(self.accounts.len()).ok()?),
        };
        if place.index() == self.accounts.len() {
            self.accounts.push(Account::default());
        }
        self.places.insert(number, place);
        Some(place)
    }

    /// One connection less; an account without is forgotten.
    fn leave(&mut self, place: Place) {
        if place == Place::NOBODY {
            return;
        }
        let account = &mut self.accounts[place.index()];
        account.connections -= 1;
        if account.connections == 0 {
            assert!(account.share.used == 0, "memory of no connection");
            self.places.remove(&account.number);
            *account = Account::default();
            self.vacant.push(place);
        }
    }

    /// Whether there is memory for a connection that a stranger begins.
    pub(super) fn admits_strangers(&self) -> bool {
        !self.all.is_full(self.limit)
    }

    /// What holds between calls; `connections` are place and charge of each.
    pub(super) fn assert_invariants(&self, connections: impl Iterator<Item = (Place, usize)>) {
        let mut sums = vec![(0, 0); self.accounts.len()];
        for (place, charged) in connections {
            let (used, connections) = sums[place.index()];
            sums[place.index()] = (used + charged, connections + 1);
        }
        let all: usize = sums.iter().map(|(used, _)| used).sum();
        assert_eq!(self.all.used, all, "memory is the sum of the connections'");
        for (account, (used, connections)) in self.accounts.iter().zip(sums) {
            assert_eq!(account.share.used, used, "account {}", account.number);
            let is_nobody = account.number == 0;
            assert!(is_nobody || account.connections == connections, "{}", account.number);
        }
        let accounts = self.accounts.len() - self.vacant.len() - 1;
        assert_eq!(self.places.len(), accounts, "an account without connections");
    }
}

impl Stack {
    /// Sets how many bytes the buffers of all connections together may hold, and those of one
    /// account; 512 MiB each until then. What connections begin with is not asked for: see the
    /// arithmetic of this module.
    pub fn set_memory_limits(&mut self, all: usize, per_account: usize) {
        self.memory.limit = all;
        self.memory.limit_per_account = per_account;
    }

    /// The limits: of all connections, and of one account.
    #[must_use]
    pub fn memory_limits(&self) -> (usize, usize) {
        (self.memory.limit, self.memory.limit_per_account)
    }

    /// Bytes that count against the limit of all.
    #[must_use]
    pub fn memory_used(&self) -> usize {
        self.memory.all.used
    }

    /// Bytes that count against the limit of `account`.
    #[must_use]
    pub fn memory_used_by(&self, account: u32) -> usize {
        let place =
            if account == 0 { Some(&Place::NOBODY) } else { self.memory.places.get(&account) };
        place.map_or(0, |place| self.memory.accounts[place.index()].share.used)
    }

    /// Sets to whose account the connection's memory counts from now on: any number of the owner's,
    /// 0 for nobody, which each connection begins with. What was promised to the peer counts with
    /// it, be there room or not.
    ///
    /// # Errors
    ///
    /// [`NoConnection`] for a dead id.
    pub fn set_account(&mut self, id: ConnectionId, account: u32) -> Result<(), NoConnection> {
        let charged = core::mem::take(&mut self.held(id)?.charged);
        let place = self.memory.join(account);
        let before = self.memory.set_owner(id.index(), place);
        self.memory.exchange(before, charged, 0);
        self.memory.leave(before);
        self.charge(id.index());
        Ok(())
    }

    /// What the connection at `index` may take. To be told before it is called: others may have taken
    /// it meanwhile.
    pub(super) fn allowance_at(&self, index: u32) -> Allowance {
        self.memory.allowance(self.memory.owner(index))
    }

    /// Charges a connection for what it has after it was called; if memory is short, it gives back
    /// what is empty before.
    pub(super) fn charge(&mut self, index: u32) {
        let owner = self.memory.owner(index);
        let Some(connection) = self.connections.at_mut(index).and_then(|it| it.body.live_mut())
        else {
            return;
        };
        if self.memory.is_short_for(owner) {
            connection.give_back_memory();
        }
        let after = due(connection, owner);
        let before = core::mem::replace(&mut connection.charged, after);
        if before != after && self.memory.exchange(owner, before, after) {
            self.stats.memory_pressures += 1;
        }
    }

    /// A connection goes to rest, and holds nothing. What its window promises counts again once it
    /// wakes, which it does before the peer's text is taken.
    pub(super) fn uncharge(&mut self, index: u32) {
        if let Some(connection) = self.connections.at_mut(index).and_then(|it| it.body.live_mut()) {
            let charged = core::mem::take(&mut connection.charged);
            self.memory.exchange(self.memory.owner(index), charged, 0);
        }
    }

    /// The connection that was at `index` is gone, and its memory with it.
    pub(super) fn discharge(&mut self, index: u32, entry: &Entry) {
        let owner = self.memory.set_owner(index, Place::NOBODY);
        self.memory.exchange(owner, charged(entry), 0);
        self.memory.leave(owner);
    }

    /// Each connection is charged for what it has, and each account for its connections.
    pub(super) fn assert_charged(&self) {
        let charges = self.connections.iter().map(|(id, entry)| {
            let owner = self.memory.owner(id.index());
            let due = entry.body.live().map_or(0, |connection| due(connection, owner));
            assert_eq!(charged(entry), due, "{id:?} is charged for what it has");
            (owner, due)
        });
        self.memory.assert_invariants(charges);
    }
}

/// What a connection is charged for; at rest it holds nothing.
fn charged(entry: &Entry) -> usize {
    entry.body.live().map_or(0, |connection| connection.charged)
}

/// What a connection has to be charged for.
fn due(connection: &Connection, account: Place) -> usize {
    if account == Place::NOBODY { connection.memory() } else { connection.memory_with_promises() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: usize = 64 << 10;

    #[test]
    fn pressure_begins_at_three_quarters_and_ends_at_a_half() {
        let mut share = Share::default();
        // What is used, what may be had beyond it, and the most that a buffer may have.
        let steps = [
            (0, 750, usize::MAX),
            (700, 50, usize::MAX),
            (750, 0, usize::MAX),
            (751, 0, START),
            (1_000, 0, LEAST),
            (999, 0, START),
            (501, 0, START),
            (500, 250, usize::MAX),
            (2_000, 0, LEAST),
        ];
        let mut begun = 0;
        for (used, growth, most) in steps {
            begun += u32::from(share.exchange(1_000, share.used, used));
            assert_eq!(share.allowance(1_000, START), Allowance { growth, most }, "{used}");
        }
        assert_eq!(begun, 2);
    }

    #[test]
    fn the_place_of_an_account_is_used_again() {
        let mut memory = Memory::new(START);
        let (first, second) = (memory.join(7), memory.join(u32::MAX));
        assert_eq!((memory.join(7), memory.join(0)), (first, Place::NOBODY));
        memory.leave(first);
        memory.leave(first);
        memory.leave(Place::NOBODY);
        assert_eq!(memory.join(9), first);
        assert_ne!(first, second);
        assert_eq!(memory.accounts.len(), 3);
    }
}
