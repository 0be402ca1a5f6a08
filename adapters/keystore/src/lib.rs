//! Secrets of accounts: from a keystore file (version 3) or an environment variable, never from an argument or a
//! configuration file.
//!
//! A [`Secret`] is 32 bytes and knows no curve: which key it is, and of which account, the chain's adapter says.
//!
//! ```no_run
//! use adapter_keystore::{KeySource, Secret, password_from_file};
//! # fn load() -> Result<(), adapter_keystore::KeyError> {
//! let source = KeySource::Keystore("relayer.json".into());
//! let secret = Secret::load(&source, |_| password_from_file("password".as_ref()))?;
//! assert_eq!(secret.expose().len(), 32);
//! # Ok(())
//! # }
//! ```

use eth_keystore::{EthKeystore, KdfparamsType};
use rand::{RngCore as _, rngs::OsRng};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The length of a secret.
pub const SECRET_BYTES: usize = 32;
const MAX_KEYSTORE_BYTES: u64 = 16 * 1024;
const MAX_PASSWORD_BYTES: u64 = 4 * 1024;
/// Scrypt takes 128 × r × n bytes of memory: 1 GiB with the greatest values that are allowed.
const MAX_SCRYPT_N: u32 = 1 << 20;
const MAX_SCRYPT_R: u32 = 8;
const MAX_SCRYPT_P: u32 = 16;
const MAX_PBKDF2_ROUNDS: u32 = 10_000_000;
const CIPHER: &str = "aes-128-ctr";
const IV_BYTES: usize = 16;

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// An encrypted file in the Web3 Secret Storage format, version 3, opened with a password.
    Keystore(PathBuf),
    /// An environment variable of this name with 32 bytes of hexadecimal.
    Environment(String),
}

/// Why a key could not be had. No variant holds any part of a key or password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file cannot be read.
    #[error("{}: expected a readable file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: expected a file that can be created", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not a keystore that can be opened.
    #[error("{}: {field}: expected {expected}, found {found}", path.display())]
    NotAKeystore {
        /// The file.
        path: PathBuf,
        /// The part that is wrong.
        field: &'static str,
        /// Its form.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The password does not open the file.
    #[error("{}: expected the keystore's password, found another", path.display())]
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// The variable is not set.
    #[error("environment variable {variable}: expected a key, found none")]
    VariableMissing {
        /// Its name.
        variable: String,
    },
    /// The variable holds something else.
    #[error("environment variable {variable}: expected 32 bytes of hexadecimal, found {found}")]
    VariableMalformed {
        /// Its name.
        variable: String,
        /// What is wrong, without the text.
        found: &'static str,
    },
    /// It is not 32 bytes long, or zero, or not below the order of the key's curve.
    #[error("key: expected 32 bytes, a number from 1 to the order of its curve less 1, found another")]
    OutOfRange,
    /// The password was not given.
    #[error("password: expected one, found none")]
    PasswordMissing(#[source] io::Error),
}

/// The 32 bytes of a private key. They are wiped from memory when dropped, and never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; SECRET_BYTES]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Loads a secret; `password` is asked for the file's password, and only when the source is a file.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load(
        source: &KeySource,
        password: impl FnOnce(&Path) -> Result<Zeroizing<String>, KeyError>,
    ) -> Result<Self, KeyError> {
        match source {
            KeySource::Keystore(path) => {
                let keystore = read_keystore(path)?;
                check_keystore(path, &keystore)?;
                let password = password(path)?;
                let secret = eth_keystore::decrypt_key(path, password.as_bytes()).map(Zeroizing::new);
                // The file was checked above, so that what is left to fail is the password's check value.
                let secret = secret.map_err(|_| KeyError::WrongPassword { path: path.clone() })?;
                Self::from_slice(&secret)
            }
            KeySource::Environment(variable) => {
                let text = std::env::var_os(variable)
                    .ok_or_else(|| KeyError::VariableMissing { variable: variable.clone() })?;
                let malformed = |found| KeyError::VariableMalformed { variable: variable.clone(), found };
                let text = text.into_string().map(Zeroizing::new).map_err(|_| malformed("text that is not utf-8"))?;
                let digits = text.trim();
                let digits = digits.strip_prefix("0x").unwrap_or(digits);
                let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
                if digits.len() != SECRET_BYTES * 2 {
                    return Err(malformed("another length"));
                }
                hex::decode_to_slice(digits, secret.as_mut_slice())
                    .map_err(|_| malformed("a character that is no hexadecimal digit"))?;
                Ok(Self(secret))
            }
        }
    }

    /// Takes 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::OutOfRange`] for another length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
        if bytes.len() != SECRET_BYTES {
            return Err(KeyError::OutOfRange);
        }
        secret.copy_from_slice(bytes);
        Ok(Self(secret))
    }

    /// Makes a new one of the system's randomness. Hardly ever it is no key of the curve meant; then another is made.
    pub fn random() -> Self {
        let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
        OsRng.fill_bytes(secret.as_mut_slice());
        Self(secret)
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// Writes the secret, encrypted, to a file that must not exist yet and that only its owner may read. Other tools list
    /// keystores by the account's `address`; it is not secret.
    ///
    /// # Errors
    /// [`KeyError::Unwritable`] when the file exists or cannot be written.
    pub fn save(&self, path: &Path, password: &str, address: &str) -> Result<(), KeyError> {
        let unwritable = |source: io::Error| KeyError::Unwritable { path: path.to_owned(), source };
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| unwritable(io::Error::new(io::ErrorKind::InvalidInput, "expected a file name in utf-8")))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        create_private(path).map_err(unwritable)?;
        let written = eth_keystore::encrypt_key(folder, &mut OsRng, self.expose(), password, Some(name))
            .map_err(|e| io::Error::other(e.to_string()))
            .and_then(|_| add_address(path, address));
        written.map_err(|source| {
            // Half a file would only be in the way of the next attempt.
            fs::remove_file(path).ok();
            unwritable(source)
        })
    }
}

fn add_address(path: &Path, address: &str) -> io::Result<()> {
    let mut keystore: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    if let Some(members) = keystore.as_object_mut() {
        members.insert("address".to_owned(), address.into());
    }
    fs::write(path, serde_json::to_vec_pretty(&keystore)?)
}

/// The first line of a file, for passwords.
///
/// # Errors
/// [`KeyError::Unreadable`] when the file cannot be read, is too long or is not UTF-8.
pub fn password_from_file(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_PASSWORD_BYTES {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, "more than 4096 bytes")));
    }
    let text = fs::read_to_string(path).map(Zeroizing::new).map_err(unreadable)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn read_keystore(path: &Path) -> Result<EthKeystore, KeyError> {
    let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let wrong = |field, expected: &str, found: String| KeyError::NotAKeystore {
        path: path.to_owned(),
        field,
        expected: expected.to_owned(),
        found,
    };
    if !metadata.is_file() {
        return Err(wrong("file", "a file", "something else".to_owned()));
    }
    if metadata.len() > MAX_KEYSTORE_BYTES {
        return Err(wrong("file", "at most 16384 bytes", metadata.len().to_string()));
    }
    warn_if_others_may_read(path, &metadata);
    let text = fs::read(path).map_err(unreadable)?;
    // Not the parser's words: they would repeat parts of the file.
    serde_json::from_slice(&text)
        .map_err(|e| wrong("file", "a keystore of version 3", format!("other text at line {}", e.line())))
}

/// What the decrypting library assumes of a file, and what keeps a file from costing any amount of memory or time.
fn check_keystore(path: &Path, keystore: &EthKeystore) -> Result<(), KeyError> {
    let check = |holds: bool, field, expected: String, found: String| {
        if holds { Ok(()) } else { Err(KeyError::NotAKeystore { path: path.to_owned(), field, expected, found }) }
    };
    let crypto = &keystore.crypto;
    check(keystore.version == 3, "version", "3".to_owned(), keystore.version.to_string())?;
    check(crypto.cipher == CIPHER, "cipher", CIPHER.to_owned(), crypto.cipher.chars().take(40).collect())?;
    let lengths = [
        ("iv", crypto.cipherparams.iv.len(), IV_BYTES),
        ("ciphertext", crypto.ciphertext.len(), SECRET_BYTES),
        ("mac", crypto.mac.len(), 32),
    ];
    for (field, found, expected) in lengths {
        check(found == expected, field, format!("{expected} bytes"), found.to_string())?;
    }
    let derived_bytes = match &crypto.kdfparams {
        KdfparamsType::Pbkdf2 { c, dklen, prf, .. } => {
            let allowed = (1..=MAX_PBKDF2_ROUNDS).contains(c);
            check(allowed, "kdfparams.c", format!("1 to {MAX_PBKDF2_ROUNDS}"), c.to_string())?;
            check(prf == "hmac-sha256", "kdfparams.prf", "hmac-sha256".to_owned(), prf.chars().take(40).collect())?;
            *dklen
        }
        KdfparamsType::Scrypt { dklen, n, p, r, .. } => {
            let allowed = n.is_power_of_two() && (2..=MAX_SCRYPT_N).contains(n);
            check(allowed, "kdfparams.n", format!("a power of two from 2 to {MAX_SCRYPT_N}"), n.to_string())?;
            for (field, found, max) in [("kdfparams.p", *p, MAX_SCRYPT_P), ("kdfparams.r", *r, MAX_SCRYPT_R)] {
                check((1..=max).contains(&found), field, format!("1 to {max}"), found.to_string())?;
            }
            *dklen
        }
    };
    check(derived_bytes == 32, "kdfparams.dklen", "32".to_owned(), derived_bytes.to_string())
}

#[cfg(unix)]
fn warn_if_others_may_read(path: &Path, metadata: &fs::Metadata) {
    use std::os::unix::fs::PermissionsExt as _;
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %path.display(), "others than its owner may read this key file");
    }
}

#[cfg(not(unix))]
fn warn_if_others_may_read(_: &Path, _: &fs::Metadata) {}

fn create_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
