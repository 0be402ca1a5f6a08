//! Performs what the relayer's core decides.
