use crate::{AdapterError, Message, StoredStates};
use async_trait::async_trait;
use light_client::{BlockHash, Claim, ClientType, ErasedLightClient, ErasedTrusted, Height, MerklePath, Timestamp};

/// What a client trusts, encoded as its light client's types are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    /// The height of `consensus`.
    pub height: Height,
    /// The encoded client state.
    pub client: Vec<u8>,
    /// The encoded consensus state.
    pub consensus: Vec<u8>,
}

/// A first trusted state, to be confirmed by people out of band.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// The state.
    pub trusted: TrustedState,
    /// Its time.
    pub time: Timestamp,
    /// What a person compares with another source, label and value (block hash, validators, code hash).
    pub fingerprint: Vec<(&'static str, String)>,
}

/// An update that the light client accepted here, and the state it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedUpdate {
    /// The encoded update, as the chain that hosts the client takes it.
    pub update: Vec<u8>,
    /// The state after it.
    pub next: TrustedState,
    /// The time of the state after it.
    pub time: Timestamp,
}

/// A proof that the light client accepted here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedProof {
    /// The height it is at.
    pub height: Height,
    /// The encoded proof.
    pub proof: Vec<u8>,
    /// The proven time of that height.
    pub time: Timestamp,
}

/// What a proof of some claims takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// They can be proven at this height or any later one.
    Ready(Height),
    /// First this must be submitted on the chain that is to be proven.
    Needs(Message),
}

/// A header of the chain, with what certifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainHeader {
    /// Its height.
    pub height: Height,
    /// The hash of its block. Headers are of one block when this is the same, whoever's signatures are beside them.
    pub hash: BlockHash,
    /// The header and its signatures, in the encoding in which evidence of this client's kind holds one; and behind it, where
    /// that is known, what else such evidence takes about this header.
    pub bytes: Vec<u8>,
}

/// A header as one endpoint serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedHeader {
    /// The endpoint, without credentials.
    pub endpoint: String,
    /// The header; its hash was computed here, from its fields.
    pub header: ChainHeader,
    /// Whether the light client takes it for certified, starting from the state that was named as trusted. A header
    /// that is not may be a lie, or lie beyond a change of the set that this state does not reach over.
    pub certified: bool,
}

/// Proves what a chain says to a client of it. Everything returned was verified here first, with the same light client
/// that the other chain runs, so a node that lies is an error here and not a revert there.
///
/// Every method may be called again with the same arguments, and dropped at any await.
#[async_trait]
pub trait Prover: Send + Sync {
    /// The kind of client that accepts these proofs.
    fn client_type(&self) -> &ClientType;

    /// The light client.
    fn light_client(&self) -> &dyn ErasedLightClient;

    /// A first trusted state at `height`, or at the latest final one.
    async fn bootstrap(&self, height: Option<Height>) -> Result<Bootstrap, AdapterError>;

    /// The updates that lead from `trusted` towards `target`, in order; several when one does not reach. The last one leads to
    /// exactly `target`, unless that is farther than one call goes ([`crate::Stretch`]), or nodes were lost on the way: then
    /// it leads as far as was verified, and the caller goes on from there. Empty when `target` is `trusted.height`, and
    /// only then.
    ///
    /// # Errors
    /// [`crate::AdapterErrorKind::InsufficientTrust`] when no way was found.
    async fn updates(
        &self,
        trusted: &TrustedState,
        target: Height,
        now: Timestamp,
    ) -> Result<Vec<VerifiedUpdate>, AdapterError>;

    /// The first height whose consensus state shows what the block of this height did: the block's own where a header
    /// commits to the state after it, the next where it commits to the state before it.
    fn provable_from(&self, block: Height) -> Height;

    /// How the chain's store holds a number, like the next sequence: 32 bytes in the slot of a Router, 8 in ibc-go's
    /// store, big-endian in both.
    fn stored_number(&self, number: u64) -> Vec<u8>;

    /// What it takes to prove the claims; `since` is the first consensus state in which they hold
    /// ([`Prover::provable_from`]).
    async fn plan(&self, claims: &[Claim], since: Height) -> Result<Plan, AdapterError>;

    /// The order in which claims share most of a proof: the caller sorts its claims by this key to save calldata.
    fn sort_key(&self, path: &MerklePath) -> Vec<u8>;

    /// One proof of all claims, in their order, in the state of `trusted`.
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when a claim does not hold there, or the node withholds or falsifies a part.
    async fn prove(&self, trusted: &TrustedState, claims: &[Claim]) -> Result<VerifiedProof, AdapterError>;

    /// Which of the claims hold in the state of `trusted`, each proven; a claim that is disproven is `false`.
    async fn decide(&self, trusted: &TrustedState, claims: &[Claim]) -> Result<Vec<bool>, AdapterError>;

    /// What *every* endpoint serves as the chain's header at `height`, also those that are asked for nothing else any
    /// more: two blocks of one height show somebody up. Sorted by label; an endpoint that does not answer in time, is behind,
    /// or answers with something that is no header of that height and hash is left out.
    ///
    /// `trusted` is a state below `height`, by which [`ServedHeader::certified`] is decided.
    ///
    /// # Errors
    /// When no endpoint serves a header, the error of one of them.
    async fn served_headers(
        &self,
        trusted: &TrustedState,
        height: Height,
        now: Timestamp,
    ) -> Result<Vec<ServedHeader>, AdapterError>;

    /// A hosted client as it was when it had stored the state at `height` last: where the way to the states after it begins.
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when there is no such state among the stored ones, or something does not decode.
    fn trusted_at(&self, stored: &StoredStates, height: Height) -> Result<TrustedState, AdapterError>;

    /// Verifies, starting from `trusted`, an update that the host of the client was told, in the encoding in which the host
    /// took it ([`crate::ChainReader::accepted_updates`]): the state that it leads to. `trusted` itself when it says nothing
    /// newer.
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when the light client refuses it. Others tell nothing of it.
    async fn verify_told(
        &self,
        trusted: &TrustedState,
        update: &[u8],
        now: Timestamp,
    ) -> Result<TrustedState, AdapterError> {
        let view = ErasedTrusted { height: trusted.height, client: &trusted.client, consensus: &trusted.consensus };
        let refused = |source| {
            let endpoint = "what was submitted".to_owned();
            AdapterError::Verification { endpoint, operation: "update", source }
        };
        let next = self.light_client().verify_update(view, update, now).map_err(refused)?;
        Ok(next.map_or_else(
            || trusted.clone(),
            |next| TrustedState { height: next.height, client: next.client, consensus: next.consensus },
        ))
    }

    /// The header inside an update, in the encoding in which the host of the client took it
    /// ([`crate::ChainReader::accepted_updates`]).
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when the bytes are no update of this client's kind.
    fn header_of_update(&self, update: &[u8]) -> Result<ChainHeader, AdapterError>;

    /// The two headers inside evidence, in the encoding in which the host of the client took it
    /// ([`crate::ChainReader::accepted_misbehaviour`]).
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when the bytes are no evidence of this client's kind.
    fn headers_of_evidence(&self, evidence: &[u8]) -> Result<[ChainHeader; 2], AdapterError>;

    /// Whether a header, as [`ChainHeader::bytes`] holds it, comes with all that evidence takes about it, so that no endpoint
    /// has to be asked for the rest.
    fn is_whole(&self, _header: &[u8]) -> bool {
        true
    }

    /// One form of a header out of two of the same block, with what certifies it from both, where that can be put together; else
    /// the first as it is.
    fn merged(&self, header: ChainHeader, _other: &ChainHeader) -> ChainHeader {
        header
    }

    /// A header obtained elsewhere: as [`ChainHeader::bytes`] holds it, or as the JSON in which the chain's nodes answer one
    /// with its signatures.
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when the bytes are no header of this client's kind.
    fn header(&self, bytes: &[u8]) -> Result<ChainHeader, AdapterError>;

    /// Evidence of two headers, as the chain that hosts the client takes it: put together with the states that the host
    /// has stored around the lower header's height, and verified here first. `headers` as [`ChainHeader::bytes`] holds
    /// them, in any order; what is missing there is asked of the chain's nodes.
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when the two do not make misbehaviour in the light client's eyes, or the states do
    /// not say who was to certify them: the verdict of these states. Others tell nothing of the two.
    async fn evidence(
        &self,
        stored: &StoredStates,
        headers: [&[u8]; 2],
        now: Timestamp,
    ) -> Result<Vec<u8>, AdapterError>;
}
