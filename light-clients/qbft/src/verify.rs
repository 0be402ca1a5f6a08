//! When a header is certified.

use crate::{
    ConsensusState, Error, Header, Parameters, Qbft, SetHash, TrustLevel, ValidatorSet, seals::recover_signers,
};
use alloc::vec::Vec;
use light_client::{BlockHash, Quorum, Timestamp};
use light_client_crypto::{Address, HashSuite, RecoverSuite};

/// A header that [`Qbft::verify_header`] accepted, and what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertifiedHeader {
    /// The block's hash.
    pub hash: BlockHash,
    /// What the seals sign.
    pub commit_digest: [u8; 32],
    /// The set that sealed it.
    pub set_hash: SetHash,
    /// Who sealed, in the order of the seals.
    pub signers: Vec<Address>,
    /// How many must.
    pub quorum: u64,
}

impl<H: HashSuite, R: RecoverSuite> Qbft<H, R> {
    /// Verifies a header from what is trusted: the state's time and set, the set's addresses when the header lists
    /// another one, and `now`.
    ///
    /// 1. Time does not fall, and is not further ahead of `now` than the drift allows.
    /// 2. The fields that are constant in these protocols have their value.
    /// 3. The addresses of the trusted set are given exactly when the set has changed, and hash to it.
    /// 4. Every seal is by another member of the set that the header lists, and they are a quorum of it, ⌈2N/3⌉.
    /// 5. When the set has changed, those by members of the trusted set are a quorum of *that*, or more than a third
    ///    where the trust level says so.
    ///
    /// The trusting period and the order of heights are the caller's.
    ///
    /// # Errors
    /// One variant for each rule.
    ///
    /// Source: EEA QBFT specification, section 5.4 (block validity and commit seals); steps 3 and 5 are rules (a), (b)
    /// and (d) of the design, since a header's own list binds nobody.
    pub fn verify_header(
        &self,
        parameters: &Parameters,
        trusted: &ConsensusState,
        trusted_validators: &[Address],
        header: &Header<'_>,
        now: Timestamp,
    ) -> Result<CertifiedHeader, Error> {
        // 1.
        check_time(parameters, trusted, header, now)?;
        // 2.
        header.check_constants()?;
        // 3.
        let set = &header.extra.validators;
        let set_hash = set.hash();
        let changed = check_trusted_set(trusted, trusted_validators, set_hash)?;
        // 4.
        let commit_digest = header.commit_digest(self.hashes());
        let signers = recover_signers(self.signatures(), &commit_digest, &header.extra.seals, set)?;
        let quorum = check_quorum(signers.len(), set)?;
        // 5.
        if changed {
            let sealed = signers.iter().filter(|signer| trusted_validators.contains(signer)).count() as u64;
            let total = trusted_validators.len() as u64;
            let rule = match parameters.trust_level {
                TrustLevel::Strict => Quorum::AT_LEAST_TWO_THIRDS,
                TrustLevel::OneThird => Quorum::MORE_THAN_ONE_THIRD,
            };
            if !rule.is_met(sealed, total) {
                return Err(Error::TooFewTrustedSeals { expected: rule.needed(total), found: sealed });
            }
        }
        Ok(CertifiedHeader { hash: header.hash(self.hashes()), commit_digest, set_hash, signers, quorum })
    }

    /// Verifies that a quorum of `set` sealed the header, whatever set it lists.
    pub(crate) fn verify_sealed_by(&self, header: &Header<'_>, set: &ValidatorSet) -> Result<(), Error> {
        header.check_constants()?;
        let digest = header.commit_digest(self.hashes());
        let signers = recover_signers(self.signatures(), &digest, &header.extra.seals, set)?;
        check_quorum(signers.len(), set).map(|_| ())
    }
}

fn check_time(
    parameters: &Parameters,
    trusted: &ConsensusState,
    header: &Header<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let [trusted, found] = [trusted.time.unix_seconds(), header.time.unix_seconds()];
    if found < trusted {
        return Err(Error::TimeBeforeTrusted { trusted, found });
    }
    let maximum = now.unix_seconds().saturating_add(parameters.clock_drift_seconds);
    if found > maximum {
        return Err(Error::TimeInFuture { maximum, found });
    }
    Ok(())
}

/// Whether the set has changed.
fn check_trusted_set(trusted: &ConsensusState, addresses: &[Address], set_hash: SetHash) -> Result<bool, Error> {
    match (set_hash == trusted.set_hash, addresses) {
        (true, []) => Ok(false),
        (true, _) => Err(Error::TrustedSetSuperfluous { found: addresses.len() }),
        (false, []) => Err(Error::TrustedSetMissing { expected: trusted.set_hash, found: set_hash }),
        (false, _) => {
            let found = SetHash::of(addresses);
            if found == trusted.set_hash {
                Ok(true)
            } else {
                Err(Error::TrustedSetMismatch { expected: trusted.set_hash, found })
            }
        }
    }
}

fn check_quorum(sealed: usize, set: &ValidatorSet) -> Result<u64, Error> {
    let (sealed, total) = (sealed as u64, set.count() as u64);
    let expected = Quorum::AT_LEAST_TWO_THIRDS.needed(total);
    if Quorum::AT_LEAST_TWO_THIRDS.is_met(sealed, total) {
        Ok(expected)
    } else {
        Err(Error::TooFewSeals { expected, found: sealed })
    }
}
