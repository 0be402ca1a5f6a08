use crate::{Commit, ConsensusHash, ConsensusState, Error, Header, Tendermint, TrustedHeader, ValidatorSet};
use alloc::vec::Vec;
use light_client::{Codec, Cursor, StateRoot, Timestamp, Transition, Trusted, UpdateOutcome};

/// A header with what its verification needs: untrusted.
///
/// Encoding: latest consensus state 72 ‖ trusted set (count 0 when the header's is the same) ‖ header ‖ commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The client's latest state, which the host stores only as its hash.
    pub trusted: ConsensusState,
    /// The set of the height after that state; none when the header's set is the same.
    pub trusted_set: Option<ValidatorSet>,
    /// The header.
    pub header: Header,
    /// The votes for it.
    pub commit: Commit,
}

impl Codec for Update {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let update = Self {
            trusted: ConsensusState::read(&mut cursor)?,
            trusted_set: ValidatorSet::read(&mut cursor)?,
            header: Header::read(&mut cursor)?,
            commit: Commit::read(&mut cursor)?,
        };
        cursor.finish()?;
        Ok(update)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.trusted.preimage().to_vec();
        match &self.trusted_set {
            Some(set) => set.write(&mut bytes),
            None => bytes.extend_from_slice(&[0, 0]),
        }
        self.header.write(&mut bytes);
        self.commit.write(&mut bytes);
        bytes
    }
}

impl Tendermint {
    /// See [`light_client::LightClient::verify_update`].
    ///
    /// 1. The client is neither frozen nor expired, and the host passes its latest state.
    /// 2. When the header is not above the latest height, it must be what is stored there: then nothing happens, whatever
    ///    state the message starts from.
    /// 3. The message starts from the latest state.
    /// 4. The header is certified ([`Tendermint::verify_header`]).
    /// 5. Its application hash is a root.
    pub(crate) fn update(
        &self,
        trusted: Trusted<'_, Self>,
        update: &Update,
        now: Timestamp,
    ) -> Result<UpdateOutcome<Self>, Error> {
        let client = trusted.client;
        let parameters = client.parameters();
        // 1.
        if client.is_frozen() {
            return Err(Error::ClientFrozen);
        }
        let latest = client.latest();
        check_state(latest.hash, trusted.consensus)?;
        let expiry = parameters.expiry(trusted.consensus.time);
        if now >= expiry {
            return Err(Error::TrustExpired { expiry, now });
        }
        // 2.
        let header = &update.header;
        if header.height() <= latest.number {
            let says_the_same = client
                .hash_at(header.height())
                .is_some_and(|stored| consensus_of(header).is_ok_and(|consensus| consensus.hash() == stored));
            return if says_the_same {
                Ok(UpdateOutcome::NoOp)
            } else {
                Err(Error::NotNewer { latest: latest.number, found: header.height() })
            };
        }
        // 3.
        check_state(latest.hash, &update.trusted)?;
        // 4.
        let from = TrustedHeader::of(latest.number, &update.trusted);
        self.verify_header(parameters, &from, update.trusted_set.as_ref(), header, &update.commit, now)?;
        // 5.
        let consensus = consensus_of(header)?;
        let client = client.advanced(header.height(), consensus.hash());
        Ok(UpdateOutcome::Advance(Transition { height: parameters.height(header.height()), client, consensus }))
    }
}

/// What is trusted once the header is.
pub(crate) fn consensus_of(header: &Header) -> Result<ConsensusState, Error> {
    let root = <[u8; 32]>::try_from(header.app_hash())
        .map_err(|_| Error::AppHashMalformed { found: header.app_hash().len() })?;
    Ok(ConsensusState { root: StateRoot::new(root), time: header.time(), next_set_hash: header.next_validators_hash() })
}

/// A consensus state must be the one whose hash is stored.
pub(crate) fn check_state(expected: ConsensusHash, state: &ConsensusState) -> Result<(), Error> {
    let found = state.hash();
    if found == expected { Ok(()) } else { Err(Error::ConsensusStateMismatch { expected, found }) }
}
