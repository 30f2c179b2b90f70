//! The seat of one who waits: where it is told what became of it.
//!
//! A seat is told once, under the pool's lock, by whoever decides; the one who waits looks without
//! that lock. It leaves word how to wake it before it sleeps, in the same step in which it finds that
//! it was not told, so that it cannot miss being told: whoever tells it takes that word along and wakes
//! it, once, when the pool's lock is free. Who gives up learns in one step whether it was told before.

use core::task::Waker;

use super::sync::{Mutex, Thread};

/// How to wake one who waits.
#[derive(Debug)]
pub(super) enum Wake {
    /// It sleeps until its thread is unparked.
    Thread(Thread),
    /// It is polled again.
    Task(Waker),
}

impl Wake {
    /// Wakes it. Never under a lock: what a waker does is not ours to know.
    pub(super) fn wake(self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Task(waker) => waker.wake(),
        }
    }
}

/// A seat that is told a `T`.
#[derive(Debug)]
pub(super) struct Seat<T> {
    place: Mutex<Place<T>>,
}

#[derive(Debug)]
enum Place<T> {
    /// Not told yet. The word is gone only while it is replaced.
    Waiting(Option<Wake>),
    /// Told, and not yet looked.
    Told(T),
    /// It knows, or it has given up.
    Left,
}

impl<T> Seat<T> {
    /// A seat of one who is to be woken so.
    pub(super) fn new(wake: Wake) -> Self {
        Self { place: Mutex::new(Place::Waiting(Some(wake))) }
    }

    /// Tells it; says whom to wake. If it has left, gives back what there was to tell.
    pub(super) fn tell(&self, told: T) -> Result<Option<Wake>, T> {
        let mut place = self.place.lock();
        match &mut *place {
            Place::Waiting(wake) => {
                let wake = wake.take();
                *place = Place::Told(told);
                Ok(wake)
            }
            Place::Told(_) | Place::Left => Err(told),
        }
    }

    /// What it was told, if it was, once.
    pub(super) fn look(&self) -> Option<T> {
        let mut place = self.place.lock();
        if matches!(*place, Place::Waiting(_)) {
            return None;
        }
        match core::mem::replace(&mut *place, Place::Left) {
            Place::Told(told) => Some(told),
            Place::Waiting(_) | Place::Left => None,
        }
    }

    /// What it was told, or else it is to be woken by this waker from now on.
    pub(super) fn look_again(&self, waker: &Waker) -> Option<T> {
        let mut place = self.place.lock();
        let Place::Waiting(wake) = &mut *place else {
            drop(place);
            return self.look();
        };
        if matches!(wake, Some(Wake::Task(known)) if known.will_wake(waker)) {
            return None;
        }
        let former = wake.replace(Wake::Task(waker.clone()));
        // A waker may hold a task, and the task a lease: it is dropped without the lock.
        drop(place);
        drop(former);
        None
    }

    /// Gives the seat up: what it was told, or how it was to be woken.
    pub(super) fn leave(&self) -> Result<T, Option<Wake>> {
        match core::mem::replace(&mut *self.place.lock(), Place::Left) {
            Place::Told(told) => Ok(told),
            Place::Waiting(wake) => Err(wake),
            Place::Left => Err(None),
        }
    }
}
