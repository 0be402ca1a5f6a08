//! Light client of QBFT and IBFT 2.0 chains.
