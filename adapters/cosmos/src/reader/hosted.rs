//! The 07-tendermint clients that an ibc-go chain hosts, and ours, each in terms of the other.

use adapter::{AdapterError, TrustedState};
use ibc_proto::{
    google::protobuf::{Any, Duration},
    ibc::{
        core::{client::v1::Height as ProtoHeight, commitment::v1::MerkleRoot},
        lightclients::tendermint::v1::{
            ClientState as ProtoClientState, ConsensusState as ProtoConsensusState, Fraction,
        },
    },
    ics23::{HashOp, InnerSpec, LeafOp, LengthOp, ProofSpec},
};
use light_client::{Codec as _, Height, StateRoot, Status, Timestamp};
use light_client_crypto::Sm2;
use light_client_tendermint::{
    ClientState, Commitments, ConsensusState, KeyTypes, Parameters, SetHash, StoreTree, StoredState, TreeHash,
    TrustLevel,
};
use prost_13::Message;
use std::fmt::Display;

pub(crate) const CLIENT_STATE: &str = "/ibc.lightclients.tendermint.v1.ClientState";
pub(crate) const CONSENSUS_STATE: &str = "/ibc.lightclients.tendermint.v1.ConsensusState";

/// The kinds of key that CometBFT has and this client knows.
const KEY_TYPES: u8 = 0b011;
/// Where a Cosmos chain puts what its successor after an upgrade is to be.
///
/// Source: cosmos-sdk 0.53, `x/upgrade/types/keys.go`; ibc-go v10.3.0, `modules/light-clients/07-tendermint/upgrade.go`.
const UPGRADE_PATH: [&str; 2] = ["upgrade", "upgradedIBCState"];

/// A 07-tendermint client state as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hosted {
    pub(crate) parameters: Parameters,
    pub(crate) latest_height: Height,
    pub(crate) frozen: bool,
    /// As stored, to the nanosecond.
    trusting_period: std::time::Duration,
}

impl Hosted {
    /// Reads what lies under a client's key. `store` is the first element of the counterparty's prefix: where the
    /// commitments lie is no part of ibc-go's client.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when it is another kind of client, or one that demands what this version does not have;
    /// [`AdapterError::Inconsistent`] when it is none.
    pub(crate) fn read(endpoint: &str, stored: &[u8], store: &[u8]) -> Result<Self, AdapterError> {
        let state: ProtoClientState = opened(endpoint, "client state", CLIENT_STATE, stored)?;
        let wrong = |field, expected: &str, found: &dyn Display| misfit(endpoint, field, expected, found);
        let level = state.trust_level.unwrap_or_default();
        let parts = [level.numerator, level.denominator].map(|part| u8::try_from(part).unwrap_or(0));
        let trust_level = TrustLevel::new(parts[0], parts[1])
            .map_err(|e| wrong("trust level", "from 1/3 to 1/1 in small terms", &e))?;
        let trusting_period = duration(endpoint, "trusting period", state.trusting_period)?;
        let clock_drift = duration(endpoint, "max clock drift", state.max_clock_drift)?;
        let latest = state.latest_height.unwrap_or_default();
        let frozen = state.frozen_height.unwrap_or_default();
        let chain_id = state.chain_id.parse().map_err(|e| wrong("chain id", "one", &e))?;
        let parameters = Parameters {
            chain_id,
            trust_level,
            trusting_period_seconds: trusting_period.as_secs(),
            clock_drift_seconds: clock_drift.as_secs(),
            key_types: KeyTypes::from_bits(KEY_TYPES).map_err(|e| wrong("key types", "known ones", &e))?,
            sm2: Sm2::default(),
            tree_hash: TreeHash::Sha256,
            store_tree: tree_of(endpoint, &state.proof_specs)?,
            commitments: Commitments::IbcStore { store: store.to_vec() },
        };
        let latest_height = Height::with_revision(latest.revision_number, latest.revision_height);
        if latest_height.number() == 0 || latest_height.revision() != parameters.revision() {
            return Err(wrong("latest height", "one of the chain's revision", &latest_height));
        }
        let frozen = frozen != ProtoHeight::default();
        Ok(Self { parameters, latest_height, frozen, trusting_period })
    }

    /// Whether the client may be used, by the host's own rule and clock.
    ///
    /// Source: ibc-go v10.3.0, `modules/light-clients/07-tendermint/client_state.go` (`status`).
    pub(crate) fn status(&self, latest: Option<&ConsensusState>, now: Timestamp) -> Status {
        let alive = |state: &ConsensusState| state.time.saturating_add(self.trusting_period) > now;
        match latest {
            _ if self.frozen => Status::Frozen,
            Some(state) if alive(state) => Status::Active,
            _ => Status::Expired,
        }
    }

    /// The client as this relayer's light client knows it, at its latest state.
    pub(crate) fn client_state(&self, endpoint: &str, latest: &ConsensusState) -> Result<ClientState, AdapterError> {
        let stored = vec![StoredState { number: self.latest_height.number(), hash: latest.hash() }];
        ClientState::from_stored(self.parameters.clone(), stored, self.frozen)
            .map_err(|e| misfit(endpoint, "client state", "one that can be encoded", &e))
    }
}

/// Reads what lies under a consensus state's key.
///
/// # Errors
/// [`AdapterError::Inconsistent`] when it is none.
pub(crate) fn consensus_state(endpoint: &str, stored: &[u8]) -> Result<ConsensusState, AdapterError> {
    let state: ProtoConsensusState = opened(endpoint, "consensus state", CONSENSUS_STATE, stored)?;
    let wrong = |field, expected: &str, found: &dyn Display| misfit(endpoint, field, expected, found);
    let time = state.timestamp.unwrap_or_default();
    let seconds = u64::try_from(time.seconds).ok();
    let nanos = u64::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let unix_nanos = seconds
        .and_then(|seconds| seconds.checked_mul(1_000_000_000))
        .and_then(|whole| nanos.and_then(|nanos| whole.checked_add(nanos)))
        .ok_or_else(|| wrong("time", "one after 1970", &time.seconds))?;
    let hash = state.root.unwrap_or_default().hash;
    let bytes =
        |field, bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).map_err(|bytes| wrong(field, "32 bytes", &bytes.len()));
    Ok(ConsensusState {
        root: StateRoot::new(bytes("root", hash)?),
        time: Timestamp::from_unix_nanos(unix_nanos),
        next_set_hash: SetHash::new(bytes("next validators hash", state.next_validators_hash)?),
    })
}

/// A client and its first trusted state as a chain is asked to make them.
///
/// The unbonding period is that of the followed chain's staking, or what stands for it; it must be longer than the
/// trusting period, and no rule of the client rests on it.
///
/// # Errors
/// [`AdapterError::Config`] when ibc-go has no such client.
pub(crate) fn creation(
    trusted: &TrustedState,
    unbonding_seconds: u64,
) -> Result<(ProtoClientState, ProtoConsensusState), AdapterError> {
    let unreadable = |e: light_client_tendermint::Error| unfit("a state of a Tendermint client", &e);
    let client = ClientState::decode(&trusted.client).map_err(unreadable)?;
    let consensus = ConsensusState::decode(&trusted.consensus).map_err(unreadable)?;
    let parameters = client.parameters();
    let trusting = parameters.trusting_period_seconds;
    if trusting == 0 || trusting >= unbonding_seconds {
        return Err(unfit("a trusting period of at least 1 s, below the unbonding period", &trusting));
    }
    if parameters.clock_drift_seconds == 0 {
        return Err(unfit("a clock drift of at least 1 s", &0));
    }
    if parameters.tree_hash != TreeHash::Sha256 || !matches!(parameters.commitments, Commitments::IbcStore { .. }) {
        return Err(unfit("a chain that hashes with SHA-256 and has an ibc store", &parameters.chain_id));
    }
    let seconds = |seconds: u64| {
        let seconds = i64::try_from(seconds).map_err(|_| unfit("a period that fits", &seconds))?;
        Ok::<_, AdapterError>(Some(Duration { seconds, nanos: 0 }))
    };
    let level = parameters.trust_level;
    // Two of the members are deprecated; they stay as they are by default.
    let state = ProtoClientState {
        chain_id: parameters.chain_id.to_string(),
        trust_level: Some(Fraction { numerator: level.numerator().into(), denominator: level.denominator().into() }),
        trusting_period: seconds(trusting)?,
        unbonding_period: seconds(unbonding_seconds)?,
        max_clock_drift: seconds(parameters.clock_drift_seconds)?,
        frozen_height: Some(ProtoHeight::default()),
        latest_height: Some(proto_height(client.latest_height())),
        proof_specs: specs_of(parameters.store_tree),
        upgrade_path: UPGRADE_PATH.map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let time = consensus.time;
    let consensus = ProtoConsensusState {
        timestamp: Some(ibc_proto::google::protobuf::Timestamp {
            seconds: i64::try_from(time.unix_seconds()).map_err(|_| unfit("a time that fits", &time))?,
            nanos: i32::try_from(time.subsec_nanos()).map_err(|_| unfit("a time that fits", &time))?,
        }),
        root: Some(MerkleRoot { hash: consensus.root.as_bytes().to_vec() }),
        next_validators_hash: consensus.next_set_hash.as_bytes().to_vec(),
    };
    Ok((state, consensus))
}

pub(crate) fn proto_height(height: Height) -> ProtoHeight {
    ProtoHeight { revision_number: height.revision(), revision_height: height.number() }
}

/// The forms of the chain's two trees, as ibc-go's client demands them.
fn specs_of(tree: StoreTree) -> Vec<ProofSpec> {
    let store = match tree {
        StoreTree::Iavl => ibc_proto::ics23::iavl_spec(),
        StoreTree::Jmt => jmt_spec(),
    };
    vec![store, ibc_proto::ics23::tendermint_spec()]
}

fn tree_of(endpoint: &str, specs: &[ProofSpec]) -> Result<StoreTree, AdapterError> {
    let trees = [StoreTree::Iavl, StoreTree::Jmt];
    trees
        .into_iter()
        .find(|tree| specs_of(*tree) == specs)
        .ok_or_else(|| misfit(endpoint, "proof specs", "those of iavl or jmt, and those of simple", &specs.len()))
}

/// The Jellyfish Merkle tree.
///
/// Source: the `jmt` crate 0.11, `ics23_spec`.
fn jmt_spec() -> ProofSpec {
    ProofSpec {
        leaf_spec: Some(LeafOp {
            hash: HashOp::Sha256.into(),
            prehash_key: HashOp::Sha256.into(),
            prehash_value: HashOp::Sha256.into(),
            length: LengthOp::NoPrefix.into(),
            prefix: b"JMT::LeafNode".to_vec(),
        }),
        inner_spec: Some(InnerSpec {
            child_order: vec![0, 1],
            child_size: 32,
            min_prefix_length: 16,
            max_prefix_length: 16,
            empty_child: b"SPARSE_MERKLE_PLACEHOLDER_HASH__".to_vec(),
            hash: HashOp::Sha256.into(),
        }),
        max_depth: 64,
        min_depth: 0,
        prehash_key_before_comparison: true,
    }
}

/// A stored value: a protobuf `Any` around the state.
pub(super) fn opened<T: Message + Default>(
    endpoint: &str,
    field: &'static str,
    type_url: &'static str,
    stored: &[u8],
) -> Result<T, AdapterError> {
    let broken = |e: prost_13::DecodeError| misfit(endpoint, field, "one that decodes", &e);
    let any = Any::decode(stored).map_err(broken)?;
    if any.type_url != type_url {
        return Err(AdapterError::Config {
            key: "client",
            expected: type_url.to_owned(),
            found: adapter_json_rpc::printable(&any.type_url),
        });
    }
    T::decode(any.value.as_slice()).map_err(broken)
}

fn duration(
    endpoint: &str,
    field: &'static str,
    duration: Option<Duration>,
) -> Result<std::time::Duration, AdapterError> {
    let Duration { seconds, nanos } = duration.unwrap_or_default();
    match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Ok(std::time::Duration::new(seconds, nanos)),
        _ => Err(misfit(endpoint, field, "a duration that is not negative", &seconds)),
    }
}

fn misfit(endpoint: &str, field: &'static str, expected: &str, found: &dyn Display) -> AdapterError {
    AdapterError::Inconsistent {
        endpoint: endpoint.to_owned(),
        field,
        expected: expected.to_owned(),
        found: adapter_json_rpc::printable(&found.to_string()),
    }
}

fn unfit(expected: &str, found: &dyn Display) -> AdapterError {
    AdapterError::Config { key: "client", expected: expected.to_owned(), found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const FILE: &str = "vectors/ibc-v2/client_states.json";

    fn stored(name: &str) -> Vec<u8> {
        let recording: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
        hex::decode(recording[name]["value"].as_str().unwrap()).unwrap()
    }

    /// The stored client state with one change.
    fn bent(change: impl FnOnce(&mut ProtoClientState)) -> Vec<u8> {
        let mut any = Any::decode(stored("client_state").as_slice()).unwrap();
        let mut state = ProtoClientState::decode(any.value.as_slice()).unwrap();
        change(&mut state);
        any.value = state.encode_to_vec();
        any.encode_to_vec()
    }

    fn read(stored: &[u8]) -> Result<Hosted, AdapterError> {
        Hosted::read("a node", stored, b"ibc")
    }

    #[test]
    fn what_a_chain_stores_is_read_and_would_be_made_so_again() {
        let hosted = read(&stored("client_state")).unwrap();
        assert_eq!(hosted.parameters.chain_id.as_str(), "simd-a");
        assert_eq!((hosted.latest_height, hosted.frozen), (Height::new(925), false));
        assert_eq!(hosted.parameters.store_tree, StoreTree::Iavl);
        let state = consensus_state("a node", &stored("consensus_state")).unwrap();
        let client = hosted.client_state("a node", &state).unwrap();
        assert_eq!(client.hash_at(925), Some(state.hash()));
        let trusted = TrustedState { height: hosted.latest_height, client: client.encode(), consensus: state.encode() };
        let recorded = Any::decode(stored("client_state").as_slice()).unwrap();
        let unbonding = ProtoClientState::decode(recorded.value.as_slice()).unwrap().unbonding_period.unwrap();
        let (again, first) = creation(&trusted, u64::try_from(unbonding.seconds).unwrap()).unwrap();
        let recorded = ProtoClientState::decode(recorded.value.as_slice()).unwrap();
        assert_eq!(again.proof_specs, recorded.proof_specs);
        assert_eq!((again.trust_level, again.trusting_period), (recorded.trust_level, recorded.trusting_period));
        assert_eq!((&again.chain_id, again.latest_height), (&recorded.chain_id, recorded.latest_height));
        assert_eq!((again.max_clock_drift, again.frozen_height), (recorded.max_clock_drift, recorded.frozen_height));
        let first = Any { type_url: CONSENSUS_STATE.to_owned(), value: first.encode_to_vec() };
        assert_eq!(first.encode_to_vec(), stored("consensus_state"));
    }

    #[test]
    fn both_kinds_of_tree_come_back() {
        for tree in [StoreTree::Iavl, StoreTree::Jmt] {
            let hosted = read(&bent(|state| state.proof_specs = specs_of(tree))).unwrap();
            assert_eq!(hosted.parameters.store_tree, tree);
        }
    }

    #[test]
    fn a_client_that_demands_something_else_is_refused() {
        type Change = (&'static str, fn(&mut ProtoClientState));
        let changes: [Change; 9] = [
            ("proof specs", |state| state.proof_specs.clear()),
            ("proof specs", |state| state.proof_specs.swap(0, 1)),
            ("proof specs", |state| state.proof_specs[0].max_depth = 1),
            ("trust level", |state| state.trust_level = None),
            ("trust level", |state| state.trust_level = Some(Fraction { numerator: 257, denominator: 257 })),
            ("trusting period", |state| state.trusting_period = Some(Duration { seconds: -1, nanos: 0 })),
            ("latest height", |state| state.latest_height = None),
            ("latest height", |state| state.chain_id = "simd-7".to_owned()),
            ("chain id", |state| state.chain_id.clear()),
        ];
        for (name, change) in changes {
            let refusal = read(&bent(change)).unwrap_err();
            assert!(matches!(&refusal, AdapterError::Inconsistent { field, .. } if *field == name), "{refusal}");
        }
        let refusal = read(&stored("consensus_state")).unwrap_err();
        assert!(matches!(refusal, AdapterError::Config { key: "client", .. }), "{refusal}");
        for length in 0..stored("client_state").len() {
            assert!(read(&stored("client_state")[..length]).is_err());
        }
    }

    #[test]
    fn a_client_is_active_until_the_nanosecond_that_ibc_go_says() {
        let hosted = read(&bent(|state| state.trusting_period = Some(Duration { seconds: 10, nanos: 5 }))).unwrap();
        let state = consensus_state("a node", &stored("consensus_state")).unwrap();
        let at = |seconds, nanos| state.time.saturating_add(std::time::Duration::new(seconds, nanos));
        assert_eq!(hosted.status(Some(&state), at(10, 4)), Status::Active);
        assert_eq!(hosted.status(Some(&state), at(10, 5)), Status::Expired);
        assert_eq!(hosted.status(None, state.time), Status::Expired);
        let frozen = ProtoHeight { revision_number: 0, revision_height: 1 };
        let hosted = read(&bent(|state| state.frozen_height = Some(frozen))).unwrap();
        assert_eq!(hosted.status(Some(&state), at(0, 0)), Status::Frozen);
        assert!(hosted.client_state("a node", &state).unwrap().is_frozen());
    }

    #[test]
    fn a_state_without_hashes_or_before_1970_is_refused() {
        let bent = |change: fn(&mut ProtoConsensusState)| {
            let mut any = Any::decode(stored("consensus_state").as_slice()).unwrap();
            let mut state = ProtoConsensusState::decode(any.value.as_slice()).unwrap();
            change(&mut state);
            any.value = state.encode_to_vec();
            consensus_state("a node", &any.encode_to_vec())
        };
        assert!(bent(|_| {}).is_ok());
        for change in [
            (|state| state.root = None) as fn(&mut ProtoConsensusState),
            |state| state.next_validators_hash.truncate(31),
            |state| state.timestamp.as_mut().unwrap().seconds = -1,
            |state| state.timestamp.as_mut().unwrap().nanos = 1_000_000_000,
            |state| state.timestamp.as_mut().unwrap().seconds = i64::MAX,
        ] {
            assert!(matches!(bent(change), Err(AdapterError::Inconsistent { .. })));
        }
    }
}
