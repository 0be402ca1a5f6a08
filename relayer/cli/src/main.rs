//! The `lighterman` program.
fn main() {}
