//! The relayer's and the operators' keys.

use adapter_keystore::{KeyError, KeySource, SECRET_BYTES, Secret};
use alloy_primitives::Address;
use ethers_core::k256::ecdsa;
use ethers_signers::{LocalWallet, Signer as _};
use std::{fmt, path::Path};
use zeroize::Zeroizing;

/// A private key. It is wiped from memory when dropped, and never printed.
#[derive(Clone)]
pub struct Key(LocalWallet);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.address())
    }
}

impl Key {
    /// Loads a key; `password` is asked for the file's password, and only when the source is a file.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load(
        source: &KeySource,
        password: impl FnOnce(&Path) -> Result<Zeroizing<String>, KeyError>,
    ) -> Result<Self, KeyError> {
        Self::from_secret(Secret::load(source, password)?.expose())
    }

    /// Takes 32 bytes as a key.
    ///
    /// # Errors
    /// [`KeyError::OutOfRange`].
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyError> {
        // The library also takes shorter ones, and pads them.
        if secret.len() != SECRET_BYTES {
            return Err(KeyError::OutOfRange);
        }
        let key = ecdsa::SigningKey::from_slice(secret).map_err(|_| KeyError::OutOfRange)?;
        Ok(Self(LocalWallet::from(key)))
    }

    /// Makes a new key of the system's randomness and writes it, encrypted, to a file that must not exist yet.
    ///
    /// # Errors
    /// [`KeyError::Unwritable`] when the file exists or cannot be written.
    pub fn create(path: &Path, password: &str) -> Result<Self, KeyError> {
        let key = Self::from_secret(Secret::random().expose())?;
        key.save(path, password)?;
        Ok(key)
    }

    /// Writes the key, encrypted, to a file that must not exist yet and that only its owner may read.
    ///
    /// # Errors
    /// [`KeyError::Unwritable`] when the file exists or cannot be written.
    pub fn save(&self, path: &Path, password: &str) -> Result<(), KeyError> {
        let secret = Zeroizing::new(<[u8; SECRET_BYTES]>::from(self.0.signer().to_bytes()));
        Secret::from_slice(secret.as_slice())?.save(path, password, &hex::encode(self.address()))
    }

    /// The account.
    pub fn address(&self) -> Address {
        Address::from(self.0.address().0)
    }

    pub(crate) fn wallet(&self) -> &LocalWallet {
        &self.0
    }
}
