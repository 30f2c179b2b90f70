//! Our stack as a sender, on a TUN device: the loop of a reactor, with one connection that is
//! written as fast as it takes.

use std::io;
use std::net::IpAddr;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wharf_transport::PacketBatch;
use wharf_transport::device::Device as _;
use wharf_transport::device::tun::Tun;
use wharf_transport::stack::{Config, ConnectionId, Secrets, Stack};
use wharf_transport::tcp::{self, Congestion, Event};
use wharf_transport::time::Instant;

use super::MTU;
use super::ends::{OURS, RECEIVER};
use super::sender::{Resent, WRITE_BYTES};
use super::stop::{LOOK, Stop};
use crate::clock::now;

/// Packets of a batch.
const BATCH: usize = 64;

/// A stack with its device and its one connection.
struct Sender {
    stack: Stack,
    tun: Tun,
    id: ConnectionId,
    batch: PacketBatch,
    bytes: Vec<u8>,
}

/// Sends until the run stops; `buffer` is the most that the connection may hold of what is sent,
/// and of what is received.
pub(super) fn send(tun: Tun, buffer: usize, stop: &Stop) -> io::Result<Resent> {
    let mut stack = Stack::new(config(buffer), Secrets::from_bytes(&[42; Secrets::LEN]));
    let id = stack.connect(now(), RECEIVER).map_err(io::Error::other)?;
    let batch = PacketBatch::new(BATCH, usize::from(MTU));
    let mut sender = Sender { stack, tun, id, batch, bytes: vec![0; WRITE_BYTES] };
    while !stop.is_set() {
        sender.turn(stop)?;
    }
    sender.end()
}

fn config(buffer: usize) -> Config {
    Config {
        addresses: vec![IpAddr::V4(OURS)],
        mtu: MTU,
        port_range: 32_768..=60_999,
        connections_max: 10,
        time_wait_max: 10,
        tcp: tcp::Config {
            congestion: Congestion::Cubic,
            send_buffer: buffer,
            receive_buffer: buffer,
            ..tcp::Config::default()
        },
    }
}

impl Sender {
    /// One turn of the loop, with the wait at its end.
    fn turn(&mut self, stop: &Stop) -> io::Result<()> {
        let now = now();
        while self.tun.receive(&mut self.batch)? > 0 {
            for packet in &self.batch {
                self.stack.handle_packet(now, packet);
            }
            self.batch.clear();
        }
        self.stack.handle_timeout(now);
        while let Some((_, event)) = self.stack.poll_event() {
            if let Event::Closed(reason) = event
                && !stop.is_set()
            {
                return Err(io::Error::other(format!("our connection has ended: {reason}")));
            }
        }
        if stop.is_set() {
            return Ok(());
        }
        while self.stack.write(now, self.id, &self.bytes).map_err(io::Error::other)? > 0 {}
        self.transmit(now)?;
        self.wait()
    }

    fn transmit(&mut self, now: Instant) -> io::Result<()> {
        while self.stack.poll_transmit(now, &mut self.batch) {
            self.tun.send(&mut self.batch)?;
        }
        Ok(())
    }

    /// Waits for a packet or the next timer.
    fn wait(&self) -> io::Result<()> {
        let until = self.stack.poll_timeout().map_or(LOOK, |next| next.since(now()).min(LOOK));
        let timeout = Timespec { tv_sec: 0, tv_nsec: until.subsec_nanos().into() };
        poll(&mut [PollFd::new(&self.tun, PollFlags::IN)], Some(&timeout))?;
        Ok(())
    }

    /// Says what was sent again, and resets the connection if it is still there.
    fn end(mut self) -> io::Result<Resent> {
        let stats = self.stack.stats();
        let resent = Resent { segments: stats.retrans_segs, timeouts: stats.timeouts };
        if self.stack.abort(now(), self.id).is_ok() {
            self.transmit(now())?;
        }
        Ok(resent)
    }
}
