//! `billconnect`: the composition root.
fn main() {}
