//! Hashes and signatures as values, so that a national algorithm is another value and not another copy of the code.
//!
//! A light client or a proof scheme takes a [`HashSuite`], a [`RecoverSuite`] (the signer is recovered) or a
//! [`VerifySuite`] (the key is known) and never names an algorithm.
//!
//! | trait | values |
//! |---|---|
//! | [`HashSuite`] | [`Keccak256`], [`Sha256`], [`Sm3`] |
//! | [`RecoverSuite`] | [`Secp256k1`], as `ecrecover` has it |
//! | [`VerifySuite`] | [`Ed25519`] (ZIP-215, also in batches), [`Secp256k1Sha256`], [`Sm2`] with a user id |
//!
//! ```
//! use light_client_crypto::{HashSuite, Keccak256};
//!
//! // Solidity's `keccak256("")`.
//! assert_eq!(Keccak256.hash(&[])[..4], [0xc5, 0xd2, 0x46, 0x01]);
//! ```
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod address;
mod ecdsa;
mod ed25519;
mod hash;
mod recover;
mod sm2;
mod verify;

pub use address::{ADDRESS_BYTES, Address, AddressParseError};
pub use ecdsa::Secp256k1Sha256;
pub use ed25519::Ed25519;
pub use hash::{HashSuite, Keccak256, Sha256, Sm3};
pub use recover::{RecoverError, RecoverSuite, SIGNATURE_BYTES, Secp256k1, Signature};
pub use sm2::{DEFAULT_SM2_USER_ID, MAX_SM2_USER_ID_BYTES, Sm2, UserIdError};
pub use verify::{BatchError, SignedMessage, VERIFY_SIGNATURE_BYTES, VerifyError, VerifySuite, verify_each};
