use alloc::string::String;
use core::{fmt, str::FromStr};
use sha2::{Digest, Sha256};

/// SHA-256 of the parts, one after another.
///
/// The caller sees to it that the preimage is injective: parts of fixed width, or hashes of the others.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Why a text is not a hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected 32 bytes of hexadecimal, found {found:?}")]
pub struct HashParseError {
    what: &'static str,
    found: String,
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(into = "String", try_from = "String"))]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes 32 bytes as they are.
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl From<$name> for [u8; 32] {
            fn from(hash: $name) -> Self {
                hash.0
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = HashParseError;
            fn from_str(text: &str) -> Result<Self, HashParseError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
                    .map_err(|_| HashParseError { what: $what, found: text.chars().take(80).collect() })?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = HashParseError;
            fn try_from(text: String) -> Result<Self, HashParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(hash: $name) -> String {
                alloc::format!("{hash}")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0x")?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

hash_type! {
    /// The hash by which a chain names a block.
    BlockHash, "block hash"
}
hash_type! {
    /// A root under which values are proven.
    StateRoot, "state root"
}
hash_type! {
    /// What a chain stores for a packet, a packet receipt or an acknowledgement.
    CommitmentHash, "commitment"
}
hash_type! {
    /// The hash of a contract's runtime code.
    CodeHash, "code hash"
}
hash_type! {
    /// A storage slot of a Router: SHA-256 of a path.
    SlotKey, "slot"
}
