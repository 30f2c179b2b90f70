//! Userspace TCP/IP as plain state machines, and the devices that carry its packets.
//!
//! From the wire up: [`wire`] turns bytes into typed headers and back; [`tcp`] is one connection
//! (RFC 9293 and its family); [`stack`] keeps many of them behind its addresses and ports; and
//! [`device`] brings packets and takes them away. Connection and stack speak through five verbs:
//! `handle_*` takes an input in, `handle_timeout` lets time pass, `poll_transmit` gives out what is
//! to be sent, `poll_event` what the owner should know, `poll_timeout` when to come again. No layer
//! reads a clock, opens a socket or starts a thread, except the devices of the kernel; the [`time`]
//! is an argument everywhere, so a seed or a script replays any run.
//!
//! Packets travel between a stack and a device in a [`PacketBatch`]; neither holds the other.
//!
//! ```
//! use wharf_transport::device::{Device, memory};
//! use wharf_transport::wire::show;
//! use wharf_transport::PacketBatch;
//!
//! let (mut near, mut far) = memory::pair(1500, 64);
//! let mut batch = PacketBatch::new(16, 1500);
//! batch.push(b"\x45 not an IP packet");
//! near.send(&mut batch)?;
//! far.receive(&mut batch)?;
//! for packet in &batch {
//!     assert_eq!(show::packet(packet).to_string(), "malformed: packet is cut short (18 B)");
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! `unsafe` is in `device/sys.rs` alone, for the ioctls of the TUN device.

#![deny(unsafe_code)]

pub mod batch;
pub mod device;
pub mod stack;
pub mod tcp;
pub mod time;
pub mod wire;

pub use batch::PacketBatch;
pub use device::Device;
