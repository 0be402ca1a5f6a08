//! `verify proof --root`: what lies in a store of a Tendermint chain, under its app hash.

use super::{
    ProofArgs,
    input::{self, Input},
    value::{hex_of, hexadecimal_text},
    verdict::{Stop, Verdict},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use light_client::StateRoot;
use light_client_crypto::Sha256;
use light_client_proofs::ics23::{Ics23Error, NestedProof, ProofSpec, protobuf::decode_merkle_proof};
use light_client_tendermint::json::{self as answers, ProofOperation};
use serde_json::Value;

/// What the claim is, as the command line has it.
struct Claim {
    root: StateRoot,
    store: Vec<u8>,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

/// Accepts when the value, or with `--absent` nothing, is proven to lie at the key of the store.
pub(super) fn verify(args: &ProofArgs, verdict: &mut Verdict) -> Result<(), Stop> {
    let (spec, kind) = match args.tree.to_ascii_lowercase().as_str() {
        "iavl" => (ProofSpec::IAVL, "ics23:iavl"),
        "jmt" => (ProofSpec::JMT, "ics23:jmt"),
        other => return Err(Stop::refused("tree-unknown", format!("--tree: expected iavl or jmt, found {other}"))),
    };
    let claim = Claim::new(args)?;
    verdict.note("root", claim.root.to_string());
    verdict.note("store", String::from_utf8_lossy(&claim.store).into_owned());
    verdict.note("tree", args.tree.as_str());
    verdict.note("key", hex_of(&claim.key));
    verdict.note("value", claim.value.as_ref().map_or(Value::Null, |value| hex_of(value).into()));

    let messages = match input::read(&args.proof)? {
        Input::Bytes(bytes) => decode_merkle_proof(&bytes)?.into_iter().map(<[u8]>::to_vec).collect(),
        Input::Json(answer) => {
            claim.check_answer(&answer)?;
            claim.check_operations(answers::proof_operations(&answer)?, kind)?
        }
    };
    let Ok([inner, outer]) = <[Vec<u8>; 2]>::try_from(messages) else {
        return Err(two_proofs().into());
    };
    let value = claim.value.as_deref();
    let proof = NestedProof::from_messages(&Sha256, &spec, [&inner, &outer], &claim.store, &claim.key, value)?;
    verdict.note("store_root", proof.store_root.to_string());
    proof.verify(&Sha256, &spec, claim.root, &claim.store, &claim.key, value)?;
    Ok(())
}

impl Claim {
    fn new(args: &ProofArgs) -> Result<Self, Stop> {
        let malformed = |rule, flag, expected, text: &Option<String>| {
            let found = text.as_deref().unwrap_or("nothing");
            Stop::malformed(rule, format!("{flag}: expected {expected}, found {found}"))
        };
        let bytes = |text: &Option<String>| text.as_deref().and_then(hexadecimal_text);
        let root = bytes(&args.root).and_then(|root| <[u8; 32]>::try_from(root).ok());
        let root = root.ok_or_else(|| malformed("root-malformed", "--root", "32 bytes of hexadecimal", &args.root))?;
        let key = bytes(&args.key).filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| malformed("key-malformed", "--key", "hexadecimal, not empty", &args.key))?;
        let value = match (&args.value, args.absent) {
            (None, true) => None,
            (text, _) => {
                let value = bytes(text).filter(|value| !value.is_empty());
                Some(value.ok_or_else(|| {
                    malformed("value-malformed", "--value", "hexadecimal, not empty, or --absent", text)
                })?)
            }
        };
        Ok(Self { root: root.into(), store: args.store.clone().unwrap_or_default().into_bytes(), key, value })
    }

    /// What a whole answer says of key and value must be what is claimed. (Some nodes leave the key out.)
    fn check_answer(&self, answer: &Value) -> Result<(), Stop> {
        let answer = answer.get("result").unwrap_or(answer);
        let Some(response) = answer.get("response") else { return Ok(()) };
        let found = |name| {
            let text = response.get(name).filter(|value| !value.is_null()).map(|value| value.as_str().unwrap_or("?"));
            let bytes = text.map(|text| STANDARD.decode(text)).transpose();
            bytes.map_err(|_| Stop::malformed("answer-malformed", format!("response, {name}: expected base64")))
        };
        if let Some(found) = found("key")?.filter(|found| !found.is_empty() && *found != self.key) {
            return Err(Ics23Error::KeyMismatch { expected: self.key.clone(), found }.into());
        }
        let expected = self.value.clone().unwrap_or_default();
        if let Some(found) = found("value")?.filter(|found| *found != expected) {
            return Err(Ics23Error::CommitmentValueMismatch { expected, found }.into());
        }
        Ok(())
    }

    /// The messages of the two operations, once they are of this tree about this key, and of this store.
    fn check_operations(&self, operations: Vec<ProofOperation>, kind: &'static str) -> Result<Vec<Vec<u8>>, Stop> {
        if operations.len() != 2 {
            return Err(two_proofs().into());
        }
        let expected = [(kind, &self.key), ("ics23:simple", &self.store)];
        for (operation, (kind, key)) in operations.iter().zip(expected) {
            if operation.kind != kind {
                let field = "type of an operation";
                return Err(Ics23Error::CommitmentProofMalformed { field, expected: kind }.into());
            }
            if operation.key != *key {
                return Err(Ics23Error::KeyMismatch { expected: key.clone(), found: operation.key.clone() }.into());
            }
        }
        Ok(operations.into_iter().map(|operation| operation.data).collect())
    }
}

const fn two_proofs() -> Ics23Error {
    Ics23Error::CommitmentProofMalformed { field: "proof", expected: "two: the key's in its store, and the store's" }
}
