//! Receipts between chains of different kinds, through the real program: the scenarios of `e2e/README.md`, step by step.
//! What is asserted is read from the chains; only the last step compares the relayer's own words with them.
//!
//! A story is a folder: what it plays on and what its validators do. The steps that every story has are here.

mod chain;
mod crossing;
mod devchain_and_geth;
mod evmd_and_geth;
mod irita_and_evmd;
mod link;
mod network;
mod people;
mod restart;
mod sets;
mod sum;
mod timeout;
mod traffic;

use crate::story::{Outcome, PATIENCE, expect, told};
