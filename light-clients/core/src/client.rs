use crate::{Claim, Fault, Height, Timestamp};
use core::fmt;

/// How one consensus is verified: pure functions of what is trusted, what is said, and the time.
///
/// `self` is the suite of hashes and signatures, usually of no size. Nothing is fetched, stored, logged or mutated:
/// an accepted update is *returned* as the next state. Implementations never panic, whatever the bytes.
///
/// The host (the relayer, or a contract) keeps the states, loads the ones a call needs, and checks that what it passes
/// as trusted is what it stored.
pub trait LightClient {
    /// The client's parameters, its latest height and whether it is frozen.
    type ClientState;
    /// What is trusted at one height: root, time, signers.
    type ConsensusState;
    /// An untrusted message that may advance the client; it may hold several headers.
    type Update;
    /// Untrusted evidence that may freeze the client.
    type Misbehaviour;
    /// An untrusted proof; it may carry many claims at once.
    type Proof;
    /// Why verification says no: one variant for each rule.
    type Error: Fault;

    /// How far what this client accepts can be relied upon.
    fn assurance(&self, client: &Self::ClientState) -> Assurance;

    /// How a timeout is shown on this kind of chain.
    fn absence(&self) -> Absence;

    /// Whether the client may be used at `now`.
    fn status(&self, trusted: Trusted<'_, Self>, now: Timestamp) -> Status;

    /// Verifies an update against the *latest* trusted state, and returns the state after it.
    ///
    /// # Errors
    /// One variant for each rule of the consensus.
    fn verify_update(
        &self,
        trusted: Trusted<'_, Self>,
        update: &Self::Update,
        now: Timestamp,
    ) -> Result<UpdateOutcome<Self>, Self::Error>;

    /// The heights of the stored states that the evidence rests on: tells the host which to load.
    fn misbehaviour_heights(&self, client: &Self::ClientState, evidence: &Self::Misbehaviour) -> [Height; 2];

    /// Verifies evidence and returns the frozen client state.
    ///
    /// # Errors
    /// One variant for each rule of evidence.
    fn verify_misbehaviour(
        &self,
        trusted: [Trusted<'_, Self>; 2],
        evidence: &Self::Misbehaviour,
        now: Timestamp,
    ) -> Result<Self::ClientState, Self::Error>;

    /// Verifies that every claim holds in the state of `trusted`, and returns that state's time.
    ///
    /// # Errors
    /// One variant for each rule of the proof; no claim at all is one of them.
    fn verify(
        &self,
        trusted: Trusted<'_, Self>,
        proof: &Self::Proof,
        claims: &[Claim],
    ) -> Result<Timestamp, Self::Error>;
}

/// A client state and one of its consensus states, as the host loaded them from its own store.
pub struct Trusted<'a, C: LightClient + ?Sized> {
    /// The height of `consensus`.
    pub height: Height,
    /// The client's state.
    pub client: &'a C::ClientState,
    /// The consensus state at `height`.
    pub consensus: &'a C::ConsensusState,
}

impl<C: LightClient + ?Sized> Clone for Trusted<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: LightClient + ?Sized> Copy for Trusted<'_, C> {}

/// What an update comes to.
pub enum UpdateOutcome<C: LightClient + ?Sized> {
    /// The client advances.
    Advance(Transition<C>),
    /// The update says what is trusted already.
    NoOp,
}

/// The state after an accepted update.
pub struct Transition<C: LightClient + ?Sized> {
    /// The height that became trusted.
    pub height: Height,
    /// The client state after it.
    pub client: C::ClientState,
    /// The consensus state at `height`.
    pub consensus: C::ConsensusState,
}

/// Whether a client may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Status {
    /// It verifies.
    Active,
    /// Its latest state is older than the trusting period.
    Expired,
    /// Misbehaviour was shown to it.
    Frozen,
}

/// How a timeout is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Absence {
    /// Time never runs backwards and the state proves absence: absence of the packet receipt at or past the timeout.
    State,
    /// Presence of the tombstone that `expire` wrote.
    Tombstone,
}

/// How far what a client accepts can be relied upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Assurance {
    /// Proven by the chain's own consensus.
    Proven,
    /// As proven, but a collusion of validators below the quorum could still forge a read.
    ProvenAgainstOutsiders,
    /// Vouched for by `k` of `n` named parties.
    Attested {
        /// How many must agree.
        k: u16,
        /// How many there are.
        n: u16,
    },
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Frozen => "frozen",
        })
    }
}

impl fmt::Display for Assurance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven => f.write_str("proven"),
            Self::ProvenAgainstOutsiders => f.write_str("proven against outsiders"),
            Self::Attested { k, n } => write!(f, "attested by {k} of {n}"),
        }
    }
}
