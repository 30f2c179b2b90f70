//! The daemon's configuration: typed, read once, checked whole.
//!
//! ```text
//! table  the one table of keys: path, kind, default, effect, doc;  keys  look-ups in it
//! kind   what a key takes;  text  how it is spelled
//! walk   one file against the table, every fault with its line
//! layer  checked values of one source (file, environment, flags)
//! settings  layers stacked by crate `config`;  cross  contradictions among them
//! types  the result;  pattern, origin  which route an origin takes
//! show   the reference and --print-config;  reload  what may change at run time
//! ```
//!
//! Invariants: only checked values are stacked; all faults of all sources are reported at once;
//! nothing is coerced. Not here: the environment and the command line are read by `main` and come
//! as data; names of users and hosts are not looked up.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used))]

mod cross;
mod decode;
mod fault;
mod keys;
mod kind;
mod layer;
mod load;
pub mod origin;
pub mod pattern;
mod prefix;
mod reload;
mod settings;
mod show;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod walk;

pub use fault::{Fault, Faults};
pub use load::{DEFAULT_FILE, Inputs, Loaded};
pub use prefix::Prefix;
pub use reload::Changes;
pub use show::reference;
pub use types::{
    Access, Config, Congestion, Control, Device, Log, LogFormat, Metrics, MetricsListen, Pool,
    Reuse, Route, RouteSettings, Share, Transport,
};
