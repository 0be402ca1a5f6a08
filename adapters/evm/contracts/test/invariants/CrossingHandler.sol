// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IReceiptBridge} from "../../src/interfaces/IReceiptBridge.sol";
import {IRouter} from "../../src/interfaces/IRouter.sol";
import {Packet} from "../../src/types/Packet.sol";
import {Account, Location} from "../../src/types/Receipt.sol";
import {TwoChains} from "../TwoChains.sol";
import {MockLightClient} from "../mocks/MockLightClient.sol";

/// What anyone may do to two chains that are linked twice, in any order: both issue, both are foreign to the other. It keeps the packets that
/// were sent and the acknowledgements that were written, as a relayer would; what is true of receipts it asks the chains.
contract CrossingHandler is TwoChains {
    struct Sent {
        bytes packet;
        bytes acknowledgement;
        bytes32 uid;
        /// Sent by the first chain (true) or the second.
        bool fromHome;
        /// Of the packet, so that it need not be decoded for every look.
        bytes32 commitmentAt;
        bytes32 acknowledgementAt;
        string sourceClient;
        uint64 sequence;
    }

    bytes32[] public uids;
    mapping(bytes32 uid => bool) public issuedAtHome;
    Sent[] private _sent;
    uint64 private _now;
    address[3] private _people;
    /// How often each thing happened, so that a run in which nothing crosses is seen.
    uint256 public minted;
    uint256 public unlocked;
    uint256 public refunded;
    uint256 public redeemed;

    function setUp() public override {
        super.setUp();
        _now = START;
        _people = [alice, bob, carol];
        govern(far, address(far.ledger), abi.encodeCall(far.ledger.admitCustodian, (CUSTODIAN, warehouse)));
        _link(home, far, "qbft-1", "qbft-8");
        _link(far, home, "qbft-8", "qbft-1");
    }

    function _link(Chain storage chain, Chain storage other, string memory id, string memory counterpartyId) private {
        MockLightClient client = new MockLightClient();
        client.setCounterparty(IRouter(address(other.router)));
        addClient(chain, id, client, counterpartyId);
        govern(chain, address(chain.bridge), abi.encodeCall(chain.bridge.allowLane, (id, other.ref)));
    }

    modifier atPresent() {
        vm.warp(_now);
        vm.recordLogs();
        _;
    }

    // ---- actions ----

    function doIssue(bool atHome, uint256 who) external atPresent {
        if (uids.length >= 6) return;
        Chain storage chain = _chain(atHome);
        address owner = _people[who % 3];
        vm.prank(warehouse);
        bytes32 uid = chain.ledger.issue(bytes32(uids.length), facts(), QUANTITY, owner, owner);
        uids.push(uid);
        issuedAtHome[uid] = atHome;
    }

    function doLock(uint256 which, uint256 to, bool secondLane, bool unusable) external atPresent {
        if (uids.length == 0) return;
        bytes32 uid = uids[which % uids.length];
        Chain storage chain = _chain(issuedAtHome[uid]);
        if (chain.ledger.record(uid).location != Location.Active) return;
        string memory client = issuedAtHome[uid] ? (secondLane ? "qbft-1" : "qbft-0") : (secondLane ? "qbft-8" : "qbft-7");
        Account memory person = account(_people[to % 3]);
        // An account that no EVM chain has: the other side will refuse.
        if (unusable) person.kind = 2;
        vm.prank(chain.ledger.record(uid).holder);
        chain.bridge.lock(client, contentOf(chain.ref, uid), person, person, _now + 1 hours);
        _remember(uid, issuedAtHome[uid]);
    }

    function doReturn(uint256 which, uint256 to, bool unusable) external atPresent {
        if (uids.length == 0) return;
        bytes32 uid = uids[which % uids.length];
        Chain storage origin = _chain(issuedAtHome[uid]);
        Chain storage chain = _chain(!issuedAtHome[uid]);
        bytes32 key = chain.ledger.keyOf(origin.ref, uid);
        if (chain.ledger.record(key).location != Location.Live) return;
        Account memory person = account(_people[to % 3]);
        if (unusable) person.kind = 6;
        vm.prank(chain.ledger.record(key).holder);
        chain.bridge.returnReceipt(contentOf(origin.ref, uid), person, person, _now + 1 hours);
        _remember(uid, !issuedAtHome[uid]);
    }

    /// Delivers one packet, or one twice, whatever its state.
    function doReceive(uint256 which, bool twice) external atPresent {
        if (_sent.length == 0) return;
        Sent storage sent = _sent[which % _sent.length];
        Packet memory packet = abi.decode(sent.packet, (Packet));
        Chain storage chain = _chain(!sent.fromHome);
        try chain.router.recvPackets(twice ? two(packet, packet) : one(packet), 1, proof) {
            bytes memory written = _written();
            if (written.length == 0) return;
            sent.acknowledgement = written;
            if (keccak256(written) != keccak256(received())) return;
            if (issuedAtHome[sent.uid] == sent.fromHome) ++minted;
            else ++unlocked;
        } catch {}
    }

    function doAcknowledge(uint256 which) external atPresent {
        if (_sent.length == 0) return;
        Sent storage sent = _sent[which % _sent.length];
        if (sent.acknowledgement.length == 0) return;
        bytes[] memory list = new bytes[](1);
        list[0] = sent.acknowledgement;
        bool refusal = keccak256(list[0]) != keccak256(received());
        bool before = isPending(which % _sent.length);
        _chain(sent.fromHome).router.ackPackets(one(abi.decode(sent.packet, (Packet))), list, 1, proof);
        if (before && refusal) ++refunded;
    }

    /// Tells the source an acknowledgement that was never written.
    function doForgeAcknowledgement(uint256 which, bool accepted) external atPresent {
        if (_sent.length == 0) return;
        Sent storage sent = _sent[which % _sent.length];
        bytes[] memory list = new bytes[](1);
        list[0] = accepted ? received() : refused(2, "forged");
        if (keccak256(list[0]) == keccak256(sent.acknowledgement)) return;
        bool before = isPending(which % _sent.length);
        try _chain(sent.fromHome).router.ackPackets(one(abi.decode(sent.packet, (Packet))), list, 1, proof) {
            require(!before, "a forged acknowledgement was taken");
        } catch {}
    }

    function doTimeOut(uint256 which) external atPresent {
        if (_sent.length == 0) return;
        Sent storage sent = _sent[which % _sent.length];
        bool before = isPending(which % _sent.length);
        try _chain(sent.fromHome).router.timeoutPackets(one(abi.decode(sent.packet, (Packet))), 1, proof) {
            if (before) ++refunded;
        } catch {}
    }

    function doRedeem(uint256 which) external atPresent {
        if (uids.length == 0) return;
        bytes32 uid = uids[which % uids.length];
        Chain storage chain = _chain(issuedAtHome[uid]);
        if (chain.ledger.record(uid).location != Location.Active) return;
        vm.prank(chain.ledger.record(uid).holder);
        chain.ledger.redeem(uid);
        ++redeemed;
    }

    function doWait(uint256 seconds_) external {
        _now += uint64(seconds_ % 40 minutes);
    }

    // ---- what the chains say ----

    function uidCount() external view returns (uint256) {
        return uids.length;
    }

    function sentCount() external view returns (uint256) {
        return _sent.length;
    }

    /// Whether the source still holds the packet's commitment.
    function isPending(uint256 index) public view returns (bool) {
        Sent storage sent = _sent[index];
        return _chain(sent.fromHome).router.value(sent.commitmentAt) != 0;
    }

    /// Whether the receipt of a packet is with neither chain: it has not arrived, or was refused, and is not back yet.
    function isInFlight(uint256 index) external view returns (bool) {
        if (!isPending(index)) return false;
        Sent storage sent = _sent[index];
        bytes32 stored = _chain(!sent.fromHome).router.value(sent.acknowledgementAt);
        bytes32 accepted = sha256(abi.encodePacked(hex"02", sha256(received())));
        return stored != accepted;
    }

    function uidOfSent(uint256 index) external view returns (bytes32) {
        return _sent[index].uid;
    }

    function heldOf(uint256 index) external view returns (bytes32) {
        Sent storage sent = _sent[index];
        return _chain(sent.fromHome).bridge.held(sent.sourceClient, sent.sequence);
    }

    /// @return location At home.
    /// @return foreign Abroad.
    function locations(bytes32 uid) external view returns (Location location, Location foreign) {
        Chain storage origin = _chain(issuedAtHome[uid]);
        Chain storage other = _chain(!issuedAtHome[uid]);
        return (origin.ledger.record(uid).location, other.ledger.record(other.ledger.keyOf(origin.ref, uid)).location);
    }

    /// @return first Outstanding by the first lane of its home.
    /// @return second By the second.
    /// @return lane The lane that the home record names.
    function escrows(bytes32 uid) external view returns (uint128 first, uint128 second, uint32 lane) {
        IReceiptBridge bridge = _chain(issuedAtHome[uid]).bridge;
        bool atHome = issuedAtHome[uid];
        first = bridge.escrow(uid, atHome ? "qbft-0" : "qbft-7");
        second = bridge.escrow(uid, atHome ? "qbft-1" : "qbft-8");
        lane = _chain(atHome).ledger.record(uid).lane;
    }

    function quantity() external pure returns (uint128) {
        return QUANTITY;
    }

    /// Whether every balance is the number of live receipts of its owner.
    function balancesAgree(bool atHome) external view returns (bool) {
        Chain storage chain = _chain(atHome);
        for (uint256 p = 0; p < 3; ++p) {
            uint256 count = 0;
            for (uint256 i = 0; i < uids.length; ++i) {
                bytes32 key = chain.ledger.keyOf(_chain(issuedAtHome[uids[i]]).ref, uids[i]);
                Location location = chain.ledger.record(key).location;
                bool live = location == Location.Active || location == Location.Live;
                if (live && chain.ledger.record(key).beneficiary == _people[p]) ++count;
            }
            if (chain.ledger.balanceOf(_people[p]) != count) return false;
        }
        return true;
    }

    // ---- inner parts ----

    function _chain(bool first) private view returns (Chain storage) {
        return first ? home : far;
    }

    function _remember(bytes32 uid, bool fromHome) private {
        Sent storage sent = _sent.push();
        Packet memory packet = lastPacket();
        (sent.packet, sent.uid, sent.fromHome) = (abi.encode(packet), uid, fromHome);
        (sent.commitmentAt, sent.acknowledgementAt) = (commitmentSlot(packet), acknowledgementSlot(packet));
        (sent.sourceClient, sent.sequence) = (packet.sourceClient, packet.sequence);
    }

    function _written() private returns (bytes memory acknowledgement) {
        try this.takeAcknowledgement() returns (bytes memory found) {
            return found;
        } catch {
            return "";
        }
    }

    function takeAcknowledgement() external returns (bytes memory) {
        return lastAcknowledgement();
    }
}
