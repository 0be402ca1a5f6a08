// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IApplication} from "../interfaces/IApplication.sol";
import {ILightClient, UpdateResult} from "../interfaces/ILightClient.sol";
import {IRouter} from "../interfaces/IRouter.sol";
import {Identifiers} from "../libraries/Identifiers.sol";
import {PacketStore} from "./PacketStore.sol";

/// Clients and ports: named by governance, used by anyone.
abstract contract ClientRegistry is PacketStore {
    /// Elements of a counterparty's prefix.
    uint256 internal constant MAX_PREFIX_ELEMENTS = 4;
    /// Bytes of one element.
    uint256 internal constant MAX_PREFIX_BYTES = 64;
    /// What a port may register for its receive.
    uint64 internal constant MAX_RECEIVE_GAS = 10_000_000;

    struct Client {
        ILightClient verifier;
        string counterpartyId;
        bytes[] counterpartyPrefix;
    }

    struct Port {
        IApplication application;
        uint64 receiveGas;
    }

    /// @inheritdoc IRouter
    address public immutable governance;

    mapping(string id => Client) private _clients;
    mapping(string port => Port) private _ports;

    constructor(address governance_) {
        if (governance_.code.length == 0) revert ContractWithoutCode(governance_);
        governance = governance_;
    }

    modifier onlyGovernance() {
        if (msg.sender != governance) revert GovernanceMismatch(governance, msg.sender);
        _;
    }

    /// @inheritdoc IRouter
    function addClient(string calldata id, address verifier, string calldata counterpartyId, bytes[] calldata counterpartyPrefix) external onlyGovernance {
        if (!Identifiers.isClientId(id)) revert ClientIdMalformed(id);
        if (!Identifiers.isClientId(counterpartyId)) revert ClientIdMalformed(counterpartyId);
        Client storage entry = _clients[id];
        if (address(entry.verifier) != address(0)) revert ClientIdTaken(id, address(entry.verifier));
        if (verifier.code.length == 0) revert ContractWithoutCode(verifier);
        if (counterpartyPrefix.length == 0) revert PrefixEmpty();
        if (counterpartyPrefix.length > MAX_PREFIX_ELEMENTS) revert PrefixTooLong(MAX_PREFIX_ELEMENTS, counterpartyPrefix.length);
        for (uint256 i = 0; i < counterpartyPrefix.length; ++i) {
            if (counterpartyPrefix[i].length > MAX_PREFIX_BYTES) revert PrefixTooLong(MAX_PREFIX_BYTES, counterpartyPrefix[i].length);
            entry.counterpartyPrefix.push(counterpartyPrefix[i]);
        }
        entry.verifier = ILightClient(verifier);
        entry.counterpartyId = counterpartyId;
        _startSequence(id);
        emit ClientAdded(id, verifier, counterpartyId, counterpartyPrefix);
    }

    /// @inheritdoc IRouter
    function bindPort(string calldata port, address application, uint64 receiveGas) external onlyGovernance {
        if (!Identifiers.isPort(port)) revert PortMalformed(port);
        Port storage entry = _ports[port];
        if (address(entry.application) != address(0)) revert PortTaken(port, address(entry.application));
        // The Router is nobody's application: in a batch it calls itself for others.
        if (application.code.length == 0 || application == address(this)) revert ContractWithoutCode(application);
        if (receiveGas == 0 || receiveGas > MAX_RECEIVE_GAS) revert ReceiveGasOutOfRange(MAX_RECEIVE_GAS, receiveGas);
        entry.application = IApplication(application);
        entry.receiveGas = receiveGas;
        emit PortBound(port, application, receiveGas);
    }

    /// @inheritdoc IRouter
    function updateClient(string calldata id, bytes calldata message) external returns (UpdateResult result) {
        ILightClient verifier = _client(id).verifier;
        result = verifier.update(message);
        _report(id, verifier, result);
    }

    /// @inheritdoc IRouter
    function submitMisbehaviour(string calldata id, bytes calldata evidence) external returns (UpdateResult result) {
        ILightClient verifier = _client(id).verifier;
        result = verifier.misbehaviour(evidence);
        _report(id, verifier, result);
    }

    /// @inheritdoc IRouter
    function client(string calldata id) external view returns (address verifier, string memory counterpartyId, bytes[] memory counterpartyPrefix) {
        Client storage entry = _client(id);
        return (address(entry.verifier), entry.counterpartyId, entry.counterpartyPrefix);
    }

    /// @inheritdoc IRouter
    function portBinding(string calldata port) external view returns (address application, uint64 receiveGas) {
        Port storage entry = _ports[port];
        return (address(entry.application), entry.receiveGas);
    }

    function _client(string calldata id) internal view returns (Client storage entry) {
        entry = _clients[id];
        if (address(entry.verifier) == address(0)) revert ClientUnknown(id);
    }

    function _port(string calldata port) internal view returns (Port memory entry) {
        entry = _ports[port];
        if (address(entry.application) == address(0)) revert PortUnknown(port);
    }

    function _report(string calldata id, ILightClient verifier, UpdateResult result) private {
        if (result == UpdateResult.Update) {
            (, uint64 latestHeight,) = verifier.status();
            emit ClientUpdated(id, latestHeight);
        } else if (result == UpdateResult.Misbehaviour) {
            emit ClientFrozen(id);
        }
    }
}
