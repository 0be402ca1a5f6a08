//! Blocks and sets as CometBFT's RPC answers them: hashes in upper-case hexadecimal, keys and signatures in base64, numbers of 64 bits
//! as texts.
//!
//! Headers, commits and blocks are written by upstream's types; sets by hand, since upstream knows no SM2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::keys::PublicKey;
use super::set::ValidatorSet;
use super::{Certified, Sealed, block, last_commit, transactions};
use crate::index::Block;

/// Bytes in base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes in upper-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    alloy_primitives::hex::encode_upper(bytes)
}

pub(crate) fn public_key(key: &PublicKey) -> Value {
    json!({"type": key.key_type.rpc_name(), "value": base64(&key.bytes)})
}

/// All validators of a set, in its order.
pub(crate) fn validators(set: &ValidatorSet) -> Vec<Value> {
    let validators = set.members.validators.iter().zip(&set.priorities);
    validators
        .map(|(validator, priority)| {
            json!({
                "address": hexadecimal(validator.address.as_slice()),
                "pub_key": public_key(&validator.key),
                "voting_power": validator.power.to_string(),
                "proposer_priority": priority.to_string(),
            })
        })
        .collect()
}

/// CometBFT shows no signature as null, upstream as an empty one.
fn show_absences(commit: &mut Value) {
    let votes = commit["signatures"].as_array_mut().into_iter().flatten();
    for signature in votes.filter_map(|vote| vote.get_mut("signature")).filter(|signature| *signature == "") {
        *signature = Value::Null;
    }
}

impl Certified {
    pub(crate) fn header(&self) -> Value {
        json!(self.header)
    }

    pub(crate) fn signed_header(&self) -> Value {
        let mut commit = json!(self.commit);
        show_absences(&mut commit);
        json!({"header": self.header, "commit": commit})
    }

    /// The block that has this header, the contents being those of `block`, which follows `parent`.
    pub(crate) fn block(&self, parent: &Block, block: &Block) -> Value {
        let transactions = transactions(self.ballot, &block.transactions);
        let mut shown = json!(block::block(&self.header, transactions, last_commit(parent).cloned()));
        for list in ["/data/txs", "/evidence/evidence"] {
            // Upstream shows an empty list as null.
            if let Some(list) = shown.pointer_mut(list).filter(|list| list.is_null()) {
                *list = json!([]);
            }
        }
        if let Some(commit) = shown.pointer_mut("/last_commit") {
            show_absences(commit);
        }
        json!({"block_id": self.id, "block": shown})
    }

    /// Header, votes and sets in one: what verifies a block.
    pub(crate) fn light_block(&self, set: &ValidatorSet, next: &ValidatorSet) -> Value {
        json!({
            "signed_header": self.signed_header(),
            "validators": validators(set),
            "next_validators": validators(next),
        })
    }
}

impl Sealed {
    pub(crate) fn light_block(&self) -> Option<Value> {
        Some(self.certified.as_ref()?.light_block(&self.set, &self.next))
    }
}
