//! Those who wait: how they come and leave, and whose turn it is.

use super::{Event, NIL, Now, Pool, Progress, Refusal, Request, Waiter};
use crate::lease::{Denial, Outcome};
use crate::list::Link;
use crate::ring::{Leaving, Place};
use crate::wheel::Timer;

impl<C: Copy> Pool<C> {
    /// Puts one who waits at the end of the queues.
    pub(super) fn enqueue(&mut self, now: Now, route: u32, request: Request) -> u32 {
        let group = self.groups.join(route, request.key, request.family);
        let (index, _) = self.waiters.insert(Waiter {
            progress: Progress::Waiting,
            route,
            group,
            client: request.client,
            fresh: request.fresh,
            number: self.next_waiter,
            arrived: now.monotonic,
            deadline: request.deadline,
            of_route: Link::default(),
            of_client: Link::default(),
            of_key: Link::default(),
            of_family: Link::default(),
            timer: Timer::default(),
        });
        self.next_waiter += 1;
        let pool = &mut self.routes[route];
        pool.queue.push_back(&mut self.waiters, index);
        pool.waiting += 1;
        pool.stats.waiters_queued += 1;
        let (at_route, at_key) = places(route, group, request.fresh);
        let turns = &mut self.routes[route].turns;
        self.of_clients.join(turns, at_route, &mut self.waiters, index);
        self.groups.at_mut(group).waiting += u32::from(!request.fresh);
        let queue = self.groups.at_mut(group).queue(request.fresh);
        self.of_keys.join(queue, at_key, &mut self.waiters, index);
        self.join_family(index);
        self.deadlines.arm_by(&mut self.waiters, index, request.deadline);
        self.waiting += 1;
        self.stats.waiters_queued += 1;
        *self.clients.entry(request.client).or_insert(0) += 1;
        self.count_active(route);
        index
    }

    /// Takes a waiter out of its queues, from wherever it stands (rule P). Its record stays.
    pub(super) fn unqueue(&mut self, index: u32, why: Leaving) {
        let waiter = &self.waiters[index];
        let (route, group, fresh) = (waiter.route, waiter.group, waiter.fresh);
        let client = waiter.client;
        self.deadlines.disarm(&mut self.waiters, index);
        self.routes[route].queue.unlink(&mut self.waiters, index);
        self.routes[route].waiting -= 1;
        let (at_route, at_key) = places(route, group, fresh);
        let turns = &mut self.routes[route].turns;
        self.of_clients.leave(turns, at_route, &mut self.waiters, index, why);
        self.groups.at_mut(group).waiting -= u32::from(!fresh);
        let queue = self.groups.at_mut(group).queue(fresh);
        self.of_keys.leave(queue, at_key, &mut self.waiters, index, why);
        self.leave_family(index, why);
        self.groups.leave(group);
        self.count_active(route);
        self.waiting -= 1;
        let of_client = self.clients.get_mut(&client).expect("a client that waits is counted");
        *of_client -= 1;
        if *of_client == 0 {
            self.clients.remove(&client);
        }
    }

    /// Refuses one who waits; it will be told.
    pub(super) fn refuse(&mut self, index: u32, denial: impl Into<Denial>) {
        let denial = denial.into();
        self.unqueue(index, Leaving::Gone);
        self.waiters[index].progress = Progress::Failed(denial);
        self.count_refusal(self.waiters[index].route, denial.refusal);
        self.events.push_back(Event::Refused { waiter: self.waiter_id(index), denial });
    }

    /// Refuses one whose deadline has passed: with the cause, if all attempts since it came failed
    /// and there is no connection to wait for (rule C).
    pub(super) fn refuse_overdue(&mut self, index: u32) {
        let waiter = &self.waiters[index];
        let pool = &self.routes[waiter.route];
        let denial: Denial = match pool.failure {
            Some((number, error)) if number > waiter.number && pool.connections.live() == 0 => {
                error.into()
            }
            Some(_) | None => Refusal::QueueTimeout.into(),
        };
        self.refuse(index, denial);
    }

    pub(super) fn refuse_at_once(&mut self, route: u32, denial: impl Into<Denial>) -> Outcome<C> {
        let denial = denial.into();
        self.count_refusal(route, denial.refusal);
        Outcome::Refused(denial)
    }

    pub(super) fn count_refusal(&mut self, route: u32, refusal: Refusal) {
        self.stats.lease_failures.add(refusal);
        self.routes[route].stats.lease_failures += 1;
    }

    /// The waiter whose turn it is of those who may use this connection, or may once it is proven
    /// quiet. Those whose deadline has passed are refused on the way.
    pub(super) fn next_waiter(&mut self, now: Now, index: u32) -> Option<u32> {
        loop {
            let waiter = self.next_in_turn(index)?;
            if now.monotonic < self.waiters[waiter].deadline {
                return Some(waiter);
            }
            self.refuse_overdue(waiter);
        }
    }

    fn next_in_turn(&self, index: u32) -> Option<u32> {
        let slot = &self.slots[index];
        if slot.group == NIL {
            return self.of_clients.next(&self.routes[slot.route].turns);
        }
        if let Some(family) = self.groups.family_of(slot.group) {
            return self.next_in_family(index, family);
        }
        let group = self.groups.at(slot.group);
        let fresh = if slot.uses == 0 { self.of_keys.next(&group.fresh) } else { None };
        self.older(self.of_keys.next(&group.plain), fresh)
    }

    /// The one of two who came first.
    pub(super) fn older(&self, one: Option<u32>, other: Option<u32>) -> Option<u32> {
        one.into_iter().chain(other).min_by_key(|waiter| self.waiters[*waiter].number)
    }
}

/// Where a waiter's lines stand: on its route, and in the queue of its key.
const fn places(route: u32, group: u32, fresh: bool) -> (Place, Place) {
    (Place { index: route, fresh: false }, Place { index: group, fresh })
}
