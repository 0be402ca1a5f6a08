//! Deploying the contracts, and predicting their code.

use crate::{Artefact, Consensus, Deployed, EvmAccount, EvmChain, EvmConfig, abi::calls::word, account};
use adapter::AdapterError;
use alloy_primitives::{Address, B256, keccak256};
use ethers_core::{
    abi::{Token, encode},
    types::{self as ethers, U256},
};
use light_client::{ChainId, CodeHash, sha256};

/// The hashing mode in which the KECCAK256 opcode answers Keccak-256.
pub(crate) const OPCODE_MODE: u8 = 0;
/// The kind of an EVM chain's accounts in the payload `wr-1`.
const EVM_ACCOUNT_KIND: u8 = 1;
/// What the bridge calls its payload and the payload's form. Source: protocol `wr-1`; `Wr1Codec` of the contracts.
const PAYLOAD_VERSION: &str = "wr-1";
const PAYLOAD_ENCODING: &str = "application/x-solidity-abi";

/// The code hash of a Router on this chain with this governance: what the chain's account of it must hold.
///
/// # Errors
/// [`AdapterError::Config`] when the artefact has other immutables than are known here.
pub fn router_code_hash(chain_id: u64, governance: Address) -> Result<CodeHash, AdapterError> {
    let values = [
        ("chainId", word(U256::from(chain_id))),
        ("governance", governance.into_word().0),
        ("hashMode", word(U256::from(OPCODE_MODE))),
    ];
    predicted(Artefact::router(), &values)
}

/// The code hash of a governance contract; its members and rules are in its state.
///
/// # Errors
/// [`AdapterError::Config`] when the artefact has other immutables than are known here.
pub fn governance_code_hash() -> Result<CodeHash, AdapterError> {
    predicted(Artefact::governance(), &[])
}

/// The code hash of a receipt ledger of the chain of this `chain_ref`, with this governance.
///
/// # Errors
/// [`AdapterError::Config`] when the artefact has other immutables than are known here.
pub fn ledger_code_hash(governance: Address, home_ref: [u8; 32]) -> Result<CodeHash, AdapterError> {
    predicted(Artefact::receipt_ledger(), &[("governance", governance.into_word().0), ("homeRef", home_ref)])
}

/// The code hash of a receipt bridge between this Router and this ledger, on a port of at most 32 bytes.
///
/// # Errors
/// [`AdapterError::Config`] when the artefact has other immutables than are known here.
pub fn bridge_code_hash(
    router: Address,
    ledger: Address,
    governance: Address,
    home_ref: [u8; 32],
    port: &str,
) -> Result<CodeHash, AdapterError> {
    let values = [
        ("_router", router.into_word().0),
        ("_ledger", ledger.into_word().0),
        ("governance", governance.into_word().0),
        ("homeRef", home_ref),
        ("accountKind", word(U256::from(EVM_ACCOUNT_KIND))),
        ("_portText", B256::right_padding_from(port.as_bytes().get(..32).unwrap_or(port.as_bytes())).0),
        ("_portBytes", word(U256::from(port.len()))),
        ("_portKey", keccak256(port).0),
        ("_versionKey", keccak256(PAYLOAD_VERSION).0),
        ("_encodingKey", keccak256(PAYLOAD_ENCODING).0),
    ];
    predicted(Artefact::receipt_bridge(), &values)
}

/// What an Ethereum-compatible chain is called in receipts, by its decimal id and the hash of its first block.
///
/// Source: protocol `wr-1`, "Identifiers", namespace "eip155".
pub fn chain_ref(chain_id: u64, genesis_hash: [u8; 32]) -> [u8; 32] {
    reference("eip155", &chain_id.to_string(), genesis_hash)
}

/// What a Tendermint chain is called in receipts, also when it has an EVM: by its own id and the hash of its first block.
///
/// Source: protocol `wr-1`, "Identifiers", namespace "cosmos".
pub fn tendermint_chain_ref(chain_id: &ChainId, genesis_hash: [u8; 32]) -> [u8; 32] {
    reference("cosmos", chain_id.as_str(), genesis_hash)
}

/// SHA-256(tag ‖ SHA-256(namespace) ‖ SHA-256(chain id) ‖ hash of the first block). Every part has 32 bytes, so that the
/// preimage has one reading.
fn reference(namespace: &str, chain_id: &str, genesis_hash: [u8; 32]) -> [u8; 32] {
    let mut tag = [0; 32];
    let text = b"lighterman/chain/1";
    tag[..text.len()].copy_from_slice(text);
    sha256(&[&tag, &sha256(&[namespace.as_bytes()]), &sha256(&[chain_id.as_bytes()]), &genesis_hash])
}

impl EvmConfig {
    /// What the chain is called in receipts.
    pub fn chain_ref(&self, genesis_hash: [u8; 32]) -> [u8; 32] {
        match &self.consensus {
            Consensus::Qbft | Consensus::Ibft2 => chain_ref(self.chain_id, genesis_hash),
            Consensus::Tendermint { chain_id, .. } => tendermint_chain_ref(chain_id, genesis_hash),
        }
    }
}

impl EvmAccount {
    /// Deploys the governance.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn deploy_governance(
        &self,
        members: &[Address],
        threshold: u16,
        delay_seconds: u64,
    ) -> Result<Deployed, AdapterError> {
        let members = members.iter().map(|member| Token::Address(ethers_address(*member))).collect();
        let arguments = [Token::Array(members), number(threshold.into()), number(delay_seconds)];
        self.create(Artefact::governance(), &encode(&arguments)).await
    }

    /// Deploys a Router.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn deploy_router(&self, governance: Address) -> Result<Deployed, AdapterError> {
        let arguments = [Token::Address(ethers_address(governance)), number(OPCODE_MODE.into())];
        self.create(Artefact::router(), &encode(&arguments)).await
    }

    /// Deploys a ledger of receipts whose home is the chain of this `chain_ref`.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn deploy_ledger(&self, governance: Address, home_ref: [u8; 32]) -> Result<Deployed, AdapterError> {
        let arguments = [Token::Address(ethers_address(governance)), Token::FixedBytes(home_ref.to_vec())];
        self.create(Artefact::receipt_ledger(), &encode(&arguments)).await
    }

    /// Deploys a bridge of receipts on a port.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn deploy_bridge(
        &self,
        router: Address,
        ledger: Address,
        governance: Address,
        port: &str,
    ) -> Result<Deployed, AdapterError> {
        let arguments = [
            Token::Address(ethers_address(router)),
            Token::Address(ethers_address(ledger)),
            Token::Address(ethers_address(governance)),
            Token::String(port.to_owned()),
            number(EVM_ACCOUNT_KIND.into()),
        ];
        self.create(Artefact::receipt_bridge(), &encode(&arguments)).await
    }
}

impl EvmChain {
    /// The keccak-256 of an account's code now, as a node says; that of no bytes when it has none.
    ///
    /// # Errors
    /// [`AdapterError::Unavailable`] when no endpoint answers.
    pub async fn code_hash(&self, address: Address) -> Result<CodeHash, AdapterError> {
        account::code_hash(self.shared(), address).await.map(|hash| CodeHash::new(hash.0))
    }
}

/// The code hash of a contract with these values of its immutables.
///
/// # Errors
/// [`AdapterError::Config`] when the artefact has other immutables than are known here.
pub(crate) fn predicted(artefact: &'static Artefact, values: &[(&str, [u8; 32])]) -> Result<CodeHash, AdapterError> {
    let hash = artefact.runtime_code_hash(values).map_err(|e| AdapterError::Config {
        key: "artefact",
        expected: "the immutables that are known here".to_owned(),
        found: e.to_string(),
    })?;
    Ok(CodeHash::new(hash.0))
}

pub(crate) fn number(number: u64) -> Token {
    Token::Uint(number.into())
}

pub(crate) fn ethers_address(address: Address) -> ethers::Address {
    ethers::Address::from(address.into_array())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn router_code_commits_to_chain_and_governance() {
        let hash = |chain, governance: u8| router_code_hash(chain, Address::repeat_byte(governance)).unwrap();
        assert_eq!(hash(1, 1), hash(1, 1));
        assert_ne!(hash(1, 1), hash(2, 1));
        assert_ne!(hash(1, 1), hash(1, 2));
    }

    #[test]
    fn chains_are_called_by_namespace_id_and_first_block() {
        let sha = |bytes: &[u8]| sha256(&[bytes]);
        let tag = *b"lighterman/chain/1\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let by_hand = |namespace: &str, id: &str, genesis: [u8; 32]| {
            sha(&[tag, sha(namespace.as_bytes()), sha(id.as_bytes()), genesis].concat())
        };
        assert_eq!(chain_ref(1337, [7; 32]), by_hand("eip155", "1337", [7; 32]));
        let id: ChainId = "evmd-1".parse().unwrap();
        assert_eq!(tendermint_chain_ref(&id, [7; 32]), by_hand("cosmos", "evmd-1", [7; 32]));
        let qbft = EvmConfig::new(1337, Vec::new());
        assert_eq!(qbft.chain_ref([1; 32]), chain_ref(1337, [1; 32]));
        let consensus = Consensus::Tendermint { chain_id: id.clone(), initial_height: 1 };
        let cosmos = EvmConfig { consensus, ..qbft };
        assert_eq!(cosmos.chain_ref([1; 32]), tendermint_chain_ref(&id, [1; 32]));
    }
}
