//! The receiver of both senders: the kernel's TCP, read as fast as it comes.

use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{set_tcp_congestion, tcp_congestion};

use super::CONGESTION;
use super::ends::RECEIVER;
use super::run::left_alone;
use super::stop::{LOOK, Stop};
use crate::clock::now;

/// How long it waits for a sender.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes taken at once.
const READ_BYTES: usize = 256 << 10;

/// A listening socket in the namespace of the calling thread.
pub(super) fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(RECEIVER)?;
    listener.set_nonblocking(true)?;
    set_tcp_congestion(&listener, CONGESTION)?;
    Ok(listener)
}

/// Accepts one sender and counts what comes in the time that follows; then the run stops.
pub(super) fn receive(listener: &TcpListener, seconds: Duration, stop: &Stop) -> io::Result<u64> {
    let mut stream = accept(listener, stop)?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LOOK))?;
    assert_eq!(tcp_congestion(&stream)?, CONGESTION, "a child has what its listener has");
    let mut buffer = vec![0; READ_BYTES];
    let (began, mut received) = (now(), 0);
    while now().since(began) < seconds && !stop.is_set() {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(left_alone("the sender finished before its time")),
            Ok(count) => received += count as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    stop.set();
    Ok(received)
}

fn accept(listener: &TcpListener, stop: &Stop) -> io::Result<TcpStream> {
    let began = now();
    while now().since(began) < ACCEPT_TIMEOUT && !stop.is_set() {
        let timeout = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
        poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout))?;
        match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Err(left_alone("no sender came"))
}
