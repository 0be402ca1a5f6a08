//! Hashes and signatures as values, so that a national algorithm is another value and not another copy of the code.
//!
//! A light client or a proof scheme takes a [`HashSuite`] or a [`RecoverSuite`] and never names an algorithm. Today's
//! values are [`Keccak256`], [`Sha256`] and [`Secp256k1`]; SM3 and SM2 join by implementing the same traits.
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
mod hash;
mod recover;

pub use address::{ADDRESS_BYTES, Address, AddressParseError};
pub use hash::{HashSuite, Keccak256, Sha256};
pub use recover::{RecoverError, RecoverSuite, SIGNATURE_BYTES, Secp256k1, Signature};
