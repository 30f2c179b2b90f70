//! Userspace TCP/IP as plain state machines, and the devices that carry its packets.

#![deny(unsafe_code)]

pub mod batch;
pub mod stack;
pub mod time;
pub mod wire;

pub use batch::PacketBatch;
