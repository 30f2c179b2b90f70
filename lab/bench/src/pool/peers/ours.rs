//! `wharf_pool::SharedPool`, with a route's default limits but for that of connections.

use wharf_pool::{Attempt, Lease, PoolConfig, Released, RouteConfig, RouteId, SharedPool};

use super::{Asynchronous, Blocking, Craft, PATIENCE, Yard};

/// Ours, blocking.
#[derive(Debug)]
pub(in crate::pool) struct Ours {
    pool: SharedPool<Craft>,
    route: RouteId,
}

/// Ours, as futures.
#[derive(Debug)]
pub(in crate::pool) struct OursAsync(Ours);

impl Ours {
    fn give_back(lease: Lease<Craft>) {
        let released = lease.reusable();
        assert!(!matches!(released, Released::Closed(_)), "nothing ends a connection here");
    }
}

impl Blocking for Ours {
    type Held<'pool> = Lease<Craft>;

    fn open(connections: usize, yard: Yard) -> Self {
        let connector = move |attempt: Attempt<Craft>| attempt.opened(yard.build());
        let pool = SharedPool::new(PoolConfig::default(), 0, connector).expect("a thread");
        let route =
            pool.add_route(RouteConfig { max_connections: connections, ..RouteConfig::default() });
        Self { pool, route }
    }

    fn take(&self) -> Lease<Craft> {
        self.pool.lease(self.route, PATIENCE).expect("one comes free")
    }

    fn give(&self, held: Lease<Craft>) {
        Self::give_back(held);
    }
}

impl Asynchronous for OursAsync {
    type Held<'pool> = Lease<Craft>;

    async fn open(connections: usize, yard: Yard) -> Self {
        Self(Ours::open(connections, yard))
    }

    async fn take(&self) -> Lease<Craft> {
        let Ours { pool, route } = &self.0;
        pool.lease_async(*route, PATIENCE).await.expect("one comes free")
    }

    fn give(&self, held: Lease<Craft>) {
        Ours::give_back(held);
    }
}
