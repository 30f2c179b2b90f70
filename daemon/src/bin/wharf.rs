//! The command-line tool's binary.

fn main() {}
