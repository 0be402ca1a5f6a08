//! Validator sets with their powers, and whose turn it is to propose.
//!
//! Source: CometBFT 0.38, `types/validator_set.go`.

use std::cmp::Reverse;
use std::sync::Arc;

use alloy_primitives::{Address, B256};

use super::block::merkle_root;
use super::keys::PublicKey;
use crate::protobuf::{put_message, put_number};

/// The greatest sum of the powers of a set: an eighth of the greatest 64-bit number with a sign.
///
/// Source: CometBFT 0.38, `types/validator_set.go` (`MaxTotalVotingPower`).
pub(super) const MAX_TOTAL_POWER: u64 = (i64::MAX / 8).cast_unsigned();

/// How far priorities may lie apart, in multiples of the total power (`PriorityWindowSizeFactor`).
const PRIORITY_WINDOW: i128 = 2;

/// A key and what its vote is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validator {
    pub(crate) key: PublicKey,
    pub(crate) address: Address,
    pub(crate) power: u64,
}

/// Who is in a set, by descending power and then by address. Shared by all heights that have it.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) validators: Vec<Validator>,
    pub(crate) total_power: u64,
    /// What headers name the set by.
    pub(crate) hash: B256,
}

/// The set of one height: its members, and their claims to propose.
#[derive(Clone, Debug)]
pub(crate) struct ValidatorSet {
    pub(crate) members: Arc<Members>,
    pub(crate) priorities: Vec<i64>,
    proposer: usize,
}

impl Members {
    fn new(mut validators: Vec<Validator>) -> Self {
        validators.sort_by_key(|validator| (Reverse(validator.power), validator.address));
        let leaves: Vec<Vec<u8>> = validators.iter().map(leaf).collect();
        Self { total_power: total_power(&validators), hash: merkle_root(&leaves), validators }
    }

    pub(crate) fn power_of(&self, address: &Address) -> u64 {
        self.validators.iter().find(|validator| validator.address == *address).map_or(0, |validator| validator.power)
    }

    /// Whether so much power decides: more than two thirds.
    pub(crate) fn is_quorum(&self, power: u64) -> bool {
        u128::from(power) * 3 > u128::from(self.total_power) * 2
    }
}

/// `SimpleValidator`.
fn leaf(validator: &Validator) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_message(&mut bytes, 1, &validator.key.encode());
    put_number(&mut bytes, 2, validator.power);
    bytes
}

fn total_power<'a>(validators: impl IntoIterator<Item = &'a Validator>) -> u64 {
    // Bounded by the configuration and by what changes are taken.
    validators.into_iter().fold(0, |sum, validator| sum.saturating_add(validator.power))
}

impl ValidatorSet {
    /// The first set of a chain, with a proposer.
    pub(crate) fn genesis(validators: Vec<Validator>) -> Self {
        let count = validators.len();
        let mut set = Self { members: Arc::new(Members::new(validators)), priorities: vec![0; count], proposer: 0 };
        set.rotate();
        set
    }

    /// A set that only votes, for headers that are not the chain's.
    pub(crate) fn forged(validators: Vec<Validator>) -> Self {
        let count = validators.len();
        Self { members: Arc::new(Members::new(validators)), priorities: vec![0; count], proposer: 0 }
    }

    pub(crate) fn proposer(&self) -> &Validator {
        &self.members.validators[self.proposer]
    }

    /// The set of the next height: with the changes, and with the next proposer. A power of 0 takes a validator out.
    pub(crate) fn next(&self, changes: &[Validator]) -> Self {
        let mut next = self.clone();
        if !changes.is_empty() {
            next.change(changes);
        }
        next.rotate();
        next
    }

    /// Who proposes in each round, from 0 on, as long as there is no block.
    pub(crate) fn proposers(&self) -> impl Iterator<Item = Validator> {
        let mut set = self.clone();
        std::iter::once(self.proposer().clone()).chain(std::iter::repeat_with(move || {
            set.rotate();
            set.proposer().clone()
        }))
    }

    /// `updateWithChangeSet`.
    fn change(&mut self, changes: &[Validator]) {
        let mut places: Vec<(Validator, Option<i64>)> = self
            .members
            .validators
            .iter()
            .cloned()
            .zip(self.priorities.iter().map(|priority| Some(*priority)))
            .collect();
        for change in changes.iter().filter(|change| change.power != 0) {
            match places.iter_mut().find(|(validator, _)| validator.address == change.address) {
                Some((validator, _)) => validator.power = change.power,
                None => places.push((change.clone(), None)),
            }
        }
        // Leaving and coming back at once must not pay, so who is new starts behind everyone else.
        let total = total_power(places.iter().map(|(validator, _)| validator)).cast_signed();
        let leaves = |address: &Address| changes.iter().any(|change| change.power == 0 && change.address == *address);
        places.retain(|(validator, _)| !leaves(&validator.address));
        places.sort_by_key(|(validator, _)| (Reverse(validator.power), validator.address));
        self.priorities = places.iter().map(|(_, priority)| priority.unwrap_or(-(total + (total >> 3)))).collect();
        self.members = Arc::new(Members::new(places.into_iter().map(|(validator, _)| validator).collect()));
        self.center();
    }

    /// `IncrementProposerPriority(1)`.
    fn rotate(&mut self) {
        self.center();
        for (priority, validator) in self.priorities.iter_mut().zip(&self.members.validators) {
            *priority = priority.saturating_add(validator.power.cast_signed());
        }
        let order = |at: &usize| (self.priorities[*at], Reverse(self.members.validators[*at].address));
        self.proposer = (0..self.priorities.len()).max_by_key(order).expect("a set is never empty");
        let total = self.members.total_power.cast_signed();
        self.priorities[self.proposer] = self.priorities[self.proposer].saturating_sub(total);
    }

    /// Keeps priorities within their window and around 0.
    fn center(&mut self) {
        let window = PRIORITY_WINDOW * i128::from(self.members.total_power);
        let bounds = self.priorities.iter().min().zip(self.priorities.iter().max());
        let spread = bounds.map_or(0, |(least, greatest)| i128::from(*greatest) - i128::from(*least));
        if spread > window && window > 0 {
            let ratio = (spread + window - 1) / window;
            self.priorities.iter_mut().for_each(|priority| *priority = (i128::from(*priority) / ratio) as i64);
        }
        let sum: i128 = self.priorities.iter().map(|priority| i128::from(*priority)).sum();
        let mean = sum.div_euclid(self.priorities.len().max(1) as i128) as i64;
        self.priorities.iter_mut().for_each(|priority| *priority = priority.saturating_sub(mean));
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use super::*;
    use crate::consensus::tendermint::keys::KeyType;

    /// Blocks of CometBFT 0.38 with the sets around them, recorded while validators came, went and changed their power.
    fn recorded() -> Value {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../light-clients/tendermint/vectors/captures/cometbft-038-walk.json"
        );
        let text = std::fs::read_to_string(path).expect("the vectors of the light client");
        serde_json::from_str::<Value>(&text).expect("JSON")["blocks"].take()
    }

    fn number<T: std::str::FromStr>(value: &Value) -> T {
        value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("a number, not {value}"))
    }

    fn validator(value: &Value) -> Validator {
        let bytes = STANDARD.decode(value["pub_key"]["value"].as_str().expect("a text")).expect("base64");
        let key = PublicKey { key_type: KeyType::Ed25519, bytes };
        let address = key.address();
        assert_eq!(hex::encode_upper(address), value["address"].as_str().expect("a text"));
        Validator { key, address, power: number(&value["voting_power"]) }
    }

    fn set(list: &Value) -> ValidatorSet {
        let list = list.as_array().expect("a list");
        let members = Arc::new(Members::new(list.iter().map(validator).collect()));
        let priorities = list.iter().map(|one| number(&one["proposer_priority"])).collect();
        ValidatorSet { members, priorities, proposer: 0 }
    }

    #[test]
    fn sets_and_turns_are_those_of_recorded_chains() {
        let (mut steps, mut changed) = (0, 0);
        for (height, block) in recorded().as_object().expect("blocks") {
            let Ok(height) = height.parse::<u64>() else { continue };
            let (before, after) = (set(&block["validators"]), set(&block["next_validators"]));
            let header = &block["signed_header"]["header"];
            assert_eq!(hex::encode_upper(before.members.hash), header["validators_hash"].as_str().expect("a text"));
            let power_before = |validator: &Validator| before.members.power_of(&validator.address);
            let mut changes: Vec<Validator> =
                after.members.validators.iter().filter(|one| one.power != power_before(one)).cloned().collect();
            let left = before.members.validators.iter().filter(|one| after.members.power_of(&one.address) == 0);
            changes.extend(left.map(|one| Validator { power: 0, ..one.clone() }));
            let next = before.next(&changes);
            assert_eq!(next.members.validators, after.members.validators, "after {height}");
            assert_eq!(next.priorities, after.priorities, "after {height}");
            (steps, changed) = (steps + 1, changed + usize::from(!changes.is_empty()));
        }
        assert!(steps >= 13 && changed >= 3, "{changed} of {steps}");
    }

    #[test]
    fn more_than_two_thirds_decide() {
        for (powers, two_thirds) in [(&[1, 1, 1][..], 2), (&[10, 10, 10, 10], 26), (&[1], 0), (&[5, 2, 2], 6)] {
            let key = |byte: usize| PublicKey { key_type: KeyType::Ed25519, bytes: vec![byte as u8; 32] };
            let validator =
                |(at, power): (usize, &u64)| Validator { address: key(at).address(), key: key(at), power: *power };
            let members = Members::new(powers.iter().enumerate().map(validator).collect());
            assert!(!members.is_quorum(two_thirds) && members.is_quorum(two_thirds + 1), "{powers:?}");
        }
    }
}
