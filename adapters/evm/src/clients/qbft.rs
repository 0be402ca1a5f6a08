//! Clients of QBFT and IBFT 2.0 chains.

use super::{ClientContract, ConsensusClaim, ContractCode, OpenClient, StatePreimage, decoded};
use crate::{
    Artefact,
    abi::{
        bindings::qbft_light_client::{ParametersReturn, QbftConsensusState, QbftParameters},
        calls::word,
        strict,
    },
    deploy::{OPCODE_MODE, number, predicted},
    rpc::RpcError,
};
use adapter::{AdapterError, TrustedState};
use alloy_primitives::Address;
use ethers_core::{
    abi::{Tokenizable as _, encode},
    types::{self as ethers, U256},
};
use light_client::{CodeHash, Codec as _, ErasedError, Height, StateRoot, Timestamp};
use light_client_qbft::{
    ClientState, ConsensusHash, ConsensusState, Kind, Parameters, SetHash, StoredState, TrustLevel,
};

/// `QbftLightClient`: states of (storage root, time in seconds, hash of the set).
pub(super) struct QbftContract;

impl ClientContract for QbftContract {
    fn client_types(&self) -> &'static [&'static str] {
        &["qbft", "ibft2"]
    }

    fn artefact(&self) -> &'static Artefact {
        Artefact::qbft_light_client()
    }

    fn arguments(&self, trusted: &TrustedState) -> Result<Vec<u8>, AdapterError> {
        let consensus: ConsensusState = decoded(&trusted.consensus)?;
        let initial = QbftConsensusState {
            storage_root: *consensus.storage_root.as_bytes(),
            time: consensus.time.unix_seconds(),
            set_hash: *consensus.set_hash.as_bytes(),
        };
        let (settings, height) = (settings(trusted)?.into_token(), number(trusted.height.number()));
        Ok(encode(&[settings, height, initial.into_token(), number(OPCODE_MODE.into())]))
    }

    fn parameters(&self, trusted: &TrustedState) -> Result<Vec<u8>, AdapterError> {
        Ok(encode(&[settings(trusted)?.into_token()]))
    }

    fn state_hash(&self, trusted: &TrustedState) -> Result<[u8; 32], AdapterError> {
        Ok(*decoded::<ConsensusState>(&trusted.consensus)?.hash().as_bytes())
    }

    fn code(&self, address: Address, trusted: &TrustedState) -> Result<Vec<ContractCode>, AdapterError> {
        let settings = settings(trusted)?;
        let values = [
            ("kind", word(U256::from(settings.kind))),
            ("trustLevel", word(U256::from(settings.trust_level))),
            ("router", Address::from(settings.router.0).into_word().0),
            ("routerCodeHash", settings.router_code_hash),
            ("trustingPeriod", word(U256::from(settings.trusting_period))),
            ("clockDrift", word(U256::from(settings.clock_drift))),
            ("hashMode", word(U256::from(OPCODE_MODE))),
        ];
        Ok(vec![ContractCode { what: "client", address, hash: predicted(self.artefact(), &values)? }])
    }

    fn open(&self, parameters: &[u8]) -> Result<Option<Box<dyn OpenClient>>, RpcError> {
        let Ok(ParametersReturn(raw)) = strict::decode("parameters", parameters) else { return Ok(None) };
        Ok(Some(Box::new(OpenQbft(Parameters {
            kind: match raw.kind {
                0 => Kind::Qbft,
                1 => Kind::Ibft2,
                other => return Err(out_of_range("kind", other)),
            },
            trust_level: match raw.trust_level {
                0 => TrustLevel::Strict,
                1 => TrustLevel::OneThird,
                other => return Err(out_of_range("trust level", other)),
            },
            router: light_client_crypto::Address::new(raw.router.0),
            router_code_hash: CodeHash::new(raw.router_code_hash),
            trusting_period_seconds: raw.trusting_period,
            clock_drift_seconds: raw.clock_drift,
        }))))
    }
}

struct OpenQbft(Parameters);

impl OpenClient for OpenQbft {
    fn height(&self, number: u64) -> Height {
        Height::new(number)
    }

    fn consensus(&self, state: &StatePreimage) -> ConsensusClaim {
        let state = ConsensusState {
            storage_root: StateRoot::new(state.root),
            time: Timestamp::from_unix_seconds(state.time),
            set_hash: SetHash::new(state.set_hash),
        };
        ConsensusClaim { encoded: state.encode(), hash: *state.hash().as_bytes(), time: state.time }
    }

    fn client(&self, stored: &[(u64, [u8; 32])], is_frozen: bool) -> Result<Vec<u8>, ErasedError> {
        let state = |(number, hash): &_| StoredState { height: Height::new(*number), hash: ConsensusHash::new(*hash) };
        let client = ClientState::from_stored(self.0, stored.iter().map(state).collect(), is_frozen);
        client.map(|client| client.encode()).map_err(ErasedError::new)
    }

    fn describe(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// The parameters of a trusted state as the contract takes and returns them.
fn settings(trusted: &TrustedState) -> Result<QbftParameters, AdapterError> {
    let client: ClientState = decoded(&trusted.client)?;
    let parameters = client.parameters();
    Ok(QbftParameters {
        kind: match parameters.kind {
            Kind::Qbft => 0,
            Kind::Ibft2 => 1,
        },
        trust_level: match parameters.trust_level {
            TrustLevel::Strict => 0,
            TrustLevel::OneThird => 1,
        },
        router: ethers::Address::from(*parameters.router.as_bytes()),
        router_code_hash: *parameters.router_code_hash.as_bytes(),
        trusting_period: parameters.trusting_period_seconds,
        clock_drift: parameters.clock_drift_seconds,
    })
}

fn out_of_range(field: &'static str, found: u8) -> RpcError {
    RpcError::Shape { field, expected: "0 or 1", found: found.to_string() }
}
