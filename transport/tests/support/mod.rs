//! What scripts run on, and the tests against the kernel.

#![allow(dead_code, reason = "each test file uses a part of this")]

pub(crate) mod bottleneck;
pub(crate) mod host;
pub(crate) mod matrix;
pub(crate) mod namespace;
pub(crate) mod notation;
pub(crate) mod oracle;
pub(crate) mod peer;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod stream;
