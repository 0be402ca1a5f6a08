//! Clients of Tendermint chains.

use super::{ClientContract, ConsensusClaim, ContractCode, OpenClient, StatePreimage, decoded};
use crate::{
    Artefact,
    abi::{calls::word, strict},
    deploy::{number, predicted},
    rpc::RpcError,
};
use adapter::{AdapterError, TrustedState};
use alloy_primitives::Address;
use ethers_contract::EthAbiType;
use ethers_core::{
    abi::{Tokenizable as _, encode},
    types::{self as ethers, Bytes, U256},
};
use light_client::{ChainId, Codec as _, ErasedError, Height, StateRoot, Timestamp};
use light_client_crypto::Sm2;
use light_client_tendermint::{
    ClientState, Commitments, ConsensusHash, ConsensusState, KeyTypes, Parameters, SetHash, StoreTree, StoredState,
    TreeHash, TrustLevel,
};
use std::time::Duration;

/// The nonce with which the client's constructor makes the contract of signatures: a contract's own count starts at 1.
///
/// Source: EIP-161.
const SIGNATURES_NONCE: u64 = 1;

/// `TendermintParameters` of the contracts. (Their names for an error that two files declare keep the bindings of this
/// contract from being generated; a test holds both structs against the artefact.)
#[derive(Clone, Debug, PartialEq, Eq, EthAbiType)]
struct TendermintParameters {
    chain_id: Bytes,
    trust_numerator: u8,
    trust_denominator: u8,
    trusting_period: u64,
    clock_drift: u64,
    key_types: u8,
    user_id: Bytes,
    tree_hash: u8,
    store_tree: u8,
    commitments: u8,
    store: Bytes,
    router: ethers::Address,
}

/// `TendermintConsensusState` of the contracts.
#[derive(Clone, Debug, PartialEq, Eq, EthAbiType)]
struct TendermintConsensusState {
    root: [u8; 32],
    time: u64,
    next_set_hash: [u8; 32],
}

/// `TendermintLightClient`, with its `TendermintSignatures`: states of (application hash, time in nanoseconds, hash of the
/// next set).
pub(super) struct TendermintContract;

impl ClientContract for TendermintContract {
    fn client_types(&self) -> &'static [&'static str] {
        &["tendermint"]
    }

    fn artefact(&self) -> &'static Artefact {
        Artefact::tendermint_light_client()
    }

    fn arguments(&self, trusted: &TrustedState) -> Result<Vec<u8>, AdapterError> {
        let consensus: ConsensusState = decoded(&trusted.consensus)?;
        let since_1970 = Duration::new(consensus.time.unix_seconds(), consensus.time.subsec_nanos());
        let initial = TendermintConsensusState {
            root: *consensus.root.as_bytes(),
            // What decoded is a number of 64 bits.
            time: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
            next_set_hash: *consensus.next_set_hash.as_bytes(),
        };
        Ok(encode(&[settings(trusted)?.into_token(), number(trusted.height.number()), initial.into_token()]))
    }

    fn parameters(&self, trusted: &TrustedState) -> Result<Vec<u8>, AdapterError> {
        Ok(encode(&[settings(trusted)?.into_token()]))
    }

    fn state_hash(&self, trusted: &TrustedState) -> Result<[u8; 32], AdapterError> {
        Ok(*decoded::<ConsensusState>(&trusted.consensus)?.hash().as_bytes())
    }

    /// The chain's id, the user id of SM2 and the store's name are in the storage: no code commits to them.
    fn code(&self, address: Address, trusted: &TrustedState) -> Result<Vec<ContractCode>, AdapterError> {
        let settings = settings(trusted)?;
        let signatures = address.create(SIGNATURES_NONCE);
        let small = |number: u8| word(U256::from(number));
        let values = [
            ("signatures", signatures.into_word().0),
            ("trustNumerator", small(settings.trust_numerator)),
            ("trustDenominator", small(settings.trust_denominator)),
            ("trustingPeriod", word(U256::from(settings.trusting_period))),
            ("clockDrift", word(U256::from(settings.clock_drift))),
            ("keyTypes", small(settings.key_types)),
            ("treeHash", small(settings.tree_hash)),
            ("storeTree", small(settings.store_tree)),
            ("commitments", small(settings.commitments)),
            ("router", Address::from(settings.router.0).into_word().0),
        ];
        let signatures_code = predicted(Artefact::tendermint_signatures(), &[])?;
        Ok(vec![
            ContractCode { what: "client", address, hash: predicted(self.artefact(), &values)? },
            ContractCode { what: "client's contract of signatures", address: signatures, hash: signatures_code },
        ])
    }

    fn open(&self, parameters: &[u8]) -> Result<Option<Box<dyn OpenClient>>, RpcError> {
        let Ok((raw,)) = strict::decode::<(TendermintParameters,)>("parameters", parameters) else { return Ok(None) };
        let parameters = Parameters {
            chain_id: chain_id(&raw.chain_id)?,
            trust_level: TrustLevel::new(raw.trust_numerator, raw.trust_denominator)
                .map_err(|e| out_of_range("trust level", "a share from 1/3 to 1/1", e))?,
            trusting_period_seconds: raw.trusting_period,
            clock_drift_seconds: raw.clock_drift,
            key_types: KeyTypes::from_bits(raw.key_types).map_err(|e| out_of_range("key types", "bits 0 to 2", e))?,
            sm2: Sm2::with_user_id(&raw.user_id).map_err(|e| out_of_range("user id", "1 to 64 bytes", e))?,
            tree_hash: match raw.tree_hash {
                0 => TreeHash::Sha256,
                1 => TreeHash::Sm3,
                other => return Err(out_of_range("tree hash", "0 or 1", other)),
            },
            store_tree: match raw.store_tree {
                0 => StoreTree::Iavl,
                1 => StoreTree::Jmt,
                other => return Err(out_of_range("store tree", "0 or 1", other)),
            },
            commitments: match raw.commitments {
                0 => Commitments::IbcStore { store: raw.store.to_vec() },
                1 => Commitments::EvmStore {
                    store: raw.store.to_vec(),
                    router: light_client_crypto::Address::new(raw.router.0),
                },
                other => return Err(out_of_range("commitments", "0 or 1", other)),
            },
        };
        Ok(Some(Box::new(OpenTendermint(parameters))))
    }
}

struct OpenTendermint(Parameters);

impl OpenClient for OpenTendermint {
    fn height(&self, number: u64) -> Height {
        self.0.height(number)
    }

    fn consensus(&self, state: &StatePreimage) -> ConsensusClaim {
        let state = ConsensusState {
            root: StateRoot::new(state.root),
            time: Timestamp::from_unix_nanos(state.time),
            next_set_hash: SetHash::new(state.set_hash),
        };
        ConsensusClaim { encoded: state.encode(), hash: *state.hash().as_bytes(), time: state.time }
    }

    fn client(&self, stored: &[(u64, [u8; 32])], is_frozen: bool) -> Result<Vec<u8>, ErasedError> {
        let state = |(number, hash): &_| StoredState { number: *number, hash: ConsensusHash::new(*hash) };
        let client = ClientState::from_stored(self.0.clone(), stored.iter().map(state).collect(), is_frozen);
        client.map(|client| client.encode()).map_err(ErasedError::new)
    }

    fn describe(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// The parameters of a trusted state as the contract takes and returns them.
fn settings(trusted: &TrustedState) -> Result<TendermintParameters, AdapterError> {
    let client: ClientState = decoded(&trusted.client)?;
    let parameters = client.parameters();
    let bytes = |bytes: &[u8]| Bytes::from(bytes.to_vec());
    let (commitments, router) = match &parameters.commitments {
        Commitments::IbcStore { .. } => (0, ethers::Address::zero()),
        Commitments::EvmStore { router, .. } => (1, ethers::Address::from(*router.as_bytes())),
    };
    Ok(TendermintParameters {
        chain_id: bytes(parameters.chain_id.as_str().as_bytes()),
        trust_numerator: parameters.trust_level.numerator(),
        trust_denominator: parameters.trust_level.denominator(),
        trusting_period: parameters.trusting_period_seconds,
        clock_drift: parameters.clock_drift_seconds,
        key_types: parameters.key_types.bits(),
        user_id: bytes(parameters.sm2.user_id()),
        tree_hash: match parameters.tree_hash {
            TreeHash::Sha256 => 0,
            TreeHash::Sm3 => 1,
        },
        store_tree: match parameters.store_tree {
            StoreTree::Iavl => 0,
            StoreTree::Jmt => 1,
        },
        commitments,
        store: bytes(parameters.commitments.store()),
        router,
    })
}

fn chain_id(bytes: &[u8]) -> Result<ChainId, RpcError> {
    let text = std::str::from_utf8(bytes).map_err(|e| out_of_range("chain id", "printable text", e))?;
    text.parse().map_err(|e| out_of_range("chain id", "printable text", e))
}

fn out_of_range(field: &'static str, expected: &'static str, found: impl ToString) -> RpcError {
    RpcError::Shape { field, expected, found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::open;
    use ethers_core::abi::{AbiType as _, ParamType};

    fn trusted(commitments: Commitments) -> TrustedState {
        let parameters = Parameters {
            chain_id: "bsn-7".parse().unwrap(),
            trust_level: TrustLevel::new(2, 3).unwrap(),
            trusting_period_seconds: 1_000,
            clock_drift_seconds: 7,
            key_types: KeyTypes::from_bits(5).unwrap(),
            sm2: Sm2::with_user_id(b"another").unwrap(),
            tree_hash: TreeHash::Sm3,
            store_tree: StoreTree::Jmt,
            commitments,
        };
        let time = Timestamp::from_unix_nanos(1_700_000_000_123_456_789);
        let (root, next_set_hash) = (StateRoot::new([3; 32]), SetHash::new([4; 32]));
        let consensus = ConsensusState { root, time, next_set_hash };
        let client = ClientState::new(parameters, 40, &consensus).unwrap().encode();
        TrustedState { height: Height::with_revision(7, 40), client, consensus: consensus.encode() }
    }

    fn evm_store() -> Commitments {
        Commitments::EvmStore { store: b"evm".to_vec(), router: light_client_crypto::Address::new([9; 20]) }
    }

    #[test]
    fn structs_are_those_of_the_artefact() {
        let abi = Artefact::tendermint_light_client().abi();
        let inputs: Vec<_> = abi.constructor.as_ref().unwrap().inputs.iter().map(|input| input.kind.clone()).collect();
        let (settings, state) = (TendermintParameters::param_type(), TendermintConsensusState::param_type());
        assert_eq!(inputs, [settings.clone(), ParamType::Uint(64), state]);
        assert_eq!(abi.function("parameters").unwrap().outputs[0].kind, settings);
    }

    #[test]
    fn parameters_come_back_as_the_contract_returns_them() {
        for commitments in [evm_store(), Commitments::IbcStore { store: b"ibc".to_vec() }] {
            let trusted = trusted(commitments);
            let opened = open(&TendermintContract.parameters(&trusted).unwrap()).unwrap();
            let consensus = ConsensusState::decode(&trusted.consensus).unwrap();
            let stored = [(40, *consensus.hash().as_bytes())];
            assert_eq!(opened.client(&stored, false).unwrap(), trusted.client);
            assert_eq!(opened.height(41), Height::with_revision(7, 41));
            let (root, set_hash) = ([3; 32], [4; 32]);
            let claim = opened.consensus(&StatePreimage { root, time: 1_700_000_000_123_456_789, set_hash });
            assert_eq!((claim.encoded, claim.hash), (trusted.consensus, stored[0].1));
            assert!(opened.client(&[], false).is_err());
        }
    }

    #[test]
    fn parameters_out_of_their_ranges_are_refused() {
        type Change = fn(&mut TendermintParameters);
        let changes: [(&str, Change); 9] = [
            ("chain id", |p| p.chain_id = Bytes::new()),
            ("chain id", |p| p.chain_id = vec![0xff].into()),
            ("trust level", |p| p.trust_denominator = 0),
            ("key types", |p| p.key_types = 8),
            ("user id", |p| p.user_id = vec![b'a'; 65].into()),
            ("tree hash", |p| p.tree_hash = 2),
            ("store tree", |p| p.store_tree = 2),
            ("commitments", |p| p.commitments = 2),
            // This one is found when the client's state is put together.
            ("", |p| p.store = Bytes::new()),
        ];
        for (name, change) in changes {
            let mut settings = settings(&trusted(evm_store())).unwrap();
            change(&mut settings);
            match open(&encode(&[settings.into_token()])) {
                Err(RpcError::Shape { field, .. }) => assert_eq!(field, name),
                Err(other) => panic!("{name}: {other}"),
                Ok(opened) => assert!(name.is_empty() && opened.client(&[(40, [0; 32])], false).is_err(), "{name}"),
            }
        }
    }

    #[test]
    fn code_commits_to_what_has_a_fixed_width_and_to_the_place() {
        let code = |address: u8, trusted: &TrustedState| {
            TendermintContract.code(Address::repeat_byte(address), trusted).unwrap()
        };
        let base = trusted(evm_store());
        let [client, signatures] = code(1, &base).try_into().unwrap();
        assert_eq!(signatures.address, Address::repeat_byte(1).create(1));
        let [elsewhere, same] = code(2, &base).try_into().unwrap();
        assert_ne!(client.hash, elsewhere.hash);
        assert_eq!(signatures.hash, same.hash);
        let [ibc, _] = code(1, &trusted(Commitments::IbcStore { store: b"evm".to_vec() })).try_into().unwrap();
        assert_ne!(client.hash, ibc.hash);
    }
}
