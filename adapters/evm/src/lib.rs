//! Adapter of Ethereum-compatible chains.
