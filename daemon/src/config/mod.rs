//! The daemon's configuration: typed, read once, checked whole.

pub mod origin;
pub mod pattern;
mod types;

pub use types::{
    Access, Config, Control, Device, DeviceKind, Log, LogFormat, Metrics, MetricsListen, Pool,
    Prefix, Reuse, Route, RouteSettings, Share, Transport,
};
