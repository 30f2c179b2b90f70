//! pingora-pool. It keeps idle connections and knows nothing of those that are out: where none is
//! idle it says so, and its user opens another. It thus never waits, and holds as many connections
//! as there were users at once.
//!
//! A proxy also starts a task for each idle connection that ends it when it is evicted or closed
//! by its peer; here nothing is ever evicted, so that is left out.

use pingora_pool::{ConnectionMeta, ConnectionPool};

use super::{Blocking, Loose, Yard};

/// The only upstream there is.
const KEY: u64 = 1;

/// Idle connections at most, far above what is needed.
const SIZE: usize = 1024;

/// pingora-pool.
pub(in crate::pool) struct Pingora {
    pool: ConnectionPool<Loose>,
    yard: Yard,
}

impl std::fmt::Debug for Pingora {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pingora")
    }
}

impl Blocking for Pingora {
    type Held<'pool> = Loose;

    fn open(connections: usize, yard: Yard) -> Self {
        let pool = Self { pool: ConnectionPool::new(SIZE), yard };
        for _ in 0..connections {
            pool.give(Loose(pool.yard.build()));
        }
        pool
    }

    fn take(&self) -> Loose {
        self.pool.get(&KEY).unwrap_or_else(|| Loose(self.yard.build()))
    }

    fn give(&self, held: Loose) {
        let id = i32::try_from(held.number).expect("a few connections");
        // Who watches the connection while it is idle would hold on to these two.
        drop(self.pool.put(&ConnectionMeta::new(KEY, id), held));
    }
}
