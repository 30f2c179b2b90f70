//! bb8. It has a time limit on every lease, which cannot be turned off.

use std::convert::Infallible;

use bb8::{ManageConnection, Pool, PooledConnection};

use super::{Asynchronous, Craft, PATIENCE, Yard};

/// bb8.
#[derive(Debug)]
pub(in crate::pool) struct Bb8(Pool<Harbour>);

/// Opens connections and finds them in order at once.
#[derive(Debug)]
pub(in crate::pool) struct Harbour(Yard);

impl ManageConnection for Harbour {
    type Connection = Craft;
    type Error = Infallible;

    async fn connect(&self) -> Result<Craft, Infallible> {
        Ok(self.0.build())
    }

    async fn is_valid(&self, _: &mut Craft) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Craft) -> bool {
        false
    }
}

impl Asynchronous for Bb8 {
    type Held<'pool> = PooledConnection<'pool, Harbour>;

    async fn open(connections: usize, yard: Yard) -> Self {
        let connections = u32::try_from(connections).expect("a few connections");
        let builder = Pool::builder()
            .max_size(connections)
            .min_idle(connections)
            .test_on_check_out(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(PATIENCE);
        Self(builder.build(Harbour(yard)).await.expect("connections open at once"))
    }

    async fn take(&self) -> PooledConnection<'_, Harbour> {
        self.0.get().await.expect("one comes free")
    }

    fn give(&self, held: PooledConnection<'_, Harbour>) {
        drop(held);
    }
}
