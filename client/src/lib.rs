//! Leases warm upstream connections from wharfd.
#![forbid(unsafe_code)]
