// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IRouter} from "../../src/interfaces/IRouter.sol";
import {QbftLightClient} from "../../src/light-clients/qbft/QbftLightClient.sol";
import {OPCODE} from "../../src/types/HashMode.sol";
import {Packet} from "../../src/types/Packet.sol";
import {QbftConsensusState, QbftKind, QbftParameters, TrustLevel} from "../../src/types/QbftParameters.sol";
import {Rlp} from "../Rlp.sol";
import {TrieBuilder} from "../TrieBuilder.sol";
import {TwoChains} from "../TwoChains.sol";
import {HeaderBuilder} from "../light-clients/qbft/HeaderBuilder.sol";
import {GasMeter} from "./GasMeter.sol";

/// The way of twenty receipts with nothing mocked: each chain has a `QbftLightClient` of the other, the client on the far chain is updated by a
/// header of four validators with three seals and an account proof of seven nodes, and the packets' commitments, those that home's Router has
/// stored, are proven in a storage trie whose upper branches are full.
/// forge-config: default.isolate = true
contract RealClientGasTest is TwoChains, HeaderBuilder, TrieBuilder, GasMeter {
    uint256 private constant BATCH = 20;
    uint64 private constant GENESIS = 100;
    /// Full branches above each leaf: of the state, and of the Router's storage (some 65,000 slots).
    uint256 private constant ACCOUNT_BRANCHES = 6;
    uint256 private constant STORAGE_BRANCHES = 4;
    string private constant SOURCE = "qbft-1";
    string private constant DEST = "qbft-8";

    QbftLightClient private _homeClient;
    QbftLightClient private _farClient;
    bytes private _set = setOf(0, 4);
    bytes32 private _fresh;

    function setUp() public override {
        super.setUp();
        _homeClient = _clientOf(far);
        _farClient = _clientOf(home);
        _join(home, SOURCE, address(_homeClient), DEST, far.ref);
        _join(far, DEST, address(_farClient), SOURCE, home.ref);
        _fresh = issue("fresh", alice);
        // One that stays: a balance that falls to nothing would be paid back for.
        issue("another", alice);
    }

    function _clientOf(Chain storage followed) private returns (QbftLightClient) {
        address router = address(followed.router);
        QbftParameters memory parameters = QbftParameters(QbftKind.Qbft, TrustLevel.Strict, router, router.codehash, 14 days, 15);
        return new QbftLightClient(parameters, GENESIS, QbftConsensusState(bytes32("root"), START, sha256(_set)), OPCODE);
    }

    function _join(Chain storage chain, string memory id, address client, string memory counterpartyId, bytes32 counterpartyRef) private {
        govern(chain, address(chain.router), abi.encodeCall(chain.router.addClient, (id, client, counterpartyId, routerPrefix())));
        govern(chain, address(chain.bridge), abi.encodeCall(chain.bridge.allowLane, (id, counterpartyRef)));
    }

    function _lockInput(bytes32 uid, address to) private view returns (bytes memory) {
        return abi.encodeCall(home.bridge.lock, (SOURCE, contentOf(home.ref, uid), account(to), account(to), TIMEOUT));
    }

    /// Twenty receipts locked at home, for one holder (`step` 0) or for twenty.
    function _locked(string memory label, address firstHolder, uint160 step) private returns (Packet[] memory packets) {
        packets = new Packet[](BATCH);
        for (uint160 i = 0; i < BATCH; ++i) {
            bytes memory input = _lockInput(issue(keccak256(abi.encode(label, i)), alice), address(uint160(firstHolder) + step * i));
            vm.prank(alice);
            (bool success,) = address(home.bridge).call(input);
            assertTrue(success, "locked");
            packets[i] = lastPacket();
        }
    }

    /// The storage root in which home's Router holds the packets' commitments, and the shared proof of them.
    function _storage(Packet[] memory packets) private returns (bytes32 root, bytes memory nodes) {
        Entry[] memory entries = new Entry[](packets.length);
        bytes32[] memory keys = new bytes32[](packets.length);
        for (uint256 i = 0; i < packets.length; ++i) {
            bytes32 slot = commitmentSlot(packets[i]);
            keys[i] = keccak256(abi.encode(slot));
            entries[i] = Entry(keys[i], Rlp.encode(abi.encodePacked(home.router.value(slot))));
        }
        root = buildTrie(entries, STORAGE_BRANCHES);
        nodes = proveKeys(root, keys);
    }

    /// An update from the state `GENESIS + step - 1` with storage root `previous` to the next, with `storageRoot`.
    function _update(bytes32 previous, bytes32 storageRoot, uint64 step) private returns (bytes memory) {
        bytes memory leaf = Rlp.list(
            bytes.concat(
                Rlp.encode(uint256(1)), Rlp.encode(uint256(0)), Rlp.encode(storageRoot), Rlp.encode(address(home.router).codehash)
            )
        );
        Entry[] memory entries = new Entry[](1);
        bytes32[] memory keys = new bytes32[](1);
        keys[0] = keccak256(abi.encodePacked(address(home.router)));
        entries[0] = Entry(keys[0], leaf);
        bytes32 root = buildTrie(entries, ACCOUNT_BRANCHES);
        bytes memory sealedHeader = sealedBy(partsOf(GENESIS + step, START + step, root, _set), 0, 3);
        return bytes.concat(preimageOf(previous, START + step - 1, _set), hex"0000", sealedHeader, proveKeys(root, keys));
    }

    function _recvInput(Packet[] memory packets, uint64 step, bytes32 root, bytes memory nodes) private view returns (bytes memory) {
        return abi.encodeCall(IRouter.recvPackets, (packets, GENESIS + step, bytes.concat(preimageOf(root, START + step, _set), nodes)));
    }

    function _receive(Packet[] memory packets, bytes32 previous, uint64 step) private returns (uint256 used, bytes32 root) {
        bytes memory nodes;
        (root, nodes) = _storage(packets);
        far.router.updateClient(DEST, _update(previous, root, step));
        used = executionGas(relayer, address(far.router), _recvInput(packets, step, root, nodes));
    }

    function test_gas_receive_and_mint_in_a_batch_of_20_for_one_holder() public {
        (uint256 used,) = _receive(_locked("one", bob, 0), "root", 1);
        assertGas(used / BATCH, 200_000, "receive + mint, 20 packets under one proof, real client, one holder, per packet");
        assertEq(far.ledger.balanceOf(bob), BATCH, "all minted");
    }

    function test_gas_receive_and_mint_in_a_batch_of_20_for_new_and_known_holders() public {
        address first = address(0x100000);
        (uint256 used, bytes32 root) = _receive(_locked("new", first, 1), "root", 1);
        assertGas(used / BATCH, 230_000, "receive + mint, 20 packets under one proof, real client, 20 new holders, per packet");
        (used,) = _receive(_locked("known", first, 1), root, 2);
        assertGas(used / BATCH, 200_000, "receive + mint, 20 packets under one proof, real client, 20 known holders, per packet");
        assertEq(far.ledger.balanceOf(first), 2, "minted twice to each");
    }

    function test_gas_update_and_receive_in_one_batch() public {
        Packet[] memory packets = _locked("batch", address(0x100000), 1);
        (bytes32 root, bytes memory nodes) = _storage(packets);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(IRouter.updateClient, (DEST, _update("root", root, 1)));
        calls[1] = _recvInput(packets, 1, root, nodes);
        bytes memory input = abi.encodeCall(IRouter.batch, (calls));
        uint256 used = executionGas(relayer, address(far.router), input);
        emit log_named_uint("bytes of calldata", input.length);
        emit log_named_uint("its gas, per packet", calldataGas(input) / BATCH);
        assertGas(used / BATCH, 230_000, "client update + receive + mint in one batch, 20 new holders, per packet");
        assertEq(far.ledger.balanceOf(address(0x100000)), 1, "minted");
    }

    function test_gas_lock() public {
        assertGas(executionGas(alice, address(home.bridge), _lockInput(_fresh, bob)), 150_000, "lock, real client");
    }
}
