// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Packet} from "../types/Packet.sol";
import {Account, Content, Facts, Lineage, Refusal} from "../types/Receipt.sol";
import {IApplication} from "./IApplication.sol";

/// Carries receipts in IBC v2 packets with the payload `wr-1`: lock here and mint there, return and unlock, refund when refused or timed out.
///
/// Escrow is kept for each (root receipt, lane), counts from lock, and opens only through the lane that the receipt left by. A lane names the chain at
/// its other end; a receipt is minted only when it comes from its home, and unlocked only when its home is here.
///
/// What is wrong with an arriving receipt is an acknowledgement (code, detail) and not an error: every check comes before the first write, so
/// there is nothing to roll back. A failure of any other kind reverts and becomes the Router's universal error acknowledgement.
interface IReceiptBridge is IApplication {
    // ---- governed ----

    /// Opens a lane, for good. Governance only.
    /// @param clientId A client of the Router.
    /// @param counterpartyRef chainRef of the chain that it follows; not this chain.
    function allowLane(string calldata clientId, bytes32 counterpartyRef) external;

    // ---- verbs ----

    /// Locks a home receipt and sends it away. Only by its holder; when another has title, with that one's assent to this very crossing.
    /// @param clientId The lane.
    /// @param content The receipt's content, as emitted when it was issued.
    /// @param beneficiary Who is to have title there.
    /// @param holder Who is to have control there.
    /// @param timeoutTimestamp Seconds since 1970.
    /// @return sequence The packet's number.
    function lock(string calldata clientId, Content calldata content, Account calldata beneficiary, Account calldata holder, uint64 timeoutTimestamp)
        external
        returns (uint64 sequence);

    /// Sends a foreign receipt home by the lane that it came by. Only by its holder; when another has title, with that one's assent.
    /// @param content The receipt's content, as emitted when it arrived.
    /// @param beneficiary Who is to have title at home.
    /// @param holder Who is to have control at home.
    /// @param timeoutTimestamp Seconds since 1970.
    /// @return sequence The packet's number.
    function returnReceipt(Content calldata content, Account calldata beneficiary, Account calldata holder, uint64 timeoutTimestamp)
        external
        returns (uint64 sequence);

    /// Assents, as the one who has title, to a crossing that another, who has control, may then carry out. It names the epoch, so it serves once.
    /// @param crossing See `crossingDigest`.
    function assent(bytes32 crossing) external;

    /// Applies the outcome of a packet that is on hold. Open to anyone; reverts when it still cannot be applied.
    /// @param packet The packet.
    /// @param outcome As in the event `Held`.
    function applyHeld(Packet calldata packet, Outcome outcome) external;

    /// What a packet has come to.
    enum Outcome {
        Accepted,
        Refused,
        TimedOut,
        Unreadable
    }

    // ---- views ----

    /// @param clientId A client of the Router.
    /// @return number The lane's number, from 1; 0 when it is not open.
    /// @return counterpartyRef chainRef of the chain at its other end.
    function lane(string calldata clientId) external view returns (uint32 number, bytes32 counterpartyRef);

    /// @param number A lane's number.
    /// @return clientId Its client; empty when there is none.
    function laneClient(uint32 number) external view returns (string memory clientId);

    /// @param rootUid A root receipt of this chain.
    /// @param clientId A lane.
    /// @return outstanding Base units locked through it and not yet returned or refunded.
    function escrow(bytes32 rootUid, string calldata clientId) external view returns (uint128 outstanding);

    /// @param sourceClient The client that a packet was sent through.
    /// @param sequence Its number.
    /// @return digest Not 0 when the packet is on hold.
    function held(string calldata sourceClient, uint64 sequence) external view returns (bytes32 digest);

    /// What a beneficiary assents to.
    /// @param key The receipt's key in the ledger.
    /// @param epoch Of the crossing: the record's epoch + 1.
    /// @param clientId The lane.
    /// @param beneficiary Who is to have title there.
    /// @param holder Who is to have control there.
    function crossingDigest(bytes32 key, uint64 epoch, string calldata clientId, Account calldata beneficiary, Account calldata holder)
        external
        pure
        returns (bytes32 crossing);

    /// @param account Who assents.
    /// @param crossing See `crossingDigest`.
    function hasAssented(address account, bytes32 crossing) external view returns (bool);

    /// @return The port at both ends.
    function port() external view returns (string memory);

    /// @return The Router.
    function router() external view returns (address);

    /// @return The ledger.
    function ledger() external view returns (address);

    /// @return The contract whose acts are governed acts.
    function governance() external view returns (address);

    /// @return chainRef of this chain.
    function homeRef() external view returns (bytes32);

    /// @return The kind of accounts of this chain.
    function accountKind() external view returns (uint8);

    /// @param refusal Why something was refused.
    /// @return code 1 RECE, 2 BENV, 4 DISE.
    /// @return detail SHA-256 of the rule's short name; 0 with RECE.
    function acknowledgementOf(Refusal refusal) external pure returns (uint8 code, bytes32 detail);

    // ---- events ----

    event LaneAllowed(uint32 indexed number, string clientId, bytes32 counterpartyRef);
    /// A receipt has left; its location is in the ledger's `Moved`.
    event Departed(bytes32 indexed key, uint32 indexed lane, uint64 sequence, uint64 epoch);
    /// A receipt has arrived. The content is what its holder needs to send it on.
    event Arrived(bytes32 indexed key, uint32 indexed lane, uint64 sequence, uint64 epoch, Lineage lineage, Facts facts);
    /// An arriving receipt was refused.
    event ArrivalRefused(string destClient, uint64 sequence, Refusal refusal);
    /// A receipt that left is settled: it arrived, or is back.
    event Settled(bytes32 indexed key, uint32 indexed lane, uint64 sequence, Outcome outcome);
    /// The outcome of a packet could not be applied and waits.
    event Held(string sourceClient, uint64 sequence, Outcome outcome, Refusal refusal);
    event Assented(address indexed account, bytes32 indexed crossing);

    // ---- errors ----

    error GovernanceMismatch(address expected, address found);
    error RouterMismatch(address expected, address found);
    error AccountKindUnsupported(uint8 found);
    error PortUnsupported(string found);
    error LaneTaken(string clientId, uint32 number);
    error LaneUnknown(string clientId);
    error CounterpartyRefInvalid(bytes32 found);
    error ContentForeign(bytes32 expected, bytes32 found);
    error ContentAtHome(bytes32 homeRef);
    error AccountInvalid(Refusal refusal, uint8 kind, bytes32 id);
    error StorageEnded(uint64 storageUntil, uint64 timeNow);
    error AssentMissing(address beneficiary, bytes32 crossing);
    error NotHeld(string sourceClient, uint64 sequence);
    error StillHeld(Refusal refusal);
}
