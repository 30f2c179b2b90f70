//! The daemon that owns a host's upstream TCP connections.

pub mod cli;
pub mod config;
pub mod control;
pub mod metrics;
pub mod snapshot;
