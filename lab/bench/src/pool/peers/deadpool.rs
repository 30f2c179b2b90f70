//! deadpool, managed. Without timeouts it needs no runtime and reads no clock at a lease.

use std::convert::Infallible;

use deadpool::managed::{Manager, Metrics, Object, Pool, RecycleResult};

use super::{Asynchronous, Craft, Yard};

/// deadpool.
#[derive(Debug)]
pub(in crate::pool) struct Deadpool(Pool<Harbour>);

/// Opens connections and finds them in order at once.
#[derive(Debug)]
pub(in crate::pool) struct Harbour(Yard);

impl Manager for Harbour {
    type Type = Craft;
    type Error = Infallible;

    async fn create(&self) -> Result<Craft, Infallible> {
        Ok(self.0.build())
    }

    async fn recycle(&self, _: &mut Craft, _: &Metrics) -> RecycleResult<Infallible> {
        Ok(())
    }
}

impl Asynchronous for Deadpool {
    /// Its semaphore is tokio's.
    const YIELDS: bool = true;

    type Held<'pool> = Object<Harbour>;

    async fn open(connections: usize, yard: Yard) -> Self {
        let builder = Pool::builder(Harbour(yard)).max_size(connections);
        Self(builder.build().expect("without timeouts it needs nothing"))
    }

    async fn take(&self) -> Object<Harbour> {
        self.0.get().await.expect("one comes free")
    }

    fn give(&self, held: Object<Harbour>) {
        drop(held);
    }
}
