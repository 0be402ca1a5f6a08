// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Absence, Status, UpdateResult} from "../../../src/interfaces/ILightClient.sol";
import {ITendermintLightClient} from "../../../src/interfaces/ITendermintLightClient.sol";
import {TendermintLightClient} from "../../../src/light-clients/tendermint/TendermintLightClient.sol";
import {Commitments, StoreTree, TendermintConsensusState, TendermintParameters, TreeHash} from "../../../src/types/TendermintParameters.sol";
import {TendermintLightClientHarness} from "../../harness/TendermintLightClientHarness.sol";
import {TendermintVectorClient} from "../../vectors/TendermintVectorClient.sol";

/// What the vectors leave open: parameters, status, and messages that nobody wrote on purpose.
contract TendermintLightClientTest is TendermintVectorClient {
    string constant ROOT = "../../../light-clients/tendermint/vectors";

    TendermintParameters good;
    TendermintConsensusState initial = TendermintConsensusState("root", 1_750_000_000_500_000_000, "set");

    function setUp() public {
        good = TendermintParameters(
            "chain-1", 1, 3, 14 days, 10, 5, "1234567812345678", TreeHash.Sha256, StoreTree.Iavl, Commitments.EvmStore, "evm", address(0xb0b)
        );
        vm.warp(1_750_000_010);
    }

    function make(TendermintParameters memory settings) external returns (TendermintLightClient) {
        return new TendermintLightClient(settings, 7, initial);
    }

    function refuse(TendermintParameters memory settings, uint256 field) private {
        vm.expectRevert(abi.encodeWithSelector(ITendermintLightClient.ClientStateMalformed.selector, field));
        this.make(settings);
    }

    function test_parameters_are_kept_as_given() public {
        TendermintLightClient client = this.make(good);
        assertEq(keccak256(abi.encode(client.parameters())), keccak256(abi.encode(good)), "parameters");
        assertEq(client.heightAt(0), 7, "first height");
        assertEq(client.consensusStateHash(7), sha256(abi.encodePacked(initial.root, initial.time, initial.nextSetHash)), "first state");
        assertTrue(client.absence() == Absence.State, "absence");
        (uint8 kind, uint16 k, uint16 n) = client.assurance();
        assertTrue(kind == 0 && k == 0 && n == 0, "proven");
        assertTrue(address(client.signatures()).code.length > 0, "signatures");
    }

    function test_parameters_out_of_range_are_refused() public {
        TendermintParameters memory settings = good;
        settings.chainId = "";
        refuse(settings, 0);
        settings.chainId = new bytes(51);
        refuse(settings, 0);
        settings.chainId = new bytes(50);
        this.make(settings);
        uint8[2][5] memory levels = [[0, 1], [0, 0], [4, 3], [1, 4], [84, 255]];
        for (uint256 i = 0; i < levels.length; i++) {
            (settings.trustNumerator, settings.trustDenominator) = (levels[i][0], levels[i][1]);
            refuse(settings, 1);
        }
        (settings.trustNumerator, settings.trustDenominator) = (85, 255);
        settings.keyTypes = 0;
        refuse(settings, 5);
        settings.keyTypes = 8;
        refuse(settings, 5);
        settings.keyTypes = 7;
        settings.userId = "";
        refuse(settings, 6);
        settings.userId = new bytes(65);
        refuse(settings, 6);
        settings.userId = new bytes(64);
        settings.store = "";
        refuse(settings, 10);
        settings.store = new bytes(65);
        refuse(settings, 10);
        settings.store = new bytes(64);
        this.make(settings);
        settings.commitments = Commitments.IbcStore;
        refuse(settings, 11);
        settings.router = address(0);
        this.make(settings);
    }

    function test_a_client_expires_at_the_end_of_its_period_to_the_nanosecond() public {
        TendermintLightClientHarness client = new TendermintLightClientHarness(good, 7, initial);
        vm.warp(1_750_000_000 + 14 days);
        (Status status, uint64 height, uint64 time) = client.status();
        assertTrue(status == Status.Active && height == 7 && time == 1_750_000_000, "half a second is left");
        vm.warp(1_750_000_001 + 14 days);
        (status,,) = client.status();
        assertTrue(status == Status.Expired, "expired");
        client.freeze();
        (status,,) = client.status();
        assertTrue(status == Status.Frozen, "frozen");
    }

    function test_every_prefix_and_every_flipped_bit_of_an_update_is_refused() public {
        refuseChanges("/update/voted-4v/accept.json");
        refuseChanges("/update/voted-4v-secp256k1/accept.json");
    }

    function refuseChanges(string memory name) private {
        string memory json = vm.readFile(string.concat(ROOT, name));
        vm.warp(vm.parseJsonUint(json, ".now"));
        TendermintLightClientHarness client = clientOf(json);
        bytes memory data = vm.parseJsonBytes(json, ".input");
        for (uint256 length = 0; length < data.length; length++) {
            bytes memory cut = bytes.concat(data);
            assembly ("memory-safe") {
                mstore(cut, length)
            }
            refuseUpdate(client, cut);
            assembly ("memory-safe") {
                mstore(0x40, cut)
            }
        }
        for (uint256 bit = 0; bit < data.length * 8; bit++) {
            data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            refuseUpdate(client, data);
            data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        }
        assertTrue(client.update(data) == UpdateResult.Update, "as it was");
    }

    function refuseUpdate(TendermintLightClientHarness client, bytes memory data) private {
        try client.update(data) returns (UpdateResult) {
            revert("accepted");
        } catch (bytes memory reason) {
            assertTrue(reason.length >= 4 && bytes4(reason) != 0x4e487b71, "a rule, no panic");
        }
    }

    function testFuzz_no_bytes_panic(bytes calldata data) public {
        string memory json = vm.readFile(string.concat(ROOT, "/update/voted-4v/accept.json"));
        vm.warp(vm.parseJsonUint(json, ".now"));
        TendermintLightClientHarness client = clientOf(json);
        bytes memory front = vm.parseJsonBytes(json, ".input");
        assembly ("memory-safe") {
            mstore(front, 72)
        }
        refuseUpdate(client, data);
        refuseUpdate(client, bytes.concat(front, hex"0000", data));
        try client.misbehaviour(data) returns (UpdateResult) {
            revert("accepted");
        } catch (bytes memory reason) {
            assertTrue(reason.length >= 4 && bytes4(reason) != 0x4e487b71, "a rule, no panic");
        }
    }
}
