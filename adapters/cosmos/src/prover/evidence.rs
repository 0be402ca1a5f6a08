//! Headers that every node serves, and evidence made of two of them.

use super::{
    Host, TendermintProver, ibc_go,
    ibc_go::IbcGoError,
    tendermint::{State, unfit_for_host},
};
use crate::rpc::Node;
use adapter::{AdapterError, ChainHeader, ServedHeader, StoredStates};
use futures::future::join_all;
use light_client::{Codec, ErasedError, Fault, Height, LightClient as _, Timestamp, Trusted};
use light_client_tendermint::{
    Certified, ClientState, ConsensusState, Error, Evidence, StateAt, StoredState, TrustedHeader, Update, ValidatorSet,
};
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
            let asked = self.served(&node, trusted, height.number(), now);
            tokio::time::timeout(MAX_HEADER_WAIT, asked).await.unwrap_or_else(|late| {
                let (endpoint, source) = (node.label().to_owned(), Box::new(late));
                Err(AdapterError::Unavailable { endpoint, operation: "commit", source })
            })
        };
        let answers = join_all(nodes.iter().cloned().map(ask)).await;
        let (mut served, mut failure) = (Vec::new(), None);
        for (node, answer) in nodes.iter().zip(answers) {
            match answer {
                Ok(header) => served.push(header),
                Err(error) => {
                    self.rpc.judge(node, &error);
                    failure = Some(error);
                }
            }
        }
        served.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        match failure {
            Some(error) if served.is_empty() => Err(error),
            _ => Ok(served),
        }
    }

    /// The header that one node serves, and whether it is certified in the eyes of who trusts that state. The votes that go
    /// with it are those of the set that judges it.
    async fn served(
        &self,
        node: &Node,
        trusted: &State,
        number: u64,
        now: Timestamp,
    ) -> Result<ServedHeader, AdapterError> {
        let block = node.light_block(number).await?;
        let parameters = trusted.client.parameters();
        let judging = self.next_set(node, trusted, &block).await.ok();
        let latest = trusted.height.number();
        let certified = judging.as_ref().is_some_and(|set| {
            let update = block.update(parameters, latest, trusted.consensus, Some(set));
            update.is_ok_and(|update| {
                let from = TrustedHeader::of(latest, &trusted.consensus);
                let Update { trusted_set, header, commit, .. } = &update;
                self.client.0.verify_header(parameters, &from, trusted_set.as_ref(), header, commit, now).is_ok()
            })
        });
        let own = block.header.validators_hash() == trusted.consensus.next_set_hash;
        let half = match judging {
            Some(set) if !own => block.certified_by(&set),
            _ => block.certified(),
        };
        let half = half.map_err(|e| node.unfit("commit", e))?;
        Ok(ServedHeader { endpoint: node.label().to_owned(), header: self.chain_header(&half), certified })
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

    pub(super) fn header_from(&self, bytes: &[u8]) -> Result<ChainHeader, AdapterError> {
        let certified = Certified::decode(bytes).map_err(|e| not_a_nodes("header", e))?;
        Ok(self.chain_header(&certified))
    }

    fn chain_header(&self, certified: &Certified) -> ChainHeader {
        ChainHeader {
            height: self.height(certified.header.height()),
            hash: certified.header.hash(&self.rpc.config().tree_hash),
            bytes: certified.encode(),
        }
    }

    pub(super) fn evidence_of(
        &self,
        stored: &StoredStates,
        headers: [&[u8]; 2],
        now: Timestamp,
    ) -> Result<Vec<u8>, AdapterError> {
        let refused = |error: Error| not_a_nodes("evidence", error);
        let client = ClientState::decode(&stored.client).map_err(refused)?;
        let state = |(height, bytes): &(Height, Vec<u8>)| {
            Ok(StateAt { number: height.number(), state: ConsensusState::decode(bytes)? })
        };
        let states = stored.states.iter().map(state).collect::<Result<Vec<StateAt>, Error>>().map_err(refused)?;
        let [first, second] = headers.map(Certified::decode);
        let (first, second) = (first.map_err(refused)?, second.map_err(refused)?);
        let number = first.header.height().min(second.header.height());
        // The state below says which set is next.
        let lower = states.iter().rev().find(|state| state.number < number).copied();
        let lower = lower.ok_or_else(|| refused(Error::ConsensusStateUnknown { expected: None, found: None }))?;
        let upper = states.iter().find(|state| state.number > lower.number).copied();
        // The client's state holds its latest states only; these are the ones around the height, wherever that is.
        let mut known: Vec<StoredState> =
            states.iter().map(|at| StoredState { number: at.number, hash: at.state.hash() }).collect();
        let last = known.last().map(|state| state.number);
        known.extend(client.stored().iter().filter(|state| Some(state.number) > last));
        let client =
            ClientState::from_stored(client.parameters().clone(), known, client.is_frozen()).map_err(refused)?;
        let evidence = Evidence::new(lower, upper, [first, second]);
        let trusted = [lower, upper.unwrap_or(lower)];
        let trusted = trusted.each_ref().map(|at| Trusted {
            height: client.parameters().height(at.number),
            client: &client,
            consensus: &at.state,
        });
        self.client.0.verify_misbehaviour(trusted, &evidence, now).map_err(refused)?;
        match self.host {
            Host::Router => Ok(evidence.encode()),
            Host::IbcGo => {
                let set = set_after(&lower, &evidence, client.parameters().tree_hash).map_err(refused)?;
                let [first, second] = &evidence.headers;
                let height = client.parameters().height(lower.number);
                ibc_go::misbehaviour([first, second], height, set).map_err(|error: IbcGoError| unfit_for_host(&error))
            }
        }
    }
}

/// The set that the lower state names, out of the headers' own: ibc-go asks for it beside them.
fn set_after<'a>(
    lower: &StateAt,
    evidence: &'a Evidence,
    tree_hash: light_client_tendermint::TreeHash,
) -> Result<&'a ValidatorSet, Error> {
    let expected = lower.state.next_set_hash;
    let sets = evidence.headers.each_ref().map(|certified| &certified.commit.set);
    let found = sets[0].hash(&tree_hash);
    sets.into_iter().find(|set| set.hash(&tree_hash) == expected).ok_or(Error::TrustedSetMissing { expected, found })
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
