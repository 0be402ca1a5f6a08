//! Two headers of one height.

use crate::{
    GENERATED, Verifier, capture, folder, malformed, name_of, rejected, slug,
    support::{
        chain::{Block, Field, Validator, hash_of, validators},
        trie,
        vectors::{hex, reject, unhex, unhex_array, write},
        world::{World, height},
    },
    update::{Scene, T0},
    vector,
};
use light_client::{Codec, StateRoot, Timestamp};
use light_client_crypto::Address;
use light_client_qbft::{ConsensusState, Evidence, Header, Kind, SetHash, StateAt, TrustLevel};
use serde_json::{Value, json};

pub(crate) fn write_all() {
    recorded();
    devnode();
    for (kind, case) in [(Kind::Qbft, "sealed-4v"), (Kind::Ibft2, "sealed-4v-ibft2")] {
        sealed(&Scene::new(kind), case);
    }
}

fn put(case: &str, detail: &str, description: &str, source: &str, verifier: &Verifier, evidence: &[u8], expect: Value) {
    let content = vector("misbehaviour", description, source, verifier, evidence, json!({}), expect);
    write(&folder(), &format!("misbehaviour/{case}"), &name_of(&content["expect"], detail), &content);
}

fn at(number: u64, state: ConsensusState) -> StateAt {
    StateAt { height: height(number), state }
}

/// What is frozen: the height and the two hashes, in the order of the evidence.
fn frozen(number: u64, hashes: [[u8; 32]; 2]) -> Value {
    json!({"accept": {"height": number, "hash_a": hex(hashes[0]), "hash_b": hex(hashes[1])}})
}

fn recorded() {
    let capture = capture("goquorum-qbft-4v-misbehaviour");
    let set: Vec<Address> =
        capture["trusted_validators"].as_array().unwrap().iter().map(|a| Address::new(unhex_array(a))).collect();
    for pair in capture["pairs"].as_array().unwrap() {
        let label = pair["label"].as_str().unwrap();
        let headers = [unhex(&pair["a"]["rlp"]), unhex(&pair["b"]["rlp"])];
        let (number, time) = {
            let header = Header::decode(Kind::Qbft, &headers[0]).unwrap();
            (header.height.number(), header.time.unix_seconds())
        };
        let state = ConsensusState {
            storage_root: StateRoot::new([0; 32]),
            time: Timestamp::from_unix_seconds(time - 1),
            set_hash: SetHash::of(&set),
        };
        let verifier = Verifier {
            parameters: World::new().parameters(Kind::Qbft, TrustLevel::Strict),
            frozen: false,
            stored: vec![(number - 1, state)],
            now: time + 10,
        };
        let expect = if pair["misbehaviour"].as_bool().unwrap() {
            frozen(number, [unhex_array(&pair["a"]["hash"]), unhex_array(&pair["b"]["hash"])])
        } else if pair["a"]["hash"] == pair["b"]["hash"] {
            rejected("headers-identical")
        } else {
            rejected("too-few-seals")
        };
        let source = "captures/goquorum-qbft-4v-misbehaviour.json: GoQuorum 24.4.1, one header sealed again with the validators' keys";
        let detail = if label.contains("another validator set") { "other-set".to_owned() } else { slug(label) };
        let evidence = Evidence::new(at(number - 1, state), None, headers);
        put(&format!("goquorum-{number}"), &detail, label, source, &verifier, &evidence.encode(), expect);
    }
}

fn devnode() {
    let capture = capture("devnode-qbft-4v-forks");
    for fork in capture["forks"].as_array().unwrap() {
        let name = fork["fork"].as_str().unwrap();
        let headers = fork["headers"].as_array().unwrap();
        let last = headers.last().unwrap();
        let number = last["number"].as_u64().unwrap();
        let set: Vec<Address> =
            last["validators"].as_array().unwrap().iter().map(|a| Address::new(unhex_array(a))).collect();
        let time = u64::from_str_radix(&headers[1]["block"]["timestamp"].as_str().unwrap()[2..], 16).unwrap();
        let state = ConsensusState {
            storage_root: StateRoot::new([0; 32]),
            time: Timestamp::from_unix_seconds(time),
            set_hash: SetHash::of(&set),
        };
        let verifier = Verifier {
            parameters: World::new().parameters(Kind::Qbft, TrustLevel::Strict),
            frozen: false,
            stored: vec![(1, state)],
            now: time + 100,
        };
        let pair = [unhex(&last["rlp"]), unhex(&fork["misbehaviour"]["rlp"])];
        let evidence = Evidence::new(at(1, state), None, pair);
        let expect = frozen(number, [unhex_array(&last["expected_hash"]), unhex_array(&fork["misbehaviour"]["hash"])]);
        let source = "captures/devnode-qbft-4v-forks.json: go-ethereum 1.16.7 under a QBFT engine";
        put("devnode", name, "another state root at one height", source, &verifier, &evidence.encode(), expect);
    }
}

/// A client that followed a forged header, which lists a set of its forger's choice.
fn misled(scene: &Scene, case: &str, base: &Verifier, trusted: ConsensusState, others: &[Validator]) {
    let state = scene.world.consensus(T0 + 5, others);
    let verifier = Verifier { stored: vec![(10, trusted), (15, state)], ..base.clone() };
    let members: Vec<&Validator> = scene.set.iter().take(3).collect();
    let forged = Block::new(scene.kind, 15, T0 + 5, &scene.world.state_root(), others).sealed(&members);
    let honest = scene.block_at(15, T0 + 6).sealed_by_first(&scene.set, 3);
    let between = [T0 + 3, T0 + 4].map(|time| scene.block_at(13, time).sealed_by_first(&scene.set, 3));
    let above = [T0 + 6, T0 + 7].map(|time| scene.block_at(16, time).sealed_by_first(&scene.set, 3));
    let accept = |number: u64, pair: &[Vec<u8>; 2]| frozen(number, [0, 1].map(|one| hash_of(scene.kind, &pair[one])));
    let put = |detail: &str, description: &str, evidence: Evidence, expect: Value| {
        put(case, detail, description, GENERATED, &verifier, &evidence.encode(), expect);
    };
    let around = |pair: &[Vec<u8>; 2]| Evidence::new(at(10, trusted), Some(at(15, state)), pair.clone());
    let pair = [forged, honest];
    put("misled", "the first is stored, and lists another set", around(&pair), accept(15, &pair));
    put("misled-between", "below the stored one", around(&between), accept(13, &between));
    put("misled-above", "above the upper state", around(&above), rejected("consensus-state-unknown"));
    let from_forged = |pair: &[Vec<u8>; 2]| Evidence::new(at(15, state), None, pair.clone());
    put("misled-by-its-own-set", "by the set that the stored one lists", from_forged(&pair), rejected("too-few-seals"));
    put(
        "misled-above",
        "above the stored one, by the set trusted before",
        from_forged(&above),
        rejected("set-unknown-at-height"),
    );
}

#[allow(clippy::too_many_lines)]
fn sealed(scene: &Scene, case: &str) {
    let states = [scene.world.consensus(T0, &scene.set), scene.world.consensus(T0 + 20, &scene.set)];
    let verifier = Verifier { stored: vec![(10, states[0])], now: T0 + 100, ..scene.verifier() };
    let two = Verifier { stored: vec![(10, states[0]), (20, states[1])], ..verifier.clone() };
    let [first, second] = [scene.block_at(15, T0 + 5), scene.block_at(15, T0 + 6)];
    let [a, b] = [first.sealed_by_first(&scene.set, 3), second.sealed(&[&scene.set[3], &scene.set[1], &scene.set[2]])];
    let pair = [a.clone(), b.clone()];
    let hashes = [hash_of(scene.kind, &a), hash_of(scene.kind, &b)];
    let accept = || frozen(15, hashes);
    let lower = at(10, states[0]);
    let upper = at(20, states[1]);
    let put = |detail: &str, description: &str, verifier: &Verifier, evidence: Evidence, expect: Value| {
        put(case, detail, description, GENERATED, verifier, &evidence.encode(), expect);
    };
    let from = |pair: [Vec<u8>; 2]| Evidence::new(lower, None, pair);
    let v = &verifier;

    put("", "two blocks of one height, above the latest state", v, from(pair.clone()), accept());
    put("swapped", "the same in the other order", v, from([b.clone(), a.clone()]), frozen(15, [hashes[1], hashes[0]]));
    put(
        "between",
        "between two stored states of one set",
        &two,
        Evidence::new(lower, Some(upper), pair.clone()),
        accept(),
    );
    let at_ten = [scene.block_at(10, T0), scene.block_at(10, T0 + 1)].map(|block| block.sealed_by_first(&scene.set, 3));
    let ten = [0, 1].map(|index| hash_of(scene.kind, &at_ten[index]));
    put("at-stored-height", "at the very height of a stored state", v, from(at_ten.clone()), frozen(10, ten));
    put(
        "at-stored-height-between",
        "at the height of the lower of two stored states",
        &two,
        Evidence::new(lower, Some(upper), at_ten),
        frozen(10, ten),
    );
    let at_twenty =
        [scene.block_at(20, T0 + 20), scene.block_at(20, T0 + 21)].map(|block| block.sealed_by_first(&scene.set, 3));
    let twenty = [0, 1].map(|index| hash_of(scene.kind, &at_twenty[index]));
    put(
        "at-upper",
        "at the height of the upper state, from the one below",
        &two,
        Evidence::new(lower, Some(upper), at_twenty),
        frozen(20, twenty),
    );
    let late = Verifier { now: T0 + 10_000_000, ..verifier.clone() };
    put("expired", "shown to a client that has expired", &late, from(pair.clone()), accept());
    let rounds =
        [first.clone().with_round(1), second.clone().with_round(9)].map(|block| block.sealed_by_first(&scene.set, 3));
    put("rounds", "two blocks decided in two rounds", v, from(rounds), accept());
    let others = validators(&["a", "b", "c", "d", "e", "f"]);
    let other_set = Block::new(scene.kind, 15, T0 + 5, &scene.world.state_root(), &others);
    let members: Vec<&Validator> = scene.set.iter().take(3).collect();
    let other_hash = hash_of(scene.kind, &other_set.encode(&[]));
    put(
        "other-set",
        "the second block lists another set, sealed by a quorum of the trusted one",
        v,
        from([a.clone(), other_set.sealed(&members)]),
        frozen(15, [hashes[0], other_hash]),
    );
    put(
        "other-set-first",
        "the first block lists another set",
        v,
        from([other_set.sealed(&members), a.clone()]),
        frozen(15, [other_hash, hashes[0]]),
    );

    let higher = scene.block_at(16, T0 + 6).sealed_by_first(&scene.set, 3);
    put("", "two heights", v, from([a.clone(), higher]), rejected("heights-differ"));
    put("", "one header twice", v, from([a.clone(), a.clone()]), rejected("headers-identical"));
    let resealed = first.sealed(&[&scene.set[1], &scene.set[2], &scene.set[3]]);
    put("seals", "one block under other seals", v, from([a.clone(), resealed]), rejected("headers-identical"));
    let again = first.clone().with_round(3).sealed_by_first(&scene.set, 3);
    put("round", "one block in another round", v, from([a.clone(), again]), rejected("headers-identical"));
    put(
        "second",
        "two of four seals on the second",
        v,
        from([a.clone(), second.sealed_by_first(&scene.set, 2)]),
        rejected("too-few-seals"),
    );
    put("first", "no seal on the first", v, from([first.encode(&[]), b.clone()]), rejected("too-few-seals"));
    let stranger = scene.stranger();
    let foreign = second.sealed(&[&scene.set[0], &scene.set[1], &stranger]);
    put("", "a quorum only with a stranger", v, from([a.clone(), foreign]), rejected("signer-unknown"));
    let newcomer =
        &others.iter().find(|member| !scene.set.iter().any(|old| old.address() == member.address())).unwrap();
    let surplus: Vec<&Validator> = members.iter().copied().chain([*newcomer]).collect();
    put(
        "other-set",
        "a seal by a member of the other header's set, who is a stranger here",
        v,
        from([a.clone(), other_set.sealed(&surplus)]),
        rejected("signer-unknown"),
    );
    put(
        "",
        "one seal twice",
        v,
        from([a.clone(), second.sealed(&[&scene.set[0], &scene.set[1], &scene.set[1]])]),
        rejected("signer-repeated"),
    );
    let odd = second.clone().with(Field::MixHash, trie::bytes(&[1; 32])).sealed_by_first(&scene.set, 3);
    put("", "the second is no block of this protocol", v, from([a.clone(), odd]), rejected("mix-hash-mismatch"));

    let neither = [other_set.sealed(&members), {
        let mut later = other_set.clone();
        later.vanity[0] = 1;
        later.sealed(&members)
    }];
    put("neither", "neither header lists the trusted set", v, from(neither), rejected("set-unknown-at-height"));
    let changed = scene.world.consensus(T0 + 20, &others);
    let across = Verifier { stored: vec![(10, states[0]), (20, changed)], ..verifier.clone() };
    let between_sets = |pair: [Vec<u8>; 2]| Evidence::new(lower, Some(at(20, changed)), pair);
    put(
        "changed",
        "the set has changed between the stored states, and the two list the lower one's",
        &across,
        between_sets(pair.clone()),
        accept(),
    );
    let by_others = [T0 + 5, T0 + 6].map(|time| {
        let block = Block::new(scene.kind, 15, time, &scene.world.state_root(), &others);
        block.sealed_by_first(&others, 4)
    });
    put(
        "upper-set",
        "between two sets, by the upper state's",
        &across,
        between_sets(by_others),
        rejected("set-unknown-at-height"),
    );
    misled(scene, case, &verifier, states[0], &others);

    let unknown = || rejected("consensus-state-unknown");
    put("upper-missing", "the next stored state is not named", &two, from(pair.clone()), unknown());
    put(
        "upper-superfluous",
        "a next state named where there is none",
        v,
        Evidence::new(lower, Some(upper), pair.clone()),
        unknown(),
    );
    let three = Verifier {
        stored: vec![(10, states[0]), (18, scene.world.consensus(T0 + 18, &others)), (20, states[1])],
        ..verifier.clone()
    };
    put(
        "upper-not-next",
        "a stored state is passed over",
        &three,
        Evidence::new(lower, Some(upper), pair.clone()),
        unknown(),
    );
    let below = Verifier { stored: vec![(10, states[0]), (14, states[0]), (20, states[1])], ..verifier.clone() };
    put(
        "lower-not-greatest",
        "a greater stored height is not above the headers'",
        &below,
        Evidence::new(lower, Some(at(14, states[0])), pair.clone()),
        unknown(),
    );
    let above = Verifier { stored: vec![(20, states[1])], ..verifier.clone() };
    put(
        "before-first",
        "below every stored state",
        &above,
        Evidence::new(at(20, states[1]), None, pair.clone()),
        unknown(),
    );
    put(
        "never-stored",
        "a lower height that was never stored",
        v,
        Evidence::new(at(12, states[0]), None, pair.clone()),
        unknown(),
    );
    let wrong = ConsensusState { time: Timestamp::from_unix_seconds(T0 + 1), ..states[0] };
    put(
        "lower",
        "another lower state than the one stored",
        v,
        Evidence::new(at(10, wrong), None, pair.clone()),
        rejected("consensus-state-mismatch"),
    );
    put(
        "upper",
        "another upper state than the one stored",
        &two,
        Evidence::new(lower, Some(at(20, wrong)), pair.clone()),
        rejected("consensus-state-mismatch"),
    );

    let good = from(pair.clone()).encode();
    let raw = |detail: &str, description: &str, bytes: &[u8], expect: Value| {
        super::misbehaviour::put(case, detail, description, GENERATED, v, bytes, expect);
    };
    let mut flag = good.clone();
    flag[80] = 2;
    raw("flag", "a flag of 2", &flag, malformed("evidence-malformed", None));
    raw(
        "trailing",
        "a byte after the second header",
        &[good.clone(), vec![0]].concat(),
        malformed("evidence-malformed", None),
    );
    raw("three-headers", "three headers", &[good.clone(), a.clone()].concat(), malformed("evidence-malformed", None));
    raw("in-state", "the message ends within the lower state", &good[..79], malformed("message-truncated", None));
    raw("before-flag", "the message ends before the flag", &good[..80], malformed("message-truncated", None));
    let upper_cut = Evidence::new(lower, Some(upper), pair.clone()).encode();
    raw("in-upper", "the message ends within the upper state", &upper_cut[..150], malformed("message-truncated", None));
    raw("", "the second header cut", &good[..good.len() - 1], malformed("header-malformed", Some("rlp-truncated")));
    raw("one-header", "one header", &good[..81 + a.len()], malformed("header-malformed", Some("rlp-truncated")));
    let stopped = Verifier { frozen: true, ..verifier.clone() };
    put("", "a frozen client", &stopped, from(pair), reject("client-frozen", "frozen", None));
}
