//! The four fields of an account.

use crate::{
    ProofError,
    mpt::Trie,
    rlp::{Reader, RlpError},
};
use alloc::vec::Vec;
use light_client::{CodeHash, StateRoot};
use light_client_crypto::{Address, HashSuite};

/// An account as the state trie holds it.
///
/// Source: Ethereum Yellow Paper, section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts made.
    pub nonce: u64,
    /// Wei, 32 bytes big-endian.
    pub balance: [u8; 32],
    /// The root of the trie of its storage.
    pub storage_root: StateRoot,
    /// The hash of its runtime code.
    pub code_hash: CodeHash,
}

impl Account {
    /// Reads the leaf's bytes.
    ///
    /// # Errors
    /// [`ProofError::AccountMalformed`] unless they are exactly the four fields.
    pub fn decode(leaf: &[u8]) -> Result<Self, ProofError> {
        let fields = || -> Result<Option<Self>, RlpError> {
            let mut whole = Reader::new(leaf);
            let mut list = whole.list()?;
            whole.finish()?;
            let nonce = list.u64()?;
            let number = list.item()?.integer(32)?;
            let storage_root = <[u8; 32]>::try_from(list.bytes()?);
            let code_hash = <[u8; 32]>::try_from(list.bytes()?);
            list.finish()?;
            let mut balance = [0; 32];
            for (to, from) in balance.iter_mut().rev().zip(number.iter().rev()) {
                *to = *from;
            }
            Ok(match (storage_root, code_hash) {
                (Ok(storage_root), Ok(code_hash)) => Some(Self {
                    nonce,
                    balance,
                    storage_root: StateRoot::new(storage_root),
                    code_hash: CodeHash::new(code_hash),
                }),
                _ => None,
            })
        };
        fields()
            .map_err(|source| ProofError::AccountMalformed { source: Some(source) })?
            .ok_or(ProofError::AccountMalformed { source: None })
    }
}

/// The account at `address` under a state root, or `None` when there is none. `nodes` follow one another.
///
/// # Errors
/// One variant of [`ProofError`] for each rule.
pub fn prove<S: HashSuite>(
    suite: &S,
    state_root: StateRoot,
    nodes: &[u8],
    address: &Address,
) -> Result<Option<Account>, ProofError> {
    let mut trie = Trie::new(suite, state_root, nodes);
    let account = trie.get(&suite.hash(&[address.as_bytes()]))?.map(Account::decode).transpose()?;
    trie.finish()?;
    Ok(account)
}

/// As [`prove`], with the nodes as `eth_getProof` lists them.
///
/// # Errors
/// As [`prove`].
pub fn prove_list<S: HashSuite, N: AsRef<[u8]>>(
    suite: &S,
    state_root: StateRoot,
    nodes: &[N],
    address: &Address,
) -> Result<Option<Account>, ProofError> {
    let list: Vec<u8> = nodes.iter().flat_map(AsRef::as_ref).copied().collect();
    prove(suite, state_root, &list, address)
}

/// The storage root of the contract at `address`, whose code must be the one pinned.
///
/// # Errors
/// As [`prove`]; [`ProofError::AccountAbsent`]; [`ProofError::CodeHashMismatch`].
pub fn prove_contract<S: HashSuite>(
    suite: &S,
    state_root: StateRoot,
    nodes: &[u8],
    address: &Address,
    code_hash: CodeHash,
) -> Result<StateRoot, ProofError> {
    let account = prove(suite, state_root, nodes, address)?.ok_or(ProofError::AccountAbsent)?;
    if account.code_hash != code_hash {
        return Err(ProofError::CodeHashMismatch { expected: code_hash, found: account.code_hash });
    }
    Ok(account.storage_root)
}
