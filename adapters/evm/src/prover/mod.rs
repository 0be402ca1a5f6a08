//! Turning claims into proofs, by consensus.

mod answer;
mod qbft;

pub use qbft::{ClientParams, QbftProver};
