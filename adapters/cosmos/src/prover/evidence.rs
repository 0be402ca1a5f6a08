//! Headers that every node serves, what hosts were told, and evidence made of two headers.
//!
//! A header is kept with its own set and every vote that was shown for it. Which set it is judged by shows when evidence is
//! made, and a vote counts in every set that its voter is in.

use super::{
    Host, TendermintProver, ibc_go,
    tendermint::{State, decoded, drop_bad_votes, encoded, own_state, unfit_for_host},
};
use crate::rpc::Node;
use adapter::{AdapterError, ChainHeader, ServedHeader, StoredStates, TrustedState};
use futures::future::join_all;
use light_client::{Codec, ErasedError, Fault, Height, LightClient as _, Timestamp, Trusted, UpdateOutcome};
use light_client_tendermint::{
    Certified, ClientState, ConsensusState, Error, Evidence, KeyTypes, LightBlock, Parameters, RecordedCommit, SetHash,
    StateAt, StoredState, TrustedHeader, Update, ValidatorSet, json,
};
use serde_json::{Value, json};
use std::time::Duration;

/// How long one endpoint is waited for when all of them are asked for a header.
const MAX_HEADER_WAIT: Duration = Duration::from_secs(4);

impl TendermintProver {
    pub(super) async fn all_served(
        &self,
        trusted: &State,
        height: Height,
        now: Timestamp,
    ) -> Result<Vec<ServedHeader>, AdapterError> {
        let nodes = self.rpc.nodes();
        let ask = |node: Node| async move {
            let asked = node.light_block(height.number());
            tokio::time::timeout(MAX_HEADER_WAIT, asked).await.unwrap_or_else(|late| {
                let (endpoint, source) = (node.label().to_owned(), Box::new(late));
                Err(AdapterError::Unavailable { endpoint, operation: "commit", source })
            })
        };
        let answers = join_all(nodes.iter().cloned().map(ask)).await;
        let (mut blocks, mut failure) = (Vec::new(), None);
        for (node, answer) in nodes.iter().zip(answers) {
            match answer {
                Ok(block) => blocks.push((node, block)),
                Err(error) => {
                    self.rpc.judge(node, &error);
                    failure = Some(error);
                }
            }
        }
        if let Some(error) = failure.filter(|_| blocks.is_empty()) {
            return Err(error);
        }
        let judging = trusted.consensus.next_set_hash;
        let sets = blocks.iter().filter_map(|(_, block)| block.validators.as_ref());
        let judging = self.set_of(judging, trusted.height.number(), sets);
        let judging = tokio::time::timeout(MAX_HEADER_WAIT, judging).await.ok().and_then(Result::ok);
        let mut served = Vec::with_capacity(blocks.len());
        for (node, mut block) in blocks {
            let certified = judging.as_ref().is_some_and(|set| self.is_certified(trusted, &mut block, set, now));
            match block.recorded() {
                Ok(half) => {
                    let header = self.chain_header(&half);
                    served.push(ServedHeader { endpoint: node.label().to_owned(), header, certified });
                }
                Err(error) => self.rpc.judge(node, &node.unfit("commit", error)),
            }
        }
        served.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        Ok(served)
    }

    /// Whether a block is certified in the eyes of who trusts that state; `judging` is the set right after it. Votes that
    /// their validators did not sign are taken out where they stand in the way.
    fn is_certified(&self, trusted: &State, block: &mut LightBlock, judging: &ValidatorSet, now: Timestamp) -> bool {
        let (parameters, latest) = (trusted.client.parameters(), trusted.height.number());
        let from = TrustedHeader::of(latest, &trusted.consensus);
        let verify = |block: &LightBlock| {
            let update = block.update(parameters, latest, trusted.consensus, Some(judging))?;
            let Update { trusted_set, header, commit, .. } = &update;
            self.client.0.verify_header(parameters, &from, trusted_set.as_ref(), header, commit, now)
        };
        match verify(block) {
            Err(Error::SignatureInvalid { .. }) => {
                drop_bad_votes(parameters, block);
                verify(block).is_ok()
            }
            verdict => verdict.is_ok(),
        }
    }

    /// The set of this hash, which a state of this height says is the next one: one of those at hand, or else a node's.
    ///
    /// # Errors
    /// What the nodes say; never a verdict of the light client's.
    async fn set_of<'a>(
        &self,
        expected: SetHash,
        after: u64,
        at_hand: impl IntoIterator<Item = &'a ValidatorSet>,
    ) -> Result<ValidatorSet, AdapterError> {
        let tree_hash = self.rpc.config().tree_hash;
        if let Some(set) = at_hand.into_iter().find(|set| set.hash(&tree_hash) == expected) {
            return Ok(set.clone());
        }
        let ask = |node: Node| async move {
            let set = node.validators(after.saturating_add(1)).await?;
            let found = set.hash(&tree_hash);
            if found == expected {
                return Ok(set);
            }
            Err(node.inconsistent("validators after a trusted header", expected.to_string(), found.to_string()))
        };
        self.rpc.attempt(ask).await.map_err(|error| match error {
            // A list that is none is the node's doing, and tells nothing of what is being judged.
            AdapterError::Verification { endpoint, source, .. } => AdapterError::Inconsistent {
                endpoint,
                field: "validators after a trusted header",
                expected: expected.to_string(),
                found: source.to_string(),
            },
            other => other,
        })
    }

    pub(super) fn stored_at(&self, stored: &StoredStates, height: Height) -> Result<TrustedState, AdapterError> {
        let unfit = |error: Error| own_state("stored state", error);
        let number = height.number();
        let unknown = Error::ConsensusStateUnknown { expected: Some(number), found: None };
        let found = stored.states.iter().find(|(at, _)| at.number() == number);
        let (_, consensus) = found.ok_or_else(|| unfit(unknown))?;
        let state = decoded(&TrustedState { height, client: stored.client.clone(), consensus: consensus.clone() })?;
        let client = ClientState::new(state.client.parameters().clone(), number, &state.consensus).map_err(unfit)?;
        Ok(encoded(&State { client, ..state }))
    }

    /// The state that an update leads to, in the encoding in which the host of the client took it.
    pub(super) async fn told(
        &self,
        trusted: &State,
        update: &[u8],
        now: Timestamp,
    ) -> Result<TrustedState, AdapterError> {
        let refused = |error: Error| not_a_nodes("update", error);
        let (parameters, latest) = (trusted.client.parameters(), trusted.height.number());
        let update = match self.host {
            Host::Router => Update::decode(update).map_err(refused)?,
            Host::IbcGo => {
                let half = ibc_go::read_update(update).map_err(|e| not_a_nodes("update", e))?;
                let mut block = LightBlock::from(half);
                // ibc-go reads no more votes than it needs.
                drop_bad_votes(parameters, &mut block);
                let next_set = self.set_of(trusted.consensus.next_set_hash, latest, &block.validators).await?;
                block.update(parameters, latest, trusted.consensus, Some(&next_set)).map_err(refused)?
            }
        };
        let view = Trusted { height: trusted.height, client: &trusted.client, consensus: &trusted.consensus };
        match self.client.0.verify_update(view, &update, now).map_err(refused)? {
            UpdateOutcome::Advance(next) => {
                Ok(encoded(&State { height: next.height, client: next.client, consensus: next.consensus }))
            }
            UpdateOutcome::NoOp => Ok(encoded(trusted)),
        }
    }

    pub(super) fn inside_update(&self, update: &[u8]) -> Result<ChainHeader, AdapterError> {
        let certified = match self.host {
            Host::Router => {
                let Update { header, commit, .. } = Update::decode(update).map_err(|e| not_a_nodes("update", e))?;
                without_places(Certified { header, commit })
            }
            Host::IbcGo => ibc_go::read_update(update).map_err(|e| not_a_nodes("update", e))?,
        };
        Ok(self.chain_header(&certified))
    }

    pub(super) fn inside_evidence(&self, evidence: &[u8]) -> Result<[ChainHeader; 2], AdapterError> {
        let headers = match self.host {
            Host::Router => Evidence::decode(evidence).map_err(|e| not_a_nodes("evidence", e))?.headers,
            Host::IbcGo => ibc_go::read_misbehaviour(evidence).map_err(|e| not_a_nodes("evidence", e))?,
        };
        Ok(headers.each_ref().map(|certified| self.chain_header(certified)))
    }

    /// A header as it is kept; or what nodes answer, `{"signed_header", "validators"}`, each as the RPC wraps it or alone.
    pub(super) fn header_from(&self, bytes: &[u8]) -> Result<ChainHeader, AdapterError> {
        let refused = |error: Error| not_a_nodes("header", error);
        let certified = match serde_json::from_slice::<Value>(bytes) {
            Ok(answer) => {
                let answer = answer.get("result").unwrap_or(&answer);
                let part = |name: &str| {
                    let part = answer.get(name).unwrap_or(&Value::Null);
                    let part = part.get("result").unwrap_or(part);
                    part.get(name).unwrap_or(part)
                };
                let parts = json!({ "signed_header": part("signed_header"), "validators": part("validators") });
                let config = self.rpc.config();
                let block = json::light_block(&parts, config.address_hash, config.tree_hash);
                block.map_err(|e| not_a_nodes("header", e))?.recorded().map_err(refused)?
            }
            Err(_) => Certified::decode(bytes).map_err(refused)?,
        };
        Ok(self.chain_header(&certified))
    }

    /// The votes of both that their validators signed; `None` when they are not of one block, decided in one round.
    pub(super) fn votes_of_both(&self, header: &ChainHeader, other: &ChainHeader) -> Option<ChainHeader> {
        let parameters = self.parameters(KeyTypes::ALL);
        let signed = |header: &ChainHeader| {
            let mut block = LightBlock::from(Certified::decode(&header.bytes).ok()?);
            drop_bad_votes(&parameters, &mut block);
            Some(block)
        };
        let (mut block, other) = (signed(header)?, signed(other)?);
        let (Some(commit), Some(more)) = (&mut block.commit, other.commit) else { return None };
        let of = |commit: &RecordedCommit| (commit.round, commit.part_set_total, commit.part_set_hash);
        if block.header != other.header || block.validators != other.validators || of(commit) != of(&more) {
            return None;
        }
        for (vote, another) in commit.votes.iter_mut().zip(more.votes) {
            *vote = vote.or(another);
        }
        Some(self.chain_header(&block.recorded().ok()?))
    }

    fn chain_header(&self, certified: &Certified) -> ChainHeader {
        ChainHeader {
            height: self.height(certified.header.height()),
            hash: certified.header.hash(&self.rpc.config().tree_hash),
            bytes: certified.encode(),
        }
    }

    pub(super) async fn evidence_of(
        &self,
        stored: &StoredStates,
        headers: [&[u8]; 2],
        now: Timestamp,
    ) -> Result<Vec<u8>, AdapterError> {
        let refused = |error: Error| not_a_nodes("evidence", error);
        let [first, second] = headers.map(Certified::decode);
        let recorded = [first.map_err(refused)?, second.map_err(refused)?];
        let number = recorded[0].header.height().min(recorded[1].header.height());
        let Neighbours { client, lower, upper } = Neighbours::of(stored, number).map_err(refused)?;
        let parameters = client.parameters();
        let signed = |half: Certified| {
            let mut block = LightBlock::from(half);
            // One bad vote would have the good ones refused.
            drop_bad_votes(parameters, &mut block);
            block
        };
        let mut blocks = recorded.map(signed);
        blocks.sort_by_key(|block| block.header.height());
        let own = [blocks[0].recorded().map_err(refused)?, blocks[1].recorded().map_err(refused)?];
        let own = Evidence::new(lower, upper, own);
        let latest = client.latest().number;
        let mut sets = Vec::with_capacity(blocks.len());
        for block in &blocks {
            let judging = own.set_judging(block.header.height(), latest).map_err(refused)?;
            let after = if judging == lower.state.next_set_hash { lower } else { upper.unwrap_or(lower) };
            let at_hand = own.headers.iter().map(|certified| &certified.commit.set);
            sets.push(self.set_of(judging, after.number, at_hand).await?);
        }
        let sets: Vec<&ValidatorSet> = sets.iter().collect();
        let evidence = Evidence::of_blocks(lower, upper, &blocks, &sets, parameters.tree_hash, latest);
        let evidence = evidence.map_err(refused)?;
        let trusted = [lower, upper.unwrap_or(lower)];
        let trusted = trusted.each_ref().map(|at| Trusted {
            height: parameters.height(at.number),
            client: &client,
            consensus: &at.state,
        });
        self.client.0.verify_misbehaviour(trusted, &evidence, now).map_err(refused)?;
        match self.host {
            Host::Router => Ok(evidence.encode()),
            Host::IbcGo => {
                own.headers.iter().try_for_each(|half| self.check_own_set(parameters, half)).map_err(refused)?;
                let at_hand = own.headers.iter().map(|certified| &certified.commit.set);
                let set = self.set_of(lower.state.next_set_hash, lower.number, at_hand).await?;
                let [first, second] = &own.headers;
                let height = parameters.height(lower.number);
                ibc_go::misbehaviour([first, second], height, &set).map_err(|error| unfit_for_host(&error))
            }
        }
    }

    /// ibc-go asks, besides, that each header is certified by the set that it lists.
    ///
    /// Source: ibc-go v10.3.0, `modules/light-clients/07-tendermint/misbehaviour.go` (`validCommit`).
    fn check_own_set(&self, parameters: &Parameters, half: &Certified) -> Result<(), Error> {
        let Certified { header, commit } = half;
        // Time plays no part in that.
        let listed = TrustedHeader {
            height: header.height().saturating_sub(1),
            time: Timestamp::default(),
            next_set_hash: header.validators_hash(),
        };
        let at_any_time = Timestamp::from_unix_nanos(u64::MAX);
        self.client.0.verify_header(parameters, &listed, None, header, commit, at_any_time).map(drop)
    }
}

/// What a client stores around a height, and the client with no more than evidence about that height names.
struct Neighbours {
    client: ClientState,
    /// The state below, which says which set is next.
    lower: StateAt,
    upper: Option<StateAt>,
}

impl Neighbours {
    fn of(stored: &StoredStates, number: u64) -> Result<Self, Error> {
        let client = ClientState::decode(&stored.client)?;
        let state = |(height, bytes): &(Height, Vec<u8>)| {
            Ok(StateAt { number: height.number(), state: ConsensusState::decode(bytes)? })
        };
        let states = stored.states.iter().map(state).collect::<Result<Vec<StateAt>, Error>>()?;
        let lower = states.iter().rev().find(|state| state.number < number).copied();
        let lower = lower.ok_or(Error::ConsensusStateUnknown { expected: None, found: None })?;
        let upper = states.iter().find(|state| state.number > lower.number).copied();
        // The client's state holds its latest states only; these are the ones around the height, wherever that is.
        let mut known: Vec<StoredState> =
            states.iter().map(|at| StoredState { number: at.number, hash: at.state.hash() }).collect();
        let last = known.last().map(|state| state.number);
        known.extend(client.stored().iter().filter(|state| Some(state.number) > last));
        let client = ClientState::from_stored(client.parameters().clone(), known, client.is_frozen())?;
        Ok(Self { client, lower, upper })
    }
}

/// Votes as evidence has them: they name no place in a trusted set.
fn without_places(mut certified: Certified) -> Certified {
    certified.commit.votes.iter_mut().for_each(|vote| vote.trusted_index = None);
    certified
}

/// A rule that is broken by what came from elsewhere than from this chain's nodes.
fn not_a_nodes(operation: &'static str, error: impl Fault + Send + Sync + 'static) -> AdapterError {
    let endpoint = "what was submitted".to_owned();
    AdapterError::Verification { endpoint, operation, source: ErasedError::new(error) }
}
