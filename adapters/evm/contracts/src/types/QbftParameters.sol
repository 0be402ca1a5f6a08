// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// The two consensus protocols that differ only in how the extra data is encoded.
enum QbftKind {
    Qbft,
    Ibft2
}

/// What a header under a changed validator set needs from the trusted set.
enum TrustLevel {
    /// A quorum of the trusted set: ⌈2N/3⌉.
    Strict,
    /// More than a third of the trusted set: sound for four validators and more under the BFT assumption, weaker against stolen keys.
    OneThird
}

/// What never changes in a client.
/// @param kind QBFT or IBFT 2.0.
/// @param trustLevel Strict or more than one third.
/// @param router The Router's address on the chain followed.
/// @param routerCodeHash Keccak-256 of that Router's runtime code; it commits to the chain id, which no seal does.
/// @param trustingPeriod Seconds after the time of the latest state at which the client expires.
/// @param clockDrift Seconds by which a header's time may be ahead of this chain's.
struct QbftParameters {
    QbftKind kind;
    TrustLevel trustLevel;
    address router;
    bytes32 routerCodeHash;
    uint64 trustingPeriod;
    uint64 clockDrift;
}

/// What is trusted at one height; only its hash is stored, the preimage travels with each message.
/// @param storageRoot Root of the Router's storage trie.
/// @param time Block time in seconds since 1970.
/// @param setHash SHA-256 of the validators' 20-byte addresses in header order.
struct QbftConsensusState {
    bytes32 storageRoot;
    uint64 time;
    bytes32 setHash;
}
