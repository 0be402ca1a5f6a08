//! Keys of accounts, the addresses they give, and how they sign.

use adapter_keystore::{KeyError, KeySource, SECRET_BYTES, Secret};
use ibc_proto::google::protobuf::Any;
use k256::ecdsa::{
    VerifyingKey,
    signature::hazmat::{PrehashSigner as _, PrehashVerifier as _},
};
use light_client_crypto::{
    DEFAULT_SM2_USER_ID, HashSuite as _, Keccak256, Secp256k1Sha256, Sha256, Sm2, VERIFY_SIGNATURE_BYTES, VerifyError,
    VerifySuite as _,
};
use prost_13::Message as _;
use ripemd::{Digest as _, Ripemd160};
use sm2::{dsa::signature::Signer as _, elliptic_curve::sec1::ToSec1Point as _};
use std::{fmt, path::Path};
use zeroize::Zeroizing;

/// The length of an account's address, whatever the kind of key.
pub(crate) const ACCOUNT_BYTES: usize = 20;
/// The longest prefix of an address in text.
///
/// Source: BIP-173, "Bech32".
const MAX_PREFIX_BYTES: usize = 83;
/// The length of a public key: compressed, whatever its kind.
const PUBLIC_KEY_BYTES: usize = 33;

/// The kinds of key that accounts have, by the chain's own name for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// secp256k1 over SHA-256, the Cosmos SDK's own.
    Secp256k1,
    /// secp256k1 over Keccak-256 with Ethereum's addresses, as cosmos/evm has it.
    EthSecp256k1,
    /// The same under the name that Ethermint gives it.
    EthermintSecp256k1,
    /// SM2 over SM3 with the user id 1234567812345678, as IRITA has it.
    Sm2,
}

impl KeyKind {
    /// The name of the kind's public keys in transactions.
    ///
    /// Source: cosmos-sdk 0.53, `crypto/keys/secp256k1`; cosmos/evm 0.5.1, `crypto/ethsecp256k1`; ethermint 0.22,
    /// `crypto/ethsecp256k1`; bianjieai/cosmos-sdk 0.45.1-irita, `crypto/keys/sm2`.
    pub const fn type_url(self) -> &'static str {
        match self {
            Self::Secp256k1 => "/cosmos.crypto.secp256k1.PubKey",
            Self::EthSecp256k1 => "/cosmos.evm.crypto.v1.ethsecp256k1.PubKey",
            Self::EthermintSecp256k1 => "/ethermint.crypto.v1.ethsecp256k1.PubKey",
            Self::Sm2 => "/cosmos.crypto.sm2.PubKey",
        }
    }

    /// The address that a public key gives; `None` when Ethereum's is asked for and the key is no point.
    ///
    /// Source: cosmos-sdk 0.53, `crypto/keys/secp256k1/secp256k1.go` (`Address`); the Ethereum yellow paper, appendix F;
    /// bianjieai/tendermint v0.34.8-irita-210413, `crypto/sm2/sm2.go` (`Address`).
    fn address_of(self, public: &[u8; PUBLIC_KEY_BYTES]) -> Option<[u8; ACCOUNT_BYTES]> {
        match self {
            Self::Secp256k1 => Some(Ripemd160::digest(Sha256.hash(&[public])).into()),
            Self::EthSecp256k1 | Self::EthermintSecp256k1 => {
                let point = VerifyingKey::from_sec1_bytes(public).ok()?.to_sec1_point(false);
                point.as_bytes().get(1..).map(|coordinates| last_twenty(Keccak256.hash(&[coordinates])))
            }
            Self::Sm2 => Some(first_twenty(Sha256.hash(&[public]))),
        }
    }
}

/// The key of an account. It is wiped from memory when dropped, and never printed.
#[derive(Clone)]
pub struct AccountKey {
    kind: KeyKind,
    signing: Signing,
    public: [u8; PUBLIC_KEY_BYTES],
    address: [u8; ACCOUNT_BYTES],
}

#[derive(Clone)]
enum Signing {
    Secp256k1(Box<k256::ecdsa::SigningKey>),
    Sm2(Box<sm2::dsa::SigningKey>),
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({:?}, {})", self.kind, hex::encode(self.address))
    }
}

/// Why an address cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address prefix: expected 1 to {MAX_PREFIX_BYTES} lower-case letters and digits, found {found:?}")]
pub struct PrefixError {
    found: String,
}

impl AccountKey {
    /// Loads a key; `password` is asked for the file's password, and only when the source is a file.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load(
        kind: KeyKind,
        source: &KeySource,
        password: impl FnOnce(&Path) -> Result<Zeroizing<String>, KeyError>,
    ) -> Result<Self, KeyError> {
        Self::from_secret(kind, Secret::load(source, password)?.expose())
    }

    /// Takes 32 bytes as a key.
    ///
    /// # Errors
    /// [`KeyError::OutOfRange`].
    pub fn from_secret(kind: KeyKind, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() != SECRET_BYTES {
            return Err(KeyError::OutOfRange);
        }
        let (signing, public) = if kind == KeyKind::Sm2 {
            let secret = sm2::SecretKey::from_slice(secret).map_err(|_| KeyError::OutOfRange)?;
            // The standard's user id is text.
            let user_id = std::str::from_utf8(DEFAULT_SM2_USER_ID).map_err(|_| KeyError::OutOfRange)?;
            let key = sm2::dsa::SigningKey::new(user_id, &secret).map_err(|_| KeyError::OutOfRange)?;
            (Signing::Sm2(Box::new(key)), compressed(secret.public_key().to_sec1_point(true).as_bytes())?)
        } else {
            let key = k256::ecdsa::SigningKey::from_slice(secret).map_err(|_| KeyError::OutOfRange)?;
            let public = compressed(key.verifying_key().to_sec1_point(true).as_bytes())?;
            (Signing::Secp256k1(Box::new(key)), public)
        };
        let address = kind.address_of(&public).ok_or(KeyError::OutOfRange)?;
        Ok(Self { kind, signing, public, address })
    }

    /// The kind of key.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public key, compressed.
    pub const fn public_key(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.public
    }

    /// The account's address as bytes.
    pub const fn address_bytes(&self) -> &[u8; ACCOUNT_BYTES] {
        &self.address
    }

    /// The account's address as the chain writes it.
    ///
    /// # Errors
    /// [`PrefixError`] when the prefix is none.
    pub fn address(&self, prefix: &str) -> Result<String, PrefixError> {
        account_text(prefix, &self.address)
    }

    /// The public key as a transaction names it.
    pub(crate) fn public_key_any(&self) -> Any {
        // Every kind's message has one member, the key's bytes under number 1.
        let value = ibc_proto::cosmos::crypto::secp256k1::PubKey { key: self.public.to_vec() }.encode_to_vec();
        Any { type_url: self.kind.type_url().to_owned(), value }
    }

    /// Signs the bytes of a sign document: r ‖ s, 64 bytes.
    ///
    /// # Errors
    /// [`KeyError::OutOfRange`] when the key cannot sign, which no key that was taken does.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.signing {
            Signing::Secp256k1(key) => {
                let digest = match self.kind {
                    KeyKind::Secp256k1 => Sha256.hash(&[message]),
                    _ => Keccak256.hash(&[message]),
                };
                let signature: k256::ecdsa::Signature = key.sign_prehash(&digest).map_err(|_| KeyError::OutOfRange)?;
                Ok(signature.normalize_s().to_bytes().to_vec())
            }
            Signing::Sm2(key) => {
                let signature: sm2::dsa::Signature = key.try_sign(message).map_err(|_| KeyError::OutOfRange)?;
                Ok(signature.to_bytes().to_vec())
            }
        }
    }

    /// Whether this key made a signature of these bytes.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = <&[u8; VERIFY_SIGNATURE_BYTES]>::try_from(signature) else { return false };
        let verdict = match self.kind {
            KeyKind::Secp256k1 => Secp256k1Sha256.verify(&self.public, message, signature),
            KeyKind::Sm2 => Sm2::default().verify(&self.public, message, signature),
            KeyKind::EthSecp256k1 | KeyKind::EthermintSecp256k1 => {
                let digest = Keccak256.hash(&[message]);
                let numbers = k256::ecdsa::Signature::from_slice(signature).map_err(|_| VerifyError::Encoding);
                let key = VerifyingKey::from_sec1_bytes(&self.public).map_err(|_| VerifyError::Key);
                numbers.and_then(|numbers| {
                    key.and_then(|key| key.verify_prehash(&digest, &numbers).map_err(|_| VerifyError::Mismatch))
                })
            }
        };
        verdict.is_ok()
    }
}

/// An account's address in text: bech32 with the chain's prefix.
///
/// # Errors
/// [`PrefixError`] when the prefix is none.
fn account_text(prefix: &str, address: &[u8; ACCOUNT_BYTES]) -> Result<String, PrefixError> {
    let wrong = || PrefixError { found: prefix.chars().take(MAX_PREFIX_BYTES).collect() };
    if !prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let prefix = bech32::Hrp::parse(prefix).map_err(|_| wrong())?;
    bech32::encode::<bech32::Bech32>(prefix, address).map_err(|_| wrong())
}

fn compressed(point: &[u8]) -> Result<[u8; PUBLIC_KEY_BYTES], KeyError> {
    point.try_into().map_err(|_| KeyError::OutOfRange)
}

fn first_twenty(hash: [u8; 32]) -> [u8; ACCOUNT_BYTES] {
    let [address @ .., _, _, _, _, _, _, _, _, _, _, _, _] = hash;
    address
}

fn last_twenty(hash: [u8; 32]) -> [u8; ACCOUNT_BYTES] {
    let [_, _, _, _, _, _, _, _, _, _, _, _, address @ ..] = hash;
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use light_client::sha256;
    use serde_json::Value;

    const KINDS: [KeyKind; 4] = [KeyKind::Secp256k1, KeyKind::EthSecp256k1, KeyKind::EthermintSecp256k1, KeyKind::Sm2];

    fn key(kind: KeyKind, label: &str) -> AccountKey {
        AccountKey::from_secret(kind, &sha256(&[label.as_bytes()])).unwrap()
    }

    /// The number 1 gives the base point itself, whose addresses everybody knows.
    ///
    /// Source: BIP-173, "Examples" (the hash of the base point's compressed form); go-ethereum, address of the key 1.
    #[test]
    fn the_base_point_has_the_known_addresses() {
        let mut one = [0; SECRET_BYTES];
        one[31] = 1;
        let plain = AccountKey::from_secret(KeyKind::Secp256k1, &one).unwrap();
        assert_eq!(hex::encode(plain.address_bytes()), "751e76e8199196d454941c45d1b3a323f1433bd6");
        assert_eq!(plain.address("cosmos").unwrap(), "cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c");
        for kind in [KeyKind::EthSecp256k1, KeyKind::EthermintSecp256k1] {
            let key = AccountKey::from_secret(kind, &one).unwrap();
            assert_eq!(hex::encode(key.address_bytes()), "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
        }
    }

    #[test]
    fn sm2_keys_have_the_addresses_of_live_chains() {
        let file = "../../light-clients/tendermint/vectors/captures/sm2-addresses.json";
        let known: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let mut accounts = 0;
        for account in known.as_array().unwrap() {
            let Some(text) = account["bech32"].as_str().filter(|_| account["hash"] == "sha256-20") else { continue };
            let public = BASE64_STANDARD.decode(account["pub_key_b64"].as_str().unwrap()).unwrap();
            let address = KeyKind::Sm2.address_of(&public.try_into().unwrap()).unwrap();
            let (prefix, _) = text.split_once('1').unwrap();
            assert_eq!(account_text(prefix, &address).unwrap(), text);
            accounts += 1;
        }
        assert_eq!(accounts, 3);
    }

    #[test]
    fn a_signature_is_of_its_key_and_message_only() {
        for kind in KINDS {
            let signature = key(kind, "a").sign(b"document").unwrap();
            assert_eq!(signature.len(), VERIFY_SIGNATURE_BYTES);
            assert!(key(kind, "a").has_signed(b"document", &signature), "{kind:?}");
            assert!(!key(kind, "a").has_signed(b"Document", &signature), "{kind:?}");
            assert!(!key(kind, "b").has_signed(b"document", &signature), "{kind:?}");
            assert!(!key(kind, "a").has_signed(b"document", &signature[1..]), "{kind:?}");
            for other in KINDS {
                let same = other.type_url().contains("eth") && kind.type_url().contains("eth") || other == kind;
                assert_eq!(key(other, "a").has_signed(b"document", &signature), same, "{kind:?} {other:?}");
            }
        }
    }

    #[test]
    fn keys_out_of_range_and_odd_prefixes_are_refused() {
        for kind in KINDS {
            for bad in [vec![0; 32], vec![0xff; 32], vec![1; 31], vec![1; 33], vec![]] {
                assert!(matches!(AccountKey::from_secret(kind, &bad), Err(KeyError::OutOfRange)), "{kind:?} {bad:?}");
            }
        }
        let key = key(KeyKind::Secp256k1, "a");
        for bad in ["", "Cosmos", "cos mos", "仓", &"a".repeat(84)] {
            assert!(key.address(bad).is_err(), "{bad:?}");
        }
        assert!(!format!("{key:?}").contains(&hex::encode(sha256(&[b"a"]))));
    }
}
