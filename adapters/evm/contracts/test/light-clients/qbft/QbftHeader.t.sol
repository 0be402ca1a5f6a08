// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IQbftLightClient} from "../../../src/interfaces/IQbftLightClient.sol";
import {QbftHeader} from "../../../src/light-clients/qbft/QbftHeader.sol";
import {Rlp} from "../../Rlp.sol";
import {QbftHarness} from "../../harness/QbftHarness.sol";
import {HeaderBuilder} from "./HeaderBuilder.sol";

/// Headers, seals and set changes, by headers built field by field with keys of their own. Recorded headers are in `test/vectors`.
contract QbftHeaderTest is HeaderBuilder {
    uint64 constant NUMBER = 1_000;
    uint64 constant TIME = 1_750_000_000;
    bytes32 constant ROOT = bytes32("state root");

    QbftHarness harness = new QbftHarness();

    function parts(uint256 members) internal pure returns (HeaderParts memory) {
        return partsOf(NUMBER, TIME, ROOT, setOf(0, members));
    }

    function verify(bytes memory header_, uint256 members) internal view returns (QbftHarness.Verified memory) {
        return harness.verifyHeader(0, 0, TIME, TIME, setOf(0, members), header_);
    }

    function refuse(bytes memory header_, bytes4 rule) internal {
        refuseAs(0, header_, rule);
    }

    function refuseAs(uint8 kind, bytes memory header_, bytes4 rule) internal {
        vm.expectPartialRevert(rule);
        harness.verifyHeader(kind, 0, TIME, TIME, setOf(0, 4), header_);
    }

    // Fields and hashes.

    function test_a_sealed_header_says_what_it_says() public view {
        HeaderParts memory p = parts(4);
        QbftHarness.Verified memory found = verify(sealedBy(p, 0, 3), 4);
        assertEq(found.number, NUMBER, "number");
        assertEq(found.time, TIME, "time");
        assertEq(found.stateRoot, ROOT, "state root");
        assertEq(found.setHash, sha256(setOf(0, 4)), "set hash");
        assertEq(found.blockHash, hashOf(p), "block hash");
        assertEq(found.commitDigest, digestOf(p), "digest");
    }

    /// The hashes are those of a header encoded anew by the tests' own encoder: any set, round, vote, kind and later fields.
    function testFuzz_hash_and_digest(uint8 members, uint32 round, uint8 vote, bool ibft2, bytes calldata trailing, uint64 number) public view {
        HeaderParts memory p = partsOf(number, TIME, ROOT, setOf(0, 1 + members % 20));
        p.round = Rlp.encode(round);
        if (ibft2) (p.ibft2, p.vote, p.round) = (true, hex"80", Rlp.encode(abi.encodePacked(round)));
        if (vote % 3 == 1) p.vote = Rlp.list(bytes.concat(Rlp.encode(address(1)), hex"81ff"));
        if (vote % 3 == 2) p.vote = Rlp.list(bytes.concat(Rlp.encode(address(1)), ibft2 ? bytes(hex"00") : bytes(hex"80")));
        for (uint256 i = 0; i < vote % 7; i++) p.trailing = bytes.concat(p.trailing, Rlp.encode(trailing));
        uint8 kind = ibft2 ? 1 : 0;
        bytes memory sealedHeader = sealedBy(p, 0, (1 + members % 20) / 2);
        assertEq(harness.blockHash(sealedHeader, kind), hashOf(p), "block hash");
        assertEq(harness.commitDigest(sealedHeader, kind), digestOf(p), "digest");
    }

    function test_constants() public {
        HeaderParts memory p = parts(4);
        p.ommers = Rlp.encode(bytes32("ommers"));
        refuse(sealedBy(p, 0, 3), IQbftLightClient.OmmersNotEmpty.selector);
        p = parts(4);
        p.difficulty = Rlp.encode(uint256(2));
        refuse(sealedBy(p, 0, 3), IQbftLightClient.DifficultyNotOne.selector);
        p = parts(4);
        p.mixHash = Rlp.encode(bytes32("mix"));
        refuse(sealedBy(p, 0, 3), IQbftLightClient.MixHashMismatch.selector);
        p = parts(4);
        p.nonce = hex"880000000000000001";
        refuse(sealedBy(p, 0, 3), IQbftLightClient.NonceNotZero.selector);
    }

    function test_fields_of_another_form() public {
        bytes4 rule = IQbftLightClient.HeaderMalformed.selector;
        HeaderParts memory p = parts(4);
        p.stateRoot = Rlp.encode(abi.encodePacked(bytes31("short")));
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.number = hex"820001";
        refuse(sealedBy(p, 0, 3), rule);
        p.number = hex"89010000000000000000";
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.time = hex"c0";
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        // The right bytes behind the head of another length.
        p.mixHash[0] = 0x9f;
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.nonce = hex"8700000000000000";
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.nonce = "";
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.trailing = hex"c0";
        refuse(sealedBy(p, 0, 3), rule);
        p.trailing = hex"8101";
        refuse(sealedBy(p, 0, 3), rule);
        refuse("", rule);
        refuse(hex"80", rule);
        // Too short for the fields of fixed width: refused before one of them is read.
        vm.expectRevert(abi.encodeWithSelector(rule, 0, 445, 1));
        harness.verifyHeader(0, 0, TIME, TIME, setOf(0, 4), hex"c101");
    }

    function test_up_to_32_fields_and_32_kilobytes() public {
        HeaderParts memory p = parts(4);
        for (uint256 field = 15; field < QbftHeader.MAX_HEADER_FIELDS; field++) p.trailing = bytes.concat(p.trailing, hex"05");
        verify(sealedBy(p, 0, 3), 4);
        p.trailing = bytes.concat(p.trailing, hex"05");
        refuse(sealedBy(p, 0, 3), IQbftLightClient.HeaderMalformed.selector);
        p.trailing = "";
        uint256 rest = QbftHeader.MAX_HEADER_BYTES - sealedBy(p, 0, 3).length;
        p.trailing = Rlp.encode(new bytes(rest - 3));
        assertEq(sealedBy(p, 0, 3).length, QbftHeader.MAX_HEADER_BYTES, "the longest");
        verify(sealedBy(p, 0, 3), 4);
        p.trailing = Rlp.encode(new bytes(rest - 2));
        refuse(sealedBy(p, 0, 3), IQbftLightClient.HeaderTooLarge.selector);
    }

    function test_extra_data_of_another_form() public {
        bytes4 rule = IQbftLightClient.ExtraDataMalformed.selector;
        HeaderParts memory p = parts(4);
        p.vanity = Rlp.encode(abi.encodePacked(bytes31("vanity")));
        refuse(sealedBy(p, 0, 3), rule);
        // As long as the vanity has to be, and two items.
        p.vanity = bytes.concat(hex"9f", bytes31("vanity"), hex"01");
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.vote = hex"80";
        refuse(sealedBy(p, 0, 3), rule);
        p.vote = Rlp.list(bytes.concat(Rlp.encode(address(1)), hex"00"));
        refuse(sealedBy(p, 0, 3), rule);
        p.vote = Rlp.list(bytes.concat(Rlp.encode(address(1)), hex"81fe"));
        refuse(sealedBy(p, 0, 3), rule);
        p.vote = Rlp.list(bytes.concat(hex"93", bytes20(address(1)), hex"81ff"));
        refuse(sealedBy(p, 0, 3), rule);
        p.vote = Rlp.list(Rlp.encode(address(1)));
        refuse(sealedBy(p, 0, 3), rule);
        p.vote = Rlp.list(bytes.concat(Rlp.encode(address(1)), hex"80", hex"80"));
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.round = hex"00";
        refuse(sealedBy(p, 0, 3), rule);
        p.round = hex"850100000000";
        refuse(sealedBy(p, 0, 3), rule);
        p.round = hex"c0";
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.afterSeals = hex"80";
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.afterExtra = hex"80";
        refuse(sealedBy(p, 0, 3), rule);
        p = parts(4);
        p.validators = Rlp.list(bytes.concat(listOf(setOf(0, 3)), Rlp.encode(abi.encodePacked(bytes19("short")))));
        refuse(sealedBy(p, 0, 3), rule);
        p.validators = Rlp.list(bytes.concat(listOf(setOf(0, 3)), hex"80", new bytes(20)));
        refuse(sealedBy(p, 0, 3), rule);
        // A fifth address of which there is only the head.
        p.validators = Rlp.list(bytes.concat(listOf(setOf(0, 4)), hex"94"));
        refuse(sealedBy(p, 0, 3), rule);
    }

    function test_the_two_kinds_are_not_read_as_each_other() public {
        HeaderParts memory p = asIbft2(parts(4));
        bytes memory sealedHeader = sealedBy(p, 0, 3);
        harness.verifyHeader(1, 0, TIME, TIME, setOf(0, 4), sealedHeader);
        refuse(sealedHeader, IQbftLightClient.ExtraDataMalformed.selector);
        refuseAs(1, sealedBy(parts(4), 0, 3), IQbftLightClient.ExtraDataMalformed.selector);
        p.vote = Rlp.list(bytes.concat(Rlp.encode(address(1)), hex"80"));
        refuseAs(1, sealedBy(p, 0, 3), IQbftLightClient.ExtraDataMalformed.selector);
        p.vote = Rlp.list(bytes.concat(Rlp.encode(address(1)), hex"00"));
        harness.verifyHeader(1, 0, TIME, TIME, setOf(0, 4), sealedBy(p, 0, 3));
        p.round = hex"83000000";
        refuseAs(1, sealedBy(p, 0, 3), IQbftLightClient.ExtraDataMalformed.selector);
        // As many bytes as the round has, and two items.
        p.round = hex"8300000000";
        refuseAs(1, sealedBy(p, 0, 3), IQbftLightClient.ExtraDataMalformed.selector);
    }

    // Sets.

    function test_sets_of_another_form() public {
        HeaderParts memory p = parts(4);
        p.validators = hex"c0";
        refuse(sealedBy(p, 0, 3), IQbftLightClient.ValidatorSetEmpty.selector);
        refuse(sealedBy(p, 0, 0), IQbftLightClient.ValidatorSetEmpty.selector);
        p.validators = Rlp.list(listOf(bytes.concat(setOf(0, 3), setOf(0, 1))));
        refuse(sealedBy(p, 0, 3), IQbftLightClient.ValidatorRepeated.selector);
        bytes memory many;
        for (uint160 i = 1; i <= 257; i++) many = bytes.concat(many, Rlp.encode(address(i)));
        p.validators = Rlp.list(many);
        refuse(sealedBy(p, 0, 3), IQbftLightClient.TooManyValidators.selector);
    }

    function test_the_largest_set_is_verified() public {
        bytes memory set = setOf(0, 256);
        HeaderParts memory p = partsOf(NUMBER, TIME, ROOT, set);
        bytes memory sealedHeader = sealedBy(p, 0, 171);
        assertTrue(sealedHeader.length < QbftHeader.MAX_HEADER_BYTES, "size");
        harness.verifyHeader(0, 0, TIME, TIME, set, sealedHeader);
        sealedHeader = sealedBy(p, 0, 170);
        vm.expectRevert(abi.encodeWithSelector(IQbftLightClient.TooFewSeals.selector, 171, 170));
        harness.verifyHeader(0, 0, TIME, TIME, set, sealedHeader);
    }

    // Seals.

    /// Two thirds by multiplication, at the totals where thresholds part.
    function test_quorums() public {
        uint8[10] memory quorum = [0, 1, 2, 2, 3, 4, 4, 5, 6, 6];
        for (uint256 members = 1; members <= 9; members++) {
            bytes memory set = setOf(0, members);
            HeaderParts memory p = parts(members);
            harness.verifyHeader(0, 0, TIME, TIME, set, sealedBy(p, 0, members));
            harness.verifyHeader(0, 0, TIME, TIME, set, sealedBy(p, members - quorum[members], members));
            bytes memory short = sealedBy(p, 0, quorum[members] - 1);
            vm.expectRevert(abi.encodeWithSelector(IQbftLightClient.TooFewSeals.selector, quorum[members], quorum[members] - 1));
            harness.verifyHeader(0, 0, TIME, TIME, set, short);
        }
    }

    /// Four good seals and one more, in every place: the surplus one is looked at too.
    function test_every_seal_counts_against_the_header() public {
        HeaderParts memory p = parts(4);
        bytes32 digest = digestOf(p);
        bytes memory good = sealBy(keyOf(0), digest);
        bytes[9] memory bad = [
            sealBy(keyOf(9), digest),
            good,
            sealBy(keyOf(3), keccak256("another digest")),
            malleated(sealBy(keyOf(3), digest)),
            withV(sealBy(keyOf(3), digest), 27),
            withV(sealBy(keyOf(3), digest), 2),
            bytes.concat(bytes32(0), bytes32(uint256(1)), hex"00"),
            bytes.concat(bytes32(uint256(1)), bytes32(0), hex"00"),
            bytes.concat(good, hex"00")
        ];
        bytes4[9] memory rules = [
            IQbftLightClient.SignerUnknown.selector,
            IQbftLightClient.SignerRepeated.selector,
            IQbftLightClient.SignerUnknown.selector,
            IQbftLightClient.SealHighS.selector,
            IQbftLightClient.SealMalformed.selector,
            IQbftLightClient.SealMalformed.selector,
            IQbftLightClient.SealMalformed.selector,
            IQbftLightClient.SealMalformed.selector,
            IQbftLightClient.SealMalformed.selector
        ];
        for (uint256 i = 0; i < bad.length; i++) {
            for (uint256 place = 1; place <= 3; place++) {
                bytes memory items;
                for (uint256 k = 0; k < 4; k++) {
                    if (k == place) items = bytes.concat(items, Rlp.encode(bad[i]));
                    if (k < 3) items = bytes.concat(items, Rlp.encode(sealBy(keyOf(k), digest)));
                }
                refuse(withSeals(p, items), rules[i]);
            }
        }
        refuse(withSeals(p, bytes.concat(Rlp.encode(good), hex"c0")), IQbftLightClient.ExtraDataMalformed.selector);
    }

    function test_scalars_outside_the_group_are_refused() public {
        HeaderParts memory p = parts(4);
        bytes32 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        bytes32 one = bytes32(uint256(1));
        refuse(withSeals(p, Rlp.encode(bytes.concat(order, one, hex"00"))), IQbftLightClient.SealMalformed.selector);
        refuse(withSeals(p, Rlp.encode(bytes.concat(one, order, hex"00"))), IQbftLightClient.SealMalformed.selector);
        bytes32 half = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
        refuse(withSeals(p, Rlp.encode(bytes.concat(one, half, hex"00"))), IQbftLightClient.SignerUnknown.selector);
        refuse(withSeals(p, Rlp.encode(bytes.concat(one, bytes32(uint256(half) + 1), hex"00"))), IQbftLightClient.SealHighS.selector);
        // Refused for its v, before the precompile is asked about it.
        bytes memory wrong = withSeals(p, Rlp.encode(withV(sealBy(keyOf(0), digestOf(p)), 2)));
        vm.expectRevert(abi.encodeWithSelector(IQbftLightClient.SealMalformed.selector, 0, 1, 2));
        harness.verifyHeader(0, 0, TIME, TIME, setOf(0, 4), wrong);
        // 5 is no point's x: 5^3 + 7 is not a square.
        refuse(withSeals(p, Rlp.encode(bytes.concat(bytes32(uint256(5)), one, hex"00"))), IQbftLightClient.SealMalformed.selector);
    }

    /// Seals bind every field: whatever bit of an accepted header is flipped, it is refused.
    function test_any_flipped_bit_is_refused() public {
        bytes memory sealedHeader = sealedBy(parts(4), 0, 3);
        bytes memory set = setOf(0, 4);
        for (uint256 bit = 0; bit < sealedHeader.length * 8; bit++) {
            sealedHeader[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            try harness.verifyHeader(0, 0, type(uint64).max, 0, set, sealedHeader) {
                revert(string.concat("accepted with bit ", vm.toString(bit), " flipped"));
            } catch {}
            sealedHeader[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        }
        harness.verifyHeader(0, 0, TIME, TIME, set, sealedHeader);
    }

    function testFuzz_no_bytes_are_taken_for_a_header(bytes calldata data) public view {
        try harness.verifyHeader(0, 0, type(uint64).max, 0, setOf(0, 1), data) {
            revert("accepted");
        } catch (bytes memory reason) {
            bytes4 rule = bytes4(reason);
            assertTrue(rule == IQbftLightClient.HeaderMalformed.selector, "rule");
        }
    }

    function malleated(bytes memory signature) internal pure returns (bytes memory) {
        bytes32 r;
        uint256 s;
        assembly {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        return bytes.concat(r, bytes32(order - s), bytes1(uint8(signature[64]) ^ 1));
    }

    function withV(bytes memory signature, uint8 v) internal pure returns (bytes memory changed) {
        changed = bytes.concat(signature);
        changed[64] = bytes1(v);
    }
}
