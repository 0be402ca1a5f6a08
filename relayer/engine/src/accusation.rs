//! Two headers made into calls that freeze a client; and a person's way of making them while no relayer runs.

use crate::{PathHandles, conflict, shared::ends};
use adapter::{
    AdapterError, AdapterErrorKind, ChainHeader, Message, Outcome, Prover, StoredStates, TransactionHash, TrustedState,
    VerifiedUpdate,
};
use light_client::{Height, Timestamp};
use relayer_core::{Conflict, ConflictingHeader, End, SignerId, UnixMillis, Write};
use relayer_store::{Guard, Store, StoreError};
use std::time::Duration;

/// Stretches of a way between two heights that are asked for.
const MAX_STRETCHES: usize = 16;
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

/// From where two headers may be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From the states that the client has stored: costs the chains' nodes next to nothing, whoever made the headers up.
    Stored,
    /// From states nearer by too, to which the client can be brought first.
    Nearer,
}

/// Why two headers do not freeze a client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAccused {
    /// The light client's verdict: they make no misbehaviour, as far as the states known tell.
    #[error(transparent)]
    Refused(AdapterError),
    /// It could not be found out.
    #[error(transparent)]
    Failed(AdapterError),
}

impl NotAccused {
    /// What a prover answers when it is asked for evidence.
    fn by(error: AdapterError) -> Self {
        if matches!(error, AdapterError::Verification { .. }) { Self::Refused(error) } else { Self::Failed(error) }
    }
}

/// The calls by which two headers freeze the client on `host`. Above the client's latest state evidence may need a state
/// nearer by, which says who was to certify the headers: then the client is brought there first.
///
/// What the client stores is a node's word. So it is a verdict only when the two are refused by what every node tells that
/// answers. And where nodes tell of different states, each of which would do, the client takes the evidence that rests on its
/// own: with each `attempt`, counted from 0, it is another one's turn, that of which most tell first.
///
/// # Errors
/// [`NotAccused::Refused`] when the two do not make misbehaviour; [`NotAccused::Failed`] with what the chains' nodes say.
pub(crate) async fn accuse(
    path: &PathHandles,
    host: End,
    headers: [&ChainHeader; 2],
    reach: Reach,
    attempt: u32,
    now: Timestamp,
) -> Result<Accusation, NotAccused> {
    let (here, _) = ends(path, host);
    let height = headers[0].height.min(headers[1].height);
    let told = here.reader.every_stored_states(&here.client, height).await.map_err(NotAccused::Failed)?;
    let mut verdict = None;
    for stored in in_turn(told, attempt) {
        match (accuse_from(path, host, headers, stored, reach, now).await, &verdict) {
            (Ok(accusation), _) => return Ok(accusation),
            (Err(_), Some(NotAccused::Failed(_))) => {}
            (Err(error), _) => verdict = Some(error),
        }
    }
    Err(verdict.unwrap_or_else(|| {
        let (client, chain) = (here.client.clone(), here.chain.clone());
        NotAccused::Failed(AdapterError::ClientUnknown { client, chain })
    }))
}

/// Each answer once, those first that most have given, but for a turn further with each attempt.
fn in_turn(told: Vec<StoredStates>, attempt: u32) -> Vec<StoredStates> {
    let mut distinct: Vec<(usize, StoredStates)> = Vec::new();
    for stored in told {
        match distinct.iter_mut().find(|(_, known)| *known == stored) {
            Some((count, _)) => *count += 1,
            None => distinct.push((1, stored)),
        }
    }
    distinct.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.states.cmp(&other.states)));
    let turns = usize::try_from(attempt).unwrap_or_default().checked_rem(distinct.len()).unwrap_or_default();
    distinct.rotate_left(turns);
    distinct.into_iter().map(|(_, stored)| stored).collect()
}

/// As [`accuse`], of a client that stores these states.
async fn accuse_from(
    path: &PathHandles,
    host: End,
    headers: [&ChainHeader; 2],
    stored: StoredStates,
    reach: Reach,
    now: Timestamp,
) -> Result<Accusation, NotAccused> {
    let (here, there) = ends(path, host);
    let height = headers[0].height.min(headers[1].height);
    let bytes = headers.map(|header| header.bytes.as_slice());
    let call = |evidence: &[u8]| {
        let (client, evidence) = (here.client.clone(), evidence.to_vec());
        Message::SubmitMisbehaviour { client, evidence }
    };
    let refusal = match there.prover.evidence(&stored, bytes, now).await.map_err(NotAccused::by) {
        Ok(evidence) => return Ok(Accusation { messages: vec![call(&evidence)], update: None, evidence }),
        Err(refusal @ NotAccused::Refused(_)) if reach == Reach::Nearer => refusal,
        Err(other) => return Err(other),
    };
    let StoredStates { client, states } = stored;
    let Some((latest, consensus)) = states.into_iter().last().filter(|(latest, _)| *latest < height) else {
        return Err(refusal);
    };
    let from = TrustedState { height: latest, client, consensus };
    let updates = match way(&*there.prover, &from, height, now).await {
        Ok(updates) => updates,
        // That no way leads there is the light client's word; that a node is silent or lies says nothing of the two headers.
        Err(error) => {
            return Err(match error.kind() {
                AdapterErrorKind::InsufficientTrust | AdapterErrorKind::ClientUnusable => refusal,
                _ => NotAccused::Failed(error),
            });
        }
    };
    let mut states = vec![(from.height, from.consensus)];
    states.extend(updates.iter().map(|update| (update.next.height, update.next.consensus.clone())));
    // Only the last ones lie around the height.
    states.drain(..states.len().saturating_sub(2));
    let Some(client) = updates.last().map(|last| last.next.client.clone()) else { return Err(refusal) };
    let stored = StoredStates { client, states };
    let evidence = there.prover.evidence(&stored, bytes, now).await.map_err(NotAccused::by)?;
    let update = |VerifiedUpdate { update, .. }| Message::UpdateClient { client: here.client.clone(), update };
    let messages = updates.into_iter().map(update).chain([call(&evidence)]).collect();
    Ok(Accusation { messages, update: Some(height), evidence })
}

/// The updates that lead from a state to exactly this height, however many questions the way takes.
///
/// # Errors
/// As [`Prover::updates`]; and [`AdapterError::Refused`] when it takes too many.
pub(crate) async fn way(
    prover: &dyn Prover,
    from: &TrustedState,
    to: Height,
    now: Timestamp,
) -> Result<Vec<VerifiedUpdate>, AdapterError> {
    let mut updates: Vec<VerifiedUpdate> = Vec::new();
    for _ in 0..MAX_STRETCHES {
        let at = updates.last().map_or(from, |last| &last.next);
        if at.height.number() == to.number() {
            return Ok(updates);
        }
        let further = prover.updates(at, to, now).await?;
        updates.extend(further);
    }
    let reason = format!("expected a way from height {} to {to} in {MAX_STRETCHES} stretches, found none", from.height);
    Err(AdapterError::Refused { operation: "update", reason })
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
    /// Its number was used by another transaction of the same account: nothing was shown by this one.
    Replaced {
        /// The transaction.
        transaction: TransactionHash,
    },
    /// The relayer has left transactions of the same account under way, whose numbers this one would take. Nothing was sent.
    Busy {
        /// How many.
        open: usize,
    },
    /// The number that the transaction was to have is not the next one: the chain's node is behind what the relayer knows, or
    /// another program sends from the account at this moment. Nothing was sent.
    NumberTaken {
        /// The number that comes next.
        expected: u64,
        /// The one that it was to have.
        found: u64,
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
    // Whoever tries again has another one's turn.
    let attempt = u32::try_from(now.seconds() % u64::from(u32::MAX)).unwrap_or_default();
    let accused = accuse(path, host, [&first, &second], Reach::Nearer, attempt, timestamp).await;
    let Accusation { messages, evidence, .. } = accused.map_err(|not_accused| match not_accused {
        NotAccused::Refused(error) | NotAccused::Failed(error) => error,
    })?;
    let signer = SignerId { chain: here.chain.clone(), account: here.writer.signer().to_owned() };
    let known = store.signer(&signer).await?;
    if !known.open.is_empty() {
        return Ok(ShownByHand::Busy { open: known.open.len() });
    }
    let nonce = here.writer.nonces().await?.next_final;
    if let Some(last) = known.last_nonce.filter(|last| nonce <= *last) {
        return Ok(ShownByHand::NumberTaken { expected: last.saturating_add(1), found: nonce });
    }
    let signed = here.writer.sign(&messages, nonce).await?;
    // Signing has taken a while, with the questions that it takes.
    let next = here.writer.nonces().await?.next_final;
    if next != nonce {
        return Ok(ShownByHand::NumberTaken { expected: next, found: nonce });
    }
    let kept = |header: ChainHeader, origin: String| {
        let ChainHeader { height, hash, bytes } = header;
        ConflictingHeader { height, hash, origin: conflict::printable(&origin), certified: true, bytes }
    };
    let mut conflict = Conflict::new(host, [kept(first, first_origin), kept(second, second_origin)], now);
    conflict.evidence = Some(evidence);
    conflict.submitted = Some(now);
    let lease = lease_name(path, host);
    let guard = Guard { fence: store.lease(&lease, owner, now, crate::path_task::LEASE_MILLIS).await?.fence, lease };
    store.apply(&guard, &[Write::Conflict { path: path.id.clone(), conflict }]).await?;
    store.release(&guard).await?;

    here.writer.broadcast(&signed).await?;
    let transaction = signed.hash;
    let asking = async {
        loop {
            if let Ok(Outcome::Included { height, success, failed_items, .. }) = here.writer.outcome(transaction).await
            {
                let success = success && failed_items.is_empty();
                return ShownByHand::Included { transaction, height, success };
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    if let Ok(included) = tokio::time::timeout(PATIENCE, asking).await {
        return Ok(included);
    }
    let is_used = here.writer.nonces().await.is_ok_and(|nonces| nonces.next_final > nonce);
    Ok(if is_used { ShownByHand::Replaced { transaction } } else { ShownByHand::Pending { transaction } })
}

/// The lease of whoever keeps the conflicts of a hosted client's chain.
pub(crate) fn lease_name(path: &PathHandles, host: End) -> String {
    format!("conflicts/{}/{host}", path.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_most_tell_comes_first_and_everything_has_its_turn() {
        let stored = |state: u8| StoredStates { client: Vec::new(), states: vec![(Height::new(5), vec![state])] };
        let told = || [3, 1, 2, 1].map(stored).to_vec();
        for (attempt, expected) in [(0, [1, 2, 3]), (1, [2, 3, 1]), (2, [3, 1, 2]), (3, [1, 2, 3])] {
            assert_eq!(in_turn(told(), attempt), expected.map(stored), "{attempt}");
        }
        assert!(in_turn(Vec::new(), 7).is_empty());
    }
}
