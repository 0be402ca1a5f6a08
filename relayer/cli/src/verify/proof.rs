//! `verify proof`.

use super::{
    ProofArgs,
    block::Block,
    input::{self, Input},
    value::{Fields, address, hex_of, hex_word, hexadecimal, shown},
    verdict::{Stop, Verdict},
};
use light_client::{CodeHash, SlotKey, StateRoot};
use light_client_crypto::{HashSuite as _, Keccak256};
use light_client_proofs::{
    ProofError,
    account::{self, Account},
    mpt, storage,
};
use serde_json::Value;
use std::path::Path;

const MALFORMED: &str = "proof-malformed";

/// Accepts when the answer's account (or the slot named) is proven to be there, or with `--absent` not to be, and what
/// the answer says of it agrees with what it proves.
pub(super) fn verify(args: &ProofArgs, header: &Path, verdict: &mut Verdict) -> Result<(), Stop> {
    let slot = args.slot.as_deref().map(parse_slot).transpose()?;
    let block = Block::read(header)?;
    let state = block.state()?;
    let root = StateRoot::new(state.state_root);
    verdict.note("height", state.height);
    verdict.note("state_root", root.to_string());
    if let Some(hash) = block.claimed_hash {
        verdict.note("block_hash", hash.to_string());
    }

    let Input::Json(answer) = input::read(&args.proof)? else {
        return Err(Stop::malformed(MALFORMED, "proof: expected the JSON of an eth_getProof answer, found bytes"));
    };
    let answer = Fields::new(&answer, MALFORMED)?;
    let account_address = answer.need(&["address"])?;
    let address = address(account_address)
        .ok_or_else(|| answer.wrong(&["address"], "an address of 20 bytes", &shown(account_address)))?;
    verdict.note("address", address.to_string());
    let nodes = nodes(answer, "accountProof")?;
    let account = account::prove_list(&Keccak256, root, &nodes, &address)?;
    match &account {
        Some(account) => {
            verdict.note("nonce", account.nonce);
            verdict.note("balance", hex_of(account.balance));
            verdict.note("storage_hash", account.storage_root.to_string());
            verdict.note("code_hash", account.code_hash.to_string());
        }
        None => verdict.note("account", "absent"),
    }
    check_account(answer, account.as_ref())?;
    match slot {
        None => check_presence(args.absent, account.is_some()),
        Some(slot) => verify_slot(args, answer, account.as_ref(), slot, verdict),
    }
}

fn parse_slot(text: &str) -> Result<SlotKey, Stop> {
    hex_word(text).map(SlotKey::new).ok_or_else(|| {
        Stop::malformed("slot-malformed", format!("--slot: expected at most 32 bytes of hexadecimal, found {text}"))
    })
}

fn check_presence(absent: bool, found: bool) -> Result<(), Stop> {
    match (absent, found) {
        (false, false) => Err(ProofError::AccountAbsent.into()),
        (true, true) => Err(Stop::refused("account-present", "account: expected none, found one")),
        _ => Ok(()),
    }
}

/// What the answer says of the account must be what its nodes prove. An absent one has nothing: no nonce, no balance,
/// the empty trie, and no code (some nodes write zero for the hashes).
fn check_account(answer: Fields<'_>, account: Option<&Account>) -> Result<(), Stop> {
    let no_code = CodeHash::new(Keccak256.hash(&[]));
    let nothing = Account { nonce: 0, balance: [0; 32], storage_root: mpt::EMPTY_ROOT, code_hash: no_code };
    let proven = account.unwrap_or(&nothing);
    let zero_allowed = account.is_none();
    let mut nonce = [0; 32];
    nonce[24..].copy_from_slice(&proven.nonce.to_be_bytes());
    for (rule, name, expected, is_hash) in [
        ("nonce-mismatch", "nonce", nonce, false),
        ("balance-mismatch", "balance", proven.balance, false),
        ("storage-hash-mismatch", "storageHash", *proven.storage_root.as_bytes(), true),
        ("code-hash-mismatch", "codeHash", *proven.code_hash.as_bytes(), true),
    ] {
        if answer.get(&[name]).is_none() {
            continue;
        }
        let found = answer.word(&[name])?;
        let is_nothing = zero_allowed && is_hash && found == [0; 32];
        if found != expected && !is_nothing {
            let message = format!("{name}: expected {}, as proven, found {}", hex_of(expected), hex_of(found));
            return Err(Stop::refused(rule, message));
        }
    }
    Ok(())
}

fn verify_slot(
    args: &ProofArgs,
    answer: Fields<'_>,
    account: Option<&Account>,
    slot: SlotKey,
    verdict: &mut Verdict,
) -> Result<(), Stop> {
    verdict.note("slot", slot.to_string());
    // An absent account has the empty storage: every slot of it is absent.
    let root = account.map_or(mpt::EMPTY_ROOT, |account| account.storage_root);
    let proven = match entry_of(answer, &slot)? {
        Some(entry) => {
            let proven = storage::prove(&Keccak256, root, &nodes(entry, "proof")?, &slot)?;
            check_value(entry, proven)?;
            proven
        }
        None if root == mpt::EMPTY_ROOT => None,
        None => {
            return Err(Stop::refused(
                "slot-not-in-proof",
                format!("storageProof: expected slot {slot}, found no such key"),
            ));
        }
    };
    verdict.note("value", proven.map_or(Value::Null, |value| hex_of(value).into()));
    match (args.absent, proven) {
        (false, None) => Err(Stop::refused("value-absent", format!("slot {slot}: expected a value, found none"))),
        (true, Some(found)) => Err(ProofError::ValuePresent { found: found.into() }.into()),
        _ => Ok(()),
    }
}

/// The storage proof whose key is this slot, however it is written.
fn entry_of<'a>(answer: Fields<'a>, slot: &SlotKey) -> Result<Option<Fields<'a>>, Stop> {
    let Some(list) = answer.get(&["storageProof"]) else {
        return Ok(None);
    };
    let list = list.as_array().ok_or_else(|| answer.wrong(&["storageProof"], "a list", &shown(list)))?;
    for entry in list {
        let fields = Fields::new(entry, MALFORMED)?;
        let key = fields.need(&["key"])?;
        let key = key.as_str().and_then(hex_word).ok_or_else(|| fields.wrong(&["key"], "a slot", &shown(key)))?;
        if key == *slot.as_bytes() {
            return Ok(Some(fields));
        }
    }
    Ok(None)
}

fn check_value(entry: Fields<'_>, proven: Option<[u8; 32]>) -> Result<(), Stop> {
    if entry.get(&["value"]).is_none() {
        return Ok(());
    }
    let found = entry.word(&["value"])?;
    let expected = proven.unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    let message = format!("value: expected {}, as proven, found {}", hex_of(expected), hex_of(found));
    Err(Stop::refused("value-mismatch", message))
}

fn nodes(fields: Fields<'_>, name: &str) -> Result<Vec<Vec<u8>>, Stop> {
    let list = fields.list(&[name])?;
    list.iter()
        .map(|node| hexadecimal(node).ok_or_else(|| fields.wrong(&[name], "nodes of hexadecimal", &shown(node))))
        .collect()
}
