//! No pool at all: a queue behind the standard library's lock, and its condition for those who
//! find it empty. What a lease costs at least, without limits in time, routes, keys or counters.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use super::{Blocking, Loose, Yard};

/// A queue behind a lock.
#[derive(Debug)]
pub(in crate::pool) struct Deque {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug)]
struct State {
    idle: VecDeque<Loose>,
    /// How many wait: to notify costs a system call, even where nobody hears it.
    waiting: usize,
}

impl Blocking for Deque {
    type Held<'pool> = Loose;

    fn open(connections: usize, yard: Yard) -> Self {
        let idle = (0..connections).map(|_| Loose(yard.build())).collect();
        Self { state: Mutex::new(State { idle, waiting: 0 }), returned: Condvar::new() }
    }

    fn take(&self) -> Loose {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(craft) = state.idle.pop_front() {
                return craft;
            }
            state.waiting += 1;
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    fn give(&self, held: Loose) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.idle.push_back(held);
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.returned.notify_one();
        }
    }
}
