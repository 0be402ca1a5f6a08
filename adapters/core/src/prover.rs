use crate::{AdapterError, Message};
use async_trait::async_trait;
use light_client::{Claim, ClientType, ErasedLightClient, Height, MerklePath, Timestamp};

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

    /// The updates that lead from `trusted` to exactly `target`, in order; several when one does not reach. Empty when
    /// `target` is `trusted.height`.
    ///
    /// # Errors
    /// [`crate::AdapterErrorKind::InsufficientTrust`] when no way was found.
    async fn updates(
        &self,
        trusted: &TrustedState,
        target: Height,
        now: Timestamp,
    ) -> Result<Vec<VerifiedUpdate>, AdapterError>;

    /// What it takes to prove the claims; `since` is the height at which they came to hold.
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
}
