use crate::{ConsensusState, Error, Qbft, update::check_state};
use alloc::vec::Vec;
use light_client::{Claim, Codec, Cursor, Expected, SlotKey, Timestamp, Trusted, sha256};
use light_client_crypto::{HashSuite, RecoverSuite};
use light_client_proofs::{
    ProofError, mpt,
    storage::{self, SlotClaim},
};

/// A proof of claims about the Router's storage: untrusted.
///
/// Encoding: consensus state 72 ‖ nodes of the storage trie to the end, as [`mpt`] shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipProof {
    /// The state at the height of the proof, which the host stores only as its hash.
    pub state: ConsensusState,
    /// The nodes, one after another.
    pub nodes: Vec<u8>,
}

impl MembershipProof {
    /// Puts a proof together from one list of nodes for each claim, in the order of the claims, as `eth_getProof`
    /// answers them for the slots. Each list is verified.
    ///
    /// # Errors
    /// [`Error::Proof`] when a list is not the path of its slot under the state's storage root.
    pub fn new<H: HashSuite, N: AsRef<[u8]>>(
        hashes: &H,
        state: ConsensusState,
        proofs: &[(SlotKey, &[N])],
    ) -> Result<Self, Error> {
        let keyed: Vec<([u8; 32], &[N])> =
            proofs.iter().map(|(slot, nodes)| (storage::slot_key(hashes, slot), *nodes)).collect();
        Ok(Self { state, nodes: mpt::share(hashes, state.storage_root, &keyed)? })
    }
}

impl Codec for MembershipProof {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let state = ConsensusState::read(&mut cursor)?;
        Ok(Self { state, nodes: cursor.rest().to_vec() })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.state.preimage().to_vec();
        bytes.extend_from_slice(&self.nodes);
        bytes
    }
}

impl<H: HashSuite, R: RecoverSuite> Qbft<H, R> {
    /// See [`light_client::LightClient::verify`].
    ///
    /// The client is not frozen (whether it has expired the host sees by its status, before it asks), the state is the
    /// stored one, and every claim holds under its storage root. A claim's path is hashed to the slot where the Router
    /// keeps it; a value is 32 bytes, and zero is absence.
    pub(crate) fn membership(
        &self,
        trusted: Trusted<'_, Self>,
        proof: &MembershipProof,
        claims: &[Claim],
    ) -> Result<Timestamp, Error> {
        if trusted.client.is_frozen() {
            return Err(Error::ClientFrozen);
        }
        check_state(trusted.consensus.hash(), &proof.state)?;
        let claims = claims.iter().map(slot_claim).collect::<Result<Vec<_>, _>>()?;
        storage::verify(self.hashes(), proof.state.storage_root, &proof.nodes, &claims)?;
        Ok(proof.state.time)
    }
}

fn slot_claim(claim: &Claim) -> Result<SlotClaim, Error> {
    let [path] = claim.path.elements() else {
        return Err(Error::PathMalformed { found: claim.path.elements().len() });
    };
    let value = match &claim.expected {
        Expected::Absent => None,
        Expected::Present(bytes) => Some(
            <[u8; 32]>::try_from(bytes.as_slice())
                .map_err(|_| ProofError::ClaimValueMalformed { found: bytes.len() })?,
        ),
    };
    Ok(SlotClaim { slot: SlotKey::new(sha256(&[path])), value })
}
