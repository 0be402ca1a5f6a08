// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Content} from "../types/Receipt.sol";

/// Identifiers of receipts: SHA-256 over fixed-width parts behind a tag of 32 bytes, so that no two preimages of different kinds or parts are
/// alike. Each is computed once where the thing is born and is opaque ever after. Source: protocol `wr-1`, Identifiers.
library ReceiptIds {
    bytes32 private constant ISSUE_TAG = "lighterman/uid/issue/1";
    bytes32 private constant FOREIGN_TAG = "lighterman/foreign/1";

    /// @param homeRef chainRef of the chain where it is issued.
    /// @param ledger The issuing ledger.
    /// @param custodianId The warehouse.
    /// @param seed Its secret name of the receipt.
    /// @return uid 160 bytes hashed.
    function issued(bytes32 homeRef, address ledger, bytes32 custodianId, bytes32 seed) internal pure returns (bytes32 uid) {
        return sha256(abi.encode(ISSUE_TAG, homeRef, ledger, custodianId, seed));
    }

    /// @param homeRef chainRef of the receipt's home.
    /// @param uid The receipt.
    /// @return key 96 bytes hashed.
    function foreignKey(bytes32 homeRef, bytes32 uid) internal pure returns (bytes32 key) {
        return sha256(abi.encode(FOREIGN_TAG, homeRef, uid));
    }

    /// @param content 17 words, each member one.
    /// @return digest The record's content hash.
    function contentHash(Content memory content) internal pure returns (bytes32 digest) {
        return sha256(abi.encode(content));
    }
}
