use crate::{
    Absence, Assurance, Claim, Fault, FaultKind, Height, LightClient, Status, Timestamp, Trusted, UpdateOutcome,
};
use alloc::{boxed::Box, vec::Vec};
use core::{error::Error, fmt};

/// Bytes to value and back; decoding is strict: one value has one encoding and no byte is left over.
pub trait Codec: Sized {
    /// Why the bytes are not such a value.
    type Error: Fault + Send + Sync + 'static;

    /// Reads all of `bytes`.
    ///
    /// # Errors
    /// When the bytes are not exactly one encoding.
    fn decode(bytes: &[u8]) -> Result<Self, Self::Error>;

    /// The one encoding.
    fn encode(&self) -> Vec<u8>;
}

/// What an erased client answers when it says no: the client's own error, boxed.
#[derive(Debug)]
pub struct ErasedError(Box<dyn Fault + Send + Sync>);

impl fmt::Display for ErasedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ErasedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl ErasedError {
    /// Keeps the cause as it is.
    pub fn new(cause: impl Fault + Send + Sync + 'static) -> Self {
        Self(Box::new(cause))
    }
}

impl Fault for ErasedError {
    fn kind(&self) -> FaultKind {
        self.0.kind()
    }

    fn rule(&self) -> &'static str {
        self.0.rule()
    }
}

/// A client state and one of its consensus states, encoded.
#[derive(Clone, Copy, Debug)]
pub struct ErasedTrusted<'a> {
    /// The height of `consensus`.
    pub height: Height,
    /// The encoded client state.
    pub client: &'a [u8],
    /// The encoded consensus state.
    pub consensus: &'a [u8],
}

/// The state after an accepted update, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedTransition {
    /// The height that became trusted.
    pub height: Height,
    /// The encoded client state.
    pub client: Vec<u8>,
    /// The encoded consensus state.
    pub consensus: Vec<u8>,
}

/// A [`LightClient`] whose types are bytes: what a registry of many kinds of client holds.
///
/// Implemented for every client whose types have a [`Codec`]; never by hand.
pub trait ErasedLightClient: Send + Sync {
    /// See [`LightClient::assurance`].
    ///
    /// # Errors
    /// When the client state does not decode.
    fn assurance(&self, client: &[u8]) -> Result<Assurance, ErasedError>;

    /// See [`LightClient::absence`].
    fn absence(&self) -> Absence;

    /// See [`LightClient::status`].
    ///
    /// # Errors
    /// When a state does not decode.
    fn status(&self, trusted: ErasedTrusted<'_>, now: Timestamp) -> Result<Status, ErasedError>;

    /// See [`LightClient::verify_update`]. `None` when the update says what is trusted already.
    ///
    /// # Errors
    /// When something does not decode, or a rule is broken.
    fn verify_update(
        &self,
        trusted: ErasedTrusted<'_>,
        update: &[u8],
        now: Timestamp,
    ) -> Result<Option<ErasedTransition>, ErasedError>;

    /// See [`LightClient::misbehaviour_heights`].
    ///
    /// # Errors
    /// When the client state or the evidence does not decode.
    fn misbehaviour_heights(&self, client: &[u8], evidence: &[u8]) -> Result<[Height; 2], ErasedError>;

    /// See [`LightClient::verify_misbehaviour`].
    ///
    /// # Errors
    /// When something does not decode, or the evidence is none.
    fn verify_misbehaviour(
        &self,
        trusted: [ErasedTrusted<'_>; 2],
        evidence: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, ErasedError>;

    /// See [`LightClient::verify`].
    ///
    /// # Errors
    /// When something does not decode, or a claim is not borne out.
    fn verify(&self, trusted: ErasedTrusted<'_>, proof: &[u8], claims: &[Claim]) -> Result<Timestamp, ErasedError>;
}

/// Turns a typed client into one of bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Erased<C>(pub C);

impl<C> ErasedLightClient for Erased<C>
where
    C: LightClient + Send + Sync,
    C::ClientState: Codec,
    C::ConsensusState: Codec,
    C::Update: Codec,
    C::Misbehaviour: Codec,
    C::Proof: Codec,
    C::Error: Send + Sync + 'static,
{
    fn assurance(&self, client: &[u8]) -> Result<Assurance, ErasedError> {
        Ok(self.0.assurance(&decode(client)?))
    }

    fn absence(&self) -> Absence {
        self.0.absence()
    }

    fn status(&self, trusted: ErasedTrusted<'_>, now: Timestamp) -> Result<Status, ErasedError> {
        let (client, consensus) = (decode(trusted.client)?, decode(trusted.consensus)?);
        Ok(self.0.status(Trusted { height: trusted.height, client: &client, consensus: &consensus }, now))
    }

    fn verify_update(
        &self,
        trusted: ErasedTrusted<'_>,
        update: &[u8],
        now: Timestamp,
    ) -> Result<Option<ErasedTransition>, ErasedError> {
        let (client, consensus) = (decode(trusted.client)?, decode(trusted.consensus)?);
        let update = decode(update)?;
        let trusted = Trusted { height: trusted.height, client: &client, consensus: &consensus };
        match self.0.verify_update(trusted, &update, now).map_err(ErasedError::new)? {
            UpdateOutcome::NoOp => Ok(None),
            UpdateOutcome::Advance(next) => Ok(Some(ErasedTransition {
                height: next.height,
                client: next.client.encode(),
                consensus: next.consensus.encode(),
            })),
        }
    }

    fn misbehaviour_heights(&self, client: &[u8], evidence: &[u8]) -> Result<[Height; 2], ErasedError> {
        Ok(self.0.misbehaviour_heights(&decode(client)?, &decode(evidence)?))
    }

    fn verify_misbehaviour(
        &self,
        trusted: [ErasedTrusted<'_>; 2],
        evidence: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, ErasedError> {
        let [a, b] = trusted;
        let (client_a, consensus_a) = (decode(a.client)?, decode(a.consensus)?);
        let (client_b, consensus_b) = (decode(b.client)?, decode(b.consensus)?);
        let evidence = decode(evidence)?;
        let trusted = [
            Trusted { height: a.height, client: &client_a, consensus: &consensus_a },
            Trusted { height: b.height, client: &client_b, consensus: &consensus_b },
        ];
        let frozen = self.0.verify_misbehaviour(trusted, &evidence, now).map_err(ErasedError::new)?;
        Ok(frozen.encode())
    }

    fn verify(&self, trusted: ErasedTrusted<'_>, proof: &[u8], claims: &[Claim]) -> Result<Timestamp, ErasedError> {
        let (client, consensus) = (decode(trusted.client)?, decode(trusted.consensus)?);
        let proof = decode(proof)?;
        let trusted = Trusted { height: trusted.height, client: &client, consensus: &consensus };
        self.0.verify(trusted, &proof, claims).map_err(ErasedError::new)
    }
}

fn decode<T: Codec>(bytes: &[u8]) -> Result<T, ErasedError> {
    T::decode(bytes).map_err(ErasedError::new)
}
