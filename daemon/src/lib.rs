//! The daemon that owns a host's upstream TCP connections, as a library with two thin binaries.
//!
//! [`shard`] is one thread's state and pure; [`reactor`] is the loop that drives it; [`control`] is
//! the thread beside it that serves metrics, the admin socket and signals. [`run`] puts them
//! together. ARCHITECTURE.md has the map.

#![deny(unsafe_code)]

pub mod cli;
pub mod comm;
pub mod config;
pub mod control;
pub mod descriptors;
pub mod inspect;
pub mod interface;
pub mod logging;
pub mod metrics;
pub mod order;
pub mod reactor;
pub mod reload;
pub mod resolver;
pub mod run;
pub mod shard;
pub mod snapshot;
pub mod systemd;
