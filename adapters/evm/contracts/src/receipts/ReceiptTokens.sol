// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IErc165, IErc721} from "../interfaces/IErc721.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {Location, Record} from "../types/Receipt.sol";
import {ReceiptStore} from "./ReceiptStore.sol";

/// ERC-721 as a reading surface: a receipt that is live here is a token of its beneficiary. Nothing can be approved or transferred, since a
/// receipt passes only by the verbs of the ledger, with the warehouse's part in them.
abstract contract ReceiptTokens is ReceiptStore, IErc721 {
    mapping(address owner => uint256) private _balances;

    /// @inheritdoc IErc165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IErc165).interfaceId || interfaceId == (type(IErc721).interfaceId);
    }

    /// @inheritdoc IErc721
    function balanceOf(address owner) external view returns (uint256) {
        if (owner == address(0)) revert IReceiptLedger.AccountZero();
        return _balances[owner];
    }

    /// @inheritdoc IErc721
    function ownerOf(uint256 tokenId) external view returns (address) {
        return _requireLive(tokenId);
    }

    /// @inheritdoc IErc721
    function getApproved(uint256 tokenId) external view returns (address) {
        _requireLive(tokenId);
        return address(0);
    }

    /// @inheritdoc IErc721
    function isApprovedForAll(address, address) external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IErc721
    function approve(address, uint256) external payable {
        revert IReceiptLedger.TransfersOnlyByVerbs();
    }

    /// @inheritdoc IErc721
    function setApprovalForAll(address, bool) external pure {
        revert IReceiptLedger.TransfersOnlyByVerbs();
    }

    /// @inheritdoc IErc721
    function transferFrom(address, address, uint256) external payable {
        revert IReceiptLedger.TransfersOnlyByVerbs();
    }

    /// @inheritdoc IErc721
    function safeTransferFrom(address, address, uint256) external payable {
        revert IReceiptLedger.TransfersOnlyByVerbs();
    }

    /// @inheritdoc IErc721
    function safeTransferFrom(address, address, uint256, bytes calldata) external payable {
        revert IReceiptLedger.TransfersOnlyByVerbs();
    }

    function _appear(bytes32 key, address owner) internal {
        ++_balances[owner];
        emit Transfer(address(0), owner, uint256(key));
    }

    function _disappear(bytes32 key, address owner) internal {
        --_balances[owner];
        emit Transfer(owner, address(0), uint256(key));
    }

    function _requireLive(uint256 tokenId) private view returns (address owner) {
        Record memory record = _unpack(_records[bytes32(tokenId)]);
        if (record.location != Location.Active && record.location != Location.Live) revert IReceiptLedger.NotLiveHere(bytes32(tokenId), record.location);
        return record.beneficiary;
    }
}
