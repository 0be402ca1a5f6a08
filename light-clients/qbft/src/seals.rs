use crate::{Error, ValidatorSet};
use alloc::vec::Vec;
use light_client_crypto::{Address, RecoverSuite, SIGNATURE_BYTES, Signature};

/// The length of a commit seal: r 32 ‖ s 32 ‖ v 1, v being 0 or 1.
pub const SEAL_BYTES: usize = SIGNATURE_BYTES;

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
        let bytes = <&[u8; SEAL_BYTES]>::try_from(*seal).map_err(|_| Error::SealLength { index, found: seal.len() })?;
        let signature = Signature::from_bytes(bytes);
        if suite.is_high_s(&signature.s) {
            // Distinguishes what is malleated from what is no number at all.
            suite.recover(digest, &signature).map_err(|source| Error::SealMalformed { index, source })?;
            return Err(Error::SealHighS { index });
        }
        let signer = suite.recover(digest, &signature).map_err(|source| Error::SealMalformed { index, source })?;
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
