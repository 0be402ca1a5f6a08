//! Updates to the next height: votes, states, times and framing.

use crate::{
    GENERATED, Verifier, folder, malformed, name_of, rejected,
    support::{
        captures::parameters,
        chain::{Block, Voter, voters},
        vectors::{hex, reject, write},
    },
    vector,
};
use light_client::{Codec, StateRoot, Timestamp};
use light_client_crypto::Sm2;
use light_client_tendermint::{Commit, ConsensusState, KeyType, KeyTypes, SetHash, TreeHash, Update, Vote, sign_bytes};
use serde_json::{Value, json};

pub(crate) const T0: u64 = 1_800_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const CHAIN: &str = "lighter-3";

/// Voters of equal power, and a client that trusts the block at height 10.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) voters: Vec<Voter>,
}

impl Scene {
    pub(crate) fn new(kind: KeyType) -> Self {
        Self { voters: voters(kind, "", &[10, 10, 10, 10]) }
    }

    pub(crate) fn trusted_block(&self) -> Block {
        Block::new(CHAIN, 10, T0 * SECOND + 123_456_789, &self.voters)
    }

    pub(crate) fn trusted(&self) -> ConsensusState {
        self.trusted_block().consensus()
    }

    pub(crate) fn verifier(&self) -> Verifier {
        let mut parameters = parameters(CHAIN);
        (parameters.trusting_period_seconds, parameters.clock_drift_seconds) = (1000, 10);
        Verifier { parameters, frozen: false, stored: vec![(10, self.trusted())], now: T0 + 6 }
    }

    /// Block 11, five seconds later.
    pub(crate) fn block(&self) -> Block {
        self.block_at(11, T0 * SECOND + 5 * SECOND + 500_000_000)
    }

    pub(crate) fn block_at(&self, height: u64, time: u64) -> Block {
        Block::new(CHAIN, height, time, &self.voters)
    }

    pub(crate) fn update(&self, block: &Block, commit: Commit) -> Update {
        Update { trusted: self.trusted(), trusted_set: None, header: block.header(), commit }
    }
}

pub(crate) fn put(case: &str, detail: &str, description: &str, verifier: &Verifier, update: &[u8], expect: Value) {
    put_from(GENERATED, case, detail, description, verifier, update, expect);
}

pub(crate) fn put_from(
    source: &str,
    case: &str,
    detail: &str,
    description: &str,
    verifier: &Verifier,
    update: &[u8],
    expect: Value,
) {
    let content = vector("update", description, source, verifier, update, json!({}), expect);
    write(&folder(), &format!("update/{case}"), &name_of(&content["expect"], detail), &content);
}

pub(crate) fn advanced(block: &Block) -> Value {
    accepted(block.height, &block.consensus())
}

pub(crate) fn accepted(height: u64, state: &ConsensusState) -> Value {
    json!({"accept": {"result": "update", "height": height, "preimage": hex(state.preimage())}})
}

pub(crate) fn write_all() {
    for (kind, case) in
        [(KeyType::Ed25519, "voted-4v"), (KeyType::Secp256k1, "voted-4v-secp256k1"), (KeyType::Sm2, "voted-4v-sm2")]
    {
        let scene = Scene::new(kind);
        good(&scene, case);
        votes(&scene, case);
    }
    suites();
    let scene = Scene::new(KeyType::Ed25519);
    states_and_times(&scene);
    no_ops(&scene);
    framing(&scene);
}

fn good(scene: &Scene, case: &str) {
    let verifier = scene.verifier();
    let good = |detail: &str, description: &str, block: &Block, places: &[usize]| {
        let update = scene.update(block, block.commit(places));
        put(case, detail, description, &verifier, &update.encode(), advanced(block));
    };
    good("", "three of four votes", &scene.block(), &[0, 1, 2]);
    good("4-votes", "all four votes", &scene.block(), &[0, 1, 2, 3]);
    good("round-7", "decided in round 7", &Block { round: 7, ..scene.block() }, &[0, 2, 3]);
    good("last-round", "decided in the last round", &Block { round: i32::MAX as u32, ..scene.block() }, &[0, 1, 3]);
    good("300-parts", "gossiped in 300 parts", &Block { part_set_total: 300, ..scene.block() }, &[0, 1, 2]);
    good("no-parts", "a part set of total 0", &Block { part_set_total: 0, ..scene.block() }, &[0, 1, 2]);
    // Times of votes are signed and mean nothing.
    let block = scene.block();
    for (detail, description, seconds, nanos) in [
        ("vote-at-1970", "a vote of the first moment of 1970", 0, 0),
        ("vote-before-1970", "a vote of the year 1", -62_135_596_800, 0),
        ("vote-of-the-last-second", "a vote of the greatest time", i64::MAX, 999_999_999),
        ("vote-without-nanos", "a vote of a whole second", 1_800_000_000, 0),
        ("vote-without-seconds", "a vote of the first second of 1970", 0, 1),
    ] {
        let mut commit = block.commit(&[0, 1, 2]);
        let mut vote = Vote { seconds, nanos, ..commit.votes[1] };
        block.sign(&block.header(), &commit, &mut vote, &scene.voters[1]);
        commit.votes[1] = vote;
        put(case, detail, description, &verifier, &scene.update(&block, commit).encode(), advanced(&block));
    }
}

fn votes(scene: &Scene, case: &str) {
    let verifier = scene.verifier();
    let block = scene.block();
    let header = block.header();
    let bad = |detail: &str, description: &str, rule: &str, commit: Commit| {
        put(case, detail, description, &verifier, &scene.update(&block, commit).encode(), rejected(rule));
    };
    let bent = |bend: &dyn Fn(&mut Commit)| {
        let mut commit = block.commit(&[0, 1, 2]);
        bend(&mut commit);
        commit
    };
    bad("", "two of four votes", "not-enough-power", block.commit(&[0, 3]));
    bad("none", "no vote", "not-enough-power", block.commit(&[]));

    let invalid = "signature-invalid";
    bad("", "a bit of a signature flipped", invalid, bent(&|commit| commit.votes[1].signature[40] ^= 4));
    bad("swapped", "two signatures exchanged", invalid, {
        bent(&|commit| {
            let first = commit.votes[0].signature;
            commit.votes[0].signature = commit.votes[1].signature;
            commit.votes[1].signature = first;
        })
    });
    bad("copied", "one vote under another's name", invalid, {
        bent(&|commit| commit.votes[1] = Vote { index: 1, ..commit.votes[0] })
    });
    bad("zero", "a signature of zeros", invalid, bent(&|commit| commit.votes[2].signature = [0; 64]));
    bad("ones", "a signature of ones", invalid, bent(&|commit| commit.votes[2].signature = [0xff; 64]));
    bad("surplus", "a bad fourth vote where three are enough", invalid, {
        let mut commit = block.commit(&[0, 1, 2, 3]);
        commit.votes[3].signature[0] ^= 1;
        commit
    });
    bad("seconds-changed", "another second of a vote", invalid, bent(&|commit| commit.votes[0].seconds += 1));
    bad("nanos-changed", "another nanosecond of a vote", invalid, bent(&|commit| commit.votes[0].nanos += 1));
    bad("round-changed", "another round", invalid, bent(&|commit| commit.round = 1));
    bad("parts-changed", "another total of parts", invalid, bent(&|commit| commit.part_set_total = 2));
    bad("part-hash-changed", "other parts", invalid, bent(&|commit| commit.part_set_hash[0] ^= 1));
    bad("stranger", "a vote by a key that is not in the set", invalid, {
        bent(&|commit| {
            let mut vote = commit.votes[2];
            block.sign(&header, commit, &mut vote, &voters(scene.voters[0].key().key_type(), "stranger ", &[1])[0]);
            commit.votes[2] = vote;
        })
    });
    // Votes over something that is not this block, by the right keys.
    let over = |message: &dyn Fn(&Commit, &Vote) -> Vec<u8>| {
        bent(&|commit| {
            for place in 0..3 {
                let message = message(commit, &commit.votes[place]);
                commit.votes[place].signature = scene.voters[place].sign(&message);
            }
        })
    };
    let hash = header.hash(&TreeHash::Sha256);
    bad("other-block", "votes for another block", invalid, {
        over(&|commit, vote| sign_bytes(CHAIN.as_bytes(), 11, light_client::BlockHash::new([7; 32]), commit, vote))
    });
    bad("other-height", "votes for another height", invalid, {
        over(&|commit, vote| sign_bytes(CHAIN.as_bytes(), 12, hash, commit, vote))
    });
    bad("other-chain", "votes for another chain", invalid, {
        over(&|commit, vote| sign_bytes(b"lighter-4", 11, hash, commit, vote))
    });
    bad("prevote", "votes of the first kind", invalid, {
        over(&|commit, vote| {
            let mut message = sign_bytes(CHAIN.as_bytes(), 11, hash, commit, vote);
            assert_eq!(message[1..3], [0x08, 0x02]);
            message[2] = 1;
            message
        })
    });
    bad("nil", "votes for nothing, given out as votes for the block", invalid, {
        over(&|commit, vote| {
            let mut message = sign_bytes(CHAIN.as_bytes(), 11, hash, commit, vote);
            // Behind type and height: the block id, left out of a vote for nothing.
            assert_eq!((message[12], message[13]), (0x22, 0x48));
            message.drain(12..12 + 2 + 0x48);
            message[0] -= 2 + 0x48;
            message
        })
    });
    bad("no-length", "votes without the length in front", invalid, {
        over(&|commit, vote| sign_bytes(CHAIN.as_bytes(), 11, hash, commit, vote)[1..].to_vec())
    });

    bad("repeated", "one validator votes twice", "vote-order", bent(&|commit| commit.votes[1] = commit.votes[0]));
    bad("", "votes in another order", "vote-order", bent(&|commit| commit.votes.swap(0, 1)));
    bad("surplus", "a validator's vote again where enough others are good", "vote-order", {
        let mut commit = block.commit(&[0, 1, 2, 3]);
        commit.votes.push(commit.votes[3]);
        commit
    });
    bad("", "a vote by validator 4 of four", "vote-index-unknown", bent(&|commit| commit.votes[2].index = 4));
    bad("65535", "a vote by the last number", "vote-index-unknown", bent(&|commit| commit.votes[2].index = 65535));
    bad("no-set", "a place in a trusted set that is not given", "trusted-vote-mismatch", {
        bent(&|commit| commit.votes[0].trusted_index = Some(0))
    });
    let kind = scene.voters[0].key().key_type();
    let mut narrow = verifier.clone();
    narrow.parameters.key_types = KeyTypes::from_bits(7 & !(1 << (kind.tag() - 1))).unwrap();
    let update = scene.update(&block, block.commit(&[0, 1, 2])).encode();
    put(case, "", "the client does not take such keys", &narrow, &update, rejected("key-type-not-allowed"));
}

/// What only one kind of key has, and other hashes.
fn suites() {
    // secp256k1: the other half.
    let scene = Scene::new(KeyType::Secp256k1);
    let block = scene.block();
    let mut commit = block.commit(&[0, 1, 2]);
    let high = k256::ecdsa::Signature::from_slice(&commit.votes[1].signature).unwrap();
    let s: [u8; 32] = (-*high.s()).to_bytes().into();
    commit.votes[1].signature[32..].copy_from_slice(&s);
    let update = scene.update(&block, commit).encode();
    let case = "voted-4v-secp256k1";
    put(case, "high-s", "the malleated form of a vote", &scene.verifier(), &update, rejected("signature-invalid"));

    // SM2: other user ids, on either side.
    let mut scene = Scene::new(KeyType::Sm2);
    let update = |scene: &Scene| scene.update(&scene.block(), scene.block().commit(&[0, 1, 2])).encode();
    let mut verifier = scene.verifier();
    let case = "voted-4v-sm2";
    verifier.parameters.sm2 = Sm2::with_user_id(b"ALICE123@YAHOO.COM").unwrap();
    let invalid = rejected("signature-invalid");
    put(case, "other-user-id", "the client has another user id", &verifier, &update(&scene), invalid.clone());
    scene.voters.iter_mut().for_each(|voter| voter.user_id = "ALICE123@YAHOO.COM".to_owned());
    put(case, "user-id", "another user id on both sides", &verifier, &update(&scene), advanced(&scene.block()));
    let default = scene.verifier();
    put(case, "signed-by-other-user-id", "votes with another user id", &default, &update(&scene), invalid.clone());
    scene.voters[2].user_id = "1234567812345678".to_owned();
    put(case, "one-other-user-id", "one vote with another user id", &verifier, &update(&scene), invalid);

    // All kinds in one set.
    let mut scene = Scene::new(KeyType::Ed25519);
    scene.voters[1] = Voter::new(KeyType::Secp256k1, "b", 10);
    scene.voters[2] = Voter::new(KeyType::Sm2, "c", 10);
    for (detail, places) in [("", &[0, 1, 2][..]), ("two-ed25519", &[0, 2, 3]), ("all", &[0, 1, 2, 3])] {
        let update = scene.update(&scene.block(), scene.block().commit(places)).encode();
        put("mixed-keys", detail, "three kinds of key in a set", &scene.verifier(), &update, advanced(&scene.block()));
    }
    let mut narrow = scene.verifier();
    narrow.parameters.key_types = KeyTypes::from_bits(3).unwrap();
    let update = scene.update(&scene.block(), scene.block().commit(&[0, 1, 3])).encode();
    let expect = rejected("key-type-not-allowed");
    put("mixed-keys", "silent", "a key that the client does not take, of one who is silent", &narrow, &update, expect);

    // A fully national chain: its trees by SM3.
    let scene = Scene::new(KeyType::Sm2);
    let trusted = Block { tree_hash: TreeHash::Sm3, ..scene.trusted_block() };
    let block = Block { tree_hash: TreeHash::Sm3, ..scene.block() };
    let update = Update {
        trusted: trusted.consensus(),
        trusted_set: None,
        header: block.header(),
        commit: block.commit(&[0, 1, 2]),
    };
    let mut verifier = Verifier { stored: vec![(10, trusted.consensus())], ..scene.verifier() };
    verifier.parameters.tree_hash = TreeHash::Sm3;
    put("sm3-trees", "", "headers and sets by SM3", &verifier, &update.encode(), advanced(&block));
    verifier.parameters.tree_hash = TreeHash::Sha256;
    let expect = rejected("validators-hash-mismatch");
    put("sm3-trees", "", "a client that expects SHA-256", &verifier, &update.encode(), expect);
}

fn states_and_times(scene: &Scene) {
    let case = "states-and-times";
    let verifier = scene.verifier();
    let trusted = scene.trusted();
    let block = scene.block();
    let good = scene.update(&block, block.commit(&[0, 1, 2]));
    put(case, "", "the next block", &verifier, &good.encode(), advanced(&block));

    let wrong = |detail: &str, description: &str, state: ConsensusState| {
        let update = Update { trusted: state, ..good.clone() }.encode();
        put(case, detail, description, &verifier, &update, rejected("consensus-state-mismatch"));
    };
    wrong("root", "another root", ConsensusState { root: StateRoot::new([1; 32]), ..trusted });
    let time = Timestamp::from_unix_nanos(T0 * SECOND + 123_456_788);
    wrong("time", "another nanosecond", ConsensusState { time, ..trusted });
    wrong("set", "another next set", ConsensusState { next_set_hash: SetHash::new([1; 32]), ..trusted });
    let older = scene.block_at(8, T0 * SECOND - 5 * SECOND).consensus();
    let two = Verifier { stored: vec![(8, older), (10, trusted)], ..verifier.clone() };
    let update = Update { trusted: older, ..good.clone() }.encode();
    let expect = rejected("consensus-state-mismatch");
    put(case, "older-state", "from a stored state that is not the latest", &two, &update, expect);

    let at = |detail: &str, description: &str, time: u64, rule: Option<&str>| {
        let block = scene.block_at(11, time);
        let update = scene.update(&block, block.commit(&[0, 1, 2])).encode();
        put(case, detail, description, &verifier, &update, rule.map_or_else(|| advanced(&block), rejected));
    };
    let own = T0 * SECOND + 123_456_789;
    let bound = (T0 + 6 + 10) * SECOND;
    at("equal", "the trusted state's time again", own, Some("time-not-after-trusted"));
    at("", "a nanosecond before the trusted state's time", own - 1, Some("time-not-after-trusted"));
    at("next-nanosecond", "a nanosecond later", own + 1, None);
    at("before-drift", "a nanosecond less ahead than the drift", bound - 1, None);
    at("", "as far ahead as the drift", bound, Some("time-in-future"));
    at("far", "in the year 2554", u64::MAX, Some("time-in-future"));

    let last = Verifier { now: T0 + 1000, ..verifier.clone() };
    put(case, "last-second", "in the last second of the trusting period", &last, &good.encode(), advanced(&block));
    let late = Verifier { now: T0 + 1001, ..verifier.clone() };
    put(case, "", "after the trusting period", &late, &good.encode(), reject("trust-expired", "expired", None));
    // A state of a whole second: its period ends at the second.
    let whole = ConsensusState { time: Timestamp::from_unix_seconds(T0), ..trusted };
    let update = Update { trusted: whole, ..good.clone() }.encode();
    let verifier_at = |now| Verifier { stored: vec![(10, whole)], now, ..verifier.clone() };
    put(
        case,
        "before-expiry",
        "a second before the end of the period",
        &verifier_at(T0 + 999),
        &update,
        advanced(&block),
    );
    let expired = reject("trust-expired", "expired", None);
    put(case, "exactly", "at the end of the period", &verifier_at(T0 + 1000), &update, expired);
    let frozen = Verifier { frozen: true, ..verifier.clone() };
    put(case, "", "a frozen client", &frozen, &good.encode(), reject("client-frozen", "frozen", None));

    // Heights.
    let block = scene.block_at(9, T0 * SECOND + 5 * SECOND);
    let update = scene.update(&block, block.commit(&[0, 1, 2])).encode();
    put(case, "older", "a height below the latest", &verifier, &update, rejected("not-newer"));
    let block = scene.block_at(10, T0 * SECOND + 5 * SECOND);
    let update = scene.update(&block, block.commit(&[0, 1, 2])).encode();
    put(case, "conflicting", "another block of the latest height", &verifier, &update, rejected("not-newer"));
    let block = scene.block_at(i64::MAX as u64, T0 * SECOND + 5 * SECOND);
    let update = scene.update(&block, block.commit(&[0, 1, 2])).encode();
    put(case, "last-height", "the last height of all", &verifier, &update, advanced(&block));
}

fn no_ops(scene: &Scene) {
    let case = "no-op";
    let nothing = || json!({"accept": {"result": "no-op"}});
    let older = scene.block_at(8, T0 * SECOND - 5 * SECOND);
    let verifier = Verifier { stored: vec![(8, older.consensus()), (10, scene.trusted())], ..scene.verifier() };
    let block = scene.trusted_block();
    let latest = scene.update(&block, block.commit(&[0, 1, 2]));
    put(case, "latest", "the latest block again", &verifier, &latest.encode(), nothing());
    put(
        case,
        "older",
        "a stored block again",
        &verifier,
        &scene.update(&older, older.commit(&[0, 1, 2])).encode(),
        nothing(),
    );
    let from_older = Update { trusted: older.consensus(), ..latest.clone() };
    put(case, "from-older", "from a state that is not the latest", &verifier, &from_older.encode(), nothing());
    let without = scene.update(&block, block.commit(&[]));
    put(case, "without-votes", "nothing is believed, so nothing is checked", &verifier, &without.encode(), nothing());
    let other = Block { app_hash: vec![7; 32], ..scene.trusted_block() };
    let update = scene.update(&other, other.commit(&[0, 1, 2])).encode();
    put(case, "other-root", "another root at a stored height", &verifier, &update, rejected("not-newer"));
    let between = scene.block_at(9, T0 * SECOND - SECOND);
    let update = scene.update(&between, between.commit(&[0, 1, 2])).encode();
    put(case, "between", "a height that was passed over", &verifier, &update, rejected("not-newer"));
    let late = Verifier { now: T0 + 5000, ..verifier };
    put(case, "", "an expired client", &late, &latest.encode(), reject("trust-expired", "expired", None));
}

fn framing(scene: &Scene) {
    let case = "framing";
    let verifier = scene.verifier();
    let block = scene.block();
    let good = scene.update(&block, block.commit(&[0, 1, 2])).encode();
    let raw = |detail: &str, description: &str, bytes: &[u8], rule: &str| {
        put(case, detail, description, &verifier, bytes, malformed(rule));
    };
    let header = 72 + 2 + block.leaves().iter().map(|leaf| 1 + leaf.len()).sum::<usize>();
    let set = header + 40;
    let votes = set + 2 + 4 * 41;
    assert_eq!(good.len(), votes + 2 + 3 * 80);
    for (detail, length) in [
        ("empty", 0),
        ("in-state", 71),
        ("before-trusted-set", 72),
        ("in-count", 73),
        ("before-header", 74),
        ("in-header", header - 1),
        ("before-commit", header),
        ("in-commit", header + 39),
        ("before-set", set),
        ("in-validator", set + 2 + 40),
        ("before-votes", votes),
        ("in-vote", votes + 2 + 79),
        ("in-last-vote", good.len() - 1),
    ] {
        raw(detail, "the message is cut", &good[..length], "message-truncated");
    }
    raw("", "a byte more", &[&good[..], &[0]].concat(), "message-trailing");
    raw(
        "vote",
        "a vote more than are counted",
        &[&good[..], &good[votes + 2..votes + 82]].concat(),
        "message-trailing",
    );
    let at = |at: usize, bytes: &[u8]| {
        let mut bent = good.clone();
        bent[at..at + bytes.len()].copy_from_slice(bytes);
        bent
    };
    raw("round", "round 2^31", &at(header, &(1_u32 << 31).to_be_bytes()), "commit-malformed");
    raw("nanos", "a vote of 10^9 nanoseconds", &at(votes + 2 + 12, &1_000_000_000_u32.to_be_bytes()), "vote-malformed");
    for (detail, kind) in [("key-type-0", 0), ("key-type-4", 4)] {
        raw(detail, "a kind of key that is not known", &at(set + 2, &[kind]), "validator-malformed");
    }
    for (detail, power) in [("power-0", 0), ("power-negative", u64::MAX), ("power-2-63", 1 << 63)] {
        raw(detail, "a power out of its range", &at(set + 2 + 33, &power.to_be_bytes()), "validator-malformed");
    }
    // What is read first is judged first, though the message ends early as well.
    let cut = |bent: Vec<u8>, length: usize| bent[..length].to_vec();
    let chain_id = 72 + 2 + 3 + 1;
    assert_eq!(good[chain_id], 0x0a);
    let leaf = cut(at(chain_id, &[0x12]), header - 1);
    raw("then-cut", "another field in the leaf of the chain id, and the header is cut", &leaf, "header-malformed");
    let power = cut(at(set + 2 + 33, &0_u64.to_be_bytes()), set + 2 + 41 + 3);
    raw("then-cut", "a power of 0, and the set is cut", &power, "validator-malformed");
    let nanos = cut(at(votes + 2 + 12, &1_000_000_000_u32.to_be_bytes()), votes + 2 + 79);
    raw("then-cut", "a vote of 10^9 nanoseconds, cut in its signature", &nanos, "vote-malformed");
    let half = cut(at(votes + 2 + 12, &u32::MAX.to_be_bytes()), votes + 2 + 14);
    raw("in-nanos", "half of a vote's nanoseconds, which would be too many", &half, "message-truncated");
    let many = [&good[..set], &600_u16.to_be_bytes(), &set_of_600()].concat();
    put(case, "", "600 validators", &verifier, &many, rejected("too-many-validators"));
    let trusted_many = [&good[..72], &600_u16.to_be_bytes(), &set_of_600(), &good[74..]].concat();
    put(case, "trusted", "600 trusted validators", &verifier, &trusted_many, rejected("too-many-validators"));
    let none = [&good[..set], &[0, 0, 0, 0]].concat();
    put(case, "", "a commit without a set", &verifier, &none, rejected("validator-set-empty"));
}

fn set_of_600() -> Vec<u8> {
    (0..600_u32).flat_map(|number| [&[1][..], &[0; 28], &number.to_be_bytes(), &1_u64.to_be_bytes()].concat()).collect()
}
