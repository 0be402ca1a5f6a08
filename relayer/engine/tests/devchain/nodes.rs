//! Nodes that do not do as they should: some tell of what never happened, some send nothing on.

use adapter::{
    AdapterError, At, Bootstrap, ChainHeader, ChainReader, ChainWriter, FeeBid, FeeBump, Head, HostedClient, Message,
    Nonces, Outcome, PacketEvent, Plan, Prover, ServedHeader, SignedTransaction, StoredStates, Submitted,
    TransactionHash, TrustedState, VerifiedProof, VerifiedUpdate,
};
use async_trait::async_trait;
use light_client::{
    ChainId, Claim, ClientId, ClientType, CommitmentHash, ErasedLightClient, Height, MerklePath, Packet, Sequence,
    StorePath, Timestamp,
};
use relayer_core::SignerId;
use relayer_store::{SqliteStore, Store as _};
use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

/// A node that tells, at every question, of events that never happened, and shows one block to nobody; until it is told to stop.
pub(crate) struct Liar {
    pub(crate) inner: Arc<dyn ChainReader>,
    /// What it tells of; the height is always the last one asked for.
    pub(crate) tale: fn(ClientId, Height) -> Vec<PacketEvent>,
    pub(crate) client: ClientId,
    pub(crate) lies: Arc<AtomicBool>,
}

impl Liar {
    fn tale(&self, height: Height) -> Vec<PacketEvent> {
        let lies = self.lies.load(Ordering::SeqCst);
        if lies { (self.tale)(self.client.clone(), height) } else { Vec::new() }
    }
}

#[async_trait]
impl ChainReader for Liar {
    fn chain_id(&self) -> &ChainId {
        self.inner.chain_id()
    }

    async fn head(&self) -> Result<Head, AdapterError> {
        self.inner.head().await
    }

    async fn packet_events(&self, from: Height, to: Height) -> Result<Vec<PacketEvent>, AdapterError> {
        let mut events = self.inner.packet_events(from, to).await?;
        events.extend(self.tale(to));
        Ok(events)
    }

    async fn sent_packet(&self, client: &ClientId, sequence: Sequence) -> Result<Option<At<Packet>>, AdapterError> {
        self.inner.sent_packet(client, sequence).await
    }

    async fn written_acknowledgement(
        &self,
        client: &ClientId,
        sequence: Sequence,
    ) -> Result<Option<At<Vec<u8>>>, AdapterError> {
        let told = self.tale(Height::new(1)).into_iter().find_map(|event| match event {
            PacketEvent::Acknowledged { height, acknowledgement, .. } => Some(At { height, value: acknowledgement }),
            _ => None,
        });
        match told {
            Some(told) => Ok(Some(told)),
            None => self.inner.written_acknowledgement(client, sequence).await,
        }
    }

    async fn client(&self, id: &ClientId) -> Result<At<Option<HostedClient>>, AdapterError> {
        self.inner.client(id).await
    }

    async fn consensus_state(&self, id: &ClientId, height: Height) -> Result<At<Option<Vec<u8>>>, AdapterError> {
        self.inner.consensus_state(id, height).await
    }

    async fn consensus_heights(&self, id: &ClientId, height: Height) -> Result<At<[Option<Height>; 2]>, AdapterError> {
        self.inner.consensus_heights(id, height).await
    }

    async fn accepted_updates(&self, id: &ClientId, height: Height) -> Result<Vec<At<Submitted>>, AdapterError> {
        self.inner.accepted_updates(id, height).await
    }

    async fn accepted_misbehaviour(&self, id: &ClientId) -> Result<At<Option<Submitted>>, AdapterError> {
        self.inner.accepted_misbehaviour(id).await
    }

    async fn value(&self, path: &StorePath) -> Result<At<Option<CommitmentHash>>, AdapterError> {
        self.inner.value(path).await
    }

    async fn next_sequence_send(&self, client: &ClientId) -> Result<At<u64>, AdapterError> {
        self.inner.next_sequence_send(client).await
    }

    async fn stored_states(&self, id: &ClientId, height: Height) -> Result<Option<StoredStates>, AdapterError> {
        self.inner.stored_states(id, height).await
    }

    async fn every_stored_states(&self, id: &ClientId, height: Height) -> Result<Vec<StoredStates>, AdapterError> {
        self.inner.every_stored_states(id, height).await
    }

    fn passed_over(&self) -> Vec<At<String>> {
        let lies = self.lies.load(Ordering::SeqCst);
        if lies { vec![At { height: Height::new(2), value: "garbled\n".to_owned() }] } else { Vec::new() }
    }
}

/// A node that takes transactions, sends none of them on, and says that each is in a block; until it is told to stop.
pub(crate) struct Swallower {
    pub(crate) inner: Arc<dyn ChainWriter>,
    pub(crate) swallows: Arc<AtomicBool>,
    /// Transactions of which it said that they are in a block.
    pub(crate) said: Arc<AtomicUsize>,
}

#[async_trait]
impl ChainWriter for Swallower {
    fn signer(&self) -> &str {
        self.inner.signer()
    }

    async fn nonces(&self) -> Result<Nonces, AdapterError> {
        self.inner.nonces().await
    }

    async fn sign(&self, messages: &[Message], nonce: u64) -> Result<SignedTransaction, AdapterError> {
        self.inner.sign(messages, nonce).await
    }

    async fn sign_again(&self, raw: &[u8], nonce: u64, replaced: FeeBid) -> Result<SignedTransaction, AdapterError> {
        self.inner.sign_again(raw, nonce, replaced).await
    }

    async fn sign_cancel(&self, nonce: u64, fee: FeeBump) -> Result<SignedTransaction, AdapterError> {
        self.inner.sign_cancel(nonce, fee).await
    }

    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), AdapterError> {
        if self.swallows.load(Ordering::SeqCst) { Ok(()) } else { self.inner.broadcast(transaction).await }
    }

    async fn outcome(&self, hash: TransactionHash) -> Result<Outcome, AdapterError> {
        if !self.swallows.load(Ordering::SeqCst) {
            return self.inner.outcome(hash).await;
        }
        self.said.fetch_add(1, Ordering::SeqCst);
        let height = self.inner.nonces().await?.height;
        Ok(Outcome::Included { height, success: true, gas_used: 1, failed_items: Vec::new() })
    }
}

/// A node that says of the account's next number what it is told to, one answer after another, and then the truth.
pub(crate) struct Miscounting {
    pub(crate) inner: Arc<dyn ChainWriter>,
    pub(crate) counts: Mutex<VecDeque<u64>>,
}

#[async_trait]
impl ChainWriter for Miscounting {
    fn signer(&self) -> &str {
        self.inner.signer()
    }

    async fn nonces(&self) -> Result<Nonces, AdapterError> {
        let nonces = self.inner.nonces().await?;
        let next_final = self.counts.lock().unwrap().pop_front().unwrap_or(nonces.next_final);
        Ok(Nonces { next_final, ..nonces })
    }

    async fn sign(&self, messages: &[Message], nonce: u64) -> Result<SignedTransaction, AdapterError> {
        self.inner.sign(messages, nonce).await
    }

    async fn sign_again(&self, raw: &[u8], nonce: u64, replaced: FeeBid) -> Result<SignedTransaction, AdapterError> {
        self.inner.sign_again(raw, nonce, replaced).await
    }

    async fn sign_cancel(&self, nonce: u64, fee: FeeBump) -> Result<SignedTransaction, AdapterError> {
        self.inner.sign_cancel(nonce, fee).await
    }

    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), AdapterError> {
        self.inner.broadcast(transaction).await
    }

    async fn outcome(&self, hash: TransactionHash) -> Result<Outcome, AdapterError> {
        self.inner.outcome(hash).await
    }
}

/// A node that looks into the relayer's database at the moment a transaction reaches it.
pub(crate) struct Witness {
    pub(crate) inner: Arc<dyn ChainWriter>,
    pub(crate) chain: String,
    pub(crate) database: PathBuf,
    /// For each transaction that came, whether it was in the database already.
    pub(crate) seen: Arc<Mutex<Vec<bool>>>,
}

#[async_trait]
impl ChainWriter for Witness {
    fn signer(&self) -> &str {
        self.inner.signer()
    }

    async fn nonces(&self) -> Result<Nonces, AdapterError> {
        self.inner.nonces().await
    }

    async fn sign(&self, messages: &[Message], nonce: u64) -> Result<SignedTransaction, AdapterError> {
        self.inner.sign(messages, nonce).await
    }

    async fn sign_again(&self, raw: &[u8], nonce: u64, replaced: FeeBid) -> Result<SignedTransaction, AdapterError> {
        self.inner.sign_again(raw, nonce, replaced).await
    }

    async fn sign_cancel(&self, nonce: u64, fee: FeeBump) -> Result<SignedTransaction, AdapterError> {
        self.inner.sign_cancel(nonce, fee).await
    }

    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), AdapterError> {
        // As another process would see it: only what is committed.
        let database = SqliteStore::look(&self.database).await.unwrap();
        let signer = SignerId { chain: self.chain.clone(), account: self.signer().to_owned() };
        let open = database.signer(&signer).await.unwrap().open;
        let stored = open.iter().filter(|open| open.nonce == transaction.nonce).flat_map(|open| &open.attempts);
        let is_stored = stored.into_iter().any(|attempt| attempt.raw == transaction.raw);
        database.close().await;
        self.seen.lock().unwrap().push(is_stored);
        self.inner.broadcast(transaction).await
    }

    async fn outcome(&self, hash: TransactionHash) -> Result<Outcome, AdapterError> {
        self.inner.outcome(hash).await
    }
}

/// Nodes that are silent at times, and have thrown old heights away.
pub(crate) struct Forgetful {
    pub(crate) inner: Arc<dyn Prover>,
    /// So many more questions about evidence get no answer.
    pub(crate) silent: AtomicUsize,
    /// Nothing below this height is there any more.
    pub(crate) first_kept: AtomicU64,
    /// No question about headers is ever answered.
    pub(crate) hangs: AtomicBool,
}

impl Forgetful {
    pub(crate) fn new(inner: Arc<dyn Prover>) -> Self {
        Self { inner, silent: AtomicUsize::new(0), first_kept: AtomicU64::new(0), hangs: AtomicBool::new(false) }
    }

    fn check(&self, operation: &'static str, height: Height) -> Result<(), AdapterError> {
        let lowest = self.first_kept.load(Ordering::SeqCst);
        if height.number() >= lowest {
            return Ok(());
        }
        let reason = format!("height {height} is pruned, the lowest is {lowest}");
        Err(AdapterError::Refused { operation, reason })
    }
}

#[async_trait]
impl Prover for Forgetful {
    fn client_type(&self) -> &ClientType {
        self.inner.client_type()
    }

    fn light_client(&self) -> &dyn ErasedLightClient {
        self.inner.light_client()
    }

    async fn bootstrap(&self, height: Option<Height>) -> Result<Bootstrap, AdapterError> {
        self.inner.bootstrap(height).await
    }

    async fn updates(
        &self,
        trusted: &TrustedState,
        target: Height,
        now: Timestamp,
    ) -> Result<Vec<VerifiedUpdate>, AdapterError> {
        self.check("update", target)?;
        self.inner.updates(trusted, target, now).await
    }

    fn provable_from(&self, block: Height) -> Height {
        self.inner.provable_from(block)
    }

    fn stored_number(&self, number: u64) -> Vec<u8> {
        self.inner.stored_number(number)
    }

    async fn plan(&self, claims: &[Claim], since: Height) -> Result<Plan, AdapterError> {
        self.inner.plan(claims, since).await
    }

    fn sort_key(&self, path: &MerklePath) -> Vec<u8> {
        self.inner.sort_key(path)
    }

    async fn prove(&self, trusted: &TrustedState, claims: &[Claim]) -> Result<VerifiedProof, AdapterError> {
        self.inner.prove(trusted, claims).await
    }

    async fn decide(&self, trusted: &TrustedState, claims: &[Claim]) -> Result<Vec<bool>, AdapterError> {
        self.inner.decide(trusted, claims).await
    }

    async fn served_headers(
        &self,
        trusted: &TrustedState,
        height: Height,
        now: Timestamp,
    ) -> Result<Vec<ServedHeader>, AdapterError> {
        self.check("header", height)?;
        if self.hangs.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        self.inner.served_headers(trusted, height, now).await
    }

    fn trusted_at(&self, stored: &StoredStates, height: Height) -> Result<TrustedState, AdapterError> {
        self.inner.trusted_at(stored, height)
    }

    async fn verify_told(
        &self,
        trusted: &TrustedState,
        update: &[u8],
        now: Timestamp,
    ) -> Result<TrustedState, AdapterError> {
        self.inner.verify_told(trusted, update, now).await
    }

    fn header_of_update(&self, update: &[u8]) -> Result<ChainHeader, AdapterError> {
        self.inner.header_of_update(update)
    }

    fn headers_of_evidence(&self, evidence: &[u8]) -> Result<[ChainHeader; 2], AdapterError> {
        self.inner.headers_of_evidence(evidence)
    }

    fn is_whole(&self, header: &[u8]) -> bool {
        self.inner.is_whole(header)
    }

    fn merged(&self, header: ChainHeader, other: &ChainHeader) -> ChainHeader {
        self.inner.merged(header, other)
    }

    fn header(&self, bytes: &[u8]) -> Result<ChainHeader, AdapterError> {
        self.inner.header(bytes)
    }

    async fn evidence(
        &self,
        stored: &StoredStates,
        headers: [&[u8]; 2],
        now: Timestamp,
    ) -> Result<Vec<u8>, AdapterError> {
        let is_silent = |left: usize| left.checked_sub(1);
        if self.silent.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_silent).is_ok() {
            let source = std::io::Error::from(std::io::ErrorKind::ConnectionReset).into();
            return Err(AdapterError::Unavailable { endpoint: "a node".to_owned(), operation: "proof", source });
        }
        self.inner.evidence(stored, headers, now).await
    }
}
