//! What a chain under Tendermint chooses.

use alloy_primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};

use super::keys::KeyType;
use super::set::MAX_TOTAL_POWER;
use crate::consensus::MAX_VALIDATORS;
use crate::error::ChainError;

/// The power of a validator for which none is named.
pub const DEFAULT_POWER: u64 = 10;

/// The greatest power of one validator: as much as all of them together may have, shared out.
pub const MAX_POWER: u64 = MAX_TOTAL_POWER / MAX_VALIDATORS as u64;

/// The settings of a chain under Tendermint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TendermintConfig {
    /// What the chain calls itself, 1 to 50 characters of letters, digits, `-`, `_` and `.`; signed by every vote.
    pub chain_id: String,
    /// The kind of key that its validators have.
    pub key_type: KeyType,
    /// Powers in the order of the keys, validators first, 1 to [`MAX_POWER`]; [`DEFAULT_POWER`] where there is none.
    #[serde(default)]
    pub powers: Vec<u64>,
    /// Changes that nobody votes for.
    #[serde(default)]
    pub schedule: Vec<PowerChange>,
}

/// A power that changes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerChange {
    /// The block that brings the change, from 1; the set has it two heights later.
    pub height: u64,
    /// Index of the key, from 0.
    pub validator: u64,
    /// The power from then on; 0 takes the validator out.
    pub power: u64,
}

impl TendermintConfig {
    /// A chain whose validators all have [`DEFAULT_POWER`].
    #[must_use]
    pub fn new(chain_id: impl Into<String>, key_type: KeyType) -> Self {
        Self { chain_id: chain_id.into(), key_type, powers: Vec::new(), schedule: Vec::new() }
    }

    pub(super) fn power(&self, index: usize) -> u64 {
        self.powers.get(index).copied().unwrap_or(DEFAULT_POWER)
    }

    /// `keys` is how many keys the chain has.
    pub(crate) fn check(&self, keys: u64) -> Result<(), ChainError> {
        let bad = |field, expected, found| Err(ChainError::Config { field, expected, found });
        if tendermint::chain::Id::try_from(self.chain_id.clone()).is_err() {
            return bad("tendermint chain_id", "1 to 50 letters, digits, '-', '_' and '.'", self.chain_id.clone());
        }
        if let Some(power) = self.powers.iter().find(|power| **power == 0 || **power > MAX_POWER) {
            return bad("powers", "1 to 2^52-1 each", power.to_string());
        }
        if self.powers.len() as u64 > keys {
            return bad("powers", "at most one for each validator and candidate", self.powers.len().to_string());
        }
        for change in &self.schedule {
            if change.power > MAX_POWER {
                return bad("schedule, power", "0 to 2^52-1", change.power.to_string());
            }
            if change.validator >= keys {
                return bad(
                    "schedule, validator",
                    "the index of a validator or candidate",
                    change.validator.to_string(),
                );
            }
        }
        Ok(())
    }

    /// Everything that the chain's blocks depend on, as one hash.
    pub(super) fn identity(&self) -> B256 {
        let mut preimage = Vec::new();
        // Each part has its length before it, or a fixed one.
        let mut put = |number: u64| preimage.extend_from_slice(&number.to_be_bytes());
        put(self.key_type as u64);
        put(self.powers.len() as u64);
        self.powers.iter().for_each(|power| put(*power));
        put(self.schedule.len() as u64);
        for PowerChange { height, validator, power } in &self.schedule {
            [height, validator, power].into_iter().for_each(|number| put(*number));
        }
        preimage.extend_from_slice(self.chain_id.as_bytes());
        keccak256(preimage)
    }
}
