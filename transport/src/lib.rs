//! Userspace TCP/IP as plain state machines, and the devices that carry its packets.

pub mod stack;
pub mod time;
