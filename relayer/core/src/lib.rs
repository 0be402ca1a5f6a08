//! The relayer's decisions, without input or output.
