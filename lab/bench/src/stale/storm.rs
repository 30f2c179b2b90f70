//! The storm: many clients, each of which asks, pauses, and asks again.

use std::future::Future;
use std::time::Duration;

use tokio::time::sleep;

use super::case::Case;
use super::schedule::{Pauses, requests};
use super::tally::Outcome;

/// How long a request may take: far longer than any that will be answered.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How a contender's clients ask.
pub(super) trait Ask: Clone + Send + 'static {
    /// Asks request `number` on the connection of `client`, or on a new one if that is gone.
    fn ask(&self, client: u32, number: u32) -> impl Future<Output = Outcome> + Send;
}

/// Lets all clients ask all `leases` requests. Each request is asked once, whatever becomes of it.
pub(super) async fn rage(ask: impl Ask, case: Case, leases: u32) -> Vec<(u32, Outcome)> {
    let clients = clients(&case, leases);
    let tasks = (0..clients).map(|client| {
        let (ask, pauses) = (ask.clone(), Pauses::new(&case, client));
        tokio::spawn(async move {
            let mut outcomes = Vec::new();
            for (number, pause) in requests(leases, clients, client).zip(pauses) {
                sleep(pause).await;
                outcomes.push((number, ask.ask(client, number).await));
            }
            outcomes
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut all = Vec::new();
    for task in tasks {
        match task.await {
            Ok(outcomes) => all.extend(outcomes),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    all
}

/// How many clients ask: each at least four times, for the first time is without a connection.
pub(super) fn clients(case: &Case, leases: u32) -> u32 {
    case.clients.min(leases / 4).max(1)
}
