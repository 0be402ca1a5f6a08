//! Headers, rounds and votes, judged by the light client and not by our own code.

mod support;

use std::sync::Arc;

use adapter_devchain::{Chain, ChainConfig, ChainError, DevKey, ExtraData, Forgery, Fork, Rpc, quorum};
use alloy_primitives::{Address, B256, TxKind, keccak256};
use light_client::{CodeHash, SlotKey, StateRoot, Timestamp};
use light_client_crypto::Keccak256;
use light_client_proofs::{account, storage};
use light_client_qbft::{CertifiedHeader, ConsensusState, Error, Header, Kind, Parameters, Qbft, SetHash, TrustLevel};
use serde_json::json;
use support::*;

fn chain(config: ChainConfig) -> Chain {
    Chain::in_memory(config).expect("a chain")
}

/// Verifies `header` as an update from the set and time trusted before.
fn certify(trusted: &[Address], trusted_time: u64, header: &[u8]) -> Result<CertifiedHeader, Error> {
    let convert =
        |set: &[Address]| set.iter().map(|address| light_client_crypto::Address::new(address.0.0)).collect::<Vec<_>>();
    let trusted = convert(trusted);
    let parameters = Parameters {
        kind: Kind::Qbft,
        // A shrinking set seldom has a quorum of the old one; that rule is the light client's own business.
        trust_level: TrustLevel::OneThird,
        router: light_client_crypto::Address::new([0; 20]),
        router_code_hash: CodeHash::new([0; 32]),
        trusting_period_seconds: u64::MAX,
        clock_drift_seconds: 0,
    };
    let header = Header::decode(Kind::Qbft, header)?;
    let consensus = ConsensusState {
        storage_root: StateRoot::new([0; 32]),
        time: Timestamp::from_unix_seconds(trusted_time),
        set_hash: SetHash::of(&trusted),
    };
    let changed = header.extra.validators.hash() != consensus.set_hash;
    let shown = if changed { trusted.as_slice() } else { &[] };
    Qbft::ETHEREUM.verify_header(&parameters, &consensus, shown, &header, header.time)
}

/// Every header of the chain follows from the one before, by the light client's judgement.
fn certify_all(chain: &Chain) {
    for height in 1..=chain.latest() {
        let (parent, header) = (chain.header(height - 1).expect("sealed"), chain.header(height).expect("sealed"));
        let set = chain.validators_at(height - 1).expect("sealed");
        let certified = certify(&set, parent.timestamp, &chain.raw_header(height).expect("sealed"))
            .unwrap_or_else(|error| panic!("block {height}: {error}"));
        assert_eq!(certified.hash.as_bytes(), &chain.hash(height).expect("sealed").0, "hash of block {height}");
        assert_eq!(header.parent_hash, chain.hash(height - 1).expect("sealed"));
        let listed = chain.validators_at(height).expect("sealed");
        assert_eq!(certified.signers.len(), quorum(listed.len()), "exactly a quorum seals block {height}");
        assert!(listed.contains(&header.beneficiary));
    }
}

fn seal(chain: &Chain, blocks: u64) {
    for _ in 0..blocks {
        chain.seal_block(NOW).expect("sealed");
    }
}

fn extra(chain: &Chain, height: u64) -> ExtraData {
    ExtraData::decode(&chain.header(height).expect("sealed").extra_data).expect("decodes")
}

fn candidate(chain: &Chain, index: usize) -> Address {
    chain.config().validator_keys()[chain.config().validators as usize + index].address()
}

#[test]
fn every_header_of_every_fork_is_certified() {
    for fork in [Fork::Berlin, Fork::London, Fork::Shanghai, Fork::Cancun, Fork::Prague, Fork::Osaka] {
        let chain = chain(ChainConfig { fork, ..config() });
        deploy(&chain, 0, NOW);
        seal(&chain, 10);
        certify_all(&chain);
        let genesis = chain.raw_header(0).expect("genesis");
        assert_eq!(chain.genesis_hash(), keccak256(genesis), "the genesis hash is that of its bytes");
    }
}

#[test]
fn sets_of_every_size_seal_with_two_thirds_rounded_up() {
    for validators in 1..=10 {
        let chain = chain(ChainConfig { validators, ..config() });
        seal(&chain, 12);
        certify_all(&chain);
        let sealers: std::collections::BTreeSet<Vec<u8>> =
            (1..=12).flat_map(|height| extra(&chain, height).seals).map(|seal| seal.to_vec()).collect();
        assert_eq!(sealers.len(), 12 * quorum(validators as usize), "no seal stands twice");
    }
}

#[test]
fn proposers_take_turns_and_selections_of_seals_differ() {
    let chain = chain(config());
    seal(&chain, 12);
    let set = chain.validators_at(0).expect("genesis");
    for height in 1..=12 {
        let proposer = chain.header(height).expect("sealed").beneficiary;
        assert_eq!(proposer, set[(height as usize - 1) % 4], "block {height}");
    }
    let signers = |height: u64| {
        let raw = chain.raw_header(height).expect("sealed");
        certify(&set, 0, &raw).expect("certified").signers
    };
    assert!((2..=12).any(|height| signers(height) != signers(1)));
}

#[test]
fn validators_are_voted_in_and_out_four_five_four_three() {
    let chain = chain(config());
    let newcomer = candidate(&chain, 0);
    seal(&chain, 3);
    chain.propose(newcomer, true, None).expect("known voters");
    seal(&chain, 6);
    for height in 4..=6 {
        let vote = extra(&chain, height).vote.unwrap_or_else(|| panic!("block {height} carries a vote"));
        assert_eq!((vote.candidate, vote.add), (newcomer, true));
        assert_eq!(chain.validators_at(height).expect("sealed").len(), 4);
    }
    assert_eq!(chain.validators_at(7).expect("sealed").len(), 5, "three of four votes are more than half");
    assert!(extra(&chain, 7).vote.is_none(), "a vote without effect is not cast");

    chain.propose(newcomer, false, None).expect("known voters");
    let (from, latest) = (chain.latest(), |chain: &Chain| chain.validators_at(chain.latest()).expect("sealed").len());
    seal(&chain, 4);
    assert_eq!((chain.validators_at(from + 3).expect("sealed").len(), latest(&chain)), (5, 4));
    let victim = chain.validators_at(chain.latest()).expect("sealed")[1];
    chain.propose(victim, false, None).expect("known voters");
    seal(&chain, 4);
    assert_eq!(latest(&chain), 3);
    assert!(!chain.validators_at(chain.latest()).expect("sealed").contains(&victim));
    seal(&chain, 7);
    certify_all(&chain);
    // Whoever votes alone decides nothing.
    chain.discard(victim, None).expect("known voters");
    let voter = chain.validators_at(chain.latest()).expect("sealed")[0];
    chain.propose(victim, true, Some(&[voter])).expect("known voter");
    seal(&chain, 9);
    assert_eq!(latest(&chain), 3);
}

#[test]
fn an_epoch_forgets_open_votes() {
    // Votes stand in blocks 1 to 3; the third opens a new epoch and counts alone.
    let chain = chain(ChainConfig { epoch: 3, ..config() });
    chain.propose(candidate(&chain, 0), true, None).expect("known voters");
    seal(&chain, 5);
    assert_eq!(chain.validators_at(4).expect("sealed").len(), 4);
    assert_eq!(chain.validators_at(5).expect("sealed").len(), 4);
    certify_all(&chain);
}

#[test]
fn an_unknown_newcomer_counts_as_offline() {
    let chain = chain(config());
    for byte in 1..=3 {
        chain.propose(Address::repeat_byte(byte), true, None).expect("known voters");
    }
    seal(&chain, 10);
    // Four of six suffice with two strangers; the third makes seven, of which five would be needed.
    let failure = loop {
        match chain.seal_block(NOW) {
            Ok(_) => assert!(chain.latest() < 100, "the chain must halt"),
            Err(failure) => break failure,
        }
    };
    assert!(matches!(failure, ChainError::Halted { online: 4, quorum: 5 }), "{failure}");
    certify_all(&chain);
}

#[test]
fn an_offline_proposer_costs_a_round_and_too_few_halt_the_chain() {
    let chain = chain(config());
    seal(&chain, 2);
    let set = chain.validators_at(0).expect("genesis");
    chain.set_online(set[2], false).expect("known");
    let block = chain.seal_block(NOW).expect("three are a quorum");
    assert_eq!((block.number, block.round), (3, 1));
    assert_eq!(extra(&chain, 3).round, 1);
    seal(&chain, 9);
    for height in 3..=chain.latest() {
        let certified = certify(&set, 0, &chain.raw_header(height).expect("sealed")).expect("certified");
        assert!(
            certified.signers.iter().all(|signer| signer.as_bytes() != &set[2].0.0),
            "the stopped one seals nothing"
        );
        assert_ne!(chain.header(height).expect("sealed").beneficiary, set[2]);
    }
    chain.set_online(set[0], false).expect("known");
    let failure = chain.seal_block(NOW).expect_err("two of four");
    assert!(matches!(failure, ChainError::Halted { online: 2, quorum: 3 }), "{failure}");
    let latest = chain.latest();
    chain.set_online(set[0], true).expect("known");
    seal(&chain, 1);
    assert_eq!(chain.latest(), latest + 1);
    certify_all(&chain);
    let stranger = Address::repeat_byte(9);
    let failure = chain.set_online(stranger, true).expect_err("no such key");
    assert!(matches!(failure, ChainError::UnknownValidator { address } if address == stranger));
}

#[test]
fn a_forged_header_is_certified_and_conflicts_unless_too_few_sign() {
    let chain = chain(config());
    seal(&chain, 3);
    let set = chain.validators_at(0).expect("genesis");
    let forge = |forgery: &Forgery| {
        let header = chain.forge(2, forgery).expect("forged");
        certify(&set, 0, &adapter_devchain::encode_header(&header))
    };
    let other_root = Forgery { state_root: Some(B256::repeat_byte(1)), ..Forgery::default() };
    let certified = forge(&other_root).expect("a quorum sealed it");
    assert_ne!(certified.hash.as_bytes(), &chain.hash(2).expect("sealed").0);
    let later_round = forge(&Forgery { round: Some(3), ..Forgery::default() }).expect("a quorum sealed it");
    assert_eq!(later_round.hash.as_bytes(), &chain.hash(2).expect("sealed").0, "another round is the same block");
    let few = forge(&Forgery { signers: Some(set[..2].to_vec()), ..other_root.clone() }).expect_err("two of four");
    assert!(matches!(few, Error::TooFewSeals { .. }), "{few}");
    let outsider = candidate(&chain, 0);
    let foreign = forge(&Forgery { signers: Some(vec![set[0], set[1], outsider]), ..other_root }).expect_err("foreign");
    assert!(matches!(foreign, Error::SignerUnknown { .. }), "{foreign}");
    assert!(matches!(chain.forge(9, &Forgery::default()), Err(ChainError::UnknownBlock { latest: 3, number: 9 })));
}

#[test]
fn accounts_and_slots_are_proven_to_the_light_client() {
    let chain = Arc::new(chain(config()));
    let rpc = Rpc::new(chain.clone(), false, Vec::new());
    let contract = deploy(&chain, 0, NOW);
    let key: &DevKey = &chain.config().account_keys()[1];
    for slot in 0..30u64 {
        chain.submit(&signed(key, legacy(slot, TxKind::Call(contract), store(slot, slot % 3)))).expect("taken");
    }
    seal(&chain, 1);
    let slots: Vec<B256> = (0..35).map(|slot| B256::from(word(slot))).collect();
    let answer = call(&rpc, "eth_getProof", json!([contract, slots, "latest"]));
    let nodes = |value: &serde_json::Value| value.as_array().expect("a list").iter().map(bytes).collect::<Vec<_>>();
    let header = chain.header(2).expect("sealed");
    let address = light_client_crypto::Address::new(contract.0.0);
    let root = StateRoot::new(header.state_root.0);
    let account = account::prove_list(&Keccak256, root, &nodes(&answer["accountProof"]), &address)
        .expect("a proof")
        .expect("a contract");
    assert_eq!(account.code_hash.as_bytes(), &keccak256(store_runtime()).0);
    for (slot, proof) in slots.iter().zip(answer["storageProof"].as_array().expect("a list")) {
        let slot_number = u64::from_be_bytes(slot[24..].try_into().expect("eight bytes"));
        let value = if slot_number < 30 { slot_number % 3 } else { 0 };
        let found = storage::prove(&Keccak256, account.storage_root, &nodes(&proof["proof"]), &SlotKey::new(slot.0))
            .expect("a proof");
        assert_eq!(found, (value != 0).then(|| word(value)), "slot {slot_number}");
    }
}
