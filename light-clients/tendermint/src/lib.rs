//! Light client of Tendermint chains.
#![no_std]
