use crate::{Error, Header, Qbft, ValidatorSet};
use alloc::vec::Vec;
use light_client_crypto::{Address, HashSuite, RecoverSuite, SIGNATURE_BYTES, Signature};

/// The length of a commit seal: r 32 ‖ s 32 ‖ v 1, v being 0 or 1.
pub const SEAL_BYTES: usize = SIGNATURE_BYTES;

impl<H: HashSuite, R: RecoverSuite> Qbft<H, R> {
    /// Who signed each seal of a header, member of any set or not: for people to look at, never to decide by.
    pub fn sealers(&self, header: &Header<'_>) -> Vec<Result<Address, Error>> {
        let digest = header.commit_digest(self.hashes());
        let seals = header.extra.seals.iter().enumerate();
        seals.map(|(index, seal)| recover_signer(self.signatures(), &digest, index, seal)).collect()
    }

    /// The header with those of its seals that are by members of `set`, the first of each, and no others.
    ///
    /// The block's hash covers no seal, so whoever passes a header on may have put bytes between them.
    pub fn sealed_only_by(&self, header: &Header<'_>, set: &ValidatorSet) -> Vec<u8> {
        let mut signers = Vec::new();
        let mut kept = Vec::new();
        for (signer, seal) in self.sealers(header).into_iter().zip(&header.extra.seals) {
            if let Ok(signer) = signer
                && set.contains(&signer)
                && !signers.contains(&signer)
            {
                signers.push(signer);
                kept.push(*seal);
            }
        }
        header.with_seals(&kept)
    }
}

/// The signers of `seals`, every one of which, surplus included, must be by another member of `set`.
///
/// Surplus seals could be ignored; refusing a bad one leaves nobody a place to put bytes that nobody signed.
///
/// # Errors
/// [`Error::SealLength`], [`Error::SealMalformed`], [`Error::SealHighS`], [`Error::SignerUnknown`],
/// [`Error::SignerRepeated`].
pub(crate) fn recover_signers<R: RecoverSuite>(
    suite: &R,
    digest: &[u8; 32],
    seals: &[&[u8]],
    set: &ValidatorSet,
) -> Result<Vec<Address>, Error> {
    let mut signers = Vec::new();
    for (index, seal) in seals.iter().enumerate() {
        let signer = recover_signer(suite, digest, index, seal)?;
        if !set.contains(&signer) {
            return Err(Error::SignerUnknown { found: signer });
        }
        if signers.contains(&signer) {
            return Err(Error::SignerRepeated { found: signer });
        }
        signers.push(signer);
    }
    Ok(signers)
}

fn recover_signer<R: RecoverSuite>(suite: &R, digest: &[u8; 32], index: usize, seal: &[u8]) -> Result<Address, Error> {
    let bytes = <&[u8; SEAL_BYTES]>::try_from(seal).map_err(|_| Error::SealLength { index, found: seal.len() })?;
    let signature = Signature::from_bytes(bytes);
    let signer = suite.recover(digest, &signature).map_err(|source| Error::SealMalformed { index, source })?;
    // Only after it recovered: what is no number at all is malformed and not malleated.
    if suite.is_high_s(&signature.s) { Err(Error::SealHighS { index }) } else { Ok(signer) }
}
