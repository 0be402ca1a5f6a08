//! Measures how long a header of 150 Ed25519 validators takes to verify, here and in tendermint-rs, in one run.
//!
//! `cargo bench -p light-client-tendermint --bench header`
//!
//! Both verify the same block from the same trusted one, one height apart: all 150 voted, and both read the first 101 votes,
//! which are more than two thirds. Neither is timed while it parses JSON; our side decodes the update's bytes within the time
//! that is measured. Rounds of both alternate, and the least of each is compared, since all that disturbs a round makes it
//! longer. The result is one line of JSON.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use base64::{Engine, engine::general_purpose::STANDARD};
use core::{hint::black_box, time::Duration};
use light_client::{Codec, LightClient, Timestamp, Trusted, UpdateOutcome};
use light_client_tendermint::{
    ClientState, Header, KeyType, LightBlock, RecordedCommit, RecordedVote, Tendermint, TreeHash, Update,
};
use serde_json::{Value, json};
use std::time::Instant;
use support::{
    captures::parameters,
    chain::{Block, set_of, voters},
};
use tendermint::{Time, block::signed_header::SignedHeader, validator};
use tendermint_light_client_verifier::{
    ProdVerifier, Verdict, Verifier,
    options::Options,
    types::{TrustThreshold, TrustedBlockState, UntrustedBlockState},
};

const VALIDATORS: usize = 150;
const ROUNDS: usize = 60;
const CHAIN: &str = "bench-1";
const T0: u64 = 1_800_000_000;

fn main() {
    let set = voters(KeyType::Ed25519, "", &[10; VALIDATORS]);
    // Validators of equal power are in the order of their addresses.
    let mut set = set;
    set.sort_by_key(|voter| voter.key().address(TreeHash::Sha256));
    let trusted = Block::new(CHAIN, 10, T0 * 1_000_000_000, &set);
    let block = Block::new(CHAIN, 11, (T0 + 5) * 1_000_000_000 + 7, &set);
    let commit = block.commit(&(0..VALIDATORS).collect::<Vec<_>>());
    let now = Timestamp::from_unix_seconds(T0 + 6);

    // Ours.
    let parameters = parameters(CHAIN);
    let consensus = trusted.consensus();
    let client = ClientState::new(parameters.clone(), 10, &consensus).unwrap();
    let recorded = LightBlock {
        header: block.header(),
        commit: Some(RecordedCommit {
            round: commit.round,
            part_set_total: commit.part_set_total,
            part_set_hash: commit.part_set_hash,
            votes: commit
                .votes
                .iter()
                .map(|vote| Some(RecordedVote { seconds: vote.seconds, nanos: vote.nanos, signature: vote.signature }))
                .collect(),
        }),
        validators: Some(set_of(&set)),
        next_validators: None,
    };
    let update = recorded.update(&parameters, 10, consensus, None).unwrap();
    assert_eq!(update.commit.votes.len(), 101);
    let bytes = update.encode();
    let mut every = update;
    every.commit = commit.clone();
    let every = every.encode();
    let ours = |bytes: &[u8]| {
        let update = Update::decode(black_box(bytes)).unwrap();
        let trusted = Trusted { height: parameters.height(10), client: &client, consensus: &consensus };
        assert!(matches!(Tendermint.verify_update(trusted, &update, now), Ok(UpdateOutcome::Advance(_))));
    };

    // Theirs.
    let header = header_json(&block.header());
    let validators: Vec<Value> = set
        .iter()
        .map(|voter| {
            json!({
                "address": hex::encode_upper(voter.key().address(TreeHash::Sha256).unwrap()),
                "pub_key": {"type": "tendermint/PubKeyEd25519", "value": STANDARD.encode(voter.key().as_bytes())},
                "voting_power": voter.power.to_string(),
            })
        })
        .collect();
    let signatures: Vec<Value> = commit
        .votes
        .iter()
        .zip(&validators)
        .map(|(vote, validator)| {
            let time = Time::from_unix_timestamp(vote.seconds, vote.nanos).unwrap().to_rfc3339();
            json!({
                "block_id_flag": 2, "validator_address": validator["address"], "timestamp": time,
                "signature": STANDARD.encode(vote.signature),
            })
        })
        .collect();
    let hash = hex::encode_upper(block.header().hash(&TreeHash::Sha256));
    let parts = json!({"total": commit.part_set_total, "hash": hex::encode_upper(commit.part_set_hash)});
    let signed_header: SignedHeader = serde_json::from_value(json!({
        "header": header,
        "commit": {"height": "11", "round": 0, "block_id": {"hash": hash, "parts": parts}, "signatures": signatures},
    }))
    .unwrap();
    let validators: Vec<validator::Info> = serde_json::from_value(Value::Array(validators)).unwrap();
    let validators = validator::Set::without_proposer(validators);
    let trusted_header = trusted.header();
    let options = Options {
        trust_threshold: TrustThreshold::ONE_THIRD,
        trusting_period: Duration::from_secs(parameters.trusting_period_seconds),
        clock_drift: Duration::from_secs(parameters.clock_drift_seconds),
    };
    let chain_id = CHAIN.parse().unwrap();
    let time = |time: Timestamp| Time::from_unix_timestamp(time.unix_seconds() as i64, time.subsec_nanos()).unwrap();
    let theirs = || {
        let verdict = ProdVerifier::default().verify_update_header(
            black_box(UntrustedBlockState {
                signed_header: &signed_header,
                validators: &validators,
                next_validators: None,
            }),
            TrustedBlockState {
                chain_id: &chain_id,
                header_time: time(trusted_header.time()),
                height: 10_u32.into(),
                next_validators: &validators,
                next_validators_hash: validators.hash(),
            },
            &options,
            time(now),
        );
        assert_eq!(verdict, Verdict::Success);
    };

    let runs: [&dyn Fn(); 3] = [&|| ours(&bytes), &|| ours(&every), &theirs];
    let mut least = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        for (least, run) in least.iter_mut().zip(runs) {
            let start = Instant::now();
            run();
            *least = start.elapsed().min(*least);
        }
    }
    let [ours, every, theirs] = least.map(|duration| duration.as_secs_f64() * 1e6);
    println!(
        "{{\"validators\":{VALIDATORS},\"rounds\":{ROUNDS},\"ours_101_votes_us\":{ours:.0},\"ours_150_votes_us\":{every:.0},\"tendermint_rs_us\":{theirs:.0},\"times_faster\":{:.2}}}",
        theirs / ours
    );
}

/// A header as the RPC writes it, out of its leaves.
fn header_json(header: &Header) -> Value {
    let leaves = header.leaves();
    let hash = |index: usize| hex::encode_upper(&leaves[index][2..]);
    let time = Time::from_unix_timestamp(header.time().unix_seconds() as i64, header.time().subsec_nanos()).unwrap();
    // Hash, then the parts: a total of one byte and another hash.
    let last = &leaves[4];
    json!({
        "version": {"block": "11"}, "chain_id": CHAIN, "height": header.height().to_string(), "time": time.to_rfc3339(),
        "last_block_id": {
            "hash": hex::encode_upper(&last[2..34]),
            "parts": {"total": last[37], "hash": hex::encode_upper(&last[40..])},
        },
        "last_commit_hash": hash(5), "data_hash": hash(6), "validators_hash": hash(7), "next_validators_hash": hash(8),
        "consensus_hash": hash(9), "app_hash": hash(10), "last_results_hash": hash(11), "evidence_hash": hash(12),
        "proposer_address": hash(13),
    })
}
