//! Status page, JSON status and metrics of the relayer.
