//! What the conformance scripts run on.

#![allow(dead_code, reason = "each test file uses a part of this")]

pub(crate) mod notation;
pub(crate) mod peer;
pub(crate) mod run;
pub(crate) mod script;
