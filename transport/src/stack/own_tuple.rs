//! Which addresses and ports a connection of ours begins with.
//!
//! A tuple that nobody has comes first, from any address that may be used. Where no port is free on
//! any, one of those in TIME-WAIT is taken, if RFC 6191 allows it: with timestamps, and after a
//! second. What this costs does not depend on how many ports are taken.

use core::net::SocketAddr;

use super::Stack;
use super::errors::ConnectError;
use super::tuple::{FourTuple, LocalAddress};
use crate::tcp::{State, TimeWait};
use crate::time::Instant;

impl Stack {
    /// The tuple of a new connection to `remote`, which nobody has from now on; and the record of
    /// the connection in TIME-WAIT that had it, if there was one. Each of our addresses is tried in
    /// turn, unless one is asked for.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NoAddress`] and [`ConnectError::NoPort`], and nothing has changed.
    pub(super) fn own_tuple(
        &mut self,
        now: Instant,
        from: Option<LocalAddress>,
        remote: SocketAddr,
    ) -> Result<(FourTuple, Option<TimeWait>), ConnectError> {
        let Self { addresses, ports, demux, connections, time_waits, listeners, .. } = self;
        let may_leave = |local: &LocalAddress| from.is_none_or(|from| from == *local);
        let ways = || {
            let locals = addresses.of_family(remote.ip()).filter(may_leave);
            locals.map(|local| FourTuple::new(local, 0, remote))
        };
        for way in ways() {
            let port = ports.choose(&way, |port| {
                let tuple = way.with_port(port);
                demux
                    .find(&tuple, |index| connections.at(index).is_some_and(|it| it.tuple == tuple))
                    .is_none()
                    && !time_waits.contains(&tuple)
                    && !listeners.uses_port(port)
            });
            if let Some(port) = port {
                return Ok((way.with_port(port), None));
            }
        }
        for way in ways() {
            let port = ports.choose_waiting(&way, |port| {
                let record = time_waits.record(&way.with_port(port));
                record.is_some_and(|record| record.may_reconnect(now)) && !listeners.uses_port(port)
            });
            let Some(tuple) = port.map(|port| way.with_port(port)) else { continue };
            self.stats.tw_recycled += 1;
            return Ok((tuple, time_waits.remove(&tuple)));
        }
        let has_address = ways().next().is_some();
        Err(if has_address { ConnectError::NoPort } else { ConnectError::NoAddress })
    }

    /// What is known of ports is what has them: for [`Stack::assert_invariants`].
    pub(super) fn assert_ports(&self) {
        let is_ours = |tuple: &&FourTuple| self.ports.knows(tuple).0;
        let live = self.connections.iter().map(|(_, entry)| entry);
        let live = live.filter(|entry| entry.body.state() != State::Closed);
        let live = live.map(|entry| &entry.tuple).filter(is_ours).count();
        let waits: Vec<FourTuple> = self.time_waits.tuples().collect();
        let in_time_wait = waits.iter().filter(is_ours).count();
        let (taken, waiting) = self.ports.totals();
        assert_eq!(taken, live + in_time_wait, "a port that is taken is somebody's");
        for tuple in &waits {
            let (is_taken, is_waiting) = self.ports.knows(tuple);
            let record = self.time_waits.record(tuple).expect("its tuple is in the table");
            let wanted = is_taken && record.has_timestamps();
            assert_eq!(is_waiting, wanted, "what may be taken again is known");
        }
        let known = waits.iter().filter(|tuple| self.ports.knows(tuple).1).count();
        assert_eq!(waiting, known, "a port that waits is in TIME-WAIT");
    }
}
