//! The clients of wharfd: each request leases a connection, sends itself along with the lease, and
//! gives the connection back at the answer's last byte.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};
use wharf_client::tokio::{Client, Lease};
use wharf_client::{Error, LeaseRequest, Options, Target};

use super::http;
use super::network::{SERVER, host};
use super::storm::{Ask, PATIENCE};
use super::tally::{Outcome, Told};

/// How often a client that was told of an end asks whether there is a verdict, and how many times.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS_MAX: usize = 200;

/// All clients of one process.
#[derive(Clone, Debug)]
pub(super) struct Ours {
    client: Client,
}

impl Ours {
    /// They find the daemon at `socket`.
    pub(super) fn new(socket: &Path, clients: u32) -> Self {
        let kept = usize::try_from(clients).unwrap_or(usize::MAX);
        let options = Options { sessions_kept: kept, ..Options::default() };
        Self { client: Client::lazy(socket, options) }
    }

    async fn exchange(&self, client: u32, number: u32) -> Outcome {
        let host = host(client);
        let origin = Target::Origin { scheme: "http", host: &host, port: SERVER.port() };
        let request = LeaseRequest::new(origin);
        let text = http::request(number);
        let mut lease = match self.client.lease_with(&request, text.as_bytes()).await {
            Ok(lease) => lease,
            Err(error) => return Outcome::from(&error),
        };
        let expected = http::answer(number);
        let mut answer = Vec::with_capacity(expected.len());
        while answer.len() < expected.len() {
            match lease.read_buf(&mut answer).await {
                Ok(0) if answer.is_empty() => return verdict_behind_an_end(&mut lease).await,
                Ok(0) => return Outcome::Failed("answer cut short"),
                Ok(_) => {}
                Err(error) => return failed(&error),
            }
        }
        if answer != expected.as_bytes() {
            return Outcome::Failed("another's answer");
        }
        match lease.release().await {
            Ok(_) => Outcome::Answered,
            Err(error) => Outcome::from(&error),
        }
    }
}

impl Ask for Ours {
    async fn ask(&self, client: u32, number: u32) -> Outcome {
        let asked = timeout(PATIENCE, self.exchange(client, number)).await;
        asked.unwrap_or(Outcome::Failed("no answer in time"))
    }
}

/// The server's FIN came alone, and to read further is to read the end again. The RST to the
/// request is on its way: to ask for figures takes in what has come, and to write, be it nothing,
/// says what that was.
async fn verdict_behind_an_end(lease: &mut Lease) -> Outcome {
    for _ in 0..LOOKS_MAX {
        sleep(LOOK).await;
        if let Err(error) = lease.info().await {
            return Outcome::from(&error);
        }
        if let Err(error) = lease.write(&[]).await {
            return match failed(&error) {
                Outcome::Stale { told, .. } => Outcome::Stale { told, as_end: true },
                other @ (Outcome::Answered | Outcome::Failed(_)) => other,
            };
        }
    }
    Outcome::Stale { told: Told::Nothing, as_end: true }
}

fn failed(error: &io::Error) -> Outcome {
    Error::of(error).map_or(Outcome::Failed("i/o"), Outcome::from)
}
