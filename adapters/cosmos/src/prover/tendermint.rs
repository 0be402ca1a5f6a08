//! Proofs of chains with Tendermint consensus.
//!
//! **Heights.** The header of height H commits to the state *after* block H − 1. So what happened in block b is provable
//! from the consensus state of height b + 1 on ([`Prover::provable_from`]), and proofs in the consensus state of height H
//! ask the store for the state after block H − 1. That next header always comes: a chain that makes no empty blocks makes
//! one when the block before has changed the state. (But its time stands still until then: timeouts wait for a block,
//! and a client of a chain that has been idle for the trusting period expires.)
//!
//! Source: CometBFT 0.38, `consensus/state.go` (`needProofBlock`).

use super::{
    ClientParams, Host, claims,
    claims::Proven,
    ibc_go::{self, IbcGoError},
    params::{address_of, describe_key_types, key_types_of},
};
use crate::{
    TendermintRpc,
    rpc::{Node, Query},
};
use adapter::{
    AdapterError, AdapterErrorKind, Bootstrap, ChainHeader, Plan, Prover, ServedHeader, StoredStates, Stretch,
    TrustedState, VerifiedProof, VerifiedUpdate,
};
use async_trait::async_trait;
use light_client::{
    Claim, ClientType, Codec, Erased, ErasedError, ErasedLightClient, Fault, Height, LightClient, MerklePath,
    Timestamp, Trusted, UpdateOutcome,
};
use light_client_crypto::{Ed25519, Secp256k1Sha256, VerifyError, VerifySuite};
use light_client_tendermint::{
    ClientState, Commit, Commitments, ConsensusState, Error, KeyTypes, LightBlock, MAX_CLAIMS, MembershipProof,
    Parameters, PublicKey, RecordedVote, SetHash, StoreTree, Tendermint, TreeHash, TrustedHeader, Validator,
    ValidatorSet, Vote, revision_of, sign_bytes,
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// The most heights that are tried in one search for a way.
const MAX_PROBES: usize = 1_024;
/// The first height whose consensus state shows something: the state before the first block is no block's.
const FIRST_PROVABLE: u64 = 2;

/// Proves what one Tendermint chain stores.
pub struct TendermintProver {
    pub(super) rpc: TendermintRpc,
    params: ClientParams,
    pub(super) host: Host,
    client_type: ClientType,
    pub(super) client: Erased<Tendermint>,
    /// How far the next update is tried to reach where one does not reach the whole way: what was found out before is not
    /// found out again, also by who was not waited for.
    reach: AtomicU64,
}

/// A state in its own types.
pub(super) struct State {
    pub(super) height: Height,
    pub(super) client: ClientState,
    pub(super) consensus: ConsensusState,
}

impl TendermintProver {
    /// Proves to clients with these parameters, hosted by such a chain.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when the chain's id or the store's name is longer than a client takes.
    pub fn new(rpc: TendermintRpc, params: ClientParams, host: Host) -> Result<Self, AdapterError> {
        let config =
            |key, expected: &str, found: String| AdapterError::Config { key, expected: expected.to_owned(), found };
        let name = match host {
            Host::Router => "tendermint",
            Host::IbcGo => "07-tendermint",
        };
        let client_type =
            name.parse().map_err(|e: light_client::IdError| config("consensus", "a client type", e.to_string()))?;
        let reach = AtomicU64::new(u64::MAX);
        let prover = Self { rpc, params, host, client_type, client: Erased(Tendermint), reach };
        // Only what no configuration bounds can be wrong with them.
        let nothing =
            ConsensusState { root: [0; 32].into(), time: Timestamp::default(), next_set_hash: SetHash::new([0; 32]) };
        let parameters = prover.parameters(KeyTypes::ALL);
        ClientState::new(parameters, 1, &nothing)
            .map_err(|e| config("consensus", "parameters of a client", e.to_string()))?;
        Ok(prover)
    }

    /// What a client of the chain is to demand, when its validators have keys of these kinds.
    pub fn parameters(&self, key_types: KeyTypes) -> Parameters {
        let config = self.rpc.config();
        self.params.parameters(config.chain_id.clone(), config.tree_hash, key_types)
    }

    pub(super) fn height(&self, number: u64) -> Height {
        Height::with_revision(revision_of(&self.rpc.config().chain_id), number)
    }

    /// One update from `trusted` to `target`, verified.
    async fn update(
        &self,
        node: &Node,
        trusted: &State,
        target: u64,
        now: Timestamp,
    ) -> Result<(VerifiedUpdate, State), AdapterError> {
        let refused = |error: Error| node.unfit("update", error);
        let mut block = node.light_block(target).await?;
        let next_set = self.next_set(node, trusted, &block).await?;
        let parameters = trusted.client.parameters();
        let (latest, from) = (trusted.height.number(), trusted.consensus);
        let view = Trusted { height: trusted.height, client: &trusted.client, consensus: &trusted.consensus };
        let mut update = block.update(parameters, latest, from, Some(&next_set)).map_err(refused)?;
        let outcome = match self.client.0.verify_update(view, &update, now) {
            Err(invalid @ Error::SignatureInvalid { .. }) => {
                // Somebody put a bad vote among the good ones: those of the others may carry the block.
                let dropped = drop_bad_votes(parameters, &mut block);
                tracing::warn!(
                    node = node.label(),
                    height = target,
                    dropped,
                    "votes that their validators did not sign"
                );
                update = block.update(parameters, latest, from, Some(&next_set)).map_err(refused)?;
                // Where they do not, the bad votes are why.
                self.client.0.verify_update(view, &update, now).map_err(|_| invalid)
            }
            outcome => outcome,
        };
        match outcome.map_err(refused)? {
            UpdateOutcome::Advance(next) => {
                let bytes = match self.host {
                    Host::Router => update.encode(),
                    Host::IbcGo => ibc_go::update(&update.header, &update.commit, trusted.height, &next_set)
                        .map_err(|error| unfit_for_host(&error))?,
                };
                let next = State { height: next.height, client: next.client, consensus: next.consensus };
                let verified = VerifiedUpdate { update: bytes, next: encoded(&next), time: next.consensus.time };
                Ok((verified, next))
            }
            UpdateOutcome::NoOp => Err(refused(Error::NotNewer { latest, found: target })),
        }
    }

    /// The set of the height right after a trusted one: the block's own where it has not changed.
    pub(super) async fn next_set(
        &self,
        node: &Node,
        trusted: &State,
        block: &LightBlock,
    ) -> Result<ValidatorSet, AdapterError> {
        let expected = trusted.consensus.next_set_hash;
        let tree_hash = trusted.client.parameters().tree_hash;
        if let Some(set) = block.validators.as_ref().filter(|set| set.hash(&tree_hash) == expected) {
            return Ok(set.clone());
        }
        let next = trusted.height.number().saturating_add(1);
        let set = node.validators(next).await?;
        let found = set.hash(&tree_hash);
        if found != expected {
            let (expected, found) = (expected.to_string(), found.to_string());
            return Err(node.inconsistent("validators after the trusted header", expected, found));
        }
        Ok(set)
    }

    /// What lies at the keys in a trusted state, proven.
    async fn values(&self, node: &Node, state: &State, keys: &[Vec<u8>]) -> Result<Vec<Proven>, AdapterError> {
        let parameters = state.client.parameters();
        let block = block_before(state.height)?;
        let queries: Vec<Query> = keys.iter().map(|key| claims::query(&parameters.commitments, key, block)).collect();
        let answers = node.queries(&queries).await?;
        let mut proven = Vec::with_capacity(keys.len());
        for (key, answer) in keys.iter().zip(answers) {
            if answer.code != 0 {
                // Perhaps the application has not kept that state.
                let reason = format!("{}: {} {}: {}", node.label(), answer.codespace, answer.code, answer.log);
                return Err(AdapterError::Refused { operation: "abci_query", reason });
            }
            let root = state.consensus.root;
            proven.push(claims::prove(parameters, root, key, answer).map_err(|e| node.unfit("proof", e))?);
        }
        Ok(proven)
    }

    /// What lies where the claims say, proven by whichever node can.
    async fn look_up(&self, state: &State, claims: &[Claim]) -> Result<Vec<Proven>, AdapterError> {
        let commitments = &state.client.parameters().commitments;
        let keys = claims.iter().map(|claim| claims::key_of(commitments, &claim.path));
        let keys = &keys.collect::<Result<Vec<_>, _>>().map_err(|e| own_state("proof", e))?;
        self.rpc.attempt(|node| async move { self.values(&node, state, keys).await }).await
    }

    async fn bootstrap_at(&self, node: &Node, height: Option<Height>) -> Result<Bootstrap, AdapterError> {
        let number = match height {
            Some(height) => height.number(),
            None => node.latest_height().await?,
        };
        block_before(Height::new(number))?;
        let refused = |error: Error| node.unfit("bootstrap", error);
        let block = node.light_block(number).await?;
        let set = block.validators.as_ref().ok_or(refused(Error::ValidatorSetEmpty))?;
        let next = if block.header.next_validators_hash() == block.header.validators_hash() {
            None
        } else {
            let next = node.validators(number.saturating_add(1)).await?;
            let (expected, found) = (block.header.next_validators_hash(), next.hash(&self.rpc.config().tree_hash));
            if found != expected {
                return Err(node.inconsistent("next validators", expected.to_string(), found.to_string()));
            }
            Some(next)
        };
        let seen = key_types_of(std::iter::once(set).chain(&next));
        let parameters = self.parameters(self.params.key_types.unwrap_or(seen));
        // Nobody vouches for the set yet; but what the set is said to have voted for, it must have voted for.
        let before = TrustedHeader {
            height: number.saturating_sub(1),
            time: Timestamp::default(),
            next_set_hash: block.header.validators_hash(),
        };
        let commit = block.certified().map_err(refused)?.commit;
        let certified = self.client.0.verify_header(&parameters, &before, None, &block.header, &commit, now());
        let certified = certified.map_err(refused)?;
        let consensus = block.consensus_state().map_err(refused)?;
        let client = ClientState::new(parameters, number, &consensus).map_err(refused)?;
        let state = State { height: self.height(number), client, consensus };
        let probe = claims::probe_key(&self.params.commitments);
        let probed = self.values(node, &state, &[probe]).await?.pop();
        let mut fingerprint = vec![
            ("chain id", self.rpc.config().chain_id.to_string()),
            ("height", state.height.to_string()),
            ("block hash", certified.hash.to_string()),
            ("time", block.header.time().to_string()),
            ("validators", describe_set(set, self.rpc.config().address_hash)),
            ("votes", format!("{} of {}", certified.power, certified.total_power)),
            ("next validators hash", block.header.next_validators_hash().to_string()),
            ("key types", describe_key_types(state.client.parameters().key_types)),
            ("application hash", consensus.root.to_string()),
        ];
        fingerprint.extend(self.describe_store(probed.and_then(|proven| proven.value).as_deref()));
        Ok(Bootstrap { trusted: encoded(&state), time: block.header.time(), fingerprint })
    }

    /// Where commitments lie, and what a proof in that state showed of it: that the store is there under its name and is such
    /// a tree; and of a Router the hash of its code, where the chain keeps that in the same store.
    fn describe_store(&self, probed: Option<&[u8]>) -> Vec<(&'static str, String)> {
        let name = String::from_utf8_lossy(self.params.commitments.store()).into_owned();
        let tree = match self.params.store_tree {
            StoreTree::Iavl => "iavl",
            StoreTree::Jmt => "jmt",
        };
        let mut lines = vec![("store", format!("{name} ({tree}, proven)"))];
        if let Commitments::EvmStore { router, .. } = &self.params.commitments {
            lines.push(("router", format!("0x{}", hex::encode(router.as_bytes()))));
            let code = probed.map_or_else(
                || "not in this store: compare the code that the node answers".to_owned(),
                |hash| format!("0x{}", hex::encode(hash)),
            );
            lines.push(("router code hash", code));
        }
        lines
    }
}

#[async_trait]
impl Prover for TendermintProver {
    fn client_type(&self) -> &ClientType {
        &self.client_type
    }

    fn light_client(&self) -> &dyn ErasedLightClient {
        &self.client
    }

    async fn bootstrap(&self, height: Option<Height>) -> Result<Bootstrap, AdapterError> {
        self.rpc.attempt(|node| async move { self.bootstrap_at(&node, height).await }).await
    }

    /// Tries the target itself; where the trusted set does not reach it, because the set has changed too much in
    /// between, the nearer half, until a height is found from which the search goes on. The next height is always
    /// reached: the trusted header names its set.
    async fn updates(
        &self,
        trusted: &TrustedState,
        target: Height,
        now: Timestamp,
    ) -> Result<Vec<VerifiedUpdate>, AdapterError> {
        let stretch = Stretch::begin();
        let mut state = decoded(trusted)?;
        let (start, target) = (state.height.number(), target.number());
        if target < start {
            return Err(own_state("update", Error::NotNewer { latest: start, found: target }));
        }
        let mut updates = Vec::new();
        let mut goal = target;
        for _ in 0..MAX_PROBES {
            let latest = state.height.number();
            if latest == target || stretch.is_over(updates.len()) {
                return Ok(updates);
            }
            let (from, to) = (&state, goal);
            let step = self.rpc.attempt(|node| async move { self.update(&node, from, to, now).await });
            match step.await {
                Ok((update, next)) => {
                    updates.push(update);
                    self.reach.store(goal.saturating_sub(latest).saturating_mul(2), Ordering::Relaxed);
                    state = next;
                    goal = target;
                }
                Err(error) if error.kind() == AdapterErrorKind::InsufficientTrust => {
                    let reach = self.reach.load(Ordering::Relaxed);
                    let nearer = nearer(latest, goal).ok_or(error)?;
                    goal = nearer.min(latest.saturating_add(reach.max(1)));
                    self.reach.store(goal.saturating_sub(latest), Ordering::Relaxed);
                }
                Err(error) if error.kind() == AdapterErrorKind::Transient && !updates.is_empty() => {
                    tracing::debug!(%error, height = %state.height, target, "the way is gone on later");
                    return Ok(updates);
                }
                Err(error) => return Err(error),
            }
        }
        if !updates.is_empty() {
            return Ok(updates);
        }
        let reason = format!("expected a way from height {start} to {target} in {MAX_PROBES} tries, found none");
        Err(AdapterError::Refused { operation: "update", reason })
    }

    /// The next height: a header commits to the state before its own block.
    fn provable_from(&self, block: Height) -> Height {
        self.height(block.number().saturating_add(1))
    }

    fn stored_number(&self, number: u64) -> Vec<u8> {
        match self.params.commitments {
            Commitments::IbcStore { .. } => number.to_be_bytes().to_vec(),
            Commitments::EvmStore { .. } => [[0; 24].as_slice(), &number.to_be_bytes()].concat(),
        }
    }

    async fn plan(&self, _claims: &[Claim], since: Height) -> Result<Plan, AdapterError> {
        Ok(Plan::Ready(since))
    }

    /// The key in the store: neighbours in the tree share the most steps.
    fn sort_key(&self, path: &MerklePath) -> Vec<u8> {
        claims::key_of(&self.params.commitments, path).unwrap_or_else(|_| path.elements().concat())
    }

    async fn prove(&self, trusted: &TrustedState, claims: &[Claim]) -> Result<VerifiedProof, AdapterError> {
        let state = decoded(trusted)?;
        if claims.len() > MAX_CLAIMS {
            return Err(own_state("proof", Error::TooManyClaims { maximum: MAX_CLAIMS, found: claims.len() }));
        }
        let proven = self.look_up(&state, claims).await?;
        // The values are proven: that a claim does not hold is no fault of the node's.
        let refused = |error: Error| own_state("proof", error);
        let (proofs, messages): (Vec<_>, Vec<_>) =
            proven.into_iter().map(|proven| (proven.proof, proven.messages)).unzip();
        let proof = MembershipProof::new(state.consensus, &proofs).map_err(refused)?;
        let view = Trusted { height: state.height, client: &state.client, consensus: &state.consensus };
        let time = self.client.0.verify(view, &proof, claims).map_err(refused)?;
        let proof = match self.host {
            Host::Router => proof.encode(),
            Host::IbcGo => ibc_go::proofs(&messages),
        };
        Ok(VerifiedProof { height: state.height, proof, time })
    }

    async fn decide(&self, trusted: &TrustedState, claims: &[Claim]) -> Result<Vec<bool>, AdapterError> {
        let state = decoded(trusted)?;
        let mut verdicts = Vec::with_capacity(claims.len());
        for part in claims.chunks(MAX_CLAIMS) {
            let proven = self.look_up(&state, part).await?;
            verdicts
                .extend(part.iter().zip(&proven).map(|(claim, proven)| claims::holds(claim, proven.value.as_deref())));
        }
        Ok(verdicts)
    }

    async fn served_headers(
        &self,
        trusted: &TrustedState,
        height: Height,
        now: Timestamp,
    ) -> Result<Vec<ServedHeader>, AdapterError> {
        self.all_served(&decoded(trusted)?, height, now).await
    }

    fn trusted_at(&self, stored: &StoredStates, height: Height) -> Result<TrustedState, AdapterError> {
        self.stored_at(stored, height)
    }

    async fn verify_told(
        &self,
        trusted: &TrustedState,
        update: &[u8],
        now: Timestamp,
    ) -> Result<TrustedState, AdapterError> {
        self.told(&decoded(trusted)?, update, now).await
    }

    fn header_of_update(&self, update: &[u8]) -> Result<ChainHeader, AdapterError> {
        self.inside_update(update)
    }

    fn headers_of_evidence(&self, evidence: &[u8]) -> Result<[ChainHeader; 2], AdapterError> {
        self.inside_evidence(evidence)
    }

    fn merged(&self, header: ChainHeader, other: &ChainHeader) -> ChainHeader {
        self.votes_of_both(&header, other).unwrap_or(header)
    }

    fn header(&self, bytes: &[u8]) -> Result<ChainHeader, AdapterError> {
        self.header_from(bytes)
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

/// Takes the votes out that their validators did not sign, and says how many they were.
pub(super) fn drop_bad_votes(parameters: &Parameters, block: &mut LightBlock) -> usize {
    let hash = block.header.hash(&parameters.tree_hash);
    let (Some(set), Some(recorded)) = (&block.validators, &mut block.commit) else { return 0 };
    let votes = std::mem::take(&mut recorded.votes);
    let commit = Commit {
        round: recorded.round,
        part_set_total: recorded.part_set_total,
        part_set_hash: recorded.part_set_hash,
        set: set.clone(),
        votes: Vec::new(),
    };
    let chain_id = parameters.chain_id.as_str().as_bytes();
    let mut dropped = 0;
    for ((index, vote), validator) in (0..).zip(votes).zip(set.validators()) {
        let signed = |RecordedVote { seconds, nanos, signature }: RecordedVote| {
            let vote = Vote { index, trusted_index: None, seconds, nanos, signature };
            let message = sign_bytes(chain_id, block.header.height(), hash, &commit, &vote);
            verify_vote(parameters, &validator.key, &message, &signature).is_ok()
        };
        let kept = vote.filter(|vote| signed(*vote));
        dropped += usize::from(vote.is_some() && kept.is_none());
        recorded.votes.push(kept);
    }
    dropped
}

fn verify_vote(
    parameters: &Parameters,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8; 64],
) -> Result<(), VerifyError> {
    match key {
        PublicKey::Ed25519(key) => Ed25519.verify(key, message, signature),
        PublicKey::Secp256k1(key) => Secp256k1Sha256.verify(key, message, signature),
        PublicKey::Sm2(key) => parameters.sm2.verify(key, message, signature),
    }
}

/// A height between the two, nearer to the first; `None` when they are neighbours.
fn nearer(from: u64, to: u64) -> Option<u64> {
    let middle = from.saturating_add(to.checked_sub(from)? / 2);
    (middle > from).then_some(middle)
}

/// The block whose state a consensus state shows.
fn block_before(height: Height) -> Result<u64, AdapterError> {
    let number = height.number();
    if number < FIRST_PROVABLE {
        let reason = format!("expected height {FIRST_PROVABLE} or later, found {number}: nothing is proven before");
        return Err(AdapterError::Refused { operation: "proof", reason });
    }
    Ok(number - 1)
}

/// Validators by what people compare: the address, as nodes write it, and the power.
fn describe_set(set: &ValidatorSet, address_hash: TreeHash) -> String {
    let one = |validator: &Validator| {
        let name = address_of(&validator.key, address_hash)
            .map_or_else(|| hex::encode(validator.key.as_bytes()), hex::encode_upper);
        format!("{name}:{}", validator.power)
    };
    set.validators().iter().map(one).collect::<Vec<_>>().join(" ")
}

pub(super) fn decoded(trusted: &TrustedState) -> Result<State, AdapterError> {
    let client = ClientState::decode(&trusted.client).map_err(|e| own_state("trusted client state", e))?;
    let consensus = ConsensusState::decode(&trusted.consensus).map_err(|e| own_state("trusted consensus state", e))?;
    // Whoever names a height may leave the revision out; the chain's id says it.
    Ok(State { height: client.parameters().height(trusted.height.number()), client, consensus })
}

pub(super) fn encoded(state: &State) -> TrustedState {
    TrustedState { height: state.height, client: state.client.encode(), consensus: state.consensus.encode() }
}

/// A rule that is broken by what we were given or by the proven state, not by a node.
pub(super) fn own_state(operation: &'static str, error: impl Fault + Send + Sync + 'static) -> AdapterError {
    let endpoint = "the trusted state".to_owned();
    AdapterError::Verification { endpoint, operation, source: ErasedError::new(error) }
}

/// The chain that hosts the client cannot be told this at all.
pub(super) fn unfit_for_host(error: &IbcGoError) -> AdapterError {
    AdapterError::Config {
        key: "consensus",
        expected: "a chain that ibc-go can follow".to_owned(),
        found: error.to_string(),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
