//! One command for each chore of this repository.

fn main() {}
