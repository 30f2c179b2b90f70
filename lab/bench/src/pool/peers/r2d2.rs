//! r2d2.

use std::convert::Infallible;

use r2d2::{ManageConnection, Pool, PooledConnection};

use super::{Blocking, Craft, PATIENCE, Yard};

/// r2d2.
#[derive(Debug)]
pub(in crate::pool) struct R2d2(Pool<Harbour>);

/// Opens connections and finds them in order at once.
#[derive(Debug)]
pub(in crate::pool) struct Harbour(Yard);

impl ManageConnection for Harbour {
    type Connection = Craft;
    type Error = Infallible;

    fn connect(&self) -> Result<Craft, Infallible> {
        Ok(self.0.build())
    }

    fn is_valid(&self, _: &mut Craft) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Craft) -> bool {
        false
    }
}

impl Blocking for R2d2 {
    type Held<'pool> = PooledConnection<Harbour>;

    fn open(connections: usize, yard: Yard) -> Self {
        let builder = Pool::builder()
            .max_size(u32::try_from(connections).expect("a few connections"))
            .test_on_check_out(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(PATIENCE);
        Self(builder.build(Harbour(yard)).expect("connections open at once"))
    }

    fn take(&self) -> PooledConnection<Harbour> {
        self.0.get().expect("one comes free")
    }

    fn give(&self, held: PooledConnection<Harbour>) {
        drop(held);
    }
}
