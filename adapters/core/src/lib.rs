//! What the relayer asks of a chain: read, write, prove.
