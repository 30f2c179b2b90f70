//! Many connections behind one address.
#![allow(dead_code, reason = "the stack itself follows")]
mod budget;
mod demux;
mod ports;
mod secrets;
mod slots;
pub mod stats;
mod timer_wheel;
mod tuple;
pub use secrets::Secrets;
pub use slots::ConnectionId;
