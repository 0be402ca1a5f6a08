//! The clients that a chain hosts, as their contracts store them.

use super::{
    events::number_topic,
    query::{self, Filter},
    view::{Answer, View},
};
use crate::abi::{
    artefact::Artefact,
    bindings::{
        qbft_light_client::{
            ConsensusStateHashCall, HeightAtCall, HeightCountCall, ParametersCall, ParametersReturn, QbftParameters,
            StatusCall, StatusReturn,
        },
        router::{ClientCall, ClientReturn},
    },
    strict,
};
use adapter::{AdapterError, HostedClient};
use alloy_primitives::Address;
use ethers_core::{
    abi::{AbiEncode as _, ParamType, Token},
    types::U256,
};
use light_client::{ClientId, CodeHash, Codec as _, Height, StateRoot, Status, Timestamp};
use light_client_qbft::{
    ClientState, ConsensusHash, ConsensusState, Kind, Parameters, SetHash, StoredState, TrustLevel,
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How many of a client's latest states are read with it.
const LATEST_STATES: u64 = 16;
/// How many consensus states are kept, each under its own hash.
const MAX_KEPT_STATES: usize = 4096;
/// The first range in which the event of a state is looked for, from the latest block backwards; doubled each time.
const FIRST_RANGE_BLOCKS: u64 = 2_000;

/// Consensus states by their hash, so that none can be taken for another.
pub(super) struct States(Mutex<HashMap<[u8; 32], ConsensusState>>);

impl States {
    pub(super) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    fn get(&self, hash: &ConsensusHash) -> Option<ConsensusState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(hash.as_bytes()).copied()
    }

    fn keep(&self, state: ConsensusState) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if states.len() >= MAX_KEPT_STATES {
            states.clear();
        }
        states.insert(*state.hash().as_bytes(), state);
    }
}

/// A client at its latest state; `None` when the Router has none of this id.
pub(super) async fn client(
    view: &View<'_>,
    router: Address,
    first_height: u64,
    states: &States,
    id: &ClientId,
) -> Result<Option<HostedClient>, AdapterError> {
    let Some(registered) = registration(view, router, id).await? else { return Ok(None) };
    let verifier = address(registered.verifier);
    let calls = [StatusCall.encode(), ParametersCall.encode(), HeightCountCall.encode()];
    let [status, parameters, count] = view.calls(verifier, calls).await?;
    let status: StatusReturn = view.read("status", status)?;
    let ParametersReturn(parameters) = view.read("parameters", parameters)?;
    let count = number(view, "height count", view.read::<U256>("height count", count)?)?;
    let frozen = status.0 == FROZEN;
    let stored = latest_states(view, verifier, count).await?;
    let latest = stored.last().copied().filter(|state| state.height.number() == status.1);
    let Some(latest) = latest else {
        return Err(inconsistent(view, "heights", "the latest height last", status.1));
    };
    let consensus = preimage(view, verifier, first_height, states, latest).await?;
    if consensus.time.unix_seconds() != status.2 {
        return Err(inconsistent(view, "latest time", &consensus.time.to_string(), status.2));
    }
    let client = ClientState::from_stored(parameters_of(view, &parameters)?, stored, frozen)
        .map_err(|e| inconsistent(view, "client", "a client's states", e))?;
    let counterparty = registered.counterparty_id.parse::<ClientId>();
    Ok(Some(HostedClient {
        status: match status.0 {
            0 => Status::Active,
            1 => Status::Expired,
            FROZEN => Status::Frozen,
            other => return Err(inconsistent(view, "status", "0, 1 or 2", other)),
        },
        latest_height: latest.height,
        latest_time: consensus.time,
        client: client.encode(),
        consensus: consensus.encode(),
        counterparty: counterparty.map_err(|e| inconsistent(view, "counterparty", "a client id", e))?,
        counterparty_prefix: registered.counterparty_prefix.iter().map(|element| element.to_vec()).collect(),
    }))
}

/// The consensus state that a client stores at exactly this height.
pub(super) async fn state(
    view: &View<'_>,
    router: Address,
    first_height: u64,
    states: &States,
    id: &ClientId,
    height: Height,
) -> Result<Option<Vec<u8>>, AdapterError> {
    let Some(registered) = registration(view, router, id).await? else { return Ok(None) };
    let verifier = address(registered.verifier);
    let call = ConsensusStateHashCall { height: height.number() };
    let hash: [u8; 32] = view.call("consensus state hash", verifier, call).await?;
    if hash == [0; 32] {
        return Ok(None);
    }
    let stored = StoredState { height, hash: ConsensusHash::new(hash) };
    Ok(Some(preimage(view, verifier, first_height, states, stored).await?.encode()))
}

/// The greatest stored height not above `height`, and the one after it.
pub(super) async fn neighbours(
    view: &View<'_>,
    router: Address,
    id: &ClientId,
    height: Height,
) -> Result<[Option<Height>; 2], AdapterError> {
    let Some(registered) = registration(view, router, id).await? else { return Ok([None, None]) };
    let verifier = address(registered.verifier);
    let count = number(view, "height count", view.call("height count", verifier, HeightCountCall).await?)?;
    // The heights ascend: search for the first one above.
    let (mut from, mut to) = (0, count);
    let mut lower = None;
    let mut upper = None;
    while from < to {
        let middle = from + (to - from) / 2;
        let found: u64 = view.call("height", verifier, HeightAtCall { index: middle.into() }).await?;
        if found <= height.number() {
            lower = lower.max(Some(found));
            from = middle + 1;
        } else {
            upper = Some(upper.map_or(found, |known: u64| known.min(found)));
            to = middle;
        }
    }
    Ok([lower.map(Height::new), upper.map(Height::new)])
}

/// `Status.Frozen` of `ILightClient`.
const FROZEN: u8 = 2;

/// What the Router has registered under an id; `None` when it says that it knows no such client.
async fn registration(view: &View<'_>, router: Address, id: &ClientId) -> Result<Option<ClientReturn>, AdapterError> {
    let [answer] = view.calls(router, [ClientCall { id: id.to_string() }.encode()]).await?;
    let unknown = Artefact::router().error_selector("ClientUnknown");
    match answer {
        Answer::Reverted(data) if unknown.is_some() && data.first_chunk::<4>().copied() == unknown => Ok(None),
        answer => view.read("client", answer).map(Some),
    }
}

/// The client's latest states, ascending and without gaps.
async fn latest_states(view: &View<'_>, verifier: Address, count: u64) -> Result<Vec<StoredState>, AdapterError> {
    let first = count.saturating_sub(LATEST_STATES);
    let calls = (first..count).map(|index| HeightAtCall { index: index.into() }.encode()).collect();
    let mut heights: Vec<u64> = Vec::new();
    for answer in view.call_list(verifier, calls).await? {
        heights.push(view.read("height", answer)?);
    }
    let calls = heights.iter().map(|height| ConsensusStateHashCall { height: *height }.encode()).collect();
    let mut stored = Vec::with_capacity(heights.len());
    for (height, answer) in heights.iter().zip(view.call_list(verifier, calls).await?) {
        let hash: [u8; 32] = view.read("consensus state hash", answer)?;
        stored.push(StoredState { height: Height::new(*height), hash: ConsensusHash::new(hash) });
    }
    Ok(stored)
}

/// The state behind a stored hash, from the event with which it was stored.
async fn preimage(
    view: &View<'_>,
    verifier: Address,
    first_height: u64,
    states: &States,
    stored: StoredState,
) -> Result<ConsensusState, AdapterError> {
    if let Some(state) = states.get(&stored.hash) {
        return Ok(state);
    }
    let topic = Artefact::qbft_light_client().event_hash("ConsensusState").unwrap_or_default();
    let filter = Filter { address: verifier, topics: vec![vec![topic], vec![number_topic(stored.height.number())]] };
    let mut to = view.height;
    let mut range = FIRST_RANGE_BLOCKS;
    loop {
        let from = to.saturating_sub(range - 1).max(first_height.min(to));
        for log in query::logs(view.endpoint, &filter, from, to).await? {
            let state = state_of(view, &log.data)?;
            if state.hash() == stored.hash {
                states.keep(state);
                return Ok(state);
            }
        }
        if from <= first_height {
            let expected = format!("the event of the state at height {}, {}", stored.height, stored.hash);
            return Err(inconsistent(view, "ConsensusState", &expected, "none"));
        }
        to = from - 1;
        range = range.saturating_mul(2);
    }
}

fn state_of(view: &View<'_>, data: &[u8]) -> Result<ConsensusState, AdapterError> {
    let types = [ParamType::FixedBytes(32), ParamType::Uint(64), ParamType::FixedBytes(32)];
    let values = strict::tokens("ConsensusState", &types, data);
    match values.map_err(|e| e.into_adapter(view.endpoint.label()))?.as_slice() {
        [Token::FixedBytes(root), Token::Uint(time), Token::FixedBytes(set)] => Ok(ConsensusState {
            storage_root: StateRoot::new(root.as_slice().try_into().unwrap_or_default()),
            time: Timestamp::from_unix_seconds(time.low_u64()),
            set_hash: SetHash::new(set.as_slice().try_into().unwrap_or_default()),
        }),
        _ => Err(inconsistent(view, "ConsensusState", "root, time and set", "other values")),
    }
}

fn parameters_of(view: &View<'_>, raw: &QbftParameters) -> Result<Parameters, AdapterError> {
    Ok(Parameters {
        kind: match raw.kind {
            0 => Kind::Qbft,
            1 => Kind::Ibft2,
            other => return Err(inconsistent(view, "kind", "0 or 1", other)),
        },
        trust_level: match raw.trust_level {
            0 => TrustLevel::Strict,
            1 => TrustLevel::OneThird,
            other => return Err(inconsistent(view, "trust level", "0 or 1", other)),
        },
        router: light_client_crypto::Address::new(raw.router.0),
        router_code_hash: CodeHash::new(raw.router_code_hash),
        trusting_period_seconds: raw.trusting_period,
        clock_drift_seconds: raw.clock_drift,
    })
}

fn address(address: ethers_core::types::Address) -> Address {
    Address::from(address.0)
}

fn number(view: &View<'_>, field: &'static str, number: U256) -> Result<u64, AdapterError> {
    u64::try_from(number).map_err(|_| inconsistent(view, field, "a number of 64 bits", number))
}

fn inconsistent(view: &View<'_>, field: &'static str, expected: &str, found: impl ToString) -> AdapterError {
    AdapterError::Inconsistent {
        endpoint: view.endpoint.label().to_owned(),
        field,
        expected: expected.to_owned(),
        found: found.to_string(),
    }
}
