//! What the shard has to say, as lines of the log.

use std::time::Duration;

use wharf_pool::Overdue;

use crate::comm::comm;
use crate::shard::Notice;

/// Writes one of the shard's notices into the log.
pub(super) fn write(notice: &Notice) {
    match notice {
        Notice::SessionRefused { pid, uid, token, cause } => {
            tracing::warn!(pid, uid, token, cause, "a client's session was ended");
        }
        Notice::ConnectFailed { route, address, token, after } => {
            let address = address.map(tracing::field::display);
            let after_ms = millis(*after);
            tracing::warn!(route, address, token, after_ms, "a connection attempt failed");
        }
        Notice::ResolveFailed { route, cause } => {
            tracing::warn!(route, cause, "a name could not be resolved");
        }
        Notice::AddressesRemoved { route, addresses } => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let addresses = addresses.join(" ");
            tracing::info!(route, addresses, "connections to addresses that are gone are closed");
        }
        Notice::AddressFailed { address } => {
            tracing::warn!(%address, "an address is silent: it is given up until it answers");
        }
        Notice::AddressRecovered { address, after } => {
            let after_ms = millis(*after);
            tracing::info!(%address, after_ms, "an address that was given up is there again");
        }
        Notice::LeaseLost { route, pid, token, verdict } => {
            tracing::info!(route, pid, token, verdict, "a connection died under its lease");
        }
        Notice::LeaseOverdue { route, pid, uid, held, limit } => {
            let (held_ms, comm) = (millis(*held), comm(*pid));
            match limit {
                Overdue::FirstUse => {
                    tracing::warn!(route, pid, uid, comm, held_ms, "a lease was never used");
                }
                Overdue::Warn => {
                    tracing::warn!(route, pid, uid, comm, held_ms, "a lease is held for long");
                }
                Overdue::Max => {
                    tracing::warn!(route, pid, uid, comm, held_ms, "a lease was taken away");
                }
            }
        }
        Notice::ClientDied { pid, uid, held } => {
            let held_ms = millis(*held);
            tracing::info!(pid, uid, held_ms, "a client went away with a lease");
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
