//! Scenarios across whole chains.
