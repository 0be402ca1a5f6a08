use crate::{ClientState, ConsensusState, Error, Evidence, MembershipProof, Update};
use light_client::{Absence, Assurance, Claim, Height, LightClient, Status, Timestamp, Trusted, UpdateOutcome};

/// The client. The hashes and key types of a chain are parameters of its client state.
///
/// Consensus hashes and slots are SHA-256 whatever the chain's hash: they are the bridge's, not the chain's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tendermint;

impl LightClient for Tendermint {
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
        } else if trusted.client.parameters().is_expired(trusted.consensus.time, now) {
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

    fn misbehaviour_heights(&self, client: &ClientState, evidence: &Evidence) -> [Height; 2] {
        let upper = evidence.upper.map_or(evidence.lower.number, |upper| upper.number);
        [evidence.lower.number, upper].map(|number| client.parameters().height(number))
    }

    fn verify_misbehaviour(
        &self,
        trusted: [Trusted<'_, Self>; 2],
        evidence: &Evidence,
        now: Timestamp,
    ) -> Result<ClientState, Error> {
        self.misbehaviour(trusted, evidence, now)
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
