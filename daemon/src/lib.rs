//! The daemon that owns a host's upstream TCP connections.

#![deny(unsafe_code)]

pub mod cli;
pub mod config;
pub mod control;
pub mod logging;
pub mod metrics;
pub mod snapshot;
pub mod systemd;
