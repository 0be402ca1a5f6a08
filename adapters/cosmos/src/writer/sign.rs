//! Transactions: building, signing, and the check that what was signed is what was meant.

use crate::keys::AccountKey;
use adapter::{AdapterError, FeeBid, SignedTransaction, TransactionHash};
use ibc_proto::{
    cosmos::{
        base::v1beta1::Coin,
        tx::v1beta1::{
            AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw,
            mode_info::{Single, Sum},
        },
    },
    google::protobuf::Any,
};
use light_client::sha256;
use prost_13::Message as _;
use std::fmt::Debug;

/// `SIGN_MODE_DIRECT`: the bytes of body and auth info are signed as they are.
///
/// Source: cosmos-sdk 0.53, `proto/cosmos/tx/signing/v1beta1/signing.proto`.
const SIGN_MODE_DIRECT: i32 = 1;

/// A transaction before it is signed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unsigned {
    pub(crate) chain_id: String,
    pub(crate) account_number: u64,
    /// The account's sequence, which the relayer calls a nonce.
    pub(crate) sequence: u64,
    pub(crate) messages: Vec<Any>,
    pub(crate) gas_limit: u64,
    /// In the smallest unit; none is written when it is 0.
    pub(crate) fee: u128,
    pub(crate) denom: String,
    /// The price behind the fee, as the relayer keeps it.
    pub(crate) bid: FeeBid,
}

impl Unsigned {
    fn body(&self) -> Vec<u8> {
        let body = TxBody { messages: self.messages.clone(), ..Default::default() };
        body.encode_to_vec()
    }

    fn auth_info(&self, key: &AccountKey) -> Vec<u8> {
        let mode_info = ModeInfo { sum: Some(Sum::Single(Single { mode: SIGN_MODE_DIRECT })) };
        let signer =
            SignerInfo { public_key: Some(key.public_key_any()), mode_info: Some(mode_info), sequence: self.sequence };
        let coin = Coin { denom: self.denom.clone(), amount: self.fee.to_string() };
        let fee = Fee {
            amount: if self.fee == 0 { Vec::new() } else { vec![coin] },
            gas_limit: self.gas_limit,
            ..Default::default()
        };
        // The member of tips, which no chain has any more, is left out as any that is unset.
        AuthInfo { signer_infos: vec![signer], fee: Some(fee), ..Default::default() }.encode_to_vec()
    }
}

/// The bytes of a transaction that is not signed, for simulation: it has a place for the signature, and nothing there.
pub(crate) fn unsigned_bytes(key: &AccountKey, unsigned: &Unsigned) -> Vec<u8> {
    let raw =
        TxRaw { body_bytes: unsigned.body(), auth_info_bytes: unsigned.auth_info(key), signatures: vec![Vec::new()] };
    raw.encode_to_vec()
}

/// Signs. The bytes are decoded again, and every field and the signature are compared.
///
/// # Errors
/// [`AdapterError::Inconsistent`] when something else came out.
pub(crate) fn sign(key: &AccountKey, unsigned: &Unsigned) -> Result<SignedTransaction, AdapterError> {
    let (body_bytes, auth_info_bytes) = (unsigned.body(), unsigned.auth_info(key));
    let document = document(unsigned.chain_id.clone(), unsigned.account_number, &body_bytes, &auth_info_bytes);
    let signature = key.sign(&document).map_err(|error| differs("signature", "one", &error))?;
    let raw = TxRaw { body_bytes, auth_info_bytes, signatures: vec![signature] }.encode_to_vec();
    check(key, &raw, unsigned)?;
    Ok(SignedTransaction {
        hash: TransactionHash(sha256(&[&raw])),
        raw,
        nonce: unsigned.sequence,
        fee: unsigned.bid,
        gas_limit: unsigned.gas_limit,
    })
}

/// The bytes that are signed.
pub(crate) fn document(chain_id: String, account_number: u64, body: &[u8], auth_info: &[u8]) -> Vec<u8> {
    let document = SignDoc { body_bytes: body.to_vec(), auth_info_bytes: auth_info.to_vec(), chain_id, account_number };
    document.encode_to_vec()
}

/// What a transaction that was signed here before consists of.
///
/// # Errors
/// [`AdapterError::Inconsistent`] when the bytes are not a transaction of this account on this chain with this sequence.
pub(crate) fn open(
    key: &AccountKey,
    raw: &[u8],
    chain_id: &str,
    account_number: u64,
    sequence: u64,
) -> Result<(Vec<Any>, Fee), AdapterError> {
    let broken = |error: prost_13::DecodeError| differs("transaction", "one that decodes", &error);
    let signed = TxRaw::decode(raw).map_err(broken)?;
    let [signature] = signed.signatures.as_slice() else {
        return Err(differs("signatures", "1", &signed.signatures.len()));
    };
    let document = document(chain_id.to_owned(), account_number, &signed.body_bytes, &signed.auth_info_bytes);
    if !key.has_signed(&document, signature) {
        return Err(differs("signature", format!("one of {key:?} for chain {chain_id}"), &"another"));
    }
    let body = TxBody::decode(signed.body_bytes.as_slice()).map_err(broken)?;
    let auth_info = AuthInfo::decode(signed.auth_info_bytes.as_slice()).map_err(broken)?;
    let [signer] = auth_info.signer_infos.as_slice() else {
        return Err(differs("signers", "1", &auth_info.signer_infos.len()));
    };
    equal("sequence", sequence, signer.sequence)?;
    equal("public key", Some(key.public_key_any()), signer.public_key.clone())?;
    match auth_info.fee {
        Some(fee) => Ok((body.messages, fee)),
        None => Err(differs("fee", "one", &"none")),
    }
}

/// Decodes and compares.
fn check(key: &AccountKey, raw: &[u8], meant: &Unsigned) -> Result<(), AdapterError> {
    let (messages, fee) = open(key, raw, &meant.chain_id, meant.account_number, meant.sequence)?;
    if messages != meant.messages {
        return Err(differs("messages", "what was meant", &messages.len()));
    }
    equal("gas limit", meant.gas_limit, fee.gas_limit)?;
    let paid: Vec<(String, String)> = fee.amount.into_iter().map(|coin| (coin.amount, coin.denom)).collect();
    let expected = (meant.fee > 0).then(|| (meant.fee.to_string(), meant.denom.clone()));
    equal("fee", expected.into_iter().collect(), paid)
}

fn equal<T: PartialEq + Debug>(field: &'static str, expected: T, found: T) -> Result<(), AdapterError> {
    if expected == found { Ok(()) } else { Err(differs(field, format!("{expected:?}"), &found)) }
}

fn differs(field: &'static str, expected: impl ToString, found: &dyn Debug) -> AdapterError {
    let found = format!("{found:?}").chars().take(200).collect();
    AdapterError::Inconsistent { endpoint: "the signer".to_owned(), field, expected: expected.to_string(), found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyKind;

    const KINDS: [KeyKind; 4] = [KeyKind::Secp256k1, KeyKind::EthSecp256k1, KeyKind::EthermintSecp256k1, KeyKind::Sm2];

    fn key(kind: KeyKind, label: &str) -> AccountKey {
        AccountKey::from_secret(kind, &sha256(&[label.as_bytes()])).unwrap()
    }

    fn unsigned() -> Unsigned {
        Unsigned {
            chain_id: "simd-1".to_owned(),
            account_number: 4,
            sequence: 7,
            messages: vec![Any { type_url: "/a.B".to_owned(), value: vec![1, 2, 3] }],
            gas_limit: 90_000,
            fee: 900,
            denom: "stake".to_owned(),
            bid: FeeBid::Legacy { gas_price: 10 },
        }
    }

    #[test]
    fn what_is_signed_is_named_by_its_bytes_and_opens_again() {
        for kind in KINDS {
            for fee in [0, 900] {
                let unsigned = Unsigned { fee, ..unsigned() };
                let signed = sign(&key(kind, "a"), &unsigned).unwrap();
                assert_eq!(signed.hash.0, sha256(&[&signed.raw]));
                assert_eq!((signed.nonce, signed.gas_limit, signed.fee), (7, 90_000, unsigned.bid));
                let (messages, paid) = open(&key(kind, "a"), &signed.raw, "simd-1", 4, 7).unwrap();
                assert_eq!((messages, paid.gas_limit), (unsigned.messages.clone(), 90_000));
                assert_eq!(paid.amount.len(), usize::from(fee > 0));
            }
        }
    }

    #[test]
    fn each_field_that_differs_is_found() {
        type Change = (&'static str, fn(&mut Unsigned));
        let changes: [Change; 7] = [
            ("signature", |t| t.chain_id.push('x')),
            ("signature", |t| t.account_number += 1),
            ("sequence", |t| t.sequence += 1),
            ("messages", |t| t.messages[0].value.push(0)),
            ("gas limit", |t| t.gas_limit += 1),
            ("fee", |t| t.fee += 1),
            ("fee", |t| t.denom = "token".to_owned()),
        ];
        for kind in KINDS {
            let signed = sign(&key(kind, "a"), &unsigned()).unwrap();
            check(&key(kind, "a"), &signed.raw, &unsigned()).unwrap();
            for (name, change) in changes {
                let mut meant = unsigned();
                change(&mut meant);
                let refusal = check(&key(kind, "a"), &signed.raw, &meant).unwrap_err();
                assert!(matches!(&refusal, AdapterError::Inconsistent { field, .. } if *field == name), "{refusal}");
            }
            assert!(check(&key(kind, "b"), &signed.raw, &unsigned()).is_err());
        }
    }

    #[test]
    fn what_is_no_transaction_of_the_account_is_refused() {
        let key = key(KeyKind::Secp256k1, "a");
        let signed = sign(&key, &unsigned()).unwrap();
        for length in 0..signed.raw.len() {
            assert!(open(&key, &signed.raw[..length], "simd-1", 4, 7).is_err(), "{length}");
        }
        let mut twice = TxRaw::decode(signed.raw.as_slice()).unwrap();
        twice.signatures.push(twice.signatures[0].clone());
        assert!(open(&key, &twice.encode_to_vec(), "simd-1", 4, 7).is_err());
        let bytes = unsigned_bytes(&key, &unsigned());
        assert!(open(&key, &bytes, "simd-1", 4, 7).is_err(), "not signed");
    }
}
