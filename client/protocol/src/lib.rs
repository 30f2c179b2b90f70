//! The messages of Wharf's lease socket and their codec; no I/O.
#![forbid(unsafe_code)]
