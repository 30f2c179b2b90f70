//! Packets into a pcapng file that Wireshark and tcpdump read.
//!
//! [`Capture`] writes the blocks of the format (draft-ietf-opsawg-pcapng: section header 4.1,
//! interface description 4.2, enhanced packet 4.3), LINKTYPE_RAW (bare IP packets), nanoseconds.
//! [`Tee`] puts one over any [`Device`]. Times come from the caller, as everywhere; the capture is
//! told once what wall-clock time the caller's origin was.
//!
//! A capture never disturbs what it watches: it has a limit, and at its first failure it stops and
//! keeps the reason. Not a ring: for long watches use tcpdump on the interface.

mod block;

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::{Device, Sent};
use crate::batch::PacketBatch;
use crate::time::{Duration, Instant};

/// Which way a packet went, seen from the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the device to the stack.
    Inbound,
    /// From the stack to the device.
    Outbound,
}

/// What a capture is told at its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureConfig {
    /// Time from the Unix epoch to [`Instant::ORIGIN`].
    pub origin: Duration,
    /// Bytes kept of each packet; 0 keeps them whole.
    pub snap_len: u32,
    /// Size of the file; packets that would pass it are skipped and counted.
    pub bytes_max: u64,
}

impl Default for CaptureConfig {
    /// Whole packets, at most 1 GiB of them, times since the caller's origin.
    fn default() -> Self {
        Self { origin: Duration::ZERO, snap_len: 0, bytes_max: 1 << 30 }
    }
}

/// A pcapng file that is being written.
#[derive(Debug)]
pub struct Capture<W> {
    out: W,
    config: CaptureConfig,
    written: u64,
    packets: u64,
    skipped: u64,
    /// The block being built; kept for its room.
    block: Vec<u8>,
}

impl<W: Write> Capture<W> {
    /// Begins a file: one section with one interface.
    ///
    /// # Errors
    ///
    /// What `out` says to the first write.
    pub fn new(mut out: W, config: CaptureConfig) -> io::Result<Self> {
        let mut block = Vec::new();
        block::section_header(&mut block);
        block::interface_description(&mut block, config.snap_len);
        out.write_all(&block)?;
        let written = block.len() as u64;
        Ok(Self { out, config, written, packets: 0, skipped: 0, block })
    }

    /// Appends one packet.
    ///
    /// # Errors
    ///
    /// What `out` says. The file may then end in half a block; readers show what stands before.
    pub fn record(&mut self, now: Instant, direction: Direction, packet: &[u8]) -> io::Result<()> {
        self.block.clear();
        let time = Duration::from_nanos(now.as_nanos()).saturating_add(self.config.origin);
        block::enhanced_packet(&mut self.block, time, direction, packet, self.config.snap_len);
        let written = self.written + self.block.len() as u64;
        if written > self.config.bytes_max {
            self.skipped += 1;
            return Ok(());
        }
        self.out.write_all(&self.block)?;
        self.written = written;
        self.packets += 1;
        Ok(())
    }

    /// Packets in the file.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets that the limit kept out.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Writes out what `out` may have buffered.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Gives back what it wrote to.
    pub fn into_inner(self) -> W {
        self.out
    }
}

/// A device whose packets are captured on their way.
#[derive(Debug)]
pub struct Tee<D, W> {
    device: D,
    capture: Capture<W>,
    now: Instant,
    fault: Option<io::Error>,
}

impl<D: Device, W: Write> Tee<D, W> {
    /// Captures what `device` carries from now on.
    pub const fn new(device: D, capture: Capture<W>) -> Self {
        Self { device, capture, now: Instant::ORIGIN, fault: None }
    }

    /// Tells the time that the packets of the next batches get. Call it once a turn.
    pub const fn on_time(&mut self, now: Instant) {
        self.now = now;
    }

    /// Why the capture has stopped, if it has. The device goes on.
    pub const fn fault(&self) -> Option<&io::Error> {
        self.fault.as_ref()
    }

    /// The device beneath.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// The device beneath, to configure it.
    pub const fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// Ends the capture: the device, and the file.
    pub fn into_parts(self) -> (D, Capture<W>) {
        (self.device, self.capture)
    }

    /// Captures the packets of `batch` from the one numbered `first` on.
    fn record(&mut self, direction: Direction, batch: &PacketBatch, first: usize) {
        if self.fault.is_some() {
            return;
        }
        for packet in batch.iter().skip(first) {
            if let Err(error) = self.capture.record(self.now, direction, packet) {
                self.fault = Some(error);
                return;
            }
        }
    }
}

impl<D: Device, W: Write> Device for Tee<D, W> {
    fn mtu(&self) -> u16 {
        self.device.mtu()
    }

    fn receive(&mut self, batch: &mut PacketBatch) -> io::Result<usize> {
        let before = batch.len();
        let result = self.device.receive(batch);
        self.record(Direction::Inbound, batch, before);
        result
    }

    fn send(&mut self, batch: &mut PacketBatch) -> io::Result<Sent> {
        self.record(Direction::Outbound, batch, 0);
        self.device.send(batch)
    }
}

impl<D: AsFd, W> AsFd for Tee<D, W> {
    /// Readiness is that of the device beneath.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

#[cfg(test)]
mod tests;
