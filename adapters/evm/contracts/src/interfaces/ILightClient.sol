// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Whether a client may be relied upon.
enum Status {
    Active,
    Expired,
    Frozen
}

/// How the absence of a packet receipt is shown on the chain that the client follows.
enum Absence {
    /// Absence under the state root of a header whose time is at or past the timeout.
    State,
    /// Presence of the tombstone written by `expire`.
    Tombstone
}

/// What a message to a client has done.
enum UpdateResult {
    Update,
    Misbehaviour,
    NoOp
}

/// One statement about the counterparty's store at a height.
/// @param path The counterparty's prefix with the IBC path appended to its last element; a Router's prefix is one empty element.
/// @param value What lies at the path; empty means that nothing does.
struct Claim {
    bytes[] path;
    bytes value;
}

/// A light client of one other chain: it turns signed headers into consensus states and proofs into facts. A host (the Router) calls it
/// and depends on nothing else. Whatever does not verify reverts with the error of the rule that it breaks.
interface ILightClient {
    /// Moves the client forward by one signed header.
    /// @param message The header with what its verification needs, in the encoding of the client's consensus.
    /// @return result `Update` when a consensus state was stored, `NoOp` when that very state was stored already.
    function update(bytes calldata message) external returns (UpdateResult result);

    /// Freezes the client for good when the evidence shows two certified blocks at one height.
    /// @param evidence The two headers with what their verification needs, in the encoding of the client's consensus.
    /// @return result `Misbehaviour` when the client froze, `NoOp` when it was frozen already.
    function misbehaviour(bytes calldata evidence) external returns (UpdateResult result);

    /// Verifies that every claim holds at a stored height; reverts when one does not, or when the client is not active.
    /// @param height The block number of a stored consensus state.
    /// @param proof The shared proof of all claims, in the order of the claims.
    /// @param claims At least one claim.
    /// @return time The time of the chain at that height, in seconds since 1970.
    function verify(uint64 height, bytes calldata proof, Claim[] calldata claims) external view returns (uint64 time);

    /// @return state Whether the client may be relied upon now.
    /// @return latestHeight The block number of the latest consensus state.
    /// @return latestTime The time of the latest consensus state, in seconds since 1970.
    function status() external view returns (Status state, uint64 latestHeight, uint64 latestTime);

    /// @return kind How absence is shown on this chain.
    function absence() external view returns (Absence kind);

    /// What a proof of this client rests on.
    /// @return kind 0 Proven, 1 ProvenAgainstOutsiders, 2 Attested.
    /// @return k Attesters needed (kind 2 only, else 0).
    /// @return n Attesters known (kind 2 only, else 0).
    function assurance() external view returns (uint8 kind, uint16 k, uint16 n);
}
