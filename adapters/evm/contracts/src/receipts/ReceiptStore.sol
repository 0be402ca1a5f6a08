// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Location, Record} from "../types/Receipt.sol";

/// Receipts as they are stored: packed by hand, since a receive is paid by the slot. Slots of a record, in order:
/// [contentHash] [nonce 64 | epoch 64 | quantity 128] [spare 15 | holder 1 | lane 32 | bridge 16 | goods 8 | freeze 8 | encumbrance 8 | location 8 | beneficiary 160]
/// [holder, 0 when the beneficiary holds] [encumbrancesHash]. The bit `holder` says that the fourth slot is not 0: it is read only then. Source: protocol `wr-1`, The stored record.
abstract contract ReceiptStore {
    uint256 private constant EPOCH_SHIFT = 128;
    uint256 private constant NONCE_SHIFT = 192;
    uint256 private constant LOCATION_SHIFT = 160;
    uint256 private constant ENCUMBRANCE_SHIFT = 168;
    uint256 private constant FREEZE_SHIFT = 176;
    uint256 private constant GOODS_SHIFT = 184;
    uint256 private constant BRIDGE_SHIFT = 192;
    uint256 private constant LANE_SHIFT = 208;
    uint256 private constant HOLDER_BIT = 1 << 240;
    /// Location, bridge and lane: what a crossing changes.
    uint256 private constant CROSSING_MASK =
        (uint256(type(uint8).max) << LOCATION_SHIFT) | (uint256(type(uint16).max) << BRIDGE_SHIFT) | (uint256(type(uint32).max) << LANE_SHIFT);
    /// Encumbrance, freeze and goods: what a crossing leaves alone.
    uint256 private constant STATES_MASK = uint256(type(uint24).max) << ENCUMBRANCE_SHIFT;

    struct Stored {
        bytes32 contentHash;
        uint256 amounts;
        uint256 title;
        address holder;
        bytes32 encumbrancesHash;
    }

    mapping(bytes32 key => Stored) internal _records;

    /// All but the hash of the encumbrances, which no verb of today needs.
    function _unpack(Stored storage stored) internal view returns (Record memory record) {
        uint256 amounts = stored.amounts;
        uint256 title = stored.title;
        record.contentHash = stored.contentHash;
        record.quantity = uint128(amounts);
        record.epoch = uint64(amounts >> EPOCH_SHIFT);
        record.nonce = uint64(amounts >> NONCE_SHIFT);
        record.beneficiary = address(uint160(title));
        record.location = Location(uint8(title >> LOCATION_SHIFT));
        record.encumbranceState = uint8(title >> ENCUMBRANCE_SHIFT);
        record.freezeState = uint8(title >> FREEZE_SHIFT);
        record.goodsState = uint8(title >> GOODS_SHIFT);
        record.bridge = uint16(title >> BRIDGE_SHIFT);
        record.lane = uint32(title >> LANE_SHIFT);
        record.holder = title & HOLDER_BIT == 0 ? record.beneficiary : stored.holder;
    }

    function _setAmounts(Stored storage stored, uint128 quantity, uint64 epoch, uint64 nonce) internal {
        stored.amounts = uint256(quantity) | (uint256(epoch) << EPOCH_SHIFT) | (uint256(nonce) << NONCE_SHIFT);
    }

    /// Moves a receipt; who has title and control stays.
    function _setLocation(Stored storage stored, Location location, uint16 bridge, uint32 lane) internal {
        stored.title = (stored.title & ~CROSSING_MASK) | _crossing(location, bridge, lane);
    }

    /// Gives a receipt a place and persons; encumbrance, freeze and goods stay.
    function _setTitle(Stored storage stored, address beneficiary, address holder, Location location, uint16 bridge, uint32 lane) internal {
        uint256 title = stored.title;
        bool apart = holder != beneficiary;
        stored.title = (title & STATES_MASK) | uint160(beneficiary) | _crossing(location, bridge, lane) | (apart ? HOLDER_BIT : 0);
        if (apart) stored.holder = holder;
        else if (title & HOLDER_BIT != 0) stored.holder = address(0);
    }

    function _crossing(Location location, uint16 bridge, uint32 lane) private pure returns (uint256) {
        return (uint256(uint8(location)) << LOCATION_SHIFT) | (uint256(bridge) << BRIDGE_SHIFT) | (uint256(lane) << LANE_SHIFT);
    }
}
