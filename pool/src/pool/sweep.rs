//! A look at every idle connection, after something became known that may end some of them: the least
//! recently used first, a bounded number a turn. A lease looks for itself.
//!
//! What is swept out is what [`Pool::condemned`] says; all others have their timers armed anew.

use super::{NIL, Now, Pool};
use crate::event::How;
use crate::ids::{AddressId, RouteId};
use crate::list::List;
use crate::slot::ByPool;
use crate::token::CloseCause;

/// A look that is under way, or none.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The idle connection that is looked at next.
    next: u32,
    /// There was more news meanwhile: begin again after the last.
    again: bool,
}

impl Sweep {
    pub(super) const fn new() -> Self {
        Self { next: NIL, again: false }
    }

    /// Whether connections are left to be looked at.
    pub(super) const fn is_under_way(&self) -> bool {
        self.next != NIL
    }
}

impl<C: Copy> Pool<C> {
    /// The addresses of `route` do not contain `address` any more: its idle connections there are
    /// closed in order, those in use when they come free, and what opens there meanwhile as well
    /// (rule D). Ignored if it has none there: what the owner opens later is his to know. Returns
    /// whether it has, and the address was not removed before.
    pub fn remove_address(&mut self, now: Now, route: RouteId, address: AddressId) -> bool {
        self.observe(now);
        let Some(index) = self.find_route(route) else { return false };
        let Some(address) = self.addresses.find(address) else { return false };
        let is_news = self.destinations.mark(index, address, true);
        if is_news {
            self.sweep_soon();
            self.sweep_now(now);
        }
        is_news
    }

    /// The addresses of `route` contain `address` again: what is left of its connections there is
    /// good.
    pub fn restore_address(&mut self, route: RouteId, address: AddressId) {
        let Some(index) = self.find_route(route) else { return };
        if let Some(address) = self.addresses.find(address) {
            self.destinations.mark(index, address, false);
        }
    }

    /// Why a connection is not to be used because of where it leads, if it is not.
    #[inline]
    pub(super) fn condemned(&self, index: u32) -> Option<CloseCause> {
        let slot = &self.slots[index];
        if self.is_cut_off(index) {
            return Some(CloseCause::PathDead);
        }
        let is_removed = self.destinations.is_removed(slot.route, slot.address);
        is_removed.then_some(CloseCause::DnsRemoved)
    }

    /// All that are idle are to be looked at.
    pub(super) fn sweep_soon(&mut self) {
        if self.sweep.is_under_way() {
            self.sweep.again = true;
        } else {
            self.sweep.next = self.idle.back().unwrap_or(NIL);
        }
    }

    /// Looks at a batch at once.
    pub(super) fn sweep_now(&mut self, now: Now) {
        self.sweep(now, &mut { super::reaper::REAP_MAX });
    }

    /// Looks at those whose turn it is.
    pub(super) fn sweep(&mut self, now: Now, budget: &mut usize) {
        while *budget > 0 && self.sweep.is_under_way() {
            *budget -= 1;
            let index = self.sweep.next;
            self.pass_over(index);
            match self.condemned(index) {
                Some(cause) => self.close(now, index, cause, How::Orderly),
                None => self.rearm(now, index),
            }
            if !self.sweep.is_under_way() && core::mem::take(&mut self.sweep.again) {
                self.sweep_soon();
            }
        }
    }

    /// Goes on to the one after `leaver` if that is the next, which is idle no more or was seen.
    pub(super) fn pass_over(&mut self, leaver: u32) {
        if self.sweep.next == leaver {
            self.sweep.next = List::<ByPool>::before(&self.slots, leaver).unwrap_or(NIL);
        }
    }
}
