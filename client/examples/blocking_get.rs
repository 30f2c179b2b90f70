//! Gets a URL over a leased connection, and gives the connection back at the body's last byte.
//!
//! `cargo run --example blocking_get -- /run/wharf/lease.sock http://10.213.0.1:8080/`
//!
//! The body goes to standard output, a line about the lease to standard error.

mod http;

use std::error::Error;
use std::io::{Read, Write, stderr, stdout};

use wharf_client::blocking::{Client, Lease};
use wharf_client::{LeaseRequest, Options, Target};

use crate::http::{Head, Url};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, url] = arguments.as_slice() else {
        return Err("usage: blocking_get SOCKET http://HOST[:PORT]/PATH".into());
    };
    let url = Url::parse(url).ok_or("the URL is not http://HOST[:PORT]/PATH")?;

    let client = Client::lazy(socket, Options::default());
    let target = Target::Origin { scheme: "http", host: url.host, port: url.port };
    // Greeting, lease and request travel together, so leasing costs no round trip of its own.
    let mut lease = client.lease_with(&LeaseRequest::new(target), url.request().as_bytes())?;
    let source = lease.leased().source;

    let (head, body) = read_answer(&mut lease)?;
    stdout().write_all(&body)?;
    if head.keeps_alive {
        // The body was read to its last byte: the next lease may have the connection.
        writeln!(stderr(), "source: {source}, released: {}", lease.release()?)?;
    } else {
        // Without a stated end nobody can tell what else may come. Dropping discards.
        drop(lease);
        writeln!(stderr(), "source: {source}, discarded")?;
    }
    Ok(())
}

/// The answer's head and its whole body, and not a byte more.
fn read_answer(lease: &mut Lease) -> Result<(Head, Vec<u8>), Box<dyn Error>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(head) = Head::parse(&bytes) {
            break head;
        }
        let mut some = [0; 4096];
        match lease.read(&mut some)? {
            0 => return Err("the answer ended inside its head".into()),
            count => bytes.extend_from_slice(&some[..count]),
        }
    };
    let mut body = bytes.split_off(head.length);
    match head.content_length {
        Some(length) => {
            let missing = length.saturating_sub(body.len());
            let read = lease.take(u64::try_from(missing)?).read_to_end(&mut body)?;
            if read < missing {
                return Err("the answer ended inside its body".into());
            }
        }
        None => {
            lease.read_to_end(&mut body)?;
        }
    }
    Ok((head, body))
}
