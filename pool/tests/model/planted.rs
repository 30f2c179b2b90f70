//! The pool as it would look to its user with a fault in it: what proves that the model sees faults.

use core::ops::{Deref, DerefMut};
use std::collections::VecDeque;

use wharf_pool::time::Now;
use wharf_pool::{
    CancelError, Cancelled, CloseCause, Condition, Doubt, Event, Grant, LeaseId, Outcome, Pool,
    PoolConfig, ReleaseError, Released, Request, SlotId, Source, WaiterId,
};

/// What may be wrong with a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// A connection whose waiter withdrew goes to the next, who is not told.
    LostWaiter,
    /// A connection is given to a second one.
    DoubleHandout,
    /// One more connection than may be.
    CapPassed,
    /// Whoever waits longest is put behind all others.
    Barging,
    /// A connection that ended keeps its place.
    LeakedSlot,
    /// A connection goes to another key without a proof that nothing is under way.
    CrossingUnproven,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] = [
        Self::LostWaiter,
        Self::DoubleHandout,
        Self::CapPassed,
        Self::Barging,
        Self::LeakedSlot,
        Self::CrossingUnproven,
    ];
}

/// One who waits, under the name that its owner knows and under that of the pool.
struct Waits {
    known: WaiterId,
    own: WaiterId,
    request: Request,
}

/// A pool with a fault, or with none.
pub(crate) struct Planted {
    pool: Pool<u64>,
    fault: Option<Fault>,
    waiting: Vec<Waits>,
    last: Option<Grant<u64>>,
    swallows: bool,
    /// What a waiter under another name was told at once.
    told: VecDeque<Event<u64>>,
}

impl Deref for Planted {
    type Target = Pool<u64>;
    fn deref(&self) -> &Pool<u64> {
        &self.pool
    }
}

impl DerefMut for Planted {
    fn deref_mut(&mut self) -> &mut Pool<u64> {
        &mut self.pool
    }
}

impl Planted {
    pub(crate) fn new(config: PoolConfig, seed: u64, fault: Option<Fault>) -> Self {
        let pool = Pool::new(config, seed);
        let (waiting, last, told) = (Vec::new(), None, VecDeque::new());
        Self { pool, fault, waiting, last, swallows: false, told }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    pub(crate) fn lease(&mut self, now: Now, request: Request) -> Outcome<u64> {
        let limits = self.pool.limits().clone();
        if self.has(Fault::CapPassed) {
            let max_total = limits.max_total + 1;
            self.pool.configure(now, PoolConfig { max_total, ..limits.clone() });
        }
        let outcome = self.pool.lease(now, request);
        if self.has(Fault::CapPassed) {
            self.pool.configure(now, limits);
        }
        match outcome {
            Outcome::Granted(grant) => self.last = Some(grant),
            Outcome::Waiting(waiter) => {
                if let Some(grant) = self.last.filter(|_| self.has(Fault::DoubleHandout)) {
                    self.pool.cancel(now, waiter).expect("it waits");
                    return Outcome::Granted(Grant { source: Source::Idle, ..grant });
                }
                self.waiting.push(Waits { known: waiter, own: waiter, request });
            }
            Outcome::Refused(_) => {}
        }
        outcome
    }

    pub(crate) fn cancel(&mut self, now: Now, waiter: WaiterId) -> Result<Cancelled, CancelError> {
        let place = self.waiting.iter().position(|waits| waits.known == waiter);
        let own = place.map_or(waiter, |place| self.waiting.remove(place).own);
        let cancelled = self.pool.cancel(now, own);
        self.swallows |= cancelled == Ok(Cancelled::Delivered) && self.has(Fault::LostWaiter);
        cancelled
    }

    pub(crate) fn release(
        &mut self,
        now: Now,
        lease: LeaseId,
        condition: Condition,
    ) -> Result<Released, ReleaseError> {
        if self.has(Fault::Barging)
            && let [first, second, ..] = self.waiting.as_slice()
            && first.request.route == second.request.route
        {
            self.put_back_the_first(now);
        }
        let released = self.pool.release(now, lease, condition);
        self.last = self.last.filter(|grant| grant.lease != lease);
        released
    }

    fn put_back_the_first(&mut self, now: Now) {
        let Waits { known, own, request } = self.waiting.remove(0);
        if self.pool.cancel(now, own).is_err() {
            return;
        }
        match self.pool.lease(now, request) {
            Outcome::Granted(grant) => {
                self.told.push_back(Event::Granted { waiter: known, grant });
            }
            Outcome::Refused(denial) => {
                self.told.push_back(Event::Refused { waiter: known, denial });
            }
            Outcome::Waiting(own) => self.waiting.push(Waits { known, own, request }),
        }
    }

    pub(crate) fn lost(&mut self, now: Now, slot: SlotId, cause: CloseCause) {
        if !self.has(Fault::LeakedSlot) {
            self.pool.lost(now, slot, cause);
        }
    }

    pub(crate) fn poll_event(&mut self, now: Now) -> Option<Event<u64>> {
        loop {
            let Some(event) = self.told.pop_front().or_else(|| self.pool.poll_event()) else {
                self.swallows = false;
                return None;
            };
            match event {
                Event::Granted { .. } if core::mem::take(&mut self.swallows) => {}
                Event::Granted { waiter, grant } => {
                    self.last = Some(grant);
                    return Some(Event::Granted { waiter: self.known(waiter), grant });
                }
                Event::Refused { waiter, denial } => {
                    return Some(Event::Refused { waiter: self.known(waiter), denial });
                }
                Event::Probe { slot, doubt: Doubt::Quiet, .. }
                    if self.has(Fault::CrossingUnproven) =>
                {
                    self.pool.probed(now, slot);
                }
                Event::Connect { .. }
                | Event::Abandon { .. }
                | Event::Close { .. }
                | Event::Overdue { .. }
                | Event::Ask { .. }
                | Event::AddressFailed { .. }
                | Event::AddressRecovered { .. }
                | Event::Knock { .. }
                | Event::Probe { .. } => return Some(event),
            }
        }
    }

    /// The name by which one is known who waits no more.
    fn known(&mut self, own: WaiterId) -> WaiterId {
        let place = self.waiting.iter().position(|waits| waits.own == own);
        place.map_or(own, |place| self.waiting.remove(place).known)
    }
}
