//! Headers that contradict one another, and what binds each to the chain: the Router's account under its state root.
//!
//! A header is handed on as its RLP and behind it, where they are known, the nodes of that account proof.

use super::{MAX_HEADER_WAIT, QbftProver, not_a_nodes, verification};
use crate::{
    prover::answer::ProofAnswer,
    rpc::{Endpoint, hex_data},
};
use adapter::{AdapterError, ChainHeader, ServedHeader, StoredStates};
use futures::future::{join, join_all};
use light_client::{BlockHash, Codec as _, Height, LightClient as _, StateRoot, Timestamp, Trusted};
use light_client_crypto::Keccak256;
use light_client_proofs::{account, rlp::Reader};
use light_client_qbft::{
    ClientState, ConsensusState, Error, Evidence, Header, MAX_ACCOUNT_PROOF_BYTES, MAX_HEADER_BYTES, MAX_VALIDATORS,
    Parameters, StateAt, StoredState,
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// Seals of another form of a block that are looked at: no set has more members, and each of them seals once.
const MAX_SEALS_LOOKED_AT: usize = MAX_VALIDATORS;

/// Who is named when no endpoint has what evidence takes.
const EVERY_ENDPOINT: &str = "every endpoint";

/// Nobody shows the Router's account under a block's state root, for now: which says nothing about the block.
#[derive(Debug, thiserror::Error)]
#[error(
    "height {height}: expected the router's account proof under block {block}, found no endpoint that serves it; a node \
     that prunes state keeps it for some hundred blocks"
)]
struct AccountProofMissing {
    height: Height,
    block: BlockHash,
    /// What the last endpoint answered.
    #[source]
    source: Option<AdapterError>,
}

impl QbftProver {
    /// A header as it is handed on.
    pub(super) fn header_of(&self, operation: &'static str, bytes: Vec<u8>) -> Result<ChainHeader, AdapterError> {
        let refused = |error: Error| not_a_nodes(operation, error);
        let (header, _) = split(&bytes).map_err(refused)?;
        let header = Header::decode(self.kind, header).map_err(refused)?;
        Ok(ChainHeader { height: header.height, hash: header.hash(&Keccak256), bytes })
    }

    /// One header of a block with its own seals and those that the other has of further members of the set that it lists, and an
    /// account proof of either; `None` where they are not of one block, or were sealed in two rounds. Seals of others are not
    /// taken over, so that they leave room for those of members, whoever shows these next.
    pub(super) fn merge(&self, header: &ChainHeader, other: &ChainHeader) -> Option<ChainHeader> {
        let [(own, nodes), (others, other_nodes)] = [split(&header.bytes).ok()?, split(&other.bytes).ok()?];
        let [own, mut others] = [Header::decode(self.kind, own).ok()?, Header::decode(self.kind, others).ok()?];
        let is_one_digest = own.commit_digest(&Keccak256) == others.commit_digest(&Keccak256);
        if !is_one_digest || own.hash(&Keccak256) != header.hash {
            return None;
        }
        others.extra.seals.truncate(MAX_SEALS_LOOKED_AT);
        let mut signers: Vec<_> = self.client.0.sealers(&own).into_iter().flatten().collect();
        let mut seals = own.extra.seals.clone();
        for (signer, seal) in self.client.0.sealers(&others).into_iter().zip(&others.extra.seals) {
            if let Ok(signer) = signer
                && own.extra.validators.contains(&signer)
                && !signers.contains(&signer)
            {
                signers.push(signer);
                seals.push(*seal);
            }
        }
        let merged = own.with_seals(&seals);
        // More than a header holds: what the first says is enough.
        let merged = if merged.len() > MAX_HEADER_BYTES { split(&header.bytes).ok()?.0.to_vec() } else { merged };
        let nodes = if nodes.is_empty() { other_nodes } else { nodes };
        Some(ChainHeader { bytes: joined(merged, nodes), ..*header })
    }

    /// Puts behind each header the account proof that its own endpoint serves now, or another endpoint for the same block:
    /// nodes that prune state do not for long. A header without one stays as it is.
    pub(super) async fn bind(&self, served: &mut [(&Arc<Endpoint>, ServedHeader)], parameters: &Parameters) {
        let asked = served.iter().map(|(endpoint, one)| async move {
            let root = Header::decode(self.kind, &one.header.bytes).ok()?.state_root;
            self.account_proof(endpoint, one.header.height, root, parameters).await.ok()
        });
        let proofs: Vec<Option<Vec<u8>>> = join_all(asked).await;
        let hashes = served.iter().map(|(_, one)| one.header.hash);
        let of_block: BTreeMap<BlockHash, Vec<u8>> =
            hashes.zip(proofs).filter_map(|(hash, nodes)| Some((hash, nodes?))).collect();
        for (_, one) in served {
            if let Some(nodes) = of_block.get(&one.header.hash) {
                one.header.bytes.extend_from_slice(nodes);
            }
        }
    }

    /// See [`adapter::Prover::evidence`].
    pub(super) async fn evidence_of(
        &self,
        stored: &StoredStates,
        headers: [&[u8]; 2],
        now: Timestamp,
    ) -> Result<Vec<u8>, AdapterError> {
        let refused = |error: Error| not_a_nodes("evidence", error);
        let client = ClientState::decode(&stored.client).map_err(refused)?;
        let states = stored.states.iter().map(|(height, bytes)| {
            Ok(StateAt { height: *height, state: ConsensusState::decode(bytes).map_err(refused)? })
        });
        let states = states.collect::<Result<Vec<StateAt>, AdapterError>>()?;
        let [(first, first_proof), (second, second_proof)] =
            [split(headers[0]).map_err(refused)?, split(headers[1]).map_err(refused)?];
        let decoded =
            [Header::decode(self.kind, first).map_err(refused)?, Header::decode(self.kind, second).map_err(refused)?];
        let mut proofs = [first_proof.to_vec(), second_proof.to_vec()];
        let height = decoded[0].height;
        // The client's state holds its latest states only; these are the ones around the height, wherever that is.
        let mut known: Vec<StoredState> =
            states.iter().map(|at| StoredState { height: at.height, hash: at.state.hash() }).collect();
        let last = known.last().map(|state| state.height);
        known.extend(client.stored().iter().filter(|state| Some(state.height) > last));
        let client = ClientState::from_stored(*client.parameters(), known, client.is_frozen()).map_err(refused)?;
        // A header at a stored height may be judged by the state there or by the one below: a client that was misled at this
        // very height holds a set of the liar's choosing there.
        let mut refusal = Error::ConsensusStateUnknown { expected: None, found: None };
        for (index, lower) in states.iter().enumerate().filter(|(_, state)| state.height <= height) {
            let upper = states.get(index + 1).copied();
            let trusted = [*lower, upper.unwrap_or(*lower)];
            let verify = |evidence: &Evidence| {
                let trusted =
                    trusted.each_ref().map(|at| Trusted { height: at.height, client: &client, consensus: &at.state });
                self.client.0.verify_misbehaviour(trusted, evidence, now)
            };
            let sealed = self.sealed_by_judges(&decoded, lower).unwrap_or([first.to_vec(), second.to_vec()]);
            let mut evidence = Evidence::new(*lower, upper, sealed, proofs.clone());
            let mut verdict = verify(&evidence);
            if let Err(Error::Proof(_)) = verdict {
                // All that the headers themselves can show, they show.
                proofs = self.account_proofs(&decoded, proofs, client.parameters()).await?;
                evidence.account_proofs.clone_from(&proofs);
                verdict = verify(&evidence);
            }
            match verdict {
                Ok(_) => return Ok(evidence.encode()),
                Err(error) => refusal = error,
            }
        }
        Err(refused(refusal))
    }

    /// The headers with the seals of those alone who judge them by the lower state; `None` when neither header lists them.
    /// Others may have sealed too, or put anything in their seals' place: no hash covers it, and the client refuses it.
    fn sealed_by_judges(&self, headers: &[Header<'_>; 2], lower: &StateAt) -> Option<[Vec<u8>; 2]> {
        let mut sets = headers.iter().map(|header| &header.extra.validators);
        let judges = sets.find(|set| set.hash() == lower.state.set_hash)?;
        Some(headers.each_ref().map(|header| self.client.0.sealed_only_by(header, judges)))
    }

    /// The account proof of each header: one of those known, or what an endpoint serves.
    async fn account_proofs(
        &self,
        headers: &[Header<'_>; 2],
        known: [Vec<u8>; 2],
        parameters: &Parameters,
    ) -> Result<[Vec<u8>; 2], AdapterError> {
        let [first, second] = headers.each_ref().map(|header| self.account_proof_of(header, &known, parameters));
        let (first, second) = join(first, second).await;
        Ok([first?, second?])
    }

    /// The account proof of one header. An endpoint that proves the account under another block of that height has told no lie.
    async fn account_proof_of(
        &self,
        header: &Header<'_>,
        known: &[Vec<u8>; 2],
        parameters: &Parameters,
    ) -> Result<Vec<u8>, AdapterError> {
        if let Some(nodes) = known.iter().find(|nodes| prove(header.state_root, nodes, parameters).is_ok()) {
            return Ok(nodes.clone());
        }
        let endpoints = self.chain.pool.by_rank();
        let asked =
            endpoints.iter().map(|endpoint| self.account_proof(endpoint, header.height, header.state_root, parameters));
        let mut source = None;
        for answer in join_all(asked).await {
            match answer {
                Ok(nodes) => return Ok(nodes),
                Err(error) => source = Some(error),
            }
        }
        let missing = AccountProofMissing { height: header.height, block: header.hash(&Keccak256), source };
        Err(AdapterError::Unavailable {
            endpoint: EVERY_ENDPOINT.to_owned(),
            operation: "account proof",
            source: Box::new(missing),
        })
    }

    /// The Router's account proof that one endpoint serves for a height, verified under the root.
    async fn account_proof(
        &self,
        endpoint: &Endpoint,
        height: Height,
        root: StateRoot,
        parameters: &Parameters,
    ) -> Result<Vec<u8>, AdapterError> {
        const OPERATION: &str = "eth_getProof";
        let asked = json!([hex_data(self.router.as_slice()), [], format!("{:#x}", height.number())]);
        let call = tokio::time::timeout(MAX_HEADER_WAIT, endpoint.call(OPERATION, asked));
        let answer = call.await.map_err(|late| AdapterError::Unavailable {
            endpoint: endpoint.label().to_owned(),
            operation: OPERATION,
            source: Box::new(late),
        })?;
        let answer = answer.and_then(|answer| ProofAnswer::read(&answer, self.router, &[]));
        let nodes = answer.map_err(|e| e.into_adapter(endpoint.label(), OPERATION))?.account.concat();
        prove(root, &nodes, parameters).map_err(|e| verification(endpoint, OPERATION, e))?;
        Ok(nodes)
    }
}

/// The nodes prove the Router's account with the client's code under the root, and are as many as evidence holds.
fn prove(root: StateRoot, nodes: &[u8], parameters: &Parameters) -> Result<(), Error> {
    check_length(nodes)?;
    account::prove_contract(&Keccak256, root, nodes, &parameters.router, parameters.router_code_hash)?;
    Ok(())
}

/// A header with its account proof behind it; alone when that is none.
pub(super) fn joined(mut header: Vec<u8>, nodes: &[u8]) -> Vec<u8> {
    if check_nodes(nodes).is_ok() {
        header.extend_from_slice(nodes);
    }
    header
}

/// Whether an account proof is behind a header.
pub(super) fn is_bound(bytes: &[u8]) -> bool {
    split(bytes).is_ok_and(|(_, nodes)| !nodes.is_empty())
}

/// The header and the nodes behind it.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let malformed =
        |source| Error::HeaderMalformed { field: "list", expected: "its canonical rlp", source: Some(source) };
    let mut reader = Reader::new(bytes);
    let header = reader.item().map_err(malformed)?.raw;
    check_nodes(reader.rest())?;
    Ok((header, reader.rest()))
}

/// Nodes have the form of nodes: lists, one after another.
fn check_nodes(nodes: &[u8]) -> Result<(), Error> {
    check_length(nodes)?;
    let expected = "nothing but the nodes of an account proof after it";
    let mut reader = Reader::new(nodes);
    while !reader.is_empty() {
        reader.list().map_err(|source| Error::HeaderMalformed { field: "list", expected, source: Some(source) })?;
    }
    Ok(())
}

fn check_length(nodes: &[u8]) -> Result<(), Error> {
    let (expected, found) = ("an account proof of at most 65535 bytes", nodes.len());
    if found > MAX_ACCOUNT_PROOF_BYTES { Err(Error::EvidenceMalformed { expected, found }) } else { Ok(()) }
}
