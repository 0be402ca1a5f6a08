//! Between this project's hashes and those of the libraries.

use adapter::TransactionHash;
use alloy_primitives::B256;

pub(crate) fn b256_to_transaction(hash: B256) -> TransactionHash {
    TransactionHash(hash.0)
}

pub(crate) fn transaction_to_hex(hash: TransactionHash) -> String {
    hash.to_string()
}
