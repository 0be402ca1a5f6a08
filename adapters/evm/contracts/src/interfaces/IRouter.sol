// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {HashMode} from "../types/HashMode.sol";
import {Packet, Payload, PayloadField} from "../types/Packet.sol";
import {Status, UpdateResult} from "./ILightClient.sol";

/// The chain's end of every path: clients, ports and IBC v2 packets. There is no proxy: this surface is final with its first version.
///
/// Commitments, packet receipts, acknowledgements, tombstones and next sequences lie at the storage slot SHA-256(path), so that a prover
/// needs no knowledge of the layout. A packet receipt's value is the packet's commitment; it and tombstones are never cleared.
///
/// In a call for many packets the proof's claims are those of *all* packets listed, in their order, settled ones included, so that a proof made
/// before a race stays valid after it. It is verified once when at least one packet is pending, and neither read nor needed when none is.
/// A packet that is settled (received, or its commitment cleared) is a no-op; it is still checked for form and for its clients. What is settled
/// is decided once, before the first callback: what a callback sends is no packet of the call that it was called from.
interface IRouter {
    // ---- governed ----

    /// Names a client, its counterparty and where the counterparty's commitments lie. Ids are never reused. Governance only.
    /// @param id `[a-z0-9]+(-[a-z0-9]+)*-[0-9]+`, at most 64 bytes.
    /// @param verifier The light client's contract.
    /// @param counterpartyId This chain's client on the counterparty, of the same form.
    /// @param counterpartyPrefix Path elements to whose last one a path is appended: [""] for a Router, ["ibc", ""] for ibc-go.
    function addClient(string calldata id, address verifier, string calldata counterpartyId, bytes[] calldata counterpartyPrefix) external;

    /// Binds a port to its application, once and for good. Governance only.
    /// @param port 2 to 128 characters of `[A-Za-z0-9._+#<>\-\[\]]`.
    /// @param application The contract that answers `IApplication`.
    /// @param receiveGas Gas that its `onRecvPacket` is given, exactly.
    function bindPort(string calldata port, address application, uint64 receiveGas) external;

    // ---- packets ----

    /// Sends a packet. Only by the application of the payload's source port.
    /// @param sourceClient The client of the destination chain.
    /// @param timeoutTimestamp Seconds since 1970; later than now and than the client's latest proven time, at most 24 hours from now.
    /// @param payload The application's message.
    /// @return sequence The packet's number under this client, from 1.
    function sendPacket(string calldata sourceClient, uint64 timeoutTimestamp, Payload calldata payload) external returns (uint64 sequence);

    /// Receives packets of one client: proves their commitments, stores their receipts, calls their applications. An application's failure is
    /// its own only when it had the gas and the call depth that `IApplication` promises; without them the whole call reverts.
    /// @param packets At least one, all of the same clients.
    /// @param height A stored height of the destination's client of the source.
    /// @param proof The shared proof that each packet's commitment is stored on the source.
    function recvPackets(Packet[] calldata packets, uint64 height, bytes calldata proof) external;

    /// Acknowledges packets of one client: proves their acknowledgements, clears their commitments, calls their applications.
    /// @param packets At least one, all of the same clients.
    /// @param acknowledgements One for each packet.
    /// @param height A stored height of the source's client of the destination.
    /// @param proof The shared proof that each acknowledgement's commitment is stored on the destination.
    function ackPackets(Packet[] calldata packets, bytes[] calldata acknowledgements, uint64 height, bytes calldata proof) external;

    /// Times packets of one client out: proves that they can never be received, clears their commitments, calls their applications.
    /// @param packets At least one, all of the same clients.
    /// @param height A stored height of the source's client of the destination, of a time at or past every pending packet's timeout when
    /// the client shows absence by state.
    /// @param proof The shared proof that each receipt is absent, or that each tombstone is present, as the client's `absence()` says.
    function timeoutPackets(Packet[] calldata packets, uint64 height, bytes calldata proof) external;

    /// Writes the acknowledgement of a received packet whose application returned none. Only by the application of the destination port,
    /// and not while that very packet is being received.
    /// @param packet The packet.
    /// @param acknowledgement Not empty.
    function writeAcknowledgement(Packet calldata packet, bytes calldata acknowledgement) external;

    /// Writes the tombstone of a packet that was not received in time, which excludes its receipt for good. Repeating it emits again.
    /// @param receiptPathHash SHA-256 of the packet receipt's path.
    /// @param timeout The packet's timeout, seconds since 1970; at or before now.
    function expire(bytes32 receiptPathHash, uint64 timeout) external;

    // ---- reads that leave a log, for chains without state proofs ----

    /// Emits the value of one slot.
    /// @param pathHash SHA-256 of the path.
    /// @return word The slot's value; 0 when nothing is there.
    function notarise(bytes32 pathHash) external returns (bytes32 word);

    /// Emits the values of eight slots.
    /// @param pathHashes SHA-256 of each path.
    function notarise(bytes32[8] calldata pathHashes) external;

    // ---- clients ----

    /// Moves a client forward. Open to anyone.
    /// @param id The client.
    /// @param message What the client's `update` takes.
    /// @return result What it has done.
    function updateClient(string calldata id, bytes calldata message) external returns (UpdateResult result);

    /// Freezes a client by proof of misbehaviour. Open to anyone.
    /// @param id The client.
    /// @param evidence What the client's `misbehaviour` takes.
    /// @return result What it has done.
    function submitMisbehaviour(string calldata id, bytes calldata evidence) external returns (UpdateResult result);

    // ---- call depth ----

    /// Succeeds when so many calls can still be nested here, this one included, and reverts when not. The Router asks it of itself before it
    /// writes that an application has failed; it changes nothing, whoever calls.
    /// @param frames Calls, one within another.
    function proveDepth(uint256 frames) external view;

    // ---- batches ----

    /// Runs several calls to this contract, each caught on its own: one that fails changes nothing and stops none of the others.
    /// Everything but `sendPacket`, governed functions and `batch` itself may be called. The caller of the batch counts as the caller of each.
    /// @param calls Calldata of each call, selector included.
    /// @return success Whether each succeeded.
    /// @return results What each returned, or the reason of its failure.
    function batch(bytes[] calldata calls) external returns (bool[] memory success, bytes[] memory results);

    // ---- views ----

    /// @param pathHash SHA-256 of a path.
    /// @return word The value stored at that slot; 0 when there is none.
    function value(bytes32 pathHash) external view returns (bytes32 word);

    /// @param id The client; reverts when it is unknown.
    function client(string calldata id) external view returns (address verifier, string memory counterpartyId, bytes[] memory counterpartyPrefix);

    /// @param port A port; the application is 0 when it is not bound.
    function portBinding(string calldata port) external view returns (address application, uint64 receiveGas);

    /// @return id The chain id at deployment; as an immutable it is part of the code, so that the code hash commits to it.
    function chainId() external view returns (uint256 id);

    /// @return account The contract whose acts are governed acts.
    function governance() external view returns (address account);

    /// @return mode The hashing mode of this host.
    function hashMode() external view returns (HashMode mode);

    // ---- events ----

    /// A packet was sent; from these members alone its commitment can be recomputed.
    event SendPacket(string indexed sourceClient, uint64 indexed sequence, Packet packet);
    /// A packet was received.
    event RecvPacket(string indexed destClient, uint64 indexed sequence, address relayer);
    /// A received packet was acknowledged. The packet is in the source's `SendPacket` and is not repeated.
    /// @param relayer Who received the packet; of a later acknowledgement, the application.
    event WriteAcknowledgement(string indexed destClient, uint64 indexed sequence, bytes acknowledgement, address relayer);
    /// A packet's acknowledgement was proven; its commitment is cleared.
    event AckPacket(string indexed sourceClient, uint64 indexed sequence, address relayer);
    /// A packet was proven never to be received; its commitment is cleared.
    event TimeoutPacket(string indexed sourceClient, uint64 indexed sequence, address relayer);
    /// A client stored a newer consensus state.
    /// @param latestHeight The block number of its latest one.
    event ClientUpdated(string indexed id, uint64 latestHeight);
    /// A client was frozen by evidence.
    event ClientFrozen(string indexed id);
    /// Governed act: a client was added.
    event ClientAdded(string id, address verifier, string counterpartyId, bytes[] counterpartyPrefix);
    /// Governed act: a port was bound.
    event PortBound(string port, address application, uint64 receiveGas);
    /// The value of a slot at this moment.
    event Notarised(bytes32 pathHash, bytes32 value);
    /// A call in a batch failed.
    /// @param index Its place in the batch, from 0.
    /// @param reason Its revert data.
    event BatchItemFailed(uint256 index, bytes reason);

    // ---- errors: ids and registrations ----

    error GovernanceMismatch(address expected, address found);
    error ClientIdMalformed(string found);
    error ClientIdTaken(string id, address verifier);
    error ClientUnknown(string id);
    error ContractWithoutCode(address found);
    error PrefixEmpty();
    error PrefixTooLong(uint256 maximum, uint256 found);
    error PortMalformed(string found);
    error PortTaken(string port, address application);
    error PortUnknown(string port);
    error ReceiveGasOutOfRange(uint64 maximum, uint64 found);

    // ---- errors: packets ----

    error ApplicationMismatch(address expected, address found);
    error PacketsMissing();
    error AcknowledgementCountMismatch(uint256 expected, uint256 found);
    error SequenceZero();
    error SequenceExhausted();
    error PayloadCountMismatch(uint256 expected, uint256 found);
    error PayloadFieldBlank(PayloadField field);
    error PayloadFieldTooLong(PayloadField field, uint256 maximum, uint256 found);
    error PayloadValueEmpty();
    error PayloadValueTooLong(uint256 maximum, uint256 found);
    /// Not the client of the call's first packet.
    error ClientsDiffer(string found);
    error CounterpartyMismatch(string expected, string found);
    error ClientNotActive(Status found);
    /// @param earliest Timeouts must be later than this, seconds.
    error TimeoutPassed(uint64 earliest, uint64 found);
    /// @param latest Timeouts may not be later than this, seconds.
    error TimeoutTooFar(uint64 latest, uint64 found);
    /// The destination's proven time is already at or past the timeout.
    error TimeoutBeforeProvenTime(uint64 provenTime, uint64 found);
    /// The packet's tombstone exists.
    error PacketExpired(bytes32 tombstone);
    /// Another packet was received under this sequence.
    error PacketReceiptMismatch(bytes32 expected, bytes32 found);
    /// Another packet was sent under this sequence.
    error CommitmentMismatch(bytes32 expected, bytes32 found);
    /// The proven time is before the packet's timeout.
    error TimeoutNotReached(uint64 timeout, uint64 provenTime);
    error ReceiveGasTooLow(uint256 expected, uint256 found);
    /// The application failed where fewer calls could be nested than it may rely upon: whoever brought the packet may be the reason.
    /// @param expected Calls that must be possible, the application's own included.
    error CallDepthTooLow(uint256 expected);
    error AcknowledgementEmpty();
    error AcknowledgementTooLong(uint256 maximum, uint256 found);
    /// The application's answer is not the ABI encoding of one byte string.
    error AcknowledgementMalformed(address application);
    /// The application returned the universal error acknowledgement as success.
    error ErrorAcknowledgementReturned(address application);
    error AcknowledgementExists(bytes32 found);
    /// The packet is being received: its application returns the acknowledgement or writes it later.
    error AcknowledgementTooEarly(bytes32 receiptPathHash);
    /// @param expected The packet's commitment.
    /// @param found What its receipt slot holds; 0 when it was not received.
    error PacketNotReceived(bytes32 expected, bytes32 found);
    error ExpiryTooEarly(uint64 timeout, uint64 timeNow);
    error PacketAlreadyReceived(bytes32 receiptPathHash);
    error Reentered();
    error BatchItemNotAllowed(bytes4 selector);
}
