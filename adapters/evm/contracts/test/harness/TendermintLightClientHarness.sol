// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {TendermintCodec} from "../../src/light-clients/tendermint/TendermintCodec.sol";
import {TendermintLightClient} from "../../src/light-clients/tendermint/TendermintLightClient.sol";
import {TendermintConsensusState, TendermintParameters} from "../../src/types/TendermintParameters.sol";

/// The Tendermint client with a way to put it into the state that a vector begins with. Never deployed by an operator.
contract TendermintLightClientHarness is TendermintLightClient {
    constructor(TendermintParameters memory settings, uint64 height, TendermintConsensusState memory initial)
        TendermintLightClient(settings, height, initial)
    {}

    /// Stores a state without any proof; heights must ascend.
    function remember(uint64 height, TendermintConsensusState calldata state) external {
        require(height > head.latestHeight, "heights ascend");
        append(head, height, TendermintCodec.stateHash(state), state);
    }

    /// Freezes the client without evidence.
    function freeze() external {
        head.frozen = true;
    }
}
