//! World state: accounts and their storage, as a value that is cheap to clone.

use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::TrieAccount;
use revm::state::{Account, AccountInfo, Bytecode};

use crate::config::GenesisAccount;
use crate::store::{self, Key, Proof, Tree};
use crate::trie::{Leaf, Trie};

/// An account with its code and its storage.
#[derive(Clone, Debug)]
pub(crate) struct AccountState {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code_hash: B256,
    pub(crate) code: Bytecode,
    /// Its slots, where each account has a trie of them.
    storage: Trie<U256>,
    /// Whether a slot of it was ever written to the one store of all slots.
    has_stored: bool,
}

impl Default for AccountState {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: KECCAK_EMPTY,
            code: Bytecode::default(),
            storage: Trie::default(),
            has_stored: false,
        }
    }
}

impl AccountState {
    fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK_EMPTY
    }

    fn set_slot(&mut self, slot: U256, value: U256) {
        let key = slot_key(slot);
        if value.is_zero() {
            self.storage.remove(&key);
        } else {
            self.storage.insert(&key, value);
        }
    }

    pub(crate) fn slot(&self, slot: U256) -> U256 {
        self.storage.get(&slot_key(slot)).copied().unwrap_or_default()
    }

    pub(crate) fn storage_root(&self) -> B256 {
        self.storage.root()
    }

    pub(crate) fn storage_proof(&self, slot: U256) -> Vec<Bytes> {
        self.storage.proof(&slot_key(slot))
    }
}

impl Leaf for AccountState {
    fn encode_leaf(&self, out: &mut Vec<u8>) {
        TrieAccount {
            nonce: self.nonce,
            balance: self.balance,
            storage_root: self.storage.root(),
            code_hash: self.code_hash,
        }
        .encode(out);
    }
}

fn slot_key(slot: U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}

/// The state after one block, or in the middle of one.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    accounts: Trie<AccountState>,
    /// All slots, where ICS-23 proves them; else each account has a trie of its own.
    slots: Option<Tree>,
}

impl State {
    /// The empty state of a chain whose slots are proven by ICS-23. `parameters` keep the store from ever being empty.
    pub(crate) fn with_store(parameters: B256) -> Self {
        let mut slots = Tree::default();
        slots.insert(Key::Parameters, parameters);
        Self { slots: Some(slots), ..Self::default() }
    }

    /// The root over all stores.
    pub(crate) fn app_hash(&self) -> B256 {
        store::app_hash(self.root(), self.store_root())
    }

    fn store_root(&self) -> B256 {
        self.slots.as_ref().map_or(B256::ZERO, Tree::root)
    }

    /// What the store of slots holds at a key, the proof of it, and the proof of that store: as messages of ICS-23.
    pub(crate) fn prove(&self, key: &[u8]) -> Option<(Option<B256>, [Vec<u8>; 2])> {
        let slots = self.slots.as_ref()?;
        let proof = slots.prove(key);
        let value = match &proof {
            Proof::Existence(leaf) => Some(leaf.value),
            Proof::Absence { .. } => None,
        };
        Some((value, [proof.encode(key), store::simple_proof(self.root(), slots.root())]))
    }

    pub(crate) fn account(&self, address: Address) -> Option<&AccountState> {
        self.accounts.get(&keccak256(address))
    }

    pub(crate) fn nonce(&self, address: Address) -> u64 {
        self.account(address).map_or(0, |account| account.nonce)
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.account(address).map_or(U256::ZERO, |account| account.balance)
    }

    pub(crate) fn root(&self) -> B256 {
        self.accounts.root()
    }

    pub(crate) fn account_proof(&self, address: Address) -> Vec<Bytes> {
        self.accounts.proof(&keccak256(address))
    }

    pub(crate) fn info(&self, address: Address) -> Option<AccountInfo> {
        self.account(address).map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            code: Some(account.code.clone()),
            ..AccountInfo::default()
        })
    }

    pub(crate) fn slot(&self, address: Address, slot: U256) -> U256 {
        match &self.slots {
            Some(slots) => slots.get(&store_key(address, slot)).map_or(U256::ZERO, Into::into),
            None => self.account(address).map_or(U256::ZERO, |account| account.slot(slot)),
        }
    }

    pub(crate) fn set_genesis_account(&mut self, address: Address, genesis: &GenesisAccount) {
        let code = Bytecode::new_raw(genesis.code.clone());
        let mut account = AccountState {
            nonce: genesis.nonce,
            balance: genesis.balance,
            code_hash: keccak256(&genesis.code),
            code,
            ..AccountState::default()
        };
        for (slot, value) in genesis.storage.iter().filter(|(_, value)| !value.is_zero()) {
            set_slot(&mut self.slots, &mut account, address, *slot, *value);
        }
        self.accounts.insert(&keccak256(address), account);
    }

    /// Applies what a transaction changed. Empty accounts leave the state (EIP-161).
    pub(crate) fn apply(&mut self, address: Address, change: Account) {
        if !change.is_touched() {
            return;
        }
        let key = keccak256(address);
        if change.is_selfdestructed() || change.is_created() {
            self.clear_slots(address);
        }
        if change.is_selfdestructed() {
            self.accounts.remove(&key);
            return;
        }
        if self.accounts.get(&key).is_none() {
            self.accounts.insert(&key, AccountState::default());
        }
        let account = self.accounts.get_mut(&key).expect("it was inserted above when missing");
        account.nonce = change.info.nonce;
        account.balance = change.info.balance;
        if account.code_hash != change.info.code_hash {
            account.code_hash = change.info.code_hash;
            account.code = change.info.code.clone().unwrap_or_default();
        }
        for (slot, value) in change.changed_storage_slots() {
            set_slot(&mut self.slots, account, address, *slot, value.present_value);
        }
        if account.is_empty() {
            self.clear_slots(address);
            self.accounts.remove(&key);
        }
    }

    /// Takes all slots of an account away.
    fn clear_slots(&mut self, address: Address) {
        let Some(account) = self.accounts.get_mut(&keccak256(address)) else { return };
        account.storage = Trie::default();
        if std::mem::take(&mut account.has_stored)
            && let Some(slots) = &mut self.slots
        {
            slots.remove_account(address);
        }
    }
}

/// Sets a slot, where the chain keeps slots. A store keeps one that was cleared, as 32 zero bytes; a trie does not.
fn set_slot(slots: &mut Option<Tree>, account: &mut AccountState, address: Address, slot: U256, value: U256) {
    match slots {
        Some(slots) => {
            account.has_stored = true;
            slots.insert(store_key(address, slot), value.into());
        }
        None => account.set_slot(slot, value),
    }
}

fn store_key(address: Address, slot: U256) -> Key {
    Key::Slot { address, slot: slot.into() }
}
