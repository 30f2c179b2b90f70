//! The control plane: one plain thread beside the shards, which it never blocks.
//!
//! It serves the metrics and the admin socket, turns signals into wishes, feeds the watchdog, and
//! asks the shards through their [`door`]. It is *not* on the way of any lease or byte: if it
//! ended, clients would notice nothing, and systemd's watchdog would.

mod admin;
mod clock;
mod conversation;
mod desk;
pub mod door;
mod facts;
mod http;
pub mod listening;
mod plane;
pub mod signals;

pub use self::admin::SCHEMA;
pub use self::desk::Load;
pub use self::plane::{CONNECTIONS_MAX, ControlThread, Settings, start};
