// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Governance} from "../src/core/Governance.sol";
import {Router} from "../src/core/Router.sol";
import {IRouter} from "../src/interfaces/IRouter.sol";
import {CommitmentPath} from "../src/libraries/CommitmentPath.sol";
import {ReceiptBridge} from "../src/receipts/ReceiptBridge.sol";
import {ReceiptLedger} from "../src/receipts/ReceiptLedger.sol";
import {OPCODE} from "../src/types/HashMode.sol";
import {Packet} from "../src/types/Packet.sol";
import {Account, Content, Facts, Lineage, Location} from "../src/types/Receipt.sol";
import {Test, Vm} from "./Vm.sol";
import {MockLightClient} from "./mocks/MockLightClient.sol";

/// Two chains in one EVM: each has its own governance, Router, ledger and bridge, and a mock client of the other.
abstract contract TwoChains is Test {
    struct Chain {
        Governance governance;
        Router router;
        ReceiptLedger ledger;
        ReceiptBridge bridge;
        MockLightClient client;
        /// The id of `client` on this chain.
        string clientId;
        bytes32 ref;
    }

    uint64 internal constant START = 1_750_000_000;
    uint64 internal constant TIMEOUT = START + 1 hours;
    uint64 internal constant RECEIVE_GAS = 400_000;
    bytes32 internal constant CUSTODIAN = keccak256("custodian one");
    uint128 internal constant QUANTITY = 500_000;

    address internal warehouse = address(0xcafe01);
    address internal alice = address(0xa11ce);
    address internal bob = address(0xb0b);
    address internal carol = address(0xca401);
    address internal relayer = address(0x4e1a);

    Chain internal home;
    Chain internal far;
    bytes internal proof;

    function setUp() public virtual {
        vm.warp(START);
        vm.recordLogs();
        _deploy(home, "qbft-0", keccak256("chain home"));
        _deploy(far, "qbft-7", keccak256("chain far"));
        _link(home, far);
        _link(far, home);
        proof = home.client.goodProof();
        govern(home, address(home.ledger), abi.encodeCall(home.ledger.admitCustodian, (CUSTODIAN, warehouse)));
    }

    function _deploy(Chain storage chain, string memory clientId, bytes32 ref) private {
        address[] memory members = new address[](1);
        members[0] = address(this);
        chain.governance = new Governance(members, 1, 0);
        chain.router = new Router(address(chain.governance), OPCODE);
        chain.ledger = new ReceiptLedger(address(chain.governance), ref);
        chain.bridge = new ReceiptBridge(address(chain.router), address(chain.ledger), address(chain.governance), "receipt", 1);
        chain.client = new MockLightClient();
        (chain.clientId, chain.ref) = (clientId, ref);
        govern(chain, address(chain.router), abi.encodeCall(chain.router.bindPort, ("receipt", address(chain.bridge), RECEIVE_GAS)));
        govern(chain, address(chain.ledger), abi.encodeCall(chain.ledger.addBridge, (address(chain.bridge))));
    }

    function _link(Chain storage chain, Chain storage other) private {
        chain.client.setCounterparty(IRouter(address(other.router)));
        addClient(chain, chain.clientId, chain.client, other.clientId);
        govern(chain, address(chain.bridge), abi.encodeCall(chain.bridge.allowLane, (chain.clientId, other.ref)));
    }

    function addClient(Chain storage chain, string memory id, MockLightClient client, string memory counterpartyId) internal {
        govern(chain, address(chain.router), abi.encodeCall(chain.router.addClient, (id, address(client), counterpartyId, routerPrefix())));
    }

    function govern(Chain storage chain, address target, bytes memory data) internal returns (bytes memory) {
        return chain.governance.execute(chain.governance.propose(target, data));
    }

    function routerPrefix() internal pure returns (bytes[] memory prefix) {
        prefix = new bytes[](1);
    }

    // ---- receipts ----

    function facts() internal pure returns (Facts memory) {
        return Facts({
            custodianId: CUSTODIAN,
            slot: keccak256("copper cathode, shed 4"),
            unit: "KGM",
            lossBps: 20,
            suite: 1,
            policy: 0x100,
            issuedAt: START,
            storageUntil: START + 365 days,
            depth: 0,
            docVersion: 1,
            docRoot: keccak256("document"),
            rootsDigest: keccak256("roots"),
            endorseHead: 0
        });
    }

    function contentOf(bytes32 homeRef, bytes32 uid) internal pure returns (Content memory) {
        return Content(Lineage(homeRef, uid, uid, 0), facts());
    }

    function issue(bytes32 seed, address owner) internal returns (bytes32 uid) {
        vm.prank(warehouse);
        return home.ledger.issue(seed, facts(), QUANTITY, owner, owner);
    }

    function account(address who) internal pure returns (Account memory) {
        return Account(1, bytes32(bytes20(who)));
    }

    /// Locks at home, for `to` on the far chain.
    function lock(bytes32 uid, address from, address to) internal returns (Packet memory) {
        vm.prank(from);
        home.bridge.lock(home.clientId, contentOf(home.ref, uid), account(to), account(to), uint64(block.timestamp) + 1 hours);
        return lastPacket();
    }

    function returnHome(bytes32 uid, address from, address to) internal returns (Packet memory) {
        vm.prank(from);
        far.bridge.returnReceipt(contentOf(home.ref, uid), account(to), account(to), uint64(block.timestamp) + 1 hours);
        return lastPacket();
    }

    function locationAt(Chain storage chain, bytes32 uid) internal view returns (Location) {
        return chain.ledger.record(chain.ledger.keyOf(home.ref, uid)).location;
    }

    function assertLocation(Chain storage chain, bytes32 uid, Location expected, string memory what) internal view {
        assertEq(uint256(uint8(locationAt(chain, uid))), uint256(uint8(expected)), what);
    }

    // ---- packets ----

    function one(Packet memory packet) internal pure returns (Packet[] memory packets) {
        packets = new Packet[](1);
        packets[0] = packet;
    }

    function two(Packet memory a, Packet memory b) internal pure returns (Packet[] memory packets) {
        packets = new Packet[](2);
        (packets[0], packets[1]) = (a, b);
    }

    function recv(Chain storage chain, Packet memory packet) internal {
        vm.prank(relayer);
        chain.router.recvPackets(one(packet), 1, proof);
    }

    function ack(Chain storage chain, Packet memory packet, bytes memory acknowledgement) internal {
        bytes[] memory acknowledgements = new bytes[](1);
        acknowledgements[0] = acknowledgement;
        vm.prank(relayer);
        chain.router.ackPackets(one(packet), acknowledgements, 1, proof);
    }

    function timeout(Chain storage chain, Packet memory packet) internal {
        vm.prank(relayer);
        chain.router.timeoutPackets(one(packet), 1, proof);
    }

    /// The packet of the last `SendPacket` since the logs were last taken.
    function lastPacket() internal returns (Packet memory packet) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = logs.length; i > 0; --i) {
            if (logs[i - 1].topics[0] == IRouter.SendPacket.selector) return abi.decode(logs[i - 1].data, (Packet));
        }
        revert("no packet was sent");
    }

    /// The acknowledgement of the last `WriteAcknowledgement` since the logs were last taken.
    function lastAcknowledgement() internal returns (bytes memory acknowledgement) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = logs.length; i > 0; --i) {
            if (logs[i - 1].topics[0] != IRouter.WriteAcknowledgement.selector) continue;
            (acknowledgement,) = abi.decode(logs[i - 1].data, (bytes, address));
            return acknowledgement;
        }
        revert("no acknowledgement was written");
    }

    function received() internal pure returns (bytes memory) {
        return abi.encode(uint8(1), bytes32(0));
    }

    function refused(uint8 code, string memory name) internal pure returns (bytes memory) {
        return abi.encode(code, sha256(bytes(name)));
    }

    function receiptSlot(Packet memory packet) internal pure returns (bytes32) {
        return sha256(CommitmentPath.packetReceipt(packet.destClient, packet.sequence));
    }

    function commitmentSlot(Packet memory packet) internal pure returns (bytes32) {
        return sha256(CommitmentPath.commitment(packet.sourceClient, packet.sequence));
    }

    function acknowledgementSlot(Packet memory packet) internal pure returns (bytes32) {
        return sha256(CommitmentPath.acknowledgement(packet.destClient, packet.sequence));
    }
}
