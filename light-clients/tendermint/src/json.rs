//! Reading what nodes answer by RPC: headers, commits and sets, and the proofs of `abci_query`.
//!
//! The answers of 0.34, 0.37, 0.38 and of IRITA's forks are alike: hashes in upper-case hexadecimal, keys and signatures in
//! base64, numbers as texts, times by RFC 3339.

use crate::{
    Error, Header, LightBlock, PublicKey, RecordedCommit, RecordedVote, TreeHash, Validator, ValidatorSet, protobuf,
};
use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use light_client::{Fault, FaultKind};
use serde_json::Value;

/// `BLOCK_ID_FLAG_ABSENT`, `_COMMIT` and `_NIL`.
const ABSENT: u64 = 1;
const FOR_BLOCK: u64 = 2;
const FOR_NOTHING: u64 = 3;

/// Why a node's answer is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// A part is missing or has another form.
    #[error("{field}: expected {expected}")]
    Malformed {
        /// The part.
        field: &'static str,
        /// The form it must have.
        expected: &'static str,
    },
    /// Two parts contradict each other.
    #[error("{field}: expected {expected}, found {found}")]
    Contradiction {
        /// The part.
        field: &'static str,
        /// What the other part says.
        expected: String,
        /// What this one says.
        found: String,
    },
    /// The header or the sets break a rule of their own.
    #[error(transparent)]
    Rule(#[from] Error),
}

impl Fault for JsonError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Malformed { .. } => FaultKind::Malformed,
            Self::Contradiction { .. } => FaultKind::Rejected,
            Self::Rule(error) => error.kind(),
        }
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "answer-malformed",
            Self::Contradiction { .. } => "answer-contradicts-itself",
            Self::Rule(error) => error.rule(),
        }
    }
}

/// Reads `{"signed_header", "validators", "next_validators"}`. The next set may be left out.
///
/// `address_hash` is the hash by which the chain makes addresses.
///
/// # Errors
/// [`JsonError`], also when the commit is for another height or block than the header, or an address is not its key's.
pub fn light_block(value: &Value, address_hash: TreeHash, tree_hash: TreeHash) -> Result<LightBlock, JsonError> {
    let block = trusted_block(value, address_hash)?;
    let commit = &value["signed_header"]["commit"];
    let recorded = recorded_commit(commit)?;
    let validators = block.validators.as_ref().ok_or(malformed("validators", "a list"))?;
    let contradiction = |field, expected: String, found: String| JsonError::Contradiction { field, expected, found };
    let (expected, found) = (block.header.height(), number(&commit["height"], "commit, height")?);
    if expected != found {
        return Err(contradiction("commit, height", expected.to_string(), found.to_string()));
    }
    let expected = block.header.hash(&tree_hash);
    let found = hash(&commit["block_id"]["hash"], "commit, block_id, hash")?;
    if *expected.as_bytes() != found {
        return Err(contradiction("commit, block_id, hash", hex::encode(expected), hex::encode(found)));
    }
    let (expected, found) = (validators.validators().len(), recorded.votes.len());
    if expected != found {
        return Err(contradiction("commit, signatures", expected.to_string(), found.to_string()));
    }
    Ok(LightBlock { commit: Some(recorded), ..block })
}

/// Reads the same for a block that is trusted: its commit plays no part, and either set may be left out.
///
/// # Errors
/// [`JsonError`].
pub fn trusted_block(value: &Value, address_hash: TreeHash) -> Result<LightBlock, JsonError> {
    let set = |field: &'static str| match &value[field] {
        Value::Null => Ok(None),
        list => validator_set(list, address_hash).map(Some),
    };
    Ok(LightBlock {
        header: header(&value["signed_header"]["header"])?,
        commit: None,
        validators: set("validators")?,
        next_validators: set("next_validators")?,
    })
}

/// Reads a header.
///
/// # Errors
/// [`JsonError`].
pub fn header(value: &Value) -> Result<Header, JsonError> {
    if !value.is_object() {
        return Err(malformed("header", "an object"));
    }
    let mut version = Vec::new();
    protobuf::put_number(&mut version, 1, optional_number(&value["version"]["block"], "version, block")?);
    protobuf::put_number(&mut version, 2, optional_number(&value["version"]["app"], "version, app")?);
    let mut height = Vec::new();
    protobuf::put_number(&mut height, 1, number(&value["height"], "height")?);
    let (seconds, nanos) = time(&value["time"], "time")?;
    let wrapped = |field: &'static str| hexadecimal(&value[field], field).map(|bytes| protobuf::wrapped_bytes(&bytes));
    Ok(Header::from_leaves([
        version,
        protobuf::wrapped_bytes(text(&value["chain_id"], "chain_id")?.as_bytes()),
        height,
        protobuf::timestamp(seconds, nanos),
        block_id(&value["last_block_id"])?,
        wrapped("last_commit_hash")?,
        wrapped("data_hash")?,
        wrapped("validators_hash")?,
        wrapped("next_validators_hash")?,
        wrapped("consensus_hash")?,
        wrapped("app_hash")?,
        wrapped("last_results_hash")?,
        wrapped("evidence_hash")?,
        wrapped("proposer_address")?,
    ])?)
}

/// Reads a list of validators, or the answer of `/validators` that holds one.
///
/// # Errors
/// [`JsonError`], also when an address is not its key's, and the errors of [`ValidatorSet::new`].
pub fn validator_set(value: &Value, address_hash: TreeHash) -> Result<ValidatorSet, JsonError> {
    let list = value.as_array().or_else(|| value["validators"].as_array()).ok_or(malformed("validators", "a list"))?;
    let validators = list.iter().map(|one| validator(one, address_hash)).collect::<Result<Vec<_>, _>>()?;
    Ok(ValidatorSet::new(validators)?)
}

fn validator(value: &Value, address_hash: TreeHash) -> Result<Validator, JsonError> {
    let bytes = base64_bytes(&value["pub_key"]["value"], "pub_key, value")?;
    let wrong_length = |_| malformed("pub_key, value", "as many bytes as the type has");
    let key = match value["pub_key"]["type"].as_str() {
        Some("tendermint/PubKeyEd25519") => PublicKey::Ed25519(bytes.try_into().map_err(wrong_length)?),
        Some("tendermint/PubKeySecp256k1") => PublicKey::Secp256k1(bytes.try_into().map_err(wrong_length)?),
        Some("tendermint/PubKeySm2") => PublicKey::Sm2(bytes.try_into().map_err(wrong_length)?),
        _ => return Err(malformed("pub_key, type", "Ed25519, secp256k1 or SM2")),
    };
    if let (Some(expected), false) = (key.address(address_hash), value["address"].is_null()) {
        let found = hexadecimal(&value["address"], "address")?;
        if found != expected {
            let (expected, found) = (hex::encode(expected), hex::encode(found));
            return Err(JsonError::Contradiction { field: "address", expected, found });
        }
    }
    Ok(Validator { key, power: number(&value["voting_power"], "voting_power")? })
}

fn recorded_commit(value: &Value) -> Result<RecordedCommit, JsonError> {
    let parts = &value["block_id"]["parts"];
    let small = |value: &Value, field: &'static str| {
        u32::try_from(number(value, field)?).map_err(|_| malformed(field, "a number of 32 bits"))
    };
    let round = small(&value["round"], "commit, round")?;
    if round > i32::MAX.cast_unsigned() {
        return Err(malformed("commit, round", "at most 2^31 - 1"));
    }
    let votes = value["signatures"].as_array().ok_or(malformed("commit, signatures", "a list"))?;
    Ok(RecordedCommit {
        round,
        part_set_total: small(&parts["total"], "commit, parts, total")?,
        part_set_hash: hash(&parts["hash"], "commit, parts, hash")?,
        votes: votes.iter().map(recorded_vote).collect::<Result<_, _>>()?,
    })
}

fn recorded_vote(value: &Value) -> Result<Option<RecordedVote>, JsonError> {
    match number(&value["block_id_flag"], "block_id_flag")? {
        ABSENT | FOR_NOTHING => Ok(None),
        FOR_BLOCK => {
            let (seconds, nanos) = time(&value["timestamp"], "timestamp of a vote")?;
            let signature = base64_bytes(&value["signature"], "signature")?;
            let signature = signature.try_into().map_err(|_| malformed("signature", "64 bytes"))?;
            Ok(Some(RecordedVote { seconds, nanos, signature }))
        }
        _ => Err(malformed("block_id_flag", "1, 2 or 3")),
    }
}

/// One operation of the proof in an answer of `abci_query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofOperation {
    /// Its type, such as `ics23:iavl`.
    pub kind: String,
    /// The key that it is about.
    pub key: Vec<u8>,
    /// A `CommitmentProof`.
    pub data: Vec<u8>,
}

/// Reads the operations of a proof, innermost first, out of an answer of `abci_query` or of any part of it that holds them.
///
/// # Errors
/// [`JsonError::Malformed`].
pub fn proof_operations(value: &Value) -> Result<Vec<ProofOperation>, JsonError> {
    let mut at = value;
    for part in ["result", "response", "proofOps", "proof_ops", "ops"] {
        at = at.get(part).unwrap_or(at);
    }
    let list = at.as_array().ok_or(malformed("proof_ops", "a list of operations"))?;
    let operation = |value: &Value| -> Result<ProofOperation, JsonError> {
        Ok(ProofOperation {
            kind: text(&value["type"], "proof operation, type")?.to_owned(),
            key: base64_bytes(&value["key"], "proof operation, key")?,
            data: base64_bytes(&value["data"], "proof operation, data")?,
        })
    };
    list.iter().map(operation).collect()
}

/// `BlockID` with what it holds; the parts are written also when they are empty.
fn block_id(value: &Value) -> Result<Vec<u8>, JsonError> {
    let optional =
        |value: &Value, field: &'static str| if value.is_null() { Ok(Vec::new()) } else { hexadecimal(value, field) };
    let hash = optional(&value["hash"], "last_block_id, hash")?;
    let parts_hash = optional(&value["parts"]["hash"], "last_block_id, parts, hash")?;
    let mut parts = Vec::new();
    protobuf::put_number(&mut parts, 1, optional_number(&value["parts"]["total"], "last_block_id, parts, total")?);
    if !parts_hash.is_empty() {
        protobuf::put_bytes(&mut parts, 2, &parts_hash);
    }
    let mut bytes = protobuf::wrapped_bytes(&hash);
    protobuf::put_bytes(&mut bytes, 2, &parts);
    Ok(bytes)
}

const fn malformed(field: &'static str, expected: &'static str) -> JsonError {
    JsonError::Malformed { field, expected }
}

fn text<'a>(value: &'a Value, field: &'static str) -> Result<&'a str, JsonError> {
    value.as_str().ok_or(malformed(field, "a text"))
}

/// A number, or a text of decimal digits.
fn number(value: &Value, field: &'static str) -> Result<u64, JsonError> {
    let digits = |text: &str| -> Option<u64> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
    };
    value.as_u64().or_else(|| value.as_str().and_then(digits)).ok_or(malformed(field, "a number of 64 bits"))
}

/// 0 where there is none.
fn optional_number(value: &Value, field: &'static str) -> Result<u64, JsonError> {
    if value.is_null() { Ok(0) } else { number(value, field) }
}

fn hexadecimal(value: &Value, field: &'static str) -> Result<Vec<u8>, JsonError> {
    hex::decode(text(value, field)?).map_err(|_| malformed(field, "hexadecimal digits"))
}

fn hash(value: &Value, field: &'static str) -> Result<[u8; 32], JsonError> {
    hexadecimal(value, field)?.try_into().map_err(|_| malformed(field, "32 bytes"))
}

fn base64_bytes(value: &Value, field: &'static str) -> Result<Vec<u8>, JsonError> {
    STANDARD.decode(text(value, field)?).map_err(|_| malformed(field, "base64"))
}

/// Seconds since 1970 and nanoseconds of a time such as `2026-11-21T07:33:41.817231013Z`.
fn time(value: &Value, field: &'static str) -> Result<(i64, u32), JsonError> {
    parse_time(text(value, field)?).ok_or(malformed(field, "a time by RFC 3339, in UTC"))
}

fn parse_time(text: &str) -> Option<(i64, u32)> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let nanos = if digits(fraction) { fraction.parse::<u32>().ok()? } else { return None };
    let nanos = nanos * 10_u32.pow(9 - fraction.len() as u32);
    // Days since 1 March of the year 0, less those until 1970.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_month = (153 * shifted_month + 2) / 5;
    let leap_days = shifted_year.div_euclid(4) - shifted_year.div_euclid(100) + shifted_year.div_euclid(400);
    let days = 365 * shifted_year + leap_days + days_before_month + day - 1 - 719_468;
    Some((days * 86_400 + hour * 3600 + minute * 60 + second, nanos))
}

/// Numbers of these many digits, with a separator between them.
fn numbers<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, length) in found.iter_mut().zip(lengths) {
        let part =
            parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            ("2026-11-21T07:33:41.817231013Z", 1_795_246_421, 817_231_013),
            ("2000-02-29T23:59:59.5Z", 951_868_799, 500_000_000),
            ("1969-12-31T23:59:59.000000001Z", -1, 1),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999),
        ] {
            assert_eq!(parse_time(text), Some((seconds, nanos)), "{text}");
        }
        for text in [
            "",
            "Z",
            "T",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00+00:00",
            "1970-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.0000000000Z",
            "1970-01-01T00:00:00.+1Z",
            "1970-1-01T00:00:00Z",
            "1970-01-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn proofs_are_found_wherever_an_answer_holds_them() {
        let ops = json!([{"type": "ics23:iavl", "key": "YQ==", "data": "Yg=="}]);
        let expected = [ProofOperation { kind: "ics23:iavl".into(), key: b"a".to_vec(), data: b"b".to_vec() }];
        for value in [
            ops.clone(),
            json!({"ops": ops}),
            json!({"proof_ops": {"ops": ops}}),
            json!({"response": {"proofOps": {"ops": ops}}}),
            json!({"result": {"response": {"proofOps": {"ops": ops}}}}),
        ] {
            assert_eq!(proof_operations(&value).unwrap(), expected);
        }
        for value in [json!(null), json!({}), json!({"ops": 1}), json!([1]), json!([{"type": 1}])] {
            assert!(matches!(proof_operations(&value), Err(JsonError::Malformed { .. })));
        }
    }
}
