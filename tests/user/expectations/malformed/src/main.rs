//! Never run: its expectations cannot be read.

fn main() {}
