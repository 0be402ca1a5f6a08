//! Signing, and the check that what was signed is what was meant.

use crate::{Key, abi::calls::word};
use adapter::{AdapterError, FeeBid, SignedTransaction, TransactionHash};
use alloy_consensus::{
    SignableTransaction, Transaction as _, TxEip1559, TxEnvelope, TxLegacy, transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use ethers_core::types::H256;
use std::fmt::Debug;

/// A transaction before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Unsigned {
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    /// `None` creates a contract.
    pub(crate) to: Option<Address>,
    pub(crate) data: Vec<u8>,
    pub(crate) gas_limit: u64,
    pub(crate) fee: FeeBid,
}

/// Signs. What is signed is a hash: what it is the hash of was encoded by a library that is maintained, unlike the one that
/// signs. The bytes are decoded again, and every field and the signer are compared.
///
/// # Errors
/// [`AdapterError::Inconsistent`] when something else came out.
pub(crate) fn sign(key: &Key, unsigned: &Unsigned) -> Result<SignedTransaction, AdapterError> {
    let to = unsigned.to.map_or(TxKind::Create, TxKind::Call);
    let input = Bytes::from(unsigned.data.clone());
    let Unsigned { chain_id, nonce, gas_limit, .. } = *unsigned;
    let value = U256::ZERO;
    let (raw, signed_hash) = match unsigned.fee {
        FeeBid::Legacy { gas_price } => {
            encode(key, TxLegacy { chain_id: Some(chain_id), nonce, gas_price, gas_limit, to, value, input })?
        }
        FeeBid::Dynamic { max_fee: max_fee_per_gas, max_priority_fee: max_priority_fee_per_gas } => {
            let access_list = Default::default();
            encode(
                key,
                TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to,
                    value,
                    access_list,
                    input,
                },
            )?
        }
    };
    check(&raw, signed_hash, key.address(), unsigned)?;
    Ok(SignedTransaction {
        // A transaction is named by the hash of exactly these bytes, whatever any library makes of them.
        hash: TransactionHash(keccak256(&raw).0),
        raw,
        nonce,
        fee: unsigned.fee,
        gas_limit,
    })
}

/// The signed bytes, and the hash that was signed.
fn encode<T: SignableTransaction<Signature> + RlpEcdsaEncodableTx>(
    key: &Key,
    transaction: T,
) -> Result<(Vec<u8>, B256), AdapterError> {
    let hash = transaction.signature_hash();
    let signature = key.wallet().sign_hash(H256(hash.0)).map_err(|e| differs("signature", "one", &e))?;
    let odd = match signature.v {
        27 => false,
        28 => true,
        other => return Err(differs("signature", "v of 27 or 28", &other)),
    };
    let signature = Signature::new(U256::from_be_bytes(word(signature.r)), U256::from_be_bytes(word(signature.s)), odd);
    let mut raw = Vec::with_capacity(transaction.eip2718_encoded_length(&signature));
    transaction.eip2718_encode(&signature, &mut raw);
    Ok((raw, hash))
}

/// The calldata of a transaction that was signed here before.
///
/// # Errors
/// [`AdapterError::Inconsistent`] when the bytes are not a transaction of this chain to this contract with this nonce.
pub(crate) fn data_of(raw: &[u8], chain_id: u64, nonce: u64, to: Address) -> Result<Vec<u8>, AdapterError> {
    let signed = decode(raw)?;
    equal("chain id", Some(chain_id), signed.chain_id())?;
    equal("nonce", nonce, signed.nonce())?;
    equal("to", TxKind::Call(to), signed.kind())?;
    Ok(signed.input().to_vec())
}

fn decode(raw: &[u8]) -> Result<TxEnvelope, AdapterError> {
    let mut rest = raw;
    let signed = TxEnvelope::decode_2718(&mut rest).map_err(|e| differs("transaction", "one that decodes", &e))?;
    equal("length", raw.len(), raw.len() - rest.len())?;
    Ok(signed)
}

/// Decodes and compares. `hash` is what the signature has to be of.
fn check(raw: &[u8], hash: B256, sender: Address, meant: &Unsigned) -> Result<(), AdapterError> {
    let signed = decode(raw)?;
    let signature = signed.signature();
    equal("signature", None, signature.normalize_s())?;
    let recovered = signature.recover_address_from_prehash(&hash).map_err(|e| differs("sender", sender, &e))?;
    equal("sender", sender, recovered)?;
    equal("chain id", Some(meant.chain_id), signed.chain_id())?;
    equal("nonce", meant.nonce, signed.nonce())?;
    equal("to", meant.to.map_or(TxKind::Create, TxKind::Call), signed.kind())?;
    equal("value", U256::ZERO, signed.value())?;
    if meant.data != **signed.input() {
        return Err(differs("data", "what was meant", signed.input()));
    }
    equal("gas limit", meant.gas_limit, signed.gas_limit())?;
    let fee = match &signed {
        TxEnvelope::Legacy(_) => signed.gas_price().map(|gas_price| FeeBid::Legacy { gas_price }),
        TxEnvelope::Eip1559(_) => signed
            .max_priority_fee_per_gas()
            .map(|max_priority_fee| FeeBid::Dynamic { max_fee: signed.max_fee_per_gas(), max_priority_fee }),
        _ => None,
    };
    equal("fee", Some(meant.fee), fee)
}

fn equal<T: PartialEq + Debug>(field: &'static str, expected: T, found: T) -> Result<(), AdapterError> {
    if expected == found { Ok(()) } else { Err(differs(field, format!("{expected:?}"), &found)) }
}

fn differs(field: &'static str, expected: impl ToString, found: &dyn Debug) -> AdapterError {
    let mut found = format!("{found:?}");
    found.truncate(found.char_indices().nth(200).map_or(found.len(), |(index, _)| index));
    AdapterError::Inconsistent { endpoint: "the signer".to_owned(), field, expected: expected.to_string(), found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ethers_core::types::{
        self as ethers, Eip1559TransactionRequest, TransactionRequest, transaction::eip2718::TypedTransaction,
    };

    fn request(unsigned: &Unsigned) -> TypedTransaction {
        let to = unsigned.to.map(|to| ethers::NameOrAddress::Address(ethers::Address::from(to.into_array())));
        let data = Some(ethers::Bytes::from(unsigned.data.clone()));
        match unsigned.fee {
            FeeBid::Legacy { gas_price } => TypedTransaction::Legacy(TransactionRequest {
                from: None,
                to,
                gas: Some(unsigned.gas_limit.into()),
                gas_price: Some(gas_price.into()),
                value: Some(0.into()),
                data,
                nonce: Some(unsigned.nonce.into()),
                chain_id: Some(unsigned.chain_id.into()),
            }),
            FeeBid::Dynamic { max_fee, max_priority_fee } => TypedTransaction::Eip1559(Eip1559TransactionRequest {
                from: None,
                to,
                gas: Some(unsigned.gas_limit.into()),
                value: Some(0.into()),
                data,
                nonce: Some(unsigned.nonce.into()),
                access_list: Default::default(),
                max_priority_fee_per_gas: Some(max_priority_fee.into()),
                max_fee_per_gas: Some(max_fee.into()),
                chain_id: Some(unsigned.chain_id.into()),
            }),
        }
    }

    fn key(label: &str) -> Key {
        Key::from_secret(keccak256(label).as_slice()).unwrap()
    }

    fn transaction(fee: FeeBid) -> Unsigned {
        Unsigned {
            chain_id: 1_337_000_001,
            nonce: 7,
            to: Some(Address::repeat_byte(9)),
            data: vec![1, 2, 3],
            gas_limit: 90_000,
            fee,
        }
    }

    const FEES: [FeeBid; 3] = [
        FeeBid::Legacy { gas_price: 0 },
        FeeBid::Legacy { gas_price: 3_000_000_000 },
        FeeBid::Dynamic { max_fee: 9, max_priority_fee: 2 },
    ];

    #[test]
    fn another_implementation_writes_the_same_bytes() {
        for fee in FEES {
            for to in [None, Some(Address::repeat_byte(9))] {
                for data in [vec![], vec![5; 3_000]] {
                    let unsigned = Unsigned { to, data, ..transaction(fee) };
                    let signed = sign(&key("a"), &unsigned).unwrap();
                    let decoded = TxEnvelope::decode_2718(&mut signed.raw.as_slice()).unwrap();
                    assert_eq!(decoded.tx_hash().0, signed.hash.0);
                    let request = request(&unsigned);
                    let signature = key("a").wallet().sign_transaction_sync(&request).unwrap();
                    assert_eq!(request.rlp_signed(&signature).to_vec(), signed.raw);
                }
            }
        }
    }

    #[test]
    fn each_field_that_differs_is_found() {
        for fee in FEES {
            let signed = sign(&key("a"), &transaction(fee)).unwrap();
            let hash = TxEnvelope::decode_2718(&mut signed.raw.as_slice()).unwrap().signature_hash();
            type Change = (&'static str, fn(&mut Unsigned));
            let changes: [Change; 6] = [
                ("chain id", |t| t.chain_id += 1),
                ("nonce", |t| t.nonce += 1),
                ("to", |t| t.to = None),
                ("data", |t| t.data.push(0)),
                ("gas limit", |t| t.gas_limit += 1),
                ("fee", |t| t.fee = FeeBid::Legacy { gas_price: 77 }),
            ];
            for (name, change) in changes {
                let mut meant = transaction(fee);
                change(&mut meant);
                let refusal = check(&signed.raw, hash, key("a").address(), &meant).unwrap_err();
                assert!(matches!(&refusal, AdapterError::Inconsistent { field, .. } if *field == name), "{refusal}");
            }
            let refusal = check(&signed.raw, hash, key("b").address(), &transaction(fee)).unwrap_err();
            assert!(matches!(refusal, AdapterError::Inconsistent { field: "sender", .. }));
            let longer: Vec<u8> = signed.raw.iter().copied().chain([0]).collect();
            assert!(check(&longer, hash, key("a").address(), &transaction(fee)).is_err());
            // A signature of something else.
            assert!(check(&signed.raw, keccak256(hash), key("a").address(), &transaction(fee)).is_err());
        }
    }
}
