//! The daemon's end of the socket pair of a lease with a descriptor.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::PATIENCE;

/// Our end.
pub(super) struct Pair(UnixStream);

impl Pair {
    /// Makes a pair, and says `bytes` with its other end along.
    pub(super) fn pass(session: &UnixStream, bytes: &[u8]) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        theirs.set_nonblocking(true).expect("as the daemon makes it");
        ours.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let rights = [theirs.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&rights)));
        let slices = [IoSlice::new(bytes)];
        let sent = sendmsg(session, &slices, &mut ancillary, SendFlags::NOSIGNAL);
        assert_eq!(sent, Ok(bytes.len()), "the client is there");
        Self(ours)
    }

    /// Plays a line of a transcript behind `p`.
    pub(super) fn play(&mut self, what: &str) {
        let text = |quoted: &str| quoted.trim_matches('"').to_owned();
        match what.split_once(' ').expect("a direction, and what") {
            ("<", "end") => {
                assert_eq!(self.0.read(&mut [0; 1]).expect("the client ends"), 0);
            }
            ("<", quoted) => {
                let expected = text(quoted);
                let mut bytes = vec![0; expected.len()];
                self.0.read_exact(&mut bytes).expect("the client writes");
                assert_eq!(String::from_utf8_lossy(&bytes), expected);
            }
            (">", "end") => self.0.shutdown(Shutdown::Both).expect("the client is there"),
            (">", quoted) => {
                self.0.write_all(text(quoted).as_bytes()).expect("the client is there");
            }
            _ => panic!("a pair cannot: {what}"),
        }
    }
}
