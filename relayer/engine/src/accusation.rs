//! Two headers made into calls that freeze a client; and a person's way of making them while no relayer runs.

use crate::{PathHandles, shared::ends};
use adapter::{
    AdapterError, ChainHeader, Message, Outcome, StoredStates, TransactionHash, TrustedState, VerifiedUpdate,
};
use light_client::{Height, Timestamp};
use relayer_core::{Conflict, ConflictingHeader, End, SignerId, UnixMillis, Write};
use relayer_store::{Guard, Store, StoreError};
use std::time::Duration;

/// How often a transaction sent by hand is asked for.
const ASK_AGAIN: Duration = Duration::from_millis(300);
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls that show a client misbehaviour, verified here as the client will verify them.
pub(crate) struct Accusation {
    pub(crate) messages: Vec<Message>,
    /// The height that the update before the evidence leads to.
    pub(crate) update: Option<Height>,
    pub(crate) evidence: Vec<u8>,
}

/// The calls by which two headers freeze the client on `host`. Above the client's latest state evidence may need a state
/// nearer by, which says who was to certify the headers: then the client is brought there first.
///
/// # Errors
/// [`AdapterError::Verification`] when the two do not make misbehaviour; otherwise what the chains' nodes say.
pub(crate) async fn accuse(
    path: &PathHandles,
    host: End,
    headers: [&ChainHeader; 2],
    now: Timestamp,
) -> Result<Accusation, AdapterError> {
    let (here, there) = ends(path, host);
    let height = headers[0].height.min(headers[1].height);
    let bytes = headers.map(|header| header.bytes.as_slice());
    let Some(stored) = here.reader.stored_states(&here.client, height).await? else {
        let (expected, found) = (format!("a client {} on {}", here.client, here.chain), "none".to_owned());
        return Err(AdapterError::Config { key: "client", expected, found });
    };
    let call = |evidence: &[u8]| {
        let (client, evidence) = (here.client.clone(), evidence.to_vec());
        Message::SubmitMisbehaviour { client, evidence }
    };
    let refusal = match there.prover.evidence(&stored, bytes, now).await {
        Ok(evidence) => return Ok(Accusation { messages: vec![call(&evidence)], update: None, evidence }),
        Err(refusal) => refusal,
    };
    let StoredStates { client, states } = stored;
    let Some((latest, consensus)) = states.into_iter().last().filter(|(latest, _)| *latest < height) else {
        return Err(refusal);
    };
    let from = TrustedState { height: latest, client, consensus };
    let Ok(updates) = there.prover.updates(&from, height, now).await else { return Err(refusal) };
    let mut states = vec![(from.height, from.consensus)];
    states.extend(updates.iter().map(|update| (update.next.height, update.next.consensus.clone())));
    // Only the last ones lie around the height.
    states.drain(..states.len().saturating_sub(2));
    let Some(client) = updates.last().map(|last| last.next.client.clone()) else { return Err(refusal) };
    let evidence = there.prover.evidence(&StoredStates { client, states }, bytes, now).await?;
    let update = |VerifiedUpdate { update, .. }| Message::UpdateClient { client: here.client.clone(), update };
    let messages = updates.into_iter().map(update).chain([call(&evidence)]).collect();
    Ok(Accusation { messages, update: Some(height), evidence })
}

/// What became of misbehaviour that a person submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShownByHand {
    /// The transaction is in a block.
    Included {
        /// The transaction.
        transaction: TransactionHash,
        /// The height of the block.
        height: Height,
        /// Whether every call took effect.
        success: bool,
    },
    /// The transaction was sent, and is in no block yet.
    Pending {
        /// The transaction.
        transaction: TransactionHash,
    },
    /// The relayer has left transactions of the same account under way, whose numbers this one would take.
    Busy {
        /// How many.
        open: usize,
    },
}

/// Why misbehaviour could not be submitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ByHandError {
    /// A chain said no, or its light client did.
    #[error(transparent)]
    Chain(#[from] AdapterError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Shows the client on `host` two headers of the chain that it follows, with the account that relays there, and keeps them.
/// `headers` and their origins are as [`adapter::Prover::header`] takes them; the store is that of a relayer that does not
/// run.
///
/// # Errors
/// [`AdapterError::Verification`] when the two do not make misbehaviour: then nothing was sent.
pub async fn submit_by_hand(
    store: &dyn Store,
    owner: &str,
    path: &PathHandles,
    host: End,
    headers: [(&[u8], String); 2],
    now: UnixMillis,
) -> Result<ShownByHand, ByHandError> {
    let (here, there) = ends(path, host);
    let timestamp = Timestamp::from_unix_millis(now.get());
    let [(first, first_origin), (second, second_origin)] = headers;
    let (first, second) = (there.prover.header(first)?, there.prover.header(second)?);
    let Accusation { messages, evidence, .. } = accuse(path, host, [&first, &second], timestamp).await?;
    let signer = SignerId { chain: here.chain.clone(), account: here.writer.signer().to_owned() };
    let open = store.signer(&signer).await?.open.len();
    if open > 0 {
        return Ok(ShownByHand::Busy { open });
    }
    let kept = |header: ChainHeader, origin| {
        let ChainHeader { height, hash, bytes } = header;
        ConflictingHeader { height, hash, origin, certified: true, bytes }
    };
    let mut conflict = Conflict::new(host, [kept(first, first_origin), kept(second, second_origin)], now);
    conflict.evidence = Some(evidence);
    conflict.submitted = Some(now);
    let lease = lease_name(path, host);
    let guard = Guard { fence: store.lease(&lease, owner, now, crate::path_task::LEASE_MILLIS).await?.fence, lease };
    store.apply(&guard, &[Write::Conflict { path: path.id.clone(), conflict }]).await?;
    store.release(&guard).await?;

    let nonce = here.writer.nonces().await?.next_final;
    let signed = here.writer.sign(&messages, nonce).await?;
    here.writer.broadcast(&signed).await?;
    let asking = async {
        loop {
            if let Ok(Outcome::Included { height, success, failed_items, .. }) = here.writer.outcome(signed.hash).await
            {
                let success = success && failed_items.is_empty();
                return ShownByHand::Included { transaction: signed.hash, height, success };
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, asking).await;
    Ok(waited.unwrap_or(ShownByHand::Pending { transaction: signed.hash }))
}

/// The lease of whoever keeps the conflicts of a hosted client's chain.
pub(crate) fn lease_name(path: &PathHandles, host: End) -> String {
    format!("conflicts/{}/{host}", path.id)
}
