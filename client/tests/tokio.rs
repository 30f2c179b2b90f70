//! The asynchronous client against a daemon that plays transcripts: all that the blocking one
//! does, and what only a future can do, be dropped.
#![cfg(feature = "tokio")]

mod support;

use std::future::Future;
use std::task::{Context, Poll, Waker};

pub(crate) use tokio::io::{AsyncReadExt as ReadAll, AsyncWriteExt as WriteAll};
pub(crate) use wharf_client::tokio::Client;
use wharf_client::{LeaseRequest, Source};

use self::support::{Daemon, WEB, options};

macro_rules! wait {
    ($answer:expr) => {
        $answer.await
    };
}

macro_rules! scenario {
    ($name:ident, $parts:expr, |$daemon:ident| $body:block) => {
        #[tokio::test]
        async fn $name() {
            let $daemon = Daemon::play(&$parts);
            $body
            $daemon.finish();
        }
    };
}

#[path = "support/descriptors.rs"]
mod descriptors;
#[path = "support/scenarios.rs"]
mod scenarios;

/// Asks for a lease and gives up at once; then leases again, if the part goes on.
async fn give_up_and_lease_again(part: &str, first: &[u8], source: Source) {
    let daemon = Daemon::play(&[part]);
    let client = Client::connect_with(&daemon.path, options()).await.expect("a daemon");
    {
        let mut lease = std::pin::pin!(client.lease_with(&WEB, first));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(lease.as_mut().poll(&mut context), Poll::Pending));
    }
    daemon.go();
    let lease = client.lease(&WEB).await.expect("the session goes on");
    assert_eq!(lease.leased().source, source);
    lease.release().await.expect("the daemon answers");
    drop(client);
    daemon.finish();
}

#[tokio::test]
async fn cancel_while_waiting() {
    give_up_and_lease_again("cancel_while_waiting", b"", Source::Idle).await;
}

#[tokio::test]
async fn cancel_crosses_leased() {
    give_up_and_lease_again("cancel_crosses_leased", b"", Source::New).await;
}

#[tokio::test]
async fn cancel_crosses_leased_with_data() {
    give_up_and_lease_again("cancel_crosses_leased_with_data", b"ping", Source::New).await;
}

#[tokio::test]
async fn cancel_crosses_refused() {
    give_up_and_lease_again("cancel_crosses_refused", b"", Source::Idle).await;
}

#[tokio::test]
async fn shutting_down_is_a_half_close() {
    let daemon = Daemon::play(&["half_close"]);
    let client = Client::connect_with(&daemon.path, options()).await.unwrap();
    let mut lease = client.lease(&WEB).await.unwrap();
    lease.write_all(b"ping").await.unwrap();
    lease.shutdown().await.unwrap();
    let mut answer = String::new();
    lease.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "pong");
    lease.release().await.unwrap();
    drop(client);
    daemon.finish();
}

#[tokio::test]
async fn reading_and_writing_do_not_wait_for_each_other() {
    let daemon = Daemon::play(&[r#"c HELLO "test"
        c 1 LEASE route=web
        d WELCOME
        d 1 LEASED idle
        d 1 DATA len=65536
        c 1 DATA len=65536
        d 1 DATA len=65536
        c 1 DATA len=65536
        c 1 RELEASE reusable rx=131072 tx=131072
        d 1 RELEASED kept"#]);
    let client = Client::connect_with(&daemon.path, options()).await.unwrap();
    let mut lease = client.lease(&WEB).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(lease);
    let written = tokio::spawn(async move {
        writer.write_all(&support::notation::pattern(131_072)).await.unwrap();
        writer
    });
    let mut answer = vec![0; 131_072];
    reader.read_exact(&mut answer).await.unwrap();
    lease = reader.unsplit(written.await.unwrap());
    assert!(lease.release().await.unwrap().is_reused());
    drop(client);
    daemon.finish();
}

#[tokio::test]
async fn fd_cancel_crosses_leased() {
    let daemon = Daemon::play(&["fd_cancel_crosses_leased"]);
    let client = Client::connect_with(&daemon.path, options()).await.expect("a daemon");
    let request = LeaseRequest { fd: true, ..WEB };
    {
        let mut lease = std::pin::pin!(client.lease(&request));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(lease.as_mut().poll(&mut context), Poll::Pending));
    }
    daemon.go();
    // Its descriptor is the second one that comes: that of the first lease has nobody behind it.
    let mut lease = client.lease_with(&request, b"ping").await.expect("the session goes on");
    let mut answer = [0; 4];
    lease.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"pong");
    lease.release().await.expect("the daemon answers");
    drop(client);
    daemon.finish();
}

#[test]
fn a_lease_may_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    let lease = async {
        let client = Client::from_env().await?;
        client.lease(&WEB).await?.release().await
    };
    assert_send(&lease);
}

#[test]
fn the_example_releases_at_the_last_byte() {
    support::examples::check("tokio_get");
}

#[test]
fn every_transcript_of_the_page_is_played() {
    let tests = concat!(
        include_str!("support/scenarios.rs"),
        include_str!("support/descriptors.rs"),
        include_str!("tokio.rs")
    );
    let page = include_str!("../protocol/PROTOCOL.md");
    let names: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("```transcript ")).collect();
    assert!(names.len() > 10);
    for name in names {
        assert!(tests.contains(&format!("\"{name}\"")), "nobody plays {name}");
    }
}
