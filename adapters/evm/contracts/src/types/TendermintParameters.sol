// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// The hash of headers, sets and stores: SM3 in the fully national forks.
enum TreeHash {
    Sha256,
    Sm3
}

/// The kinds of tree that a store may be.
enum StoreTree {
    /// IAVL, as the Cosmos SDK has it.
    Iavl,
    /// The Jellyfish Merkle tree.
    Jmt
}

/// Where a chain keeps its commitments.
enum Commitments {
    /// Under their own paths in a store, as ibc-go keeps them.
    IbcStore,
    /// In the storage of a Router, which an EVM module keeps in its store: the key is 02 ‖ router ‖ SHA-256(path).
    EvmStore
}

/// What never changes in a client.
/// @param chainId What the chain calls itself, 1 to 50 bytes; every vote signs it.
/// @param trustNumerator With the next, the share of the trusted set that must have voted for a header that is not the next one: more than it.
/// @param trustDenominator At most three times the numerator, and at least the numerator.
/// @param trustingPeriod Seconds after the time of the latest state at which the client expires.
/// @param clockDrift Seconds by which a header's time may be ahead of this chain's; the very end is not allowed.
/// @param keyTypes Bits of the kinds of key that validators may have: 1 Ed25519, 2 secp256k1, 4 SM2.
/// @param userId The name that SM2 keys sign with, 1 to 64 bytes.
/// @param treeHash The hash of headers, sets and stores.
/// @param storeTree The tree of the store that holds the commitments.
/// @param commitments Where they lie.
/// @param store The store's name, 1 to 64 bytes.
/// @param router The Router's address; zero with an IBC store.
struct TendermintParameters {
    bytes chainId;
    uint8 trustNumerator;
    uint8 trustDenominator;
    uint64 trustingPeriod;
    uint64 clockDrift;
    uint8 keyTypes;
    bytes userId;
    TreeHash treeHash;
    StoreTree storeTree;
    Commitments commitments;
    bytes store;
    address router;
}

/// What is trusted at one height; only its hash is stored, the preimage travels with each message.
/// @param root The application's hash: the root over all stores.
/// @param time Block time in nanoseconds since 1970.
/// @param nextSetHash Hash of the validator set of the next height.
struct TendermintConsensusState {
    bytes32 root;
    uint64 time;
    bytes32 nextSetHash;
}
