// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IRouter} from "../interfaces/IRouter.sol";
import {Payload, PayloadField} from "../types/Packet.sol";
import {Identifiers} from "./Identifiers.sol";

/// What the payload of a packet may look like.
/// Source: ibc-go v10.3.0, modules/core/04-channel/v2/types/packet.go (`Packet.ValidateBasic`, `Payload.ValidateBasic`).
library PayloadLimits {
    uint256 internal constant PAYLOADS = 1;
    /// Bytes of the value.
    uint256 internal constant MAX_VALUE_BYTES = 262_144;
    /// Bytes of version and of encoding.
    uint256 internal constant MAX_FIELD_BYTES = 256;

    /// @param payloads The packet's payloads.
    function checkCount(Payload[] calldata payloads) internal pure {
        if (payloads.length != PAYLOADS) revert IRouter.PayloadCountMismatch(PAYLOADS, payloads.length);
    }

    /// @param payload One payload.
    function check(Payload calldata payload) internal pure {
        _checkField(PayloadField.SourcePort, payload.sourcePort, Identifiers.MAX_PORT_BYTES);
        _checkField(PayloadField.DestPort, payload.destPort, Identifiers.MAX_PORT_BYTES);
        _checkField(PayloadField.Version, payload.version, MAX_FIELD_BYTES);
        _checkField(PayloadField.Encoding, payload.encoding, MAX_FIELD_BYTES);
        if (payload.value.length == 0) revert IRouter.PayloadValueEmpty();
        if (payload.value.length > MAX_VALUE_BYTES) revert IRouter.PayloadValueTooLong(MAX_VALUE_BYTES, payload.value.length);
    }

    function _checkField(PayloadField name, string calldata field, uint256 maximum) private pure {
        if (bytes(field).length > maximum) revert IRouter.PayloadFieldTooLong(name, maximum, bytes(field).length);
        if (Identifiers.isBlank(field)) revert IRouter.PayloadFieldBlank(name);
    }
}
