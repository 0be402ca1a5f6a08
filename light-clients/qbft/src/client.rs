use crate::{ClientState, ConsensusState, Error, Evidence, MembershipProof, Update};
use light_client::{Absence, Assurance, Claim, Height, LightClient, Status, Timestamp, Trusted, UpdateOutcome};
use light_client_crypto::{HashSuite, Keccak256, RecoverSuite, Secp256k1};

/// The client of one suite: the hash of the chain's headers and tries, and the scheme of its seals.
///
/// Set hashes, consensus hashes and slots are SHA-256 whatever the suite: they are the bridge's, not the chain's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Qbft<H = Keccak256, R = Secp256k1> {
    hashes: H,
    signatures: R,
}

impl Qbft {
    /// The suite of Besu and GoQuorum: Keccak-256 and secp256k1.
    pub const ETHEREUM: Self = Self { hashes: Keccak256, signatures: Secp256k1 };
}

impl<H: HashSuite, R: RecoverSuite> Qbft<H, R> {
    /// A client of another suite.
    pub const fn with_suite(hashes: H, signatures: R) -> Self {
        Self { hashes, signatures }
    }

    /// The hash of the chain's headers and tries.
    pub const fn hashes(&self) -> &H {
        &self.hashes
    }

    /// The scheme of the chain's seals.
    pub const fn signatures(&self) -> &R {
        &self.signatures
    }
}

impl<H: HashSuite, R: RecoverSuite> LightClient for Qbft<H, R> {
    type ClientState = ClientState;
    type ConsensusState = ConsensusState;
    type Update = Update;
    type Misbehaviour = Evidence;
    type Proof = MembershipProof;
    type Error = Error;

    fn assurance(&self, _client: &ClientState) -> Assurance {
        Assurance::Proven
    }

    fn absence(&self) -> Absence {
        Absence::State
    }

    fn status(&self, trusted: Trusted<'_, Self>, now: Timestamp) -> Status {
        if trusted.client.is_frozen() {
            Status::Frozen
        } else if trusted.client.is_expired(trusted.consensus.time, now) {
            Status::Expired
        } else {
            Status::Active
        }
    }

    fn verify_update(
        &self,
        trusted: Trusted<'_, Self>,
        update: &Update,
        now: Timestamp,
    ) -> Result<UpdateOutcome<Self>, Error> {
        self.update(trusted, update, now)
    }

    fn misbehaviour_heights(&self, _client: &ClientState, evidence: &Evidence) -> [Height; 2] {
        [evidence.lower.height, evidence.upper.map_or(evidence.lower.height, |upper| upper.height)]
    }

    fn verify_misbehaviour(
        &self,
        trusted: [Trusted<'_, Self>; 2],
        evidence: &Evidence,
        _now: Timestamp,
    ) -> Result<ClientState, Error> {
        self.misbehaviour(trusted, evidence)
    }

    fn verify(
        &self,
        trusted: Trusted<'_, Self>,
        proof: &MembershipProof,
        claims: &[Claim],
    ) -> Result<Timestamp, Error> {
        self.membership(trusted, proof, claims)
    }
}
