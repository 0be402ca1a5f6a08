// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IReceiptBridge} from "../../src/interfaces/IReceiptBridge.sol";
import {IReceiptLedger} from "../../src/interfaces/IReceiptLedger.sol";
import {IRouter} from "../../src/interfaces/IRouter.sol";
import {PacketCommitment} from "../../src/libraries/PacketCommitment.sol";
import {ReceiptBridge} from "../../src/receipts/ReceiptBridge.sol";
import {Packet, Payload} from "../../src/types/Packet.sol";
import {Account, Content, Location, Refusal} from "../../src/types/Receipt.sol";
import {TwoChains} from "../TwoChains.sol";
import {MockLightClient} from "../mocks/MockLightClient.sol";

/// What the bridge refuses, and what it holds. Arrivals that no honest chain would send are handed to it as its Router would.
contract ReceiptBridgeTest is TwoChains {
    bytes32 private uid;

    function setUp() public override {
        super.setUp();
        uid = issue("seed", alice);
    }

    /// As if the Router had received this packet.
    function _arrive(Chain storage chain, Packet memory packet) private returns (bytes memory) {
        vm.prank(address(chain.router));
        return chain.bridge.onRecvPacket(packet, relayer);
    }

    function _assertRefused(Chain storage chain, Packet memory packet, uint8 code, string memory rule) private {
        assertEq(_arrive(chain, packet), refused(code, rule), rule);
    }

    function _acknowledge(Packet memory packet, bytes memory acknowledgement) private {
        vm.prank(address(home.router));
        home.bridge.onAcknowledge(packet, acknowledgement, relayer);
    }

    function _timeOut(Packet memory packet) private {
        vm.prank(address(home.router));
        home.bridge.onTimeout(packet, relayer);
    }

    /// The packet with one word of its value replaced; words are counted from the body's first.
    function _withWord(Packet memory packet, uint256 index, uint256 word) private pure returns (Packet memory bent) {
        bent = abi.decode(abi.encode(packet), (Packet));
        bytes memory value = bent.payloads[0].value;
        assembly {
            mstore(add(add(value, 128), mul(32, index)), word)
        }
    }

    function _word(Packet memory packet, uint256 index) private pure returns (uint256 word) {
        bytes memory value = packet.payloads[0].value;
        assembly {
            word := mload(add(add(value, 128), mul(32, index)))
        }
    }

    /// A second lane of the home chain to the far one.
    function _secondLane() private returns (MockLightClient client) {
        client = new MockLightClient();
        client.setCounterparty(IRouter(address(far.router)));
        addClient(home, "qbft-1", client, "qbft-8");
        govern(home, address(home.bridge), abi.encodeCall(home.bridge.allowLane, ("qbft-1", far.ref)));
    }

    // ---- departures ----

    function test_the_payload_is_the_protocols() public {
        Packet memory packet = lock(uid, alice, bob);
        Payload memory payload = packet.payloads[0];
        assertEq(bytes(payload.sourcePort), "receipt", "source port");
        assertEq(bytes(payload.destPort), "receipt", "destination port");
        assertEq(bytes(payload.version), "wr-1", "version");
        assertEq(bytes(payload.encoding), "application/x-solidity-abi", "encoding");
        Content memory content = contentOf(home.ref, uid);
        bytes memory body = bytes.concat(
            abi.encode(content.lineage, uint64(1), uint64(0), QUANTITY, content.facts, account(bob), account(bob)), abi.encode(25 * 32, 0)
        );
        assertEq(payload.value, abi.encode(uint8(1), body), "value");
    }

    function test_refuses_to_lock_what_another_holds() public {
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.HolderMismatch.selector, alice, bob));
        vm.prank(bob);
        home.bridge.lock(home.clientId, contentOf(home.ref, uid), account(bob), account(bob), TIMEOUT);
    }

    function test_refuses_to_lock_with_content_that_is_not_the_receipts() public {
        Content memory content = contentOf(home.ref, uid);
        content.facts.docRoot = "another document";
        vm.expectPartialRevert(IReceiptLedger.ContentMismatch.selector);
        vm.prank(alice);
        home.bridge.lock(home.clientId, content, account(bob), account(bob), TIMEOUT);
        content = contentOf(home.ref, uid);
        content.lineage.rootUid = "another root";
        vm.expectPartialRevert(IReceiptLedger.ContentMismatch.selector);
        vm.prank(alice);
        home.bridge.lock(home.clientId, content, account(bob), account(bob), TIMEOUT);
    }

    function test_refuses_to_lock_what_is_not_of_this_chain() public {
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.ContentForeign.selector, home.ref, far.ref));
        vm.prank(alice);
        home.bridge.lock(home.clientId, contentOf(far.ref, uid), account(bob), account(bob), TIMEOUT);
    }

    function test_refuses_to_lock_through_a_client_that_is_no_lane() public {
        addClient(home, "qbft-1", home.client, "qbft-8");
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.LaneUnknown.selector, "qbft-1"));
        vm.prank(alice);
        home.bridge.lock("qbft-1", contentOf(home.ref, uid), account(bob), account(bob), TIMEOUT);
    }

    function test_refuses_to_lock_when_the_storage_has_ended() public {
        uint64 until = START + 365 days;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.StorageEnded.selector, until, until));
        vm.prank(alice);
        home.bridge.lock(home.clientId, contentOf(home.ref, uid), account(bob), account(bob), until + 1 hours);
    }

    function test_refuses_destination_accounts_that_are_none() public {
        Account[5] memory bad = [Account(0, bytes32(bytes20(bob))), Account(7, bytes32(bytes20(bob))), Account(1, 0), Account(1, bytes32(uint256(1))), Account(4, bytes32(~uint256(0)))];
        Refusal[5] memory why = [Refusal.AccountKind, Refusal.AccountKind, Refusal.AccountEmpty, Refusal.AccountTail, Refusal.AccountTail];
        for (uint256 i = 0; i < bad.length; ++i) {
            bytes memory reason = abi.encodeWithSelector(IReceiptBridge.AccountInvalid.selector, why[i], bad[i].kind, bad[i].id);
            vm.expectRevert(reason);
            vm.prank(alice);
            home.bridge.lock(home.clientId, contentOf(home.ref, uid), bad[i], account(bob), TIMEOUT);
            vm.expectRevert(reason);
            vm.prank(alice);
            home.bridge.lock(home.clientId, contentOf(home.ref, uid), account(bob), bad[i], TIMEOUT);
        }
    }

    function test_a_lock_that_the_router_refuses_changes_nothing() public {
        vm.expectPartialRevert(IRouter.TimeoutPassed.selector);
        vm.prank(alice);
        home.bridge.lock(home.clientId, contentOf(home.ref, uid), account(bob), account(bob), START);
        assertLocation(home, uid, Location.Active, "still live");
        assertEq(home.bridge.escrow(uid, home.clientId), 0, "no escrow");
    }

    function test_refuses_a_crossing_by_the_holder_without_the_beneficiarys_assent() public {
        vm.prank(warehouse);
        bytes32 apart = home.ledger.issue("apart", facts(), QUANTITY, alice, bob);
        bytes32 crossing = home.bridge.crossingDigest(apart, 1, home.clientId, account(alice), account(bob));
        Content memory content = contentOf(home.ref, apart);
        bytes memory reason = abi.encodeWithSelector(IReceiptBridge.AssentMissing.selector, alice, crossing);
        vm.expectRevert(reason);
        vm.prank(bob);
        home.bridge.lock(home.clientId, content, account(alice), account(bob), TIMEOUT);
        // An assent by somebody else, or to another crossing, is none.
        vm.prank(bob);
        home.bridge.assent(crossing);
        vm.prank(alice);
        home.bridge.assent("another crossing");
        vm.expectRevert(reason);
        vm.prank(bob);
        home.bridge.lock(home.clientId, content, account(alice), account(bob), TIMEOUT);
        vm.prank(alice);
        home.bridge.assent(crossing);
        vm.prank(bob);
        home.bridge.lock(home.clientId, content, account(alice), account(bob), TIMEOUT);
        Packet memory packet = lastPacket();
        recv(far, packet);
        bytes32 key = far.ledger.keyOf(home.ref, apart);
        assertEq(far.ledger.record(key).beneficiary, alice, "title");
        assertEq(far.ledger.record(key).holder, bob, "control");
    }

    function test_an_assent_serves_one_epoch_only() public {
        vm.prank(warehouse);
        bytes32 apart = home.ledger.issue("apart", facts(), QUANTITY, alice, bob);
        bytes32 crossing = home.bridge.crossingDigest(apart, 1, home.clientId, account(alice), account(bob));
        vm.prank(alice);
        home.bridge.assent(crossing);
        vm.prank(bob);
        home.bridge.lock(home.clientId, contentOf(home.ref, apart), account(alice), account(bob), TIMEOUT);
        Packet memory packet = lastPacket();
        vm.warp(TIMEOUT);
        timeout(home, packet);
        vm.expectPartialRevert(IReceiptBridge.AssentMissing.selector);
        vm.prank(bob);
        home.bridge.lock(home.clientId, contentOf(home.ref, apart), account(alice), account(bob), TIMEOUT + 1 hours);
    }

    function test_refuses_to_return_what_is_not_live_here_or_at_home() public {
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.ContentAtHome.selector, home.ref));
        vm.prank(alice);
        home.bridge.returnReceipt(contentOf(home.ref, uid), account(bob), account(bob), TIMEOUT);
        vm.expectPartialRevert(IReceiptLedger.ReceiptUnknown.selector);
        vm.prank(alice);
        far.bridge.returnReceipt(contentOf(home.ref, uid), account(bob), account(bob), TIMEOUT);
        recv(far, lock(uid, alice, bob));
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.HolderMismatch.selector, bob, alice));
        vm.prank(alice);
        far.bridge.returnReceipt(contentOf(home.ref, uid), account(bob), account(bob), TIMEOUT);
        returnHome(uid, bob, alice);
        vm.expectPartialRevert(IReceiptLedger.LocationMismatch.selector);
        vm.prank(bob);
        far.bridge.returnReceipt(contentOf(home.ref, uid), account(bob), account(bob), TIMEOUT);
    }

    function test_a_return_needs_no_storage_term() public {
        Packet memory packet = lock(uid, alice, bob);
        recv(far, packet);
        vm.warp(START + 365 days);
        recv(home, returnHome(uid, bob, alice));
        assertLocation(home, uid, Location.Active, "home, though its term is over");
    }

    // ---- arrivals: who and whence ----

    function test_refuses_callbacks_by_anyone_but_the_router() public {
        Packet memory packet = lock(uid, alice, bob);
        bytes memory reason = abi.encodeWithSelector(IReceiptBridge.RouterMismatch.selector, address(far.router), address(this));
        vm.expectRevert(reason);
        far.bridge.onRecvPacket(packet, relayer);
        vm.expectRevert(reason);
        far.bridge.onAcknowledge(packet, received(), relayer);
        vm.expectRevert(reason);
        far.bridge.onTimeout(packet, relayer);
    }

    function test_refuses_a_mint_of_somebody_elses_home() public {
        Packet memory packet = lock(uid, alice, bob);
        // The far side of this lane says that it comes from a third chain.
        _assertRefused(far, _withWord(packet, 0, uint256(keccak256("third chain"))), 2, "home-mismatch");
        assertEq(far.ledger.balanceOf(bob), 0, "nothing minted");
    }

    function test_refuses_an_unlock_through_another_client() public {
        _secondLane();
        recv(far, lock(uid, alice, bob));
        Packet memory packet = returnHome(uid, bob, carol);
        packet.destClient = "qbft-1";
        _assertRefused(home, packet, 4, "escrow-short");
        // Also when that lane has escrow enough, of a sibling of the same root: here of the receipt itself at another time.
        recv(home, returnHomeSent(packet));
        vm.prank(carol);
        home.bridge.lock("qbft-1", contentOf(home.ref, uid), account(bob), account(bob), TIMEOUT);
        Packet memory forged = _withWord(packet, 4, 9);
        forged.destClient = home.clientId;
        _assertRefused(home, forged, 4, "escrow-short");
    }

    function returnHomeSent(Packet memory packet) private view returns (Packet memory sent) {
        sent = abi.decode(abi.encode(packet), (Packet));
        sent.destClient = home.clientId;
    }

    function test_refuses_an_unlock_of_what_never_left() public {
        recv(far, lock(uid, alice, bob));
        Packet memory packet = returnHome(uid, bob, carol);
        bytes32 other = issue("other", alice);
        Packet memory forged = _withWord(_withWord(packet, 1, uint256(other)), 2, uint256(other));
        _assertRefused(home, forged, 4, "escrow-short");
        // Nor under the escrow of another root: the ledger has another content hash for it.
        forged = _withWord(packet, 1, uint256(other));
        forged = _withWord(_withWord(forged, 3, uint256(uid)), 15, 1);
        _assertRefused(home, forged, 4, "receipt-live");
        assertEq(home.ledger.ownerOf(uint256(other)), alice, "untouched");
    }

    function test_refuses_an_unlock_of_an_unknown_receipt_under_a_roots_escrow() public {
        recv(far, lock(uid, alice, bob));
        Packet memory packet = returnHome(uid, bob, carol);
        Packet memory forged = _withWord(_withWord(_withWord(packet, 1, 77), 3, uint256(uid)), 15, 1);
        _assertRefused(home, forged, 4, "receipt-unknown");
    }

    function test_refuses_an_unlock_with_another_quantity_content_or_epoch() public {
        recv(far, lock(uid, alice, bob));
        Packet memory packet = returnHome(uid, bob, carol);
        _assertRefused(home, _withWord(packet, 6, QUANTITY + 1), 4, "escrow-short");
        _assertRefused(home, _withWord(packet, 6, QUANTITY - 1), 4, "quantity-changed");
        _assertRefused(home, _withWord(packet, 17, 5), 4, "content-changed");
        _assertRefused(home, _withWord(packet, 4, 1), 4, "epoch-stale");
        _assertRefused(home, _withWord(packet, 4, type(uint64).max), 4, "epoch-far");
        _assertRefused(home, _withWord(packet, 5, type(uint64).max), 4, "nonce-far");
        assertLocation(home, uid, Location.LockPending, "untouched");
        recv(home, packet);
        _assertRefused(home, packet, 4, "escrow-short");
        assertLocation(home, uid, Location.Active, "as honestly returned");
    }

    function test_refuses_a_replayed_crossing_of_an_earlier_epoch() public {
        Packet memory first = lock(uid, alice, bob);
        recv(far, first);
        _assertRefused(far, first, 4, "receipt-live");
        Packet memory back = returnHome(uid, bob, alice);
        _assertRefused(far, first, 4, "epoch-stale");
        recv(home, back);
        ack(far, back, received());
        _assertRefused(far, first, 4, "epoch-stale");
        assertLocation(far, uid, Location.Gone, "gone");
        assertEq(far.ledger.balanceOf(bob), 0, "nothing minted");
    }

    function test_refuses_arrivals_through_a_client_that_is_no_lane() public {
        Packet memory packet = lock(uid, alice, bob);
        packet.destClient = "qbft-99";
        _assertRefused(far, packet, 2, "lane-unknown");
    }

    function test_refuses_another_port_version_or_encoding() public {
        Packet memory packet = lock(uid, alice, bob);
        packet.payloads[0].sourcePort = "receipt-2";
        _assertRefused(far, packet, 2, "source-port");
        packet.payloads[0].sourcePort = "receipt";
        packet.payloads[0].version = "wr-2";
        _assertRefused(far, packet, 2, "version");
        packet.payloads[0].version = "wr-1";
        packet.payloads[0].encoding = "application/json";
        _assertRefused(far, packet, 2, "encoding");
    }

    // ---- arrivals: the payload's form ----

    function test_refuses_every_non_canonical_length() public {
        Packet memory packet = lock(uid, alice, bob);
        bytes memory good = packet.payloads[0].value;
        assertEq(good.length, 928, "a crossing without encumbrances");
        uint256[9] memory lengths = [uint256(0), 1, 31, 95, 96, 896, 927, 929, 960];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory bent = new bytes(lengths[i]);
            for (uint256 j = 0; j < bent.length && j < good.length; ++j) {
                bent[j] = good[j];
            }
            packet.payloads[0].value = bent;
            _assertRefused(far, packet, 2, "length");
        }
        packet.payloads[0].value = good;
        // The body's length, one too large and one too small; and a list that is longer than the bytes, and longer than allowed.
        _assertRefused(far, _withWord(packet, 0, 0) /* the home */, 2, "home-mismatch");
        packet.payloads[0].value = _replaced(good, 2, 833);
        _assertRefused(far, packet, 2, "length");
        packet.payloads[0].value = _replaced(good, 2, 800);
        _assertRefused(far, packet, 2, "length");
        packet.payloads[0].value = good;
        _assertRefused(far, _withWord(packet, 25, 1), 2, "length");
        _assertRefused(far, _withWord(packet, 25, 9), 2, "length");
        _assertRefused(far, _withWord(packet, 25, type(uint256).max), 2, "length");
    }

    function _replaced(bytes memory value, uint256 index, uint256 word) private pure returns (bytes memory bent) {
        bent = bytes.concat(value);
        assembly {
            mstore(add(add(bent, 32), mul(32, index)), word)
        }
    }

    function test_refuses_other_offsets() public {
        Packet memory packet = lock(uid, alice, bob);
        bytes memory good = packet.payloads[0].value;
        _assertRefused(far, _withWord(packet, 24, 24 * 32), 2, "offset");
        _assertRefused(far, _withWord(packet, 24, type(uint256).max), 2, "offset");
        packet.payloads[0].value = _replaced(good, 1, 32);
        _assertRefused(far, packet, 2, "offset");
    }

    function test_refuses_other_kinds() public {
        Packet memory packet = lock(uid, alice, bob);
        bytes memory good = packet.payloads[0].value;
        uint256[2] memory later = [uint256(2), 3];
        for (uint256 i = 0; i < later.length; ++i) {
            packet.payloads[0].value = _replaced(good, 0, later[i]);
            _assertRefused(far, packet, 2, "kind-unsupported");
        }
        uint256[4] memory unknown = [uint256(0), 4, 257, 1 << 255];
        for (uint256 i = 0; i < unknown.length; ++i) {
            packet.payloads[0].value = _replaced(good, 0, unknown[i]);
            _assertRefused(far, packet, 2, "kind-unknown");
        }
    }

    function test_refuses_every_dirty_padding_bit() public {
        Packet memory packet = lock(uid, alice, bob);
        // Index of each narrow word and its width in bits.
        uint8[2][12] memory narrow = [
            [4, 64],
            [5, 64],
            [6, 128],
            [10, 16],
            [11, 8],
            [12, 32],
            [13, 64],
            [14, 64],
            [15, 16],
            [16, 64],
            [9, 0],
            [9, 1]
        ];
        for (uint256 i = 0; i < narrow.length; ++i) {
            uint256 index = narrow[i][0];
            if (index == 9) {
                // `unit` is left-aligned: its first dirty bit and its last.
                _assertRefused(far, _withWord(packet, 9, _word(packet, 9) | (narrow[i][1] == 0 ? 1 : 1 << 223)), 2, "padding");
                continue;
            }
            uint256 width = narrow[i][1];
            _assertRefused(far, _withWord(packet, index, _word(packet, index) | (1 << width)), 2, "padding");
            _assertRefused(far, _withWord(packet, index, _word(packet, index) | (1 << 255)), 2, "padding");
        }
    }

    function test_refuses_accounts_that_are_not_canonical_or_not_of_this_chain() public {
        Packet memory packet = lock(uid, alice, bob);
        for (uint256 word = 20; word <= 22; word += 2) {
            _assertRefused(far, _withWord(packet, word, 0), 2, "account-kind");
            _assertRefused(far, _withWord(packet, word, 7), 2, "account-kind");
            _assertRefused(far, _withWord(packet, word, 257), 2, "account-kind");
            _assertRefused(far, _withWord(packet, word + 1, _word(packet, word + 1) | 1), 2, "account-tail");
            _assertRefused(far, _withWord(packet, word + 1, _word(packet, word + 1) | (1 << 95)), 2, "account-tail");
            _assertRefused(far, _withWord(packet, word + 1, 0), 2, "account-empty");
            _assertRefused(far, _withWord(packet, word, 2), 2, "account-foreign");
            _assertRefused(far, _withWord(packet, word, 6), 2, "account-foreign");
            _assertRefused(far, _withWord(_withWord(packet, word, 5), word + 1, 1), 2, "account-foreign");
            _assertRefused(far, _withWord(packet, word, 4), 2, "account-foreign");
        }
    }

    function test_refuses_quantity_zero_epoch_zero_and_a_broken_lineage() public {
        Packet memory packet = lock(uid, alice, bob);
        _assertRefused(far, _withWord(packet, 6, 0), 2, "quantity-zero");
        _assertRefused(far, _withWord(packet, 4, 0), 2, "epoch-zero");
        _assertRefused(far, _withWord(packet, 2, 9), 2, "lineage-inconsistent");
        _assertRefused(far, _withWord(packet, 3, 9), 2, "lineage-inconsistent");
        _assertRefused(far, _withWord(packet, 15, 1), 2, "lineage-inconsistent");
    }

    function test_refuses_a_list_of_encumbrances_for_now() public {
        Packet memory packet = lock(uid, alice, bob);
        bytes memory good = packet.payloads[0].value;
        for (uint256 n = 1; n <= 8; n += 7) {
            bytes memory longer = bytes.concat(good, new bytes(n * 17 * 32));
            longer = _replaced(longer, 2, 832 + n * 17 * 32);
            packet.payloads[0].value = _replaced(longer, 3 + 25, n);
            _assertRefused(far, packet, 2, "encumbrances-unsupported");
        }
        assertEq(far.ledger.balanceOf(bob), 0, "nothing minted");
    }

    function testFuzz_no_changed_byte_is_taken_for_the_same_receipt(uint256 place, uint8 flip) public {
        Packet memory packet = lock(uid, alice, bob);
        place %= packet.payloads[0].value.length;
        vm.assume(flip != 0);
        packet.payloads[0].value[place] ^= bytes1(flip);
        bytes memory answer = _arrive(far, packet);
        (uint8 code,) = abi.decode(answer, (uint8, bytes32));
        if (code != 1) {
            assertEq(far.ledger.balanceOf(bob), 0, "nothing minted");
            return;
        }
        // Accepted only where the changed byte belongs to a value: then it is another receipt, or another's.
        bytes32 key = far.ledger.keyOf(home.ref, uid);
        bool same = far.ledger.record(key).location == Location.Live && far.ledger.record(key).beneficiary == bob
            && far.ledger.record(key).holder == bob && far.ledger.record(key).quantity == QUANTITY && far.ledger.record(key).epoch == 1
            && far.ledger.record(key).nonce == 0 && far.ledger.record(key).contentHash == sha256(abi.encode(contentOf(home.ref, uid)));
        assertTrue(!same, "a byte without meaning was accepted");
    }

    function testFuzz_no_bytes_make_the_bridge_revert(bytes calldata value) public {
        Packet memory packet = lock(uid, alice, bob);
        packet.payloads[0].value = value;
        _arrive(far, packet);
        _timeOut(packet);
        _acknowledge(packet, value);
    }

    // ---- outcomes ----

    function test_a_return_overtakes_the_acknowledgement_of_the_lock() public {
        Packet memory out = lock(uid, alice, bob);
        recv(far, out);
        recv(home, returnHome(uid, bob, carol));
        assertLocation(home, uid, Location.Active, "home");
        ack(home, out, received());
        assertLocation(home, uid, Location.Active, "the late acknowledgement changes nothing");
        assertEq(home.ledger.ownerOf(uint256(uid)), carol, "owner");
        assertEq(home.bridge.held(home.clientId, out.sequence), bytes32(0), "nothing held");
    }

    function test_a_new_lock_overtakes_the_acknowledgement_of_the_return() public {
        recv(far, lock(uid, alice, bob));
        Packet memory back = returnHome(uid, bob, carol);
        recv(home, back);
        recv(far, lock(uid, carol, alice));
        assertLocation(far, uid, Location.Live, "minted anew");
        ack(far, back, received());
        assertLocation(far, uid, Location.Live, "the late acknowledgement changes nothing");
        assertEq(far.ledger.ownerOf(uint256(far.ledger.keyOf(home.ref, uid))), alice, "owner");
    }

    function test_every_code_but_rece_refunds() public {
        uint8[5] memory codes = [0, 2, 3, 4, 255];
        for (uint256 i = 0; i < codes.length; ++i) {
            Packet memory packet = lock(uid, alice, bob);
            _acknowledge(packet, abi.encode(codes[i], bytes32("why")));
            assertLocation(home, uid, Location.Active, "refunded");
            assertEq(home.bridge.escrow(uid, home.clientId), 0, "escrow open");
        }
    }

    function test_an_unreadable_acknowledgement_is_held_and_not_refunded() public {
        bytes[5] memory unreadable = [bytes(""), hex"01", abi.encode(uint256(256), bytes32(0)), abi.encode(uint8(1), bytes32(0), bytes32(0)), abi.encodePacked(bytes32("error"))];
        for (uint256 i = 0; i < unreadable.length; ++i) {
            bytes32 id = issue(bytes32(i), alice);
            Packet memory packet = lock(id, alice, bob);
            vm.expectEmit();
            emit IReceiptBridge.Held(home.clientId, packet.sequence, IReceiptBridge.Outcome.Unreadable, Refusal.AcknowledgementUnreadable);
            _acknowledge(packet, unreadable[i]);
            assertLocation(home, id, Location.LockPending, "neither here nor there");
            assertEq(home.bridge.escrow(id, home.clientId), QUANTITY, "escrow stays");
            vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.StillHeld.selector, Refusal.AcknowledgementUnreadable));
            home.bridge.applyHeld(packet, IReceiptBridge.Outcome.Unreadable);
            vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.NotHeld.selector, home.clientId, packet.sequence));
            home.bridge.applyHeld(packet, IReceiptBridge.Outcome.Refused);
        }
    }

    function test_a_second_refund_is_held_and_changes_nothing() public {
        Packet memory packet = lock(uid, alice, bob);
        _timeOut(packet);
        assertLocation(home, uid, Location.Active, "refunded");
        vm.expectEmit();
        emit IReceiptBridge.Held(home.clientId, packet.sequence, IReceiptBridge.Outcome.TimedOut, Refusal.EscrowShort);
        _timeOut(packet);
        assertEq(home.ledger.balanceOf(alice), 1, "one token");
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.StillHeld.selector, Refusal.EscrowShort));
        home.bridge.applyHeld(packet, IReceiptBridge.Outcome.TimedOut);
    }

    function test_a_refund_of_an_earlier_epoch_is_held() public {
        Packet memory first = lock(uid, alice, bob);
        _timeOut(first);
        lock(uid, alice, bob);
        vm.expectEmit();
        emit IReceiptBridge.Held(home.clientId, first.sequence, IReceiptBridge.Outcome.TimedOut, Refusal.EpochMismatch);
        _timeOut(first);
        assertLocation(home, uid, Location.LockPending, "the later crossing is untouched");
        assertEq(home.bridge.escrow(uid, home.clientId), QUANTITY, "and covered");
    }

    function test_a_refund_after_the_receipt_came_back_is_held() public {
        Packet memory out = lock(uid, alice, bob);
        recv(far, out);
        recv(home, returnHome(uid, bob, carol));
        _timeOut(out);
        assertTrue(home.bridge.held(home.clientId, out.sequence) != 0, "held");
        assertEq(home.ledger.ownerOf(uint256(uid)), carol, "owner as the return named it");
    }

    function test_what_is_held_can_be_applied_by_anyone_once_it_fits() public {
        Packet memory first = lock(uid, alice, bob);
        Packet memory later = _withWord(first, 4, 2);
        // An outcome of a crossing that has not begun here: held until it has.
        _timeOut(later);
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.StillHeld.selector, Refusal.EpochMismatch));
        home.bridge.applyHeld(later, IReceiptBridge.Outcome.TimedOut);
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.NotHeld.selector, home.clientId, first.sequence));
        home.bridge.applyHeld(first, IReceiptBridge.Outcome.TimedOut);
        vm.prank(address(home.router));
        home.bridge.onAcknowledge(first, abi.encode(uint8(2), bytes32(0)), relayer);
        lock(uid, alice, bob);
        vm.prank(carol);
        home.bridge.applyHeld(later, IReceiptBridge.Outcome.TimedOut);
        assertLocation(home, uid, Location.Active, "refunded");
        assertEq(home.bridge.held(home.clientId, later.sequence), bytes32(0), "no longer held");
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.NotHeld.selector, home.clientId, later.sequence));
        home.bridge.applyHeld(later, IReceiptBridge.Outcome.TimedOut);
    }

    // ---- governed, constructor, codes ----

    function _refuseGoverned(bytes memory call, bytes memory reason) private {
        uint256 id = home.governance.propose(address(home.bridge), call);
        vm.expectRevert(abi.encodeWithSignature("ActFailed(uint256,bytes)", id, reason));
        home.governance.execute(id);
    }

    function test_refuses_lanes_that_cannot_be() public {
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.GovernanceMismatch.selector, address(home.governance), address(this)));
        home.bridge.allowLane("qbft-1", far.ref);
        _refuseGoverned(abi.encodeCall(IReceiptBridge.allowLane, ("qbft-99", far.ref)), abi.encodeWithSelector(IRouter.ClientUnknown.selector, "qbft-99"));
        _refuseGoverned(
            abi.encodeCall(IReceiptBridge.allowLane, (home.clientId, far.ref)), abi.encodeWithSelector(IReceiptBridge.LaneTaken.selector, home.clientId, 1)
        );
        addClient(home, "qbft-1", home.client, "qbft-8");
        _refuseGoverned(
            abi.encodeCall(IReceiptBridge.allowLane, ("qbft-1", home.ref)), abi.encodeWithSelector(IReceiptBridge.CounterpartyRefInvalid.selector, home.ref)
        );
        _refuseGoverned(
            abi.encodeCall(IReceiptBridge.allowLane, ("qbft-1", 0)), abi.encodeWithSelector(IReceiptBridge.CounterpartyRefInvalid.selector, bytes32(0))
        );
    }

    function _deploy(string memory port, uint8 kind) private returns (ReceiptBridge) {
        return new ReceiptBridge(address(home.router), address(home.ledger), address(home.governance), port, kind);
    }

    function test_refuses_account_kinds_that_are_not_of_20_bytes_and_ports_that_are_none() public {
        uint8[5] memory bad = [0, 3, 4, 5, 7];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.AccountKindUnsupported.selector, bad[i]));
            _deploy("receipt", bad[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.PortUnsupported.selector, "a b"));
        _deploy("a b", 1);
        string memory long = "a23456789012345678901234567890123";
        vm.expectRevert(abi.encodeWithSelector(IReceiptBridge.PortUnsupported.selector, long));
        _deploy(long, 1);
        string memory longest = "a2345678901234567890123456789012";
        assertEq(bytes(_deploy(longest, 1).port()), bytes(longest), "32 bytes");
        assertEq(bytes(_deploy("receipt-2", 6).port()), "receipt-2", "fewer");
    }

    function test_codes_and_details_of_the_acknowledgement() public view {
        (uint8 code, bytes32 detail) = home.bridge.acknowledgementOf(Refusal.None);
        assertTrue(code == 1 && detail == 0, "RECE");
        bytes32 before = 0;
        for (uint8 i = 1; i <= uint8(type(Refusal).max); ++i) {
            (code, detail) = home.bridge.acknowledgementOf(Refusal(i));
            assertEq(code, i < uint8(Refusal.ReceiptUnknown) ? 2 : 4, "BENV before DISE");
            assertTrue(detail != 0 && detail != before, "each its own");
            before = detail;
        }
        (, detail) = home.bridge.acknowledgementOf(Refusal.AcknowledgementUnreadable);
        assertEq(detail, sha256("acknowledgement-unreadable"), "the last");
    }

    function test_the_bridges_worst_receive_fits_its_registered_gas() public {
        // A new holder apart from a new beneficiary: four fresh slots and a fresh balance.
        vm.prank(alice);
        home.bridge.lock(home.clientId, contentOf(home.ref, uid), account(bob), account(carol), TIMEOUT);
        Packet memory packet = lastPacket();
        vm.prank(address(far.router));
        uint256 before = gasleft();
        far.bridge.onRecvPacket(packet, relayer);
        assertGas((before - gasleft()) * 5 / 4, RECEIVE_GAS, "gas to register for the bridge's receive (measured x 1.25)");
    }

    function test_the_error_acknowledgement_is_no_code() public pure {
        assertTrue(abi.encodePacked(PacketCommitment.ERROR_ACKNOWLEDGEMENT).length == 32, "not 64 bytes");
    }
}
