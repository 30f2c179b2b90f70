//! What the threads of a shared pool meet at: its lock, and a thread's sleep. Built with `--cfg loom`
//! these are loom's, which tries every order in which threads can come (`shared/orders.rs`).

#[cfg(loom)]
pub(super) use self::model::{Mutex, MutexGuard, Thread, current, park};
#[cfg(not(loom))]
pub(super) use self::real::{Mutex, MutexGuard, Thread, current, park};

#[cfg(not(loom))]
mod real {
    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use std::thread::{Thread, current, park};
}

#[cfg(loom)]
mod model {
    pub(crate) use loom::sync::MutexGuard;
    pub(crate) use loom::thread::{Thread, current, park};

    /// loom's lock, which is poisoned by nothing that goes on.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("a panic ends the model")
        }
    }
}
