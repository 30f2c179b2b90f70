//! Many connections behind one address.

pub mod stats;
