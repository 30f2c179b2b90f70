//! The kernel's TCP as a sender: an ordinary socket, written as fast as it takes.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::sockopt::{
    Timeout, set_socket_linger, set_socket_timeout, set_tcp_congestion, tcp_congestion,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use super::CONGESTION;
use super::ends::RECEIVER;
use super::sender::{Resent, WRITE_BYTES};
use super::stop::{LOOK, Stop};
use crate::namespace::counter;

/// How long the handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends until the run stops, from the namespace of the calling thread.
pub(super) fn send(stop: &Stop) -> io::Result<Resent> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    set_tcp_congestion(&socket, CONGESTION)?;
    set_socket_timeout(&socket, Timeout::Send, Some(CONNECT_TIMEOUT))?;
    connect(&socket, &RECEIVER)?;
    set_socket_timeout(&socket, Timeout::Send, Some(LOOK))?;
    // Closing resets the connection: what is unsent concerns nobody.
    set_socket_linger(&socket, Some(Duration::ZERO))?;
    assert_eq!(tcp_congestion(&socket)?, CONGESTION, "the kernel has taken the setting");
    let mut stream = TcpStream::from(socket);
    let bytes = vec![0; WRITE_BYTES];
    while !stop.is_set() {
        match stream.write(&bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) if stop.is_set() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(Resent {
        segments: counter("snmp", "Tcp", "RetransSegs").unwrap_or(0),
        timeouts: counter("netstat", "TcpExt", "TCPTimeouts").unwrap_or(0),
    })
}
