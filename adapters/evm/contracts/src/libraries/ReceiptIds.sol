// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Content, Facts, Lineage} from "../types/Receipt.sol";
import {Sha256} from "./Sha256.sol";

/// Identifiers of receipts: SHA-256 over fixed-width parts behind a tag of 32 bytes, so that no two preimages of different kinds or parts are
/// alike. Each is computed once where the thing is born and is opaque ever after. Source: protocol `wr-1`, Identifiers.
library ReceiptIds {
    bytes32 private constant ISSUE_TAG = "lighterman/uid/issue/1";
    bytes32 private constant FOREIGN_TAG = "lighterman/foreign/1";
    uint256 private constant LINEAGE_BYTES = 4 * 32;
    uint256 private constant FACTS_BYTES = 13 * 32;
    uint256 private constant CONTENT_BYTES = 17 * 32;

    /// @param homeRef chainRef of the chain where it is issued.
    /// @param ledger The issuing ledger.
    /// @param custodianId The warehouse.
    /// @param seed Its secret name of the receipt.
    /// @return uid 160 bytes hashed.
    function issued(bytes32 homeRef, address ledger, bytes32 custodianId, bytes32 seed) internal view returns (bytes32 uid) {
        return Sha256.ofMemory(abi.encode(ISSUE_TAG, homeRef, ledger, custodianId, seed));
    }

    /// @param homeRef chainRef of the receipt's home.
    /// @param uid The receipt.
    /// @return key 96 bytes hashed.
    function foreignKey(bytes32 homeRef, bytes32 uid) internal view returns (bytes32 key) {
        return Sha256.ofMemory(abi.encode(FOREIGN_TAG, homeRef, uid));
    }

    /// @param content 17 words, each member one.
    /// @return digest The record's content hash.
    function contentHash(Content memory content) internal view returns (bytes32 digest) {
        return Sha256.ofMemory(abi.encode(content));
    }

    /// The same over words in calldata, unread: a member out of its range changes the hash, so that it fits no record.
    /// @param lineage The first 4 words.
    /// @param facts The other 13.
    /// @return digest The content hash.
    function contentHash(Lineage calldata lineage, Facts calldata facts) internal view returns (bytes32 digest) {
        uint256 input;
        assembly ("memory-safe") {
            // Beyond the free memory pointer, where nothing is kept.
            input := mload(0x40)
            calldatacopy(input, lineage, LINEAGE_BYTES)
            calldatacopy(add(input, LINEAGE_BYTES), facts, FACTS_BYTES)
        }
        return Sha256.ofMemoryAt(input, CONTENT_BYTES);
    }
}
