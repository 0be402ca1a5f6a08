//! The relayer's durable memory.
