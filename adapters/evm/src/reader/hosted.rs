//! The clients that a chain hosts, as their contracts store them: whatever their kind, which the contract's parameters
//! tell ([`clients::open`]).

use super::{
    events::number_topic,
    query::{self, Filter},
    view::{Answer, View},
};
use crate::{
    abi::{
        artefact::Artefact,
        // The functions that are read are the same in each kind.
        bindings::{
            qbft_light_client::{
                ConsensusStateHashCall, HeightAtCall, HeightCountCall, ParametersCall, StatusCall, StatusReturn,
            },
            router::{ClientCall, ClientReturn},
        },
        strict,
    },
    clients::{self, ConsensusClaim, OpenClient, StatePreimage},
};
use adapter::{AdapterError, HostedClient, StoredStates};
use alloy_primitives::{Address, B256};
use ethers_core::{
    abi::{AbiEncode as _, ParamType, Token},
    types::U256,
};
use light_client::{ClientId, Height, Status};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// `Status.Frozen` of `ILightClient`.
const FROZEN: u8 = 2;
/// How many of a client's latest states are read with it.
const LATEST_STATES: u64 = 16;
/// How many consensus states are kept, each under its own hash.
const MAX_KEPT_STATES: usize = 4096;
/// The first range in which the event of a state is looked for, from the latest block backwards; doubled each time.
const FIRST_RANGE_BLOCKS: u64 = 2_000;

/// Consensus states by their hash, so that none can be taken for another.
pub(super) struct States(Mutex<HashMap<[u8; 32], StatePreimage>>);

impl States {
    pub(super) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    fn get(&self, hash: &[u8; 32]) -> Option<StatePreimage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(hash).copied()
    }

    fn keep(&self, hash: [u8; 32], state: StatePreimage) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if states.len() >= MAX_KEPT_STATES {
            states.clear();
        }
        states.insert(hash, state);
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
    let client = opened(view, parameters)?;
    let count = number(view, "height count", view.read::<U256>("height count", count)?)?;
    let stored = latest_states(view, verifier, count).await?;
    let Some(latest) = stored.last().filter(|(height, _)| *height == status.1) else {
        return Err(inconsistent(view, "heights", "the latest height last", status.1));
    };
    let consensus = preimage(view, verifier, first_height, states, client.as_ref(), *latest).await?;
    if consensus.time.unix_seconds() != status.2 {
        return Err(inconsistent(view, "latest time", &consensus.time.to_string(), status.2));
    }
    let encoded =
        client.client(&stored, status.0 == FROZEN).map_err(|e| inconsistent(view, "client", "a client's states", e))?;
    let counterparty = registered.counterparty_id.parse::<ClientId>();
    Ok(Some(HostedClient {
        status: match status.0 {
            0 => Status::Active,
            1 => Status::Expired,
            FROZEN => Status::Frozen,
            other => return Err(inconsistent(view, "status", "0, 1 or 2", other)),
        },
        latest_height: client.height(latest.0),
        latest_time: consensus.time,
        updates_from_any_state: false,
        client: encoded,
        consensus: consensus.encoded,
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
    let Some(verifier) = verifier(view, router, id).await? else { return Ok(None) };
    let number = height.number();
    let calls = [ParametersCall.encode(), ConsensusStateHashCall { height: number }.encode()];
    let [parameters, hash] = view.calls(verifier, calls).await?;
    let client = opened(view, parameters)?;
    let hash: [u8; 32] = view.read("consensus state hash", hash)?;
    if hash == [0; 32] || client.height(number) != height {
        return Ok(None);
    }
    let state = preimage(view, verifier, first_height, states, client.as_ref(), (number, hash)).await?;
    Ok(Some(state.encoded))
}

/// The greatest stored height not above `height`, and the one after it.
pub(super) async fn neighbours(
    view: &View<'_>,
    router: Address,
    id: &ClientId,
    height: Height,
) -> Result<[Option<Height>; 2], AdapterError> {
    let Some(verifier) = verifier(view, router, id).await? else { return Ok([None, None]) };
    let [parameters, count] = view.calls(verifier, [ParametersCall.encode(), HeightCountCall.encode()]).await?;
    let client = opened(view, parameters)?;
    let count = number(view, "height count", view.read("height count", count)?)?;
    // The heights ascend: search for the first one above.
    let (mut from, mut to) = (0, count);
    let mut lower = None;
    let mut upper = None;
    while from < to {
        let middle = from + (to - from) / 2;
        let found = client.height(view.call("height", verifier, HeightAtCall { index: middle.into() }).await?);
        if found <= height {
            lower = lower.max(Some(found));
            from = middle + 1;
        } else {
            upper = Some(upper.map_or(found, |known: Height| known.min(found)));
            to = middle;
        }
    }
    Ok([lower, upper])
}

/// What a client stores around a height; `None` when the Router has none of this id.
pub(super) async fn around(
    view: &View<'_>,
    router: Address,
    first_height: u64,
    states: &States,
    id: &ClientId,
    height: Height,
) -> Result<Option<StoredStates>, AdapterError> {
    let Some(hosted) = client(view, router, first_height, states, id).await? else { return Ok(None) };
    let [at_or_below, above] = neighbours(view, router, id, height).await?;
    let below = match (at_or_below, height.number().checked_sub(1)) {
        (Some(found), Some(before)) if found == height => {
            neighbours(view, router, id, Height::with_revision(height.revision(), before)).await?[0]
        }
        _ => None,
    };
    let mut around = Vec::new();
    for at in [below, at_or_below, above].into_iter().flatten() {
        let found = state(view, router, first_height, states, id, at).await?;
        let found =
            found.ok_or_else(|| inconsistent(view, "consensus state", "one at each height that is listed", at))?;
        around.push((at, found));
    }
    Ok(Some(StoredStates { client: hosted.client, states: around }))
}

/// A client's contract by what its `parameters()` answered.
fn opened(view: &View<'_>, parameters: Answer) -> Result<Box<dyn OpenClient>, AdapterError> {
    let data = view.returned("parameters", parameters)?;
    clients::open(&data).map_err(|e| e.into_adapter(view.endpoint.label(), "parameters"))
}

/// The contract of a client; `None` when the Router knows no such client.
pub(super) async fn verifier(view: &View<'_>, router: Address, id: &ClientId) -> Result<Option<Address>, AdapterError> {
    Ok(registration(view, router, id).await?.map(|registered| address(registered.verifier)))
}

/// What the Router has registered under an id; `None` when it says that it knows no such client.
async fn registration(view: &View<'_>, router: Address, id: &ClientId) -> Result<Option<ClientReturn>, AdapterError> {
    let [answer] = view.calls(router, [ClientCall { id: id.to_string() }.encode()]).await?;
    let unknown = Artefact::router().error_selector("ClientUnknown");
    match answer {
        Answer::Reverted(data) if unknown.is_some() && data.first_chunk::<4>().copied() == unknown => Ok(None),
        answer => view.read("client", answer).map(Some),
    }
}

/// The client's latest states, ascending and without gaps: heights, and what is stored there.
async fn latest_states(view: &View<'_>, verifier: Address, count: u64) -> Result<Vec<(u64, [u8; 32])>, AdapterError> {
    let first = count.saturating_sub(LATEST_STATES);
    let calls = (first..count).map(|index| HeightAtCall { index: index.into() }.encode()).collect();
    let mut heights: Vec<u64> = Vec::new();
    for answer in view.call_list(verifier, calls).await? {
        heights.push(view.read("height", answer)?);
    }
    let calls = heights.iter().map(|height| ConsensusStateHashCall { height: *height }.encode()).collect();
    let mut stored = Vec::with_capacity(heights.len());
    for (height, answer) in heights.into_iter().zip(view.call_list(verifier, calls).await?) {
        stored.push((height, view.read("consensus state hash", answer)?));
    }
    Ok(stored)
}

/// The state behind a stored hash, from the event with which it was stored.
async fn preimage(
    view: &View<'_>,
    verifier: Address,
    first_height: u64,
    states: &States,
    client: &dyn OpenClient,
    (height, hash): (u64, [u8; 32]),
) -> Result<ConsensusClaim, AdapterError> {
    if let Some(state) = states.get(&hash) {
        return Ok(client.consensus(&state));
    }
    let topic = Artefact::qbft_light_client().event_hash("ConsensusState").unwrap_or_default();
    let filter = Filter { address: verifier, topics: vec![vec![topic], vec![number_topic(height)]] };
    let mut to = view.height;
    let mut range = FIRST_RANGE_BLOCKS;
    loop {
        let from = to.saturating_sub(range - 1).max(first_height.min(to));
        for log in query::logs(view.endpoint, &filter, from, to).await? {
            let state = state_of(view, &log.data)?;
            let claim = client.consensus(&state);
            if claim.hash == hash {
                states.keep(hash, state);
                return Ok(claim);
            }
        }
        if from <= first_height {
            let expected = format!("the event of the state at height {height}, {}", B256::from(hash));
            return Err(inconsistent(view, "ConsensusState", &expected, "none"));
        }
        to = from - 1;
        range = range.saturating_mul(2);
    }
}

fn state_of(view: &View<'_>, data: &[u8]) -> Result<StatePreimage, AdapterError> {
    let types = [ParamType::FixedBytes(32), ParamType::Uint(64), ParamType::FixedBytes(32)];
    let values = strict::tokens("ConsensusState", &types, data);
    match values.map_err(|e| e.into_adapter(view.endpoint.label()))?.as_slice() {
        [Token::FixedBytes(root), Token::Uint(time), Token::FixedBytes(set)] => Ok(StatePreimage {
            root: root.as_slice().try_into().unwrap_or_default(),
            time: time.low_u64(),
            set_hash: set.as_slice().try_into().unwrap_or_default(),
        }),
        _ => Err(inconsistent(view, "ConsensusState", "root, time and set", "other values")),
    }
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
