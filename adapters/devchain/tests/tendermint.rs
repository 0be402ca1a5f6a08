//! Headers, votes and sets under Tendermint, judged by light clients and not by our own code.

mod support;

use std::sync::Arc;
use std::time::Duration;

use adapter_devchain::{
    Chain, ChainConfig, ChainError, Consensus, DEFAULT_POWER, Forgery, KeyType, MAX_POWER, PowerChange, Rpc,
    TendermintConfig,
};
use alloy_primitives::{Address, B256, Bytes, TxKind};
use light_client::{ChainId, Fault as _, FaultKind, Timestamp};
use light_client_crypto::Sm2;
use light_client_tendermint::{
    Commitments, Error, KeyTypes, LightBlock, Parameters, StoreTree, Tendermint, TreeHash, TrustLevel, json as answers,
};
use serde_json::{Value, json};
use support::*;
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::{
    SignedHeader, TrustThreshold, TrustedBlockState, UntrustedBlockState, ValidatorSet,
};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier as _};

fn chain(config: ChainConfig) -> Chain {
    Chain::in_memory(config).expect("a chain")
}

fn seal(chain: &Chain, blocks: u64) {
    for _ in 0..blocks {
        chain.seal_block(NOW).expect("sealed");
    }
}

fn parameters(chain: &Chain) -> Parameters {
    let Consensus::Tendermint(settings) = &chain.config().consensus else { panic!("under Tendermint") };
    let key_types = match settings.key_type {
        KeyType::Ed25519 => 1,
        KeyType::Secp256k1 => 2,
        KeyType::Sm2 => 4,
    };
    Parameters {
        chain_id: settings.chain_id.parse::<ChainId>().expect("an id"),
        trust_level: TrustLevel::ONE_THIRD,
        trusting_period_seconds: 1_000_000,
        clock_drift_seconds: 1,
        key_types: KeyTypes::from_bits(key_types).expect("one kind"),
        sm2: Sm2::default(),
        tree_hash: TreeHash::Sha256,
        store_tree: StoreTree::Jmt,
        commitments: Commitments::IbcStore { store: b"unused".to_vec() },
    }
}

fn read(value: &Value) -> LightBlock {
    answers::light_block(value, TreeHash::Sha256, TreeHash::Sha256).unwrap_or_else(|error| panic!("{error}: {value}"))
}

fn light_block(chain: &Chain, height: u64) -> LightBlock {
    read(&chain.light_block(height).expect("a block"))
}

/// What our light client says of a block from a trusted height.
fn judge(chain: &Chain, trusted: u64, block: &LightBlock) -> Result<(), Error> {
    let now = Timestamp::from_unix_seconds(NOW + 10);
    Tendermint.verify_light_block(&parameters(chain), &light_block(chain, trusted), block, now).map(|_| ())
}

fn follow(chain: &Chain, trusted: u64, height: u64) {
    let block = light_block(chain, height);
    assert_eq!(block.header.hash(&TreeHash::Sha256).as_bytes(), &chain.hash(height).expect("sealed").0);
    judge(chain, trusted, &block).unwrap_or_else(|error| panic!("{height} from {trusted}: {error}"));
}

fn follow_all(chain: &Chain) {
    (2..=chain.latest()).for_each(|height| follow(chain, height - 1, height));
}

/// What the verifier of tendermint-rs says.
fn judge_by_upstream(chain: &Chain, trusted: u64, block: &Value) -> Verdict {
    let parse = |value: &Value| -> (SignedHeader, ValidatorSet, ValidatorSet) {
        let set = |name: &str| {
            let validators = serde_json::from_value(value[name].clone()).expect("validators");
            ValidatorSet::without_proposer(validators)
        };
        let header = serde_json::from_value(value["signed_header"].clone()).expect("a signed header");
        (header, set("validators"), set("next_validators"))
    };
    let (trusted, _, next) = parse(&chain.light_block(trusted).expect("a block"));
    let (header, validators, next_validators) = parse(block);
    let options = Options {
        trust_threshold: TrustThreshold::ONE_THIRD,
        trusting_period: Duration::from_secs(1_000_000),
        clock_drift: Duration::from_secs(1),
    };
    ProdVerifier::default().verify_update_header(
        UntrustedBlockState {
            signed_header: &header,
            validators: &validators,
            next_validators: Some(&next_validators),
        },
        TrustedBlockState {
            chain_id: &trusted.header.chain_id,
            header_time: trusted.header.time,
            height: trusted.header.height,
            next_validators: &next,
            next_validators_hash: trusted.header.next_validators_hash,
        },
        &options,
        tendermint::Time::from_unix_timestamp(NOW as i64 + 10, 0).expect("a time"),
    )
}

fn powers(chain: &Chain, height: u64) -> Vec<u64> {
    light_block(chain, height).validators.expect("a set").validators().iter().map(|one| one.power).collect()
}

#[test]
fn every_header_of_every_kind_of_key_follows_through_changes_of_the_set() {
    for key_type in KEY_TYPES {
        let chain = chain(bsn(key_type));
        let key = &chain.config().account_keys()[0];
        seal(&chain, 3);
        chain.propose(validator(&chain, 4), true, None).expect("known");
        chain.submit(&signed(key, legacy(0, TxKind::Create, init_code(&store_runtime())))).expect("taken");
        seal(&chain, 6);
        chain.set_power(validator(&chain, 0), 25, None).expect("known");
        seal(&chain, 8);
        chain.propose(validator(&chain, 1), false, None).expect("known");
        seal(&chain, 8);
        follow_all(&chain);
        let latest = chain.latest();
        assert_eq!(powers(&chain, 1), [10, 10, 10, 10]);
        assert_eq!(powers(&chain, latest), [25, 10, 10, 10], "one came, one grew, one went: {key_type}");
        // One step over everything: three of four of the trusted set still vote.
        follow(&chain, 1, latest);
        for (trusted, height) in [(1, 5), (4, 9), (9, 17), (17, latest)] {
            follow(&chain, trusted, height);
        }
        if key_type != KeyType::Sm2 {
            for (trusted, height) in
                (1..latest).map(|height| (height, height + 1)).chain([(1, 9), (9, latest), (1, latest)])
            {
                let verdict = judge_by_upstream(&chain, trusted, &chain.light_block(height).expect("a block"));
                assert_eq!(verdict, Verdict::Success, "{key_type}: {height} from {trusted}");
            }
        }
    }
}

#[test]
fn a_change_is_named_one_height_after_its_block_and_votes_two_after() {
    let schedule = vec![
        PowerChange { height: 4, validator: 0, power: 40 },
        PowerChange { height: 6, validator: 5, power: 7 },
        PowerChange { height: 6, validator: 3, power: 0 },
    ];
    let settings =
        TendermintConfig { powers: vec![10, 20, 30], schedule, ..TendermintConfig::new("a", KeyType::Ed25519) };
    let chain = chain(bsn_with(settings));
    seal(&chain, 12);
    follow_all(&chain);
    let hashes = |height: u64| {
        let header = light_block(&chain, height).header;
        (header.validators_hash(), header.next_validators_hash())
    };
    assert_eq!(powers(&chain, 5), [30, 20, 10, 10], "by power, then by address");
    assert_eq!(hashes(4).0, hashes(4).1, "the block that brings the change does not name it");
    assert_ne!(hashes(5).0, hashes(5).1, "the next one does");
    assert_eq!(hashes(6).0, hashes(5).1);
    assert_eq!(powers(&chain, 6), [40, 30, 20, 10]);
    assert_eq!(powers(&chain, 8), [40, 30, 20, 7]);
    let status = |index: usize| {
        let address = validator(&chain, index);
        chain.validators().into_iter().find(|status| status.address == address).expect("known")
    };
    assert_eq!((status(0).power, status(3).power, status(5).power), (40, 0, 7));
    assert!(status(0).validator && !status(3).validator);
}

#[test]
fn turns_go_by_power() {
    let settings = TendermintConfig { powers: vec![1, 2, 3, 4], ..TendermintConfig::new("a", KeyType::Ed25519) };
    let chain = chain(bsn_with(settings));
    seal(&chain, 40);
    let turns = |index: usize| {
        let address = validator(&chain, index);
        (1..=40).filter(|height| chain.header(*height).expect("sealed").beneficiary == address).count()
    };
    assert_eq!([0, 1, 2, 3].map(turns), [4, 8, 12, 16]);
    // Claims to propose are in no hash, but they are shown, and they add up to nothing.
    let shown = chain.light_block(7).expect("a block");
    let sum: i64 = shown["validators"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["proposer_priority"].as_str().expect("a text").parse::<i64>().expect("a number"))
        .sum();
    assert_eq!(sum, 0);
}

#[test]
fn absent_validators_cost_rounds_and_two_thirds_exactly_are_not_enough() {
    let settings = TendermintConfig { powers: vec![20, 10, 10, 20], ..TendermintConfig::new("a", KeyType::Secp256k1) };
    let chain = chain(bsn_with(settings));
    seal(&chain, 2);
    chain.set_online(validator(&chain, 1), false).expect("known");
    let rounds: Vec<u32> = (0..12).map(|_| chain.seal_block(NOW).expect("50 of 60").round).collect();
    assert_eq!(rounds.iter().filter(|round| **round == 1).count(), 2, "its turn comes twice in twelve: {rounds:?}");
    follow_all(&chain);
    let shown = chain.light_block(chain.latest()).expect("a block");
    let votes = shown["signed_header"]["commit"]["signatures"].as_array().expect("a list").clone();
    let absent: Vec<&Value> = votes.iter().filter(|vote| vote["block_id_flag"] == 1).collect();
    assert_eq!(votes.len(), 4);
    let expected = json!({
        "block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": null,
    });
    let [only] = absent.as_slice() else { panic!("one is absent: {votes:?}") };
    assert_eq!(**only, expected);
    chain.set_online(validator(&chain, 2), false).expect("known");
    let failure = chain.seal_block(NOW).expect_err("40 of 60 are two thirds, and more are needed");
    assert!(matches!(failure, ChainError::PowerOffline { online: 40, total: 60 }), "{failure}");
    assert!(matches!(chain.next_round(), Err(ChainError::PowerOffline { .. })));
    let latest = chain.latest();
    chain.set_online(validator(&chain, 1), true).expect("known");
    seal(&chain, 1);
    assert_eq!(chain.latest(), latest + 1);
    follow_all(&chain);
}

#[test]
fn times_rise_within_the_clock_s_second_and_never_run_ahead_of_it() {
    let chain = chain(bsn(KeyType::Ed25519));
    let at = |height: u64| {
        let time = light_block(&chain, height).header.time();
        time.unix_seconds() * 1_000_000_000 + u64::from(time.subsec_nanos())
    };
    seal(&chain, 3);
    assert_eq!([at(1), at(2), at(3)], [0, 1, 2].map(|nanos| NOW * 1_000_000_000 + nanos));
    chain.seal_block_at(Duration::new(NOW + 1, 250)).expect("sealed");
    chain.seal_block_at(Duration::new(NOW + 1, 100)).expect("the same second");
    assert_eq!([at(4), at(5)], [250, 251].map(|nanos| (NOW + 1) * 1_000_000_000 + nanos));
    assert_eq!(chain.header(5).expect("sealed").timestamp, NOW + 1);
    let failure = chain.seal_block(NOW).expect_err("the clock fell");
    assert!(matches!(failure, ChainError::ClockBehind { .. }), "{failure}");
    let failure = chain.seal_block(u64::MAX).expect_err("beyond the year 9999");
    assert!(matches!(failure, ChainError::ClockTooFar { now: u64::MAX, .. }), "{failure}");
    chain.seal_block(NOW + 2).expect("sealed");
    follow_all(&chain);
}

#[test]
fn a_forged_block_is_certified_and_conflicts_unless_too_few_vote() {
    for key_type in KEY_TYPES {
        let chain = chain(bsn(key_type));
        let key = &chain.config().account_keys()[0];
        chain.submit(&signed(key, legacy(0, TxKind::Call(Address::ZERO), Bytes::new()))).expect("taken");
        seal(&chain, 6);
        let forge = |forgery: &Forgery| read(&chain.forge_light_block(4, forgery).expect("forged"));
        let same = forge(&Forgery::default());
        assert_eq!(same.header.hash(&TreeHash::Sha256).as_bytes(), &chain.hash(4).expect("sealed").0);
        let other_root = Forgery { state_root: Some(B256::repeat_byte(1)), ..Forgery::default() };
        let conflicting = forge(&other_root);
        judge(&chain, 3, &conflicting).expect("certified, adjacent");
        judge(&chain, 1, &conflicting).expect("certified, skipping");
        assert_ne!(conflicting.header.hash(&TreeHash::Sha256), same.header.hash(&TreeHash::Sha256));
        for forgery in [
            Forgery { receipts_root: Some(B256::repeat_byte(2)), ..Forgery::default() },
            Forgery { parent_hash: Some(B256::repeat_byte(2)), ..Forgery::default() },
            Forgery { timestamp: Some(NOW + 5), ..Forgery::default() },
        ] {
            let block = forge(&forgery);
            judge(&chain, 3, &block).unwrap_or_else(|error| panic!("{forgery:?}: {error}"));
            assert_ne!(block.header.hash(&TreeHash::Sha256), same.header.hash(&TreeHash::Sha256), "{forgery:?}");
        }
        let later_round = forge(&Forgery { round: Some(3), ..Forgery::default() });
        assert_eq!(later_round.header, same.header, "another round is the same block");
        judge(&chain, 3, &later_round).expect("certified");
        let set = chain.validators_at(4).expect("sealed");
        let few = forge(&Forgery { signers: Some(set[..2].to_vec()), ..other_root.clone() });
        let error = judge(&chain, 1, &few).expect_err("two of four");
        assert!(matches!(error, Error::NotEnoughPower { .. }), "{error}");
        let strangers = vec![validator(&chain, 4), validator(&chain, 5)];
        let foreign = forge(&Forgery { validators: Some(strangers), ..Forgery::default() });
        let error = judge(&chain, 1, &foreign).expect_err("nobody who is trusted");
        assert_eq!(error.kind(), FaultKind::InsufficientTrust, "{error}");
        let back = forge(&Forgery { timestamp: Some(NOW - 1), ..Forgery::default() });
        judge(&chain, 3, &back).expect_err("time runs backwards");
        let failure = chain.forge_light_block(9, &Forgery::default()).expect_err("no such block");
        assert!(matches!(failure, ChainError::UnknownBlock { latest: 6, number: 9 }), "{failure}");
        chain.forge_light_block(0, &Forgery::default()).expect_err("no block of Tendermint");
        let outsider = Forgery { signers: Some(vec![validator(&chain, 4)]), ..Forgery::default() };
        let failure = chain.forge_light_block(4, &outsider).expect_err("not in the set");
        assert!(matches!(failure, ChainError::UnknownValidator { .. }), "{failure}");
        let failure = chain.forge(4, &Forgery::default()).expect_err("no header of QBFT");
        assert!(matches!(failure, ChainError::OtherConsensus { .. }), "{failure}");
    }
}

#[test]
fn ballots_decide_by_power_and_an_epoch_forgets_them() {
    // One holds more than half of the power: its vote decides alone, the others' together do not.
    let settings = TendermintConfig { powers: vec![31, 10, 10, 10], ..TendermintConfig::new("a", KeyType::Ed25519) };
    let chain = chain(bsn_with(settings));
    let others: Vec<Address> = (1..4).map(|index| validator(&chain, index)).collect();
    let newcomer = validator(&chain, 4);
    chain.propose(newcomer, true, Some(&others)).expect("known");
    seal(&chain, 20);
    assert_eq!(powers(&chain, 20).len(), 4);
    chain.propose(newcomer, true, Some(&[validator(&chain, 0)])).expect("known");
    seal(&chain, 5);
    assert_eq!(powers(&chain, 25), [31, 10, 10, 10, DEFAULT_POWER]);
    follow_all(&chain);
    // A ballot is a transaction of its block, the first one.
    let rpc = Rpc::new(Arc::new(chain), false, Vec::new());
    let block = rpc.call_tendermint("block", json!({"height": "1"})).expect("a block");
    let found: usize = (1..=20)
        .map(|height: u64| rpc.call_tendermint("block", json!({"height": height.to_string()})).expect("a block"))
        .map(|block| block["block"]["data"]["txs"].as_array().expect("a list").len())
        .sum();
    assert!(found >= 6, "the others' ballots stand in the chain: {found}");
    assert_eq!(block["block"]["last_commit"]["height"], "0");

    let chain = self::chain(ChainConfig { epoch: 3, ..bsn(KeyType::Ed25519) });
    chain.propose(validator(&chain, 4), true, None).expect("known");
    seal(&chain, 8);
    assert_eq!(powers(&chain, 6).len(), 4, "the third vote opened a new epoch and counted alone");
    assert_eq!(powers(&chain, 7).len(), 5, "the fifth was its third");
}

#[test]
fn what_no_set_can_have_is_refused() {
    let chain = chain(bsn(KeyType::Sm2));
    let stranger = Address::repeat_byte(9);
    let failure = chain.propose(stranger, true, None).expect_err("no key");
    assert!(matches!(failure, ChainError::UnknownValidator { address } if address == stranger), "{failure}");
    let failure = chain.set_power(validator(&chain, 0), MAX_POWER + 1, None).expect_err("too great");
    assert!(matches!(failure, ChainError::Power { maximum: MAX_POWER, .. }), "{failure}");
    // Nobody can be voted out who is the last.
    let alone = self::chain(ChainConfig { validators: 1, ..bsn(KeyType::Sm2) });
    alone.propose(validator(&alone, 0), false, None).expect("known");
    seal(&alone, 4);
    follow_all(&alone);
    assert_eq!(powers(&alone, 4), [10]);
    for settings in [
        TendermintConfig::new("", KeyType::Sm2),
        TendermintConfig::new("with a space", KeyType::Sm2),
        TendermintConfig::new("x".repeat(51), KeyType::Sm2),
        TendermintConfig { powers: vec![0], ..TendermintConfig::new("a", KeyType::Sm2) },
        TendermintConfig { powers: vec![MAX_POWER + 1], ..TendermintConfig::new("a", KeyType::Sm2) },
        TendermintConfig { powers: vec![1; 7], ..TendermintConfig::new("a", KeyType::Sm2) },
        TendermintConfig {
            schedule: vec![PowerChange { height: 1, validator: 6, power: 1 }],
            ..TendermintConfig::new("a", KeyType::Sm2)
        },
        TendermintConfig {
            schedule: vec![PowerChange { height: 1, validator: 0, power: MAX_POWER + 1 }],
            ..TendermintConfig::new("a", KeyType::Sm2)
        },
    ] {
        let failure = Chain::in_memory(bsn_with(settings.clone())).expect_err("out of range");
        assert!(matches!(failure, ChainError::Config { .. }), "{settings:?}: {failure}");
    }
    let qbft = self::chain(config());
    let failure = qbft.set_power(validator(&qbft, 0), 2, None).expect_err("no powers");
    assert!(matches!(failure, ChainError::Power { maximum: 1, found: 2 }), "{failure}");
    seal(&qbft, 1);
    assert!(qbft.light_block(1).is_none(), "a header of QBFT is none of Tendermint's");
}

#[test]
fn a_hundred_and_fifty_validators_of_great_power_are_followed() {
    let settings = TendermintConfig { powers: vec![MAX_POWER; 156], ..TendermintConfig::new("a", KeyType::Ed25519) };
    let chain = chain(ChainConfig { validators: 150, candidates: 6, ..bsn_with(settings) });
    seal(&chain, 3);
    follow_all(&chain);
    let verdict = judge_by_upstream(&chain, 1, &chain.light_block(3).expect("a block"));
    assert_eq!(verdict, Verdict::Success);
}
