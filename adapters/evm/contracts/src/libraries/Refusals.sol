// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Refusal} from "../types/Receipt.sol";
import {Wr1Codec} from "./Wr1Codec.sol";

/// How a refusal is said in an acknowledgement: a code, and SHA-256 of the rule's short name. Source: protocol `wr-1`, Acknowledgement.
library Refusals {
    /// @param refusal Why an arrival was refused; None when it was not.
    /// @return code 1 RECE, 2 BENV, 4 DISE.
    /// @return detail 0 with RECE.
    function acknowledgementOf(Refusal refusal) internal pure returns (uint8 code, bytes32 detail) {
        if (refusal == Refusal.None) return (Wr1Codec.CODE_RECEIVED, 0);
        code = uint8(refusal) < uint8(Refusal.ReceiptUnknown) ? Wr1Codec.CODE_MALFORMED : Wr1Codec.CODE_CONTRADICTS;
        detail = sha256(bytes(nameOf(refusal)));
    }

    /// @param refusal Any but None.
    /// @return The rule's short name.
    function nameOf(Refusal refusal) internal pure returns (string memory) {
        if (refusal == Refusal.SourcePort) return "source-port";
        if (refusal == Refusal.Version) return "version";
        if (refusal == Refusal.Encoding) return "encoding";
        if (refusal == Refusal.LaneUnknown) return "lane-unknown";
        if (refusal == Refusal.KindUnknown) return "kind-unknown";
        if (refusal == Refusal.KindUnsupported) return "kind-unsupported";
        if (refusal == Refusal.Length) return "length";
        if (refusal == Refusal.Offset) return "offset";
        if (refusal == Refusal.Padding) return "padding";
        if (refusal == Refusal.AccountKind) return "account-kind";
        if (refusal == Refusal.AccountTail) return "account-tail";
        if (refusal == Refusal.AccountForeign) return "account-foreign";
        if (refusal == Refusal.AccountEmpty) return "account-empty";
        if (refusal == Refusal.EncumbrancesUnsupported) return "encumbrances-unsupported";
        if (refusal == Refusal.HomeMismatch) return "home-mismatch";
        if (refusal == Refusal.QuantityZero) return "quantity-zero";
        if (refusal == Refusal.EpochZero) return "epoch-zero";
        if (refusal == Refusal.LineageInconsistent) return "lineage-inconsistent";
        if (refusal == Refusal.ReceiptUnknown) return "receipt-unknown";
        if (refusal == Refusal.ReceiptLive) return "receipt-live";
        if (refusal == Refusal.ReceiptEnded) return "receipt-ended";
        if (refusal == Refusal.EpochStale) return "epoch-stale";
        if (refusal == Refusal.EpochFar) return "epoch-far";
        if (refusal == Refusal.NonceStale) return "nonce-stale";
        if (refusal == Refusal.NonceFar) return "nonce-far";
        if (refusal == Refusal.ContentChanged) return "content-changed";
        if (refusal == Refusal.QuantityChanged) return "quantity-changed";
        if (refusal == Refusal.LaneForeign) return "lane-foreign";
        if (refusal == Refusal.EscrowShort) return "escrow-short";
        if (refusal == Refusal.EpochMismatch) return "epoch-mismatch";
        if (refusal == Refusal.NotInFlight) return "not-in-flight";
        return "acknowledgement-unreadable";
    }
}
