//! Idle connections. Each stands in three lists: of its key, for the lease; of its route and of
//! the pool, in the order in which they became idle, for eviction and for lowered limits.

use super::{NIL, Now, Pool, State, Step};
use crate::event::{Doubt, Event, How};
use crate::lease::Request;
use crate::list::List;
use crate::slot::ByKey;
use crate::token::CloseCause;

/// Connections that one lease looks at, at most, before it goes on as if there were none: as many
/// as one turn may reap.
pub(super) const LOOKS_MAX: usize = super::reaper::REAP_MAX;

impl<C: Copy> Pool<C> {
    /// Takes out the idle connection that a lease gets at once. What is past its time on the way to
    /// it is closed, what may not have survived a sleep of the host is probed.
    pub(super) fn take_idle(&mut self, now: Now, request: &Request) -> Option<u32> {
        for _ in 0..LOOKS_MAX {
            let index = self.pick_idle(now, request)?;
            if self.take_out(now, index) {
                return Some(index);
            }
        }
        None
    }

    /// Takes an idle connection out to be leased. If it is past its time, or leads where nobody is to
    /// go any more, it is closed; if it may not have survived a sleep of the host it is probed; if its
    /// address is suspect it is set aside; and nothing is taken out.
    pub(super) fn take_out(&mut self, now: Now, index: u32) -> bool {
        if let Some(cause) = self.unfit(now, index) {
            self.close(now, index, cause, How::Orderly);
            return false;
        }
        if self.slots[index].verified != self.leaps {
            self.leave_idle(index);
            self.suspect(now, index);
            return false;
        }
        if self.is_doubtful(index) {
            self.leave_idle(index);
            self.set_aside(now, index);
            return false;
        }
        self.learn_from_life(now, index);
        self.leave_idle(index);
        true
    }

    /// Why an idle connection is closed rather than leased, if it is.
    pub(super) fn unfit(&self, now: Now, index: u32) -> Option<CloseCause> {
        self.condemned(index).or_else(|| self.expiry(now, index))
    }

    /// The idle connection that a lease would get at once: one of its own key that carried bytes
    /// before one of its family that did not, and either before one that belongs to nobody yet.
    fn pick_idle(&self, now: Now, request: &Request) -> Option<u32> {
        let route = request.route.index;
        let pool = &self.routes[route];
        let end = |list: &List<ByKey>| self.next_of(now, list, pool.config.reuse);
        let own = self.groups.find(route, request.key);
        let used = own.filter(|_| !request.fresh).and_then(|own| end(&self.groups.at(own).used));
        used.or_else(|| end(self.groups.unused(route, own, request.family)?))
            .or_else(|| end(&pool.unclaimed))
    }

    /// Sets a connection idle that stands in no list. One that was suspect or quarantined has been
    /// idle all along.
    pub(super) fn set_idle(&mut self, now: Now, index: u32) {
        let since = self.slots[index].state.idle_since().unwrap_or(now.boot);
        self.enter(index, State::Idle { since });
        self.note(index, Step::Idle);
        let address = self.slots[index].address;
        if let Some(address) = self.addresses.at_mut(address) {
            address.recent = index;
        }
        let (route, group) = (self.slots[index].route, self.slots[index].group);
        match group {
            NIL => self.routes[route].unclaimed.push_front(&mut self.slots, index),
            _ => self.groups.shelve(&mut self.slots, index),
        }
        self.routes[route].idle.push_front(&mut self.slots, index);
        self.idle.push_front(&mut self.slots, index);
        self.rearm(now, index);
    }

    /// Takes an idle connection out of its lists; what it becomes is the caller's to say.
    pub(super) fn leave_idle(&mut self, index: u32) {
        self.pass_over(index);
        let (route, group) = (self.slots[index].route, self.slots[index].group);
        match group {
            NIL => self.routes[route].unclaimed.unlink(&mut self.slots, index),
            _ => self.groups.unshelve(&mut self.slots, index),
        }
        self.routes[route].idle.unlink(&mut self.slots, index);
        self.idle.unlink(&mut self.slots, index);
    }

    /// Asks for a probe of a connection that stands in no list: rule T.
    pub(super) fn suspect(&mut self, now: Now, index: u32) {
        let since = self.slots[index].state.idle_since().unwrap_or(now.boot);
        let until = now.monotonic + self.config.probe_timeout;
        self.enter(index, State::Suspect { since, until, aside: false });
        self.note(index, Step::Suspect);
        self.rearm(now, index);
        let connection = self.slots[index].connection();
        let (slot, doubt) = (self.slot_id(index), Doubt::Alive);
        self.events.push_back(Event::Probe { slot, connection, doubt });
    }
}
