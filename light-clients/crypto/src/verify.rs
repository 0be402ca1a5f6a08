/// The length of a [`VerifySuite`]'s signatures: r ‖ s, or R ‖ s.
pub const VERIFY_SIGNATURE_BYTES: usize = 64;

/// Why a signature is not the key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The key is no point of the curve in the one encoding that the scheme takes.
    #[error("key: expected the encoding of a point of the curve")]
    Key,
    /// A number of the signature is out of its range, or its point is none.
    #[error("signature: expected numbers below the order of the group, and a point where there is one")]
    Encoding,
    /// s is in the upper half of the group's order.
    #[error("signature: expected s in the lower half of the group's order, found it in the upper")]
    HighS,
    /// The equation of the scheme does not hold.
    #[error("signature: expected one by the key over the message")]
    Mismatch,
}

/// A signature scheme by which a known key's signature over a message is checked.
pub trait VerifySuite {
    /// Checks one signature. Total on any bytes: a key or a signature of another length is one that does not verify.
    ///
    /// # Errors
    /// [`VerifyError`] when the signature is not the key's.
    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8; VERIFY_SIGNATURE_BYTES]) -> Result<(), VerifyError>;
}

/// One signature of several that are checked together.
#[derive(Clone, Copy, Debug)]
pub struct SignedMessage<'a> {
    /// The key, in the scheme's encoding.
    pub key: &'a [u8],
    /// What was signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a [u8; VERIFY_SIGNATURE_BYTES],
}

/// The first of several signatures that is not its key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature {index}: {source}")]
pub struct BatchError {
    /// Its place, from 0.
    pub index: usize,
    /// What is wrong with it.
    #[source]
    pub source: VerifyError,
}

/// Checks signatures one after another.
///
/// # Errors
/// [`BatchError`] names the first that is not its key's.
pub fn verify_each<S: VerifySuite>(suite: &S, signed: &[SignedMessage<'_>]) -> Result<(), BatchError> {
    for (index, one) in signed.iter().enumerate() {
        suite.verify(one.key, one.message, one.signature).map_err(|source| BatchError { index, source })?;
    }
    Ok(())
}
