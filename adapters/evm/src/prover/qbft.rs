//! Proofs of chains with QBFT or IBFT 2.0 consensus.

mod evidence;

use super::answer::ProofAnswer;
use crate::{
    chain::Shared,
    header::RawHeader,
    reader::view::View,
    rpc::{Endpoint, Request, RpcError, hex_data},
};
use adapter::{
    AdapterError, AdapterErrorKind, Bootstrap, ChainHeader, Plan, Prover, ServedHeader, StoredStates, Stretch,
    TrustedState, VerifiedProof, VerifiedUpdate,
};
use alloy_primitives::{Address, keccak256};
use async_trait::async_trait;
use futures::{
    future::join_all,
    stream::{FuturesUnordered, StreamExt as _},
};
use light_client::{
    Claim, ClientType, CodeHash, Codec, Erased, ErasedError, ErasedLightClient, Expected, Fault, Height, LightClient,
    MerklePath, SlotKey, StateRoot, Timestamp, Trusted, UpdateOutcome, sha256,
};
use light_client_crypto::Keccak256;
use light_client_proofs::{
    ProofError, account,
    storage::{self, MAX_CLAIMS, SharedProof},
};
use light_client_qbft::{
    ClientState, ConsensusState, Error, Evidence, Header, Kind, MembershipProof, Parameters, Qbft, TrustLevel, Update,
    ValidatorSet,
};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The most heights that are tried in one search for a way.
const MAX_PROBES: usize = 1_024;
/// How far beyond the next height one is looked for that more of the trusted set have sealed: which members' seals a
/// block carries is chance.
const MAX_LOOK_AHEAD: u64 = 16;

/// How long one endpoint is waited for when all of them are asked for a header, or for the account proof that belongs to one.
const MAX_HEADER_WAIT: Duration = Duration::from_secs(4);

/// Where what comes from, in errors, when no node of this chain supplied it.
const ELSEWHERE: &str = "obtained elsewhere";

/// What a client of the chain is to demand, besides what the chain's configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientParams {
    /// What a changed validator set needs from the one trusted before.
    pub trust_level: TrustLevel,
    /// The keccak-256 of the Router's runtime code, predicted from the artefact; what the chain proves when `None`,
    /// to be compared by a person.
    pub code_hash: Option<CodeHash>,
    /// How long a trusted state may be relied upon, in seconds.
    pub trusting_period_seconds: u64,
    /// How far a header's time may be ahead, in seconds.
    pub clock_drift_seconds: u64,
}

impl Default for ClientParams {
    /// Strict, 14 days, 15 seconds: the design's values.
    fn default() -> Self {
        Self {
            trust_level: TrustLevel::Strict,
            code_hash: None,
            trusting_period_seconds: 14 * 24 * 3600,
            clock_drift_seconds: 15,
        }
    }
}

/// Proves what one QBFT or IBFT 2.0 chain's Router stores.
pub struct QbftProver {
    chain: Arc<Shared>,
    router: Address,
    params: ClientParams,
    /// The form of the chain's headers.
    kind: Kind,
    client_type: ClientType,
    client: Erased<Qbft>,
}

/// A state in its own types.
struct State {
    height: Height,
    client: ClientState,
    consensus: ConsensusState,
}

impl QbftProver {
    pub(crate) fn new(chain: Arc<Shared>, router: Address, params: ClientParams) -> Result<Self, AdapterError> {
        let kind = chain.config.consensus.sealed_by().ok_or_else(|| AdapterError::Config {
            key: "consensus",
            expected: "one with sealed headers of Ethereum's form, which this prover reads".to_owned(),
            found: format!("{:?}", chain.config.consensus),
        })?;
        let name = match kind {
            Kind::Qbft => "qbft",
            Kind::Ibft2 => "ibft2",
        };
        let client_type = name.parse::<ClientType>().map_err(|e| AdapterError::Config {
            key: "consensus",
            expected: "a client type".to_owned(),
            found: e.to_string(),
        })?;
        Ok(Self { chain, router, params, kind, client_type, client: Erased(Qbft::ETHEREUM) })
    }

    /// The header of a height, and the Router's account under it where the node still has that state.
    async fn block(
        &self,
        endpoint: &Endpoint,
        height: Height,
    ) -> Result<(RawHeader, Result<ProofAnswer, AdapterError>), AdapterError> {
        const OPERATION: &str = "eth_getProof";
        let at = format!("{:#x}", height.number());
        let requests = vec![
            Request::new("eth_getBlockByNumber", json!([at, false])),
            Request::new(OPERATION, json!([hex_data(self.router.as_slice()), [], at])),
        ];
        let broken = |e: RpcError| e.into_adapter(endpoint.label(), OPERATION);
        let answers = endpoint.batch(requests).await.map_err(broken)?;
        let [block, proof] = <[Result<Value, RpcError>; 2]>::try_from(answers)
            .map_err(|answers| broken(RpcError::BatchLength { expected: 2, found: answers.len() }))?;
        let block = block.map_err(broken)?;
        if block.is_null() {
            let found = View::latest(endpoint).await?.height;
            let (endpoint, expected) = (endpoint.label().to_owned(), height.number());
            return Err(AdapterError::Behind { endpoint, expected, found });
        }
        let header = RawHeader::read_at(self.kind, height.number(), &block).map_err(broken)?;
        endpoint.saw_head(header.height);
        let proof = proof.and_then(|proof| ProofAnswer::read(&proof, self.router, &[])).map_err(broken);
        Ok((header, proof))
    }

    /// One update from `trusted` to `target`, verified.
    async fn update(
        &self,
        endpoint: &Endpoint,
        trusted: &State,
        target: Height,
        now: Timestamp,
    ) -> Result<(VerifiedUpdate, State), AdapterError> {
        let refused = |error: Error| verification(endpoint, "update", error);
        let (raw, proof) = self.block(endpoint, target).await?;
        let header = Header::decode(self.kind, &raw.rlp).map_err(refused)?;
        let validators = if header.extra.validators.hash() == trusted.consensus.set_hash {
            None
        } else {
            Some(self.trusted_validators(endpoint, trusted).await?)
        };
        // The seals first: whether this height can be reached at all does not depend on the state's being there.
        let addresses = validators.as_ref().map(ValidatorSet::addresses).unwrap_or_default();
        self.client
            .0
            .verify_header(trusted.client.parameters(), &trusted.consensus, addresses, &header, now)
            .map_err(refused)?;
        let update = Update::new(trusted.consensus, validators.as_ref(), raw.rlp.clone(), &proof?.account);
        let view = Trusted { height: trusted.height, client: &trusted.client, consensus: &trusted.consensus };
        match self.client.0.verify_update(view, &update, now).map_err(refused)? {
            UpdateOutcome::Advance(next) => {
                let next = State { height: next.height, client: next.client, consensus: next.consensus };
                let verified =
                    VerifiedUpdate { update: update.encode(), next: encoded(&next), time: next.consensus.time };
                Ok((verified, next))
            }
            UpdateOutcome::NoOp => Err(refused(Error::NotNewer { latest: trusted.height, found: target })),
        }
    }

    /// The header of a height, alone.
    async fn header_at(&self, endpoint: &Endpoint, height: Height) -> Result<RawHeader, AdapterError> {
        const OPERATION: &str = "eth_getBlockByNumber";
        let broken = |e: RpcError| e.into_adapter(endpoint.label(), OPERATION);
        let at = format!("{:#x}", height.number());
        let block = endpoint.call(OPERATION, json!([at, false])).await.map_err(broken)?;
        if block.is_null() {
            let found = View::latest(endpoint).await?.height;
            let (endpoint, expected) = (endpoint.label().to_owned(), height.number());
            return Err(AdapterError::Behind { endpoint, expected, found });
        }
        RawHeader::read_at(self.kind, height.number(), &block).map_err(broken)
    }

    /// The header that one endpoint serves, and whether the trusted set certifies it.
    async fn served(
        &self,
        endpoint: &Endpoint,
        trusted: &State,
        height: Height,
        now: Timestamp,
    ) -> Result<ServedHeader, AdapterError> {
        let raw = self.header_at(endpoint, height).await?;
        let header = Header::decode(self.kind, &raw.rlp).map_err(|e| verification(endpoint, "header", e))?;
        let known = if header.extra.validators.hash() == trusted.consensus.set_hash {
            Some(Vec::new())
        } else {
            self.known_validators(trusted).await.map(|set| set.addresses().to_vec())
        };
        let parameters = trusted.client.parameters();
        // What else an endpoint puts between the seals makes it no other block, and no less certified.
        let sealed = self.client.0.sealed_only_by(&header, &header.extra.validators);
        let certified = known.zip(Header::decode(self.kind, &sealed).ok()).is_some_and(|(addresses, header)| {
            self.client.0.verify_header(parameters, &trusted.consensus, &addresses, &header, now).is_ok()
        });
        let header = ChainHeader { height, hash: raw.hash, bytes: raw.rlp };
        Ok(ServedHeader { endpoint: endpoint.label().to_owned(), header, certified })
    }

    /// The addresses behind the trusted set's hash, from whichever endpoint shows them first: what hashes to it is the set.
    async fn known_validators(&self, trusted: &State) -> Option<ValidatorSet> {
        let endpoints = self.chain.pool.by_rank();
        let asked = endpoints.iter().map(|endpoint| self.trusted_validators(endpoint, trusted));
        let mut asked: FuturesUnordered<_> = asked.collect();
        while let Some(answer) = asked.next().await {
            if let Ok(set) = answer {
                return Some(set);
            }
        }
        None
    }

    /// The addresses behind the trusted set's hash, from the header that was trusted.
    async fn trusted_validators(&self, endpoint: &Endpoint, trusted: &State) -> Result<ValidatorSet, AdapterError> {
        const OPERATION: &str = "eth_getBlockByNumber";
        let raw = self.header_at(endpoint, trusted.height).await?;
        let header = Header::decode(self.kind, &raw.rlp).map_err(|e| verification(endpoint, OPERATION, e))?;
        let validators = header.extra.validators;
        if validators.hash() != trusted.consensus.set_hash {
            return Err(AdapterError::Inconsistent {
                endpoint: endpoint.label().to_owned(),
                field: "validators of the trusted header",
                expected: trusted.consensus.set_hash.to_string(),
                found: validators.hash().to_string(),
            });
        }
        Ok(validators)
    }

    /// What lies in the slots under a trusted root, proven, and the nodes that prove it, shared in the slots' order.
    async fn values(
        &self,
        endpoint: &Endpoint,
        height: Height,
        root: StateRoot,
        slots: &[SlotKey],
    ) -> Result<SharedProof, AdapterError> {
        const OPERATION: &str = "eth_getProof";
        let keys: Vec<String> = slots.iter().map(|slot| hex_data(slot.as_bytes())).collect();
        let parameters = json!([hex_data(self.router.as_slice()), keys, format!("{:#x}", height.number())]);
        let answer = match endpoint.call(OPERATION, parameters).await {
            Ok(answer) => ProofAnswer::read(&answer, self.router, slots),
            Err(refusal @ RpcError::Node { .. }) => {
                // A node that is behind says so in words of its own.
                let found = View::latest(endpoint).await?.height;
                if found < height.number() {
                    let (endpoint, expected) = (endpoint.label().to_owned(), height.number());
                    return Err(AdapterError::Behind { endpoint, expected, found });
                }
                Err(refusal)
            }
            Err(other) => Err(other),
        };
        let answer = answer.map_err(|e| e.into_adapter(endpoint.label(), OPERATION))?.for_root(root);
        storage::prove_shared(&Keccak256, root, &answer.slots)
            .map_err(|e| verification(endpoint, "proof", Error::Proof(e)))
    }

    fn parameters(&self, router_code_hash: CodeHash) -> Parameters {
        Parameters {
            kind: self.kind,
            trust_level: self.params.trust_level,
            router: light_client_crypto::Address::new(self.router.into_array()),
            router_code_hash,
            trusting_period_seconds: self.params.trusting_period_seconds,
            clock_drift_seconds: self.params.clock_drift_seconds,
        }
    }

    async fn bootstrap_at(&self, endpoint: &Endpoint, height: Option<Height>) -> Result<Bootstrap, AdapterError> {
        let height = match height {
            Some(height) => height,
            None => Height::new(View::latest(endpoint).await?.height),
        };
        let refused = |error: Error| verification(endpoint, "bootstrap", error);
        let (raw, proof) = self.block(endpoint, height).await?;
        let header = Header::decode(self.kind, &raw.rlp).map_err(refused)?;
        let address = light_client_crypto::Address::new(self.router.into_array());
        let account = account::prove_list(&Keccak256, header.state_root, &proof?.account, &address)
            .map_err(|e| refused(Error::Proof(e)))?;
        let account = account.ok_or_else(|| self.no_router(height, "no account"))?;
        if let Some(expected) = self.params.code_hash
            && account.code_hash != expected
        {
            return Err(AdapterError::Config {
                key: "router",
                expected: format!("a router whose code hashes to {expected}"),
                found: account.code_hash.to_string(),
            });
        }
        if account.code_hash.as_bytes() == keccak256([]).as_slice() {
            return Err(self.no_router(height, "an account without code"));
        }
        let parameters = self.parameters(account.code_hash);
        let validators = &header.extra.validators;
        let consensus =
            ConsensusState { storage_root: account.storage_root, time: header.time, set_hash: validators.hash() };
        // Nobody vouches for the set yet; but what the set is said to have sealed, it must have sealed.
        self.client.0.verify_header(&parameters, &consensus, &[], &header, now()).map_err(refused)?;
        let state = State { height, client: ClientState::new(parameters, height, &consensus), consensus };
        let addresses: Vec<String> =
            validators.addresses().iter().map(|address| hex_data(address.as_bytes())).collect();
        Ok(Bootstrap {
            trusted: encoded(&state),
            time: header.time,
            fingerprint: vec![
                ("chain id", self.chain.config.chain_id.to_string()),
                ("height", height.to_string()),
                ("block hash", raw.hash.to_string()),
                ("time", header.time.to_string()),
                ("validators", addresses.join(" ")),
                ("router", self.router.to_checksum(None)),
                ("router code hash", account.code_hash.to_string()),
                ("router storage root", account.storage_root.to_string()),
            ],
        })
    }

    fn no_router(&self, height: Height, found: &str) -> AdapterError {
        AdapterError::Config {
            key: "router",
            expected: format!("a contract at {} at height {height}", self.router),
            found: found.to_owned(),
        }
    }
}

#[async_trait]
impl Prover for QbftProver {
    fn client_type(&self) -> &ClientType {
        &self.client_type
    }

    fn light_client(&self) -> &dyn ErasedLightClient {
        &self.client
    }

    async fn bootstrap(&self, height: Option<Height>) -> Result<Bootstrap, AdapterError> {
        self.chain.pool.attempt(|endpoint| async move { self.bootstrap_at(&endpoint, height).await }).await
    }

    /// Tries the target itself; where the trusted set does not reach it, because the set has changed too much in
    /// between, the nearer half, until a height is found from which the search goes on.
    async fn updates(
        &self,
        trusted: &TrustedState,
        target: Height,
        now: Timestamp,
    ) -> Result<Vec<VerifiedUpdate>, AdapterError> {
        let stretch = Stretch::begin();
        let mut state = decoded(trusted)?;
        if target < state.height {
            let error = Error::NotNewer { latest: state.height, found: target };
            return Err(own_state("update", error));
        }
        let mut updates = Vec::new();
        let mut goal = target;
        // Once the next height itself has failed: up to where heights beyond it are tried one by one.
        let mut ahead: Option<u64> = None;
        for _ in 0..MAX_PROBES {
            if state.height == target || stretch.is_over(updates.len()) {
                return Ok(updates);
            }
            let (from, to) = (&state, goal);
            let step = self.chain.pool.attempt(|endpoint| async move { self.update(&endpoint, from, to, now).await });
            match step.await {
                Ok((update, next)) => {
                    updates.push(update);
                    state = next;
                    (goal, ahead) = (target, None);
                }
                Err(error) if error.kind() == AdapterErrorKind::InsufficientTrust => {
                    let next = match ahead {
                        None => nearer(state.height, goal),
                        Some(_) => None,
                    };
                    goal = match next {
                        Some(middle) => middle,
                        None => {
                            let last = ahead.unwrap_or(state.height.number().saturating_add(MAX_LOOK_AHEAD));
                            ahead = Some(last);
                            match goal.next() {
                                Some(next) if next <= target && next.number() <= last => next,
                                // No block near: the set shrank, and its vote headers are needed.
                                _ => return Err(error),
                            }
                        }
                    };
                }
                Err(error) if error.kind() == AdapterErrorKind::Transient && !updates.is_empty() => {
                    tracing::debug!(%error, height = %state.height, %target, "the way is gone on later");
                    return Ok(updates);
                }
                Err(error) => return Err(error),
            }
        }
        if !updates.is_empty() {
            return Ok(updates);
        }
        let reason =
            format!("expected a way from height {} to {target} in {MAX_PROBES} tries, found none", trusted.height);
        Err(AdapterError::Refused { operation: "update", reason })
    }

    fn provable_from(&self, block: Height) -> Height {
        block
    }

    fn stored_number(&self, number: u64) -> Vec<u8> {
        let mut value = vec![0; 24];
        value.extend_from_slice(&number.to_be_bytes());
        value
    }

    async fn plan(&self, _claims: &[Claim], since: Height) -> Result<Plan, AdapterError> {
        Ok(Plan::Ready(since))
    }

    /// The trie's key: neighbours in the trie share the most nodes.
    fn sort_key(&self, path: &MerklePath) -> Vec<u8> {
        keccak256(slot_of(path)).to_vec()
    }

    async fn prove(&self, trusted: &TrustedState, claims: &[Claim]) -> Result<VerifiedProof, AdapterError> {
        let state = decoded(trusted)?;
        let slots = &slots_of(claims)?;
        let (height, root) = (state.height, state.consensus.storage_root);
        let proven = self
            .chain
            .pool
            .attempt(|endpoint| async move { self.values(&endpoint, height, root, slots).await })
            .await?;
        // The values are proven: that a claim does not hold is no fault of the node's.
        let proof = MembershipProof { state: state.consensus, nodes: proven.nodes };
        let view = Trusted { height, client: &state.client, consensus: &state.consensus };
        let time = self.client.0.verify(view, &proof, claims).map_err(|e| own_state("proof", e))?;
        Ok(VerifiedProof { height, proof: proof.encode(), time })
    }

    async fn decide(&self, trusted: &TrustedState, claims: &[Claim]) -> Result<Vec<bool>, AdapterError> {
        let state = decoded(trusted)?;
        let (height, root) = (state.height, state.consensus.storage_root);
        let mut verdicts = Vec::with_capacity(claims.len());
        for part in claims.chunks(MAX_CLAIMS) {
            let slots = &slots_of(part)?;
            let proven = self
                .chain
                .pool
                .attempt(|endpoint| async move { self.values(&endpoint, height, root, slots).await })
                .await?;
            verdicts.extend(part.iter().zip(&proven.values).map(|(claim, found)| match &claim.expected {
                Expected::Present(value) => found.as_ref().is_some_and(|found| found.as_slice() == value),
                Expected::Absent => found.is_none(),
            }));
        }
        Ok(verdicts)
    }

    async fn served_headers(
        &self,
        trusted: &TrustedState,
        height: Height,
        now: Timestamp,
    ) -> Result<Vec<ServedHeader>, AdapterError> {
        let state = &decoded(trusted)?;
        let endpoints = self.chain.pool.by_rank();
        let ask = |endpoint: Arc<Endpoint>| async move {
            let asked = self.served(&endpoint, state, height, now);
            tokio::time::timeout(MAX_HEADER_WAIT, asked).await.unwrap_or_else(|late| {
                Err(AdapterError::Unavailable {
                    endpoint: endpoint.label().to_owned(),
                    operation: "header",
                    source: Box::new(late),
                })
            })
        };
        let answers = join_all(endpoints.iter().map(|endpoint| ask(Arc::clone(endpoint)))).await;
        let (mut served, mut failure) = (Vec::new(), None);
        for (endpoint, answer) in endpoints.iter().zip(answers) {
            match answer {
                Ok(header) => served.push((endpoint, header)),
                Err(error) => {
                    self.chain.pool.judge(endpoint, &error);
                    failure = Some(error);
                }
            }
        }
        let mut hashes = served.iter().map(|(_, one)| one.header.hash);
        let first = hashes.next();
        if hashes.any(|hash| Some(hash) != first) {
            self.bind(&mut served, state.client.parameters()).await;
        }
        let mut served: Vec<ServedHeader> = served.into_iter().map(|(_, one)| one).collect();
        served.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        match failure {
            Some(error) if served.is_empty() => Err(error),
            _ => Ok(served),
        }
    }

    fn trusted_at(&self, stored: &StoredStates, height: Height) -> Result<TrustedState, AdapterError> {
        let unfit = |error: Error| own_state("stored state", error);
        let unknown = Error::ConsensusStateUnknown { expected: Some(height), found: None };
        let (_, bytes) = stored.states.iter().find(|(at, _)| *at == height).ok_or_else(|| unfit(unknown))?;
        let consensus = ConsensusState::decode(bytes).map_err(unfit)?;
        let parameters = *ClientState::decode(&stored.client).map_err(unfit)?.parameters();
        Ok(encoded(&State { height, client: ClientState::new(parameters, height, &consensus), consensus }))
    }

    fn header_of_update(&self, update: &[u8]) -> Result<ChainHeader, AdapterError> {
        let Update { header, account_proof, .. } = Update::decode(update).map_err(|e| not_a_nodes("update", e))?;
        self.header_of("update", evidence::joined(header, &account_proof))
    }

    fn headers_of_evidence(&self, evidence: &[u8]) -> Result<[ChainHeader; 2], AdapterError> {
        let Evidence { headers: [first, second], account_proofs: [first_proof, second_proof], .. } =
            Evidence::decode(evidence).map_err(|e| not_a_nodes("evidence", e))?;
        Ok([
            self.header_of("evidence", evidence::joined(first, &first_proof))?,
            self.header_of("evidence", evidence::joined(second, &second_proof))?,
        ])
    }

    fn is_whole(&self, header: &[u8]) -> bool {
        evidence::is_bound(header)
    }

    fn merged(&self, header: ChainHeader, other: &ChainHeader) -> ChainHeader {
        self.merge(&header, other).unwrap_or(header)
    }

    fn header(&self, bytes: &[u8]) -> Result<ChainHeader, AdapterError> {
        let Ok(answer) = serde_json::from_slice::<Value>(bytes) else {
            return self.header_of("header", bytes.to_vec());
        };
        let block = answer.get("result").unwrap_or(&answer);
        let raw = RawHeader::read(self.kind, block).map_err(|e| e.into_adapter(ELSEWHERE, "header"))?;
        self.header_of("header", raw.rlp)
    }

    async fn evidence(
        &self,
        stored: &StoredStates,
        headers: [&[u8]; 2],
        now: Timestamp,
    ) -> Result<Vec<u8>, AdapterError> {
        self.evidence_of(stored, headers, now).await
    }
}

/// A height between the two, nearer to the first; `None` when they are neighbours.
fn nearer(from: Height, to: Height) -> Option<Height> {
    let middle = from.number() + to.number().checked_sub(from.number())? / 2;
    (middle > from.number()).then(|| Height::with_revision(to.revision(), middle))
}

fn slots_of(claims: &[Claim]) -> Result<Vec<SlotKey>, AdapterError> {
    if claims.len() > MAX_CLAIMS {
        let error = ProofError::TooManyClaims { maximum: MAX_CLAIMS, found: claims.len() };
        return Err(own_state("proof", Error::Proof(error)));
    }
    let slot = |claim: &Claim| match claim.path.elements() {
        [path] => Ok(SlotKey::new(sha256(&[path]))),
        other => Err(own_state("proof", Error::PathMalformed { found: other.len() })),
    };
    claims.iter().map(slot).collect()
}

fn slot_of(path: &MerklePath) -> [u8; 32] {
    let parts: Vec<&[u8]> = path.elements().iter().map(Vec::as_slice).collect();
    sha256(&parts)
}

fn decoded(trusted: &TrustedState) -> Result<State, AdapterError> {
    Ok(State {
        height: trusted.height,
        client: ClientState::decode(&trusted.client).map_err(|e| own_state("trusted client state", e))?,
        consensus: ConsensusState::decode(&trusted.consensus).map_err(|e| own_state("trusted consensus state", e))?,
    })
}

fn encoded(state: &State) -> TrustedState {
    TrustedState { height: state.height, client: state.client.encode(), consensus: state.consensus.encode() }
}

fn verification(
    endpoint: &Endpoint,
    operation: &'static str,
    error: impl Fault + Send + Sync + 'static,
) -> AdapterError {
    AdapterError::Verification { endpoint: endpoint.label().to_owned(), operation, source: ErasedError::new(error) }
}

/// A rule that is broken by what we were given or by the proven state, not by a node.
fn own_state(operation: &'static str, error: impl Fault + Send + Sync + 'static) -> AdapterError {
    let endpoint = "the trusted state".to_owned();
    AdapterError::Verification { endpoint, operation, source: ErasedError::new(error) }
}

/// A rule that is broken by what came from elsewhere than from this chain's nodes.
fn not_a_nodes(operation: &'static str, error: impl Fault + Send + Sync + 'static) -> AdapterError {
    let endpoint = ELSEWHERE.to_owned();
    AdapterError::Verification { endpoint, operation, source: ErasedError::new(error) }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_seconds(since.as_secs())
}
