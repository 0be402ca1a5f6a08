//! The compiled contracts, as committed.

use alloy_primitives::{B256, keccak256};
use ethers_core::abi::Abi;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::OnceLock};

/// A compiled contract of this project.
#[derive(Clone, Debug)]
pub struct Artefact {
    name: &'static str,
    abi: Abi,
    creation_code: Vec<u8>,
    runtime_code: Vec<u8>,
    immutables: BTreeMap<String, Vec<Place>>,
}

/// Where an immutable lies in the runtime code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Place {
    start: usize,
    length: usize,
}

/// Why a runtime code cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImmutableError {
    /// A value is given for an immutable that the contract does not have.
    #[error("{contract}: expected one of its immutables, found {found}")]
    Unknown {
        /// The contract.
        contract: &'static str,
        /// The name given.
        found: String,
    },
    /// No value is given for one of the contract's immutables.
    #[error("{contract}: expected a value of {expected}, found none")]
    Missing {
        /// The contract.
        contract: &'static str,
        /// The immutable's name.
        expected: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    abi: Abi,
    bytecode: String,
    deployed_bytecode: String,
    immutable_references: BTreeMap<String, Vec<Place>>,
}

macro_rules! artefacts {
    ($($(#[$doc:meta])* $function:ident: $name:literal),* $(,)?) => {
        impl Artefact {
            $(
                $(#[$doc])*
                pub fn $function() -> &'static Self {
                    static ARTEFACT: OnceLock<Artefact> = OnceLock::new();
                    ARTEFACT.get_or_init(|| {
                        Self::parse($name, include_str!(concat!("../../contracts/artifacts/", $name, ".json")))
                    })
                }
            )*

            /// All of them.
            pub(crate) fn all() -> Vec<&'static Self> {
                vec![$(Self::$function()),*]
            }
        }
    };
}

artefacts! {
    /// The Router.
    router: "Router",
    /// The k-of-n contract whose acts are governed acts.
    governance: "Governance",
    /// The light client of QBFT and IBFT 2.0 chains.
    qbft_light_client: "QbftLightClient",
    /// The light client of Tendermint chains.
    tendermint_light_client: "TendermintLightClient",
    /// The signatures that it checks: made by its constructor.
    tendermint_signatures: "TendermintSignatures",
    /// The ledger of receipts.
    receipt_ledger: "ReceiptLedger",
    /// The bridge of receipts.
    receipt_bridge: "ReceiptBridge",
}

impl Artefact {
    /// The contract's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn abi(&self) -> &Abi {
        &self.abi
    }

    /// The first topic of an event; `None` when there is none of this name, or more than one.
    pub(crate) fn event_hash(&self, name: &str) -> Option<B256> {
        match self.abi.events_by_name(name).map(Vec::as_slice) {
            Ok([event]) => Some(B256::from(event.signature().0)),
            _ => None,
        }
    }

    /// The first four bytes of a custom error; `None` when there is none of this name, or more than one.
    pub(crate) fn error_selector(&self, name: &str) -> Option<[u8; 4]> {
        match self.abi.errors_by_name(name).map(Vec::as_slice) {
            Ok([error]) => error.signature().as_bytes().first_chunk().copied(),
            _ => None,
        }
    }

    /// What creates the contract, constructor arguments not included.
    pub fn creation_code(&self) -> &[u8] {
        &self.creation_code
    }

    /// The keccak-256 of the runtime code with these values of its immutables: what the chain's account of the
    /// contract must hold. Each value is the 32-byte word of its type.
    ///
    /// # Errors
    /// [`ImmutableError`] unless there is exactly one value for each immutable.
    pub fn runtime_code_hash(&self, values: &[(&str, [u8; 32])]) -> Result<B256, ImmutableError> {
        let mut code = self.runtime_code.clone();
        if let Some((found, _)) = values.iter().find(|(name, _)| !self.immutables.contains_key(*name)) {
            return Err(ImmutableError::Unknown { contract: self.name, found: (*found).to_owned() });
        }
        for (name, places) in &self.immutables {
            let (_, word) = values
                .iter()
                .find(|(given, _)| given == name)
                .ok_or_else(|| ImmutableError::Missing { contract: self.name, expected: name.clone() })?;
            for place in places {
                // The compiler's places lie within its code and are a word long; `parse` has checked it.
                if let Some(hole) = code.get_mut(place.start..place.start.saturating_add(place.length)) {
                    hole.copy_from_slice(word);
                }
            }
        }
        Ok(keccak256(code))
    }

    fn parse(name: &'static str, text: &str) -> Self {
        // The files are part of the source and are compared with the compiler's output by the artefact check: a fault
        // in one is a fault of the build, which no caller could handle.
        let file: File = serde_json::from_str(text).unwrap_or_else(|e| panic!("artefact {name}: {e}"));
        let code = |text: &str| {
            hex::decode(text.strip_prefix("0x").unwrap_or(text)).unwrap_or_else(|e| panic!("artefact {name}: {e}"))
        };
        let runtime_code = code(&file.deployed_bytecode);
        for place in file.immutable_references.values().flatten() {
            let fits = place.length == 32 && place.start.checked_add(32).is_some_and(|end| end <= runtime_code.len());
            assert!(fits, "artefact {name}: an immutable outside the code");
        }
        Self {
            name,
            abi: file.abi,
            creation_code: code(&file.bytecode),
            runtime_code,
            immutables: file.immutable_references,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_artefacts_parse_and_fit_on_chain() {
        // EIP-170 and EIP-3860.
        for artefact in Artefact::all() {
            assert!(artefact.runtime_code.len() <= 24_576, "{}", artefact.name);
            assert!(artefact.creation_code.len() <= 49_152, "{}", artefact.name);
            assert!(!artefact.runtime_code.is_empty());
        }
    }

    #[test]
    fn immutables_change_the_code_hash_and_are_all_needed() {
        let router = Artefact::router();
        let names: Vec<&str> = router.immutables.keys().map(String::as_str).collect();
        assert!(names.contains(&"chainId") && names.contains(&"governance"), "{names:?}");
        let values =
            |chain: u8| names.iter().map(move |name| (*name, [if *name == "chainId" { chain } else { 0 }; 32]));
        let a: Vec<_> = values(1).collect();
        let b: Vec<_> = values(2).collect();
        assert_ne!(router.runtime_code_hash(&a), router.runtime_code_hash(&b));
        assert!(matches!(router.runtime_code_hash(&a[1..]), Err(ImmutableError::Missing { .. })));
        let unknown: Vec<_> = a.iter().copied().chain([("owner", [0; 32])]).collect();
        assert!(matches!(router.runtime_code_hash(&unknown), Err(ImmutableError::Unknown { .. })));
    }
}
