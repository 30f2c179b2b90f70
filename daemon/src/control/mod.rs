//! The control plane: one plain thread beside the shards, which it never blocks.

pub mod door;
