// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {QbftCodec} from "../../src/light-clients/qbft/QbftCodec.sol";
import {QbftLightClient} from "../../src/light-clients/qbft/QbftLightClient.sol";
import {HashMode} from "../../src/types/HashMode.sol";
import {QbftConsensusState, QbftParameters} from "../../src/types/QbftParameters.sol";

/// The QBFT client with a way to put it into the state that a vector begins with. Never deployed by an operator.
contract QbftLightClientHarness is QbftLightClient {
    constructor(QbftParameters memory settings, uint64 height, QbftConsensusState memory initial, HashMode mode)
        QbftLightClient(settings, height, initial, mode)
    {}

    /// Stores a state without any proof; heights must ascend.
    function store(uint64 height, QbftConsensusState calldata state) external {
        require(height > head.latestHeight, "heights ascend");
        append(head, height, QbftCodec.stateHash(state), state);
    }

    /// Freezes the client without evidence.
    function freeze() external {
        head.frozen = true;
    }
}
