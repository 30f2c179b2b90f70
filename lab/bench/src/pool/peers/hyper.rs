//! The pool of hyper-util's legacy client, under its type `client::legacy::pool::Pool`: public,
//! though hidden from the documentation.
//!
//! It bounds idle connections, not those that are out: its client begins a connection whenever
//! none is idle. Here as many as the others may have are put in first, and none is begun later, so
//! that a checkout waits for one to come back.

use hyper_util::client::legacy::pool::{Config, Pool, Poolable, Pooled, Reservation, Ver};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use std::ops::{Deref, DerefMut};

use super::{Asynchronous, Craft, Yard};

/// The only host there is.
const KEY: u64 = 1;

/// hyper-util's.
pub(in crate::pool) struct Hyper(Pool<Vessel, u64>);

/// A connection as that pool wants it.
#[derive(Debug)]
pub(in crate::pool) struct Vessel(Craft);

/// A lease.
#[derive(Debug)]
pub(in crate::pool) struct Checked(Pooled<Vessel, u64>);

impl std::fmt::Debug for Hyper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hyper")
    }
}

impl Poolable for Vessel {
    fn is_open(&self) -> bool {
        true
    }

    fn reserve(self) -> Reservation<Self> {
        Reservation::Unique(self)
    }

    fn can_share(&self) -> bool {
        false
    }
}

impl Deref for Checked {
    type Target = Craft;

    fn deref(&self) -> &Craft {
        &self.0.0
    }
}

impl DerefMut for Checked {
    fn deref_mut(&mut self) -> &mut Craft {
        &mut self.0.0
    }
}

impl Asynchronous for Hyper {
    type Held<'pool> = Checked;

    async fn open(connections: usize, yard: Yard) -> Self {
        let config = Config { idle_timeout: None, max_idle_per_host: usize::MAX };
        let pool = Pool::new(config, TokioExecutor::new(), None::<TokioTimer>);
        for _ in 0..connections {
            let connecting = pool.connecting(&KEY, Ver::Auto).expect("HTTP/1 always may connect");
            drop(pool.pooled(connecting, Vessel(yard.build())));
        }
        Self(pool)
    }

    async fn take(&self) -> Checked {
        Checked(self.0.checkout(KEY).await.expect("one comes free"))
    }

    fn give(&self, held: Checked) {
        drop(held);
    }
}
