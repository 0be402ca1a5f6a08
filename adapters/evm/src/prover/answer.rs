//! What `eth_getProof` answers.

use crate::rpc::{Fields, RpcError, array, big_quantity, bytes};
use alloy_primitives::Address;
use light_client::{SlotKey, StateRoot};
use light_client_proofs::mpt::{EMPTY_ROOT, MAX_NODE_BYTES};
use serde_json::Value;

/// The most nodes of one path: a key has 64 nibbles.
const MAX_PATH_NODES: usize = 65;

/// The nodes on the way to an account and to some of its slots, each list from the root down; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProofAnswer {
    pub(super) account: Vec<Vec<u8>>,
    /// In the order of the slots asked for.
    pub(super) slots: Vec<(SlotKey, Vec<Vec<u8>>)>,
}

impl ProofAnswer {
    /// # Errors
    /// [`RpcError::Shape`] unless the answer is for this account and exactly these slots in this order.
    pub(super) fn read(answer: &Value, address: Address, slots: &[SlotKey]) -> Result<Self, RpcError> {
        let fields = Fields::of("proof", answer)?;
        if let Some(found) = fields.optional("address") {
            let found = crate::rpc::fixed::<20>("address", found)?;
            if found != address.into_array() {
                let found = Address::from(found).to_string();
                return Err(RpcError::Shape { field: "address", expected: "the account asked for", found });
            }
        }
        let lists = fields.array("storageProof", slots.len())?;
        if lists.len() != slots.len() {
            let found = format!("{} of {}", lists.len(), slots.len());
            return Err(RpcError::Shape { field: "storageProof", expected: "a proof for every slot", found });
        }
        let list = |(slot, value): (&SlotKey, &Value)| {
            let fields = Fields::of("storageProof", value)?;
            // Nodes write the key as 32 bytes or as a number.
            let key = big_quantity("key", fields.required("key")?)?;
            let expected: Vec<u8> = slot.as_bytes().iter().copied().skip_while(|byte| *byte == 0).collect();
            if key != expected {
                let found = hex::encode(key);
                return Err(RpcError::Shape { field: "key", expected: "the slots in the order asked for", found });
            }
            Ok((*slot, nodes("proof", fields.required("proof")?)?))
        };
        Ok(Self {
            account: nodes("accountProof", fields.required("accountProof")?)?,
            slots: slots.iter().zip(lists).map(list).collect::<Result<_, _>>()?,
        })
    }

    /// Takes the lone empty node out that some software answers for a trie without entries.
    pub(super) fn for_root(mut self, root: StateRoot) -> Self {
        if root == EMPTY_ROOT {
            for (_, nodes) in &mut self.slots {
                if matches!(nodes.as_slice(), [node] if node.as_slice() == [0x80]) {
                    nodes.clear();
                }
            }
        }
        self
    }
}

fn nodes(field: &'static str, value: &Value) -> Result<Vec<Vec<u8>>, RpcError> {
    array(field, value, MAX_PATH_NODES)?.iter().map(|node| bytes(field, node, MAX_NODE_BYTES)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer() -> Value {
        json!({
            "address": format!("0x{}", "11".repeat(20)),
            "accountProof": ["0x01"],
            "storageProof": [
                { "key": format!("0x{:064x}", 5), "value": "0x1", "proof": ["0x02", "0x03"] },
                { "key": "0x6", "value": "0x0", "proof": [] },
            ],
        })
    }

    fn slot(number: u8) -> SlotKey {
        let mut bytes = [0; 32];
        bytes[31] = number;
        SlotKey::new(bytes)
    }

    #[test]
    fn answers_are_for_what_was_asked() {
        let address = Address::repeat_byte(0x11);
        let read = ProofAnswer::read(&answer(), address, &[slot(5), slot(6)]).unwrap();
        assert_eq!(read.slots, [(slot(5), vec![vec![2], vec![3]]), (slot(6), vec![])]);
        for slots in [vec![slot(5)], vec![slot(6), slot(5)], vec![slot(5), slot(6), slot(7)]] {
            assert!(ProofAnswer::read(&answer(), address, &slots).is_err(), "{slots:?}");
        }
        assert!(ProofAnswer::read(&answer(), Address::repeat_byte(0x12), &[slot(5), slot(6)]).is_err());
    }

    #[test]
    fn sizes_are_bounded() {
        let mut long = answer();
        long["accountProof"] = json!(vec!["0x01"; MAX_PATH_NODES + 1]);
        let mut wide = answer();
        wide["accountProof"] = json!([format!("0x{}", "00".repeat(MAX_NODE_BYTES + 1))]);
        for bad in [long, wide] {
            assert!(ProofAnswer::read(&bad, Address::repeat_byte(0x11), &[slot(5), slot(6)]).is_err());
        }
    }
}
