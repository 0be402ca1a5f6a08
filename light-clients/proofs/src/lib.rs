//! State-proof schemes of the light clients, one module each.
