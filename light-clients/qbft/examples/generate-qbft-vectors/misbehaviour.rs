//! Two headers of one height.

use crate::{
    GENERATED, Verifier, capture, folder, malformed, name_of, rejected, slug,
    support::{
        chain::{Block, Field, Validator, hash_of, validators},
        trie::{self, key_of},
        vectors::{hex, reject, unhex, unhex_array, write},
        world::{World, height},
    },
    update::{DEEPEST_NODES, Scene, T0},
    vector,
};
use light_client::{CodeHash, Codec, StateRoot, Timestamp};
use light_client_crypto::{Address, HashSuite, Keccak256};
use light_client_proofs::rlp;
use light_client_qbft::{
    ConsensusState, Evidence, Header, Kind, MAX_ACCOUNT_PROOF_BYTES, MAX_HEADER_BYTES, SetHash, StateAt, TrustLevel,
};
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

/// Evidence of two headers over the scene's state, which one proof binds both to the chain.
fn bound(scene: &Scene, lower: StateAt, upper: Option<StateAt>, headers: [Vec<u8>; 2]) -> Evidence {
    let nodes = scene.world.account_proof().concat();
    Evidence::new(lower, upper, headers, [nodes.clone(), nodes])
}

fn at(number: u64, state: ConsensusState) -> StateAt {
    StateAt { height: height(number), state }
}

/// What is frozen: the height and the two hashes, in the order of the evidence.
fn frozen(number: u64, hashes: [[u8; 32]; 2]) -> Value {
    json!({"accept": {"height": number, "hash_a": hex(hashes[0]), "hash_b": hex(hashes[1])}})
}

/// A contract of the recorded chain stands for the Router. Its account was recorded under the real block's state root; under
/// the root that one of the headers was given there is nothing to prove.
fn recorded() {
    let capture = capture("goquorum-qbft-4v-misbehaviour");
    let proofs = crate::capture("goquorum-qbft-4v-proofs");
    let set: Vec<Address> =
        capture["trusted_validators"].as_array().unwrap().iter().map(|a| Address::new(unhex_array(a))).collect();
    for pair in capture["pairs"].as_array().unwrap() {
        let label = pair["label"].as_str().unwrap();
        let headers = [unhex(&pair["a"]["rlp"]), unhex(&pair["b"]["rlp"])];
        let [(number, time, root), (.., other_root)] = headers.each_ref().map(|header| {
            let header = Header::decode(Kind::Qbft, header).unwrap();
            (header.height.number(), header.time.unix_seconds(), header.state_root)
        });
        let state = ConsensusState {
            storage_root: StateRoot::new([0; 32]),
            time: Timestamp::from_unix_seconds(time - 1),
            set_hash: SetHash::of(&set),
        };
        let recorded = proofs["proofs"].as_array().unwrap().iter().find(|proof| proof["height"] == number).unwrap();
        let account = &recorded["proof"];
        let mut parameters = World::new().parameters(Kind::Qbft, TrustLevel::Strict);
        parameters.router = Address::new(unhex_array(&account["address"]));
        parameters.router_code_hash = CodeHash::new(unhex_array(&account["codeHash"]));
        let verifier = Verifier { parameters, frozen: false, stored: vec![(number - 1, state)], now: time + 10 };
        let nodes: Vec<u8> = account["accountProof"].as_array().unwrap().iter().flat_map(unhex).collect();
        let is_misbehaviour = pair["misbehaviour"].as_bool().unwrap();
        let expect = if is_misbehaviour && root == other_root {
            frozen(number, [unhex_array(&pair["a"]["hash"]), unhex_array(&pair["b"]["hash"])])
        } else if is_misbehaviour {
            rejected("proof-node-hash-mismatch")
        } else if pair["a"]["hash"] == pair["b"]["hash"] {
            rejected("headers-identical")
        } else {
            rejected("too-few-seals")
        };
        let source = "captures/goquorum-qbft-4v-misbehaviour.json and -proofs.json: GoQuorum 24.4.1, one header sealed again with the validators' keys";
        let detail = if label.contains("another validator set") { "other-set".to_owned() } else { slug(label) };
        let case = format!("goquorum-{number}");
        let accepted = expect.get("accept").is_some();
        let evidence = Evidence::new(at(number - 1, state), None, headers, [nodes.clone(), nodes]);
        put(&case, &detail, label, source, &verifier, &evidence.encode(), expect);
        if accepted {
            let mut other = verifier.clone();
            other.parameters.router_code_hash = CodeHash::new([1; 32]);
            let description = format!("{label}; other code is pinned");
            put(&case, &detail, &description, source, &other, &evidence.encode(), rejected("code-hash-mismatch"));
            let mut bare = evidence;
            bare.account_proofs[1].clear();
            let description = format!("{label}; the second without an account proof");
            put(&case, &detail, &description, source, &verifier, &bare.encode(), rejected("proof-empty"));
        }
    }
}

fn devnode() {
    let capture = capture("devnode-qbft-4v-conflicts");
    for fork in capture["forks"].as_array().unwrap() {
        let name = fork["fork"].as_str().unwrap();
        let set: Vec<Address> =
            fork["validators"].as_array().unwrap().iter().map(|a| Address::new(unhex_array(a))).collect();
        let number = fork["number"].as_u64().unwrap();
        let account = &fork["proof"];
        let real = unhex(&fork["real"]["rlp"]);
        let time = Header::decode(Kind::Qbft, &real).unwrap().time.unix_seconds();
        let state = ConsensusState {
            storage_root: StateRoot::new(unhex_array(&account["storageHash"])),
            time: Timestamp::from_unix_seconds(time - 1),
            set_hash: SetHash::of(&set),
        };
        let mut parameters = World::new().parameters(Kind::Qbft, TrustLevel::Strict);
        parameters.router = Address::new(unhex_array(&account["address"]));
        parameters.router_code_hash = CodeHash::new(unhex_array(&account["codeHash"]));
        let verifier = Verifier { parameters, frozen: false, stored: vec![(1, state)], now: time + 100 };
        let nodes: Vec<u8> = account["accountProof"].as_array().unwrap().iter().flat_map(unhex).collect();
        let source = "captures/devnode-qbft-4v-conflicts.json: go-ethereum 1.16.7 under a QBFT engine";
        let with = |other: &Value| {
            let pair = [real.clone(), unhex(&other["rlp"])];
            Evidence::new(at(1, state), None, pair, [nodes.clone(), nodes.clone()]).encode()
        };
        let [parent, root] = [&fork["other_parent"], &fork["other_state_root"]];
        let expect = frozen(number, [unhex_array(&fork["real"]["hash"]), unhex_array(&parent["hash"])]);
        put("devnode", name, "another parent at one height", source, &verifier, &with(parent), expect);
        let description = "another state root at one height, under which nobody shows the account";
        put("devnode", name, description, source, &verifier, &with(root), rejected("proof-node-hash-mismatch"));
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
    let around = |pair: &[Vec<u8>; 2]| bound(scene, at(10, trusted), Some(at(15, state)), pair.clone());
    let pair = [forged, honest];
    put("misled", "the first is stored, and lists another set", around(&pair), accept(15, &pair));
    put("misled-between", "below the stored one", around(&between), accept(13, &between));
    put("misled-above", "above the upper state", around(&above), rejected("consensus-state-unknown"));
    let from_forged = |pair: &[Vec<u8>; 2]| bound(scene, at(15, state), None, pair.clone());
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
    let from = |pair: [Vec<u8>; 2]| bound(scene, lower, None, pair);
    let v = &verifier;

    put("", "two blocks of one height, above the latest state", v, from(pair.clone()), accept());
    put("swapped", "the same in the other order", v, from([b.clone(), a.clone()]), frozen(15, [hashes[1], hashes[0]]));
    put(
        "between",
        "between two stored states of one set",
        &two,
        bound(scene, lower, Some(upper), pair.clone()),
        accept(),
    );
    let at_ten = [scene.block_at(10, T0), scene.block_at(10, T0 + 1)].map(|block| block.sealed_by_first(&scene.set, 3));
    let ten = [0, 1].map(|index| hash_of(scene.kind, &at_ten[index]));
    put("at-stored-height", "at the very height of a stored state", v, from(at_ten.clone()), frozen(10, ten));
    put(
        "at-stored-height-between",
        "at the height of the lower of two stored states",
        &two,
        bound(scene, lower, Some(upper), at_ten),
        frozen(10, ten),
    );
    let at_twenty =
        [scene.block_at(20, T0 + 20), scene.block_at(20, T0 + 21)].map(|block| block.sealed_by_first(&scene.set, 3));
    let twenty = [0, 1].map(|index| hash_of(scene.kind, &at_twenty[index]));
    put(
        "at-upper",
        "at the height of the upper state, from the one below",
        &two,
        bound(scene, lower, Some(upper), at_twenty),
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
    let between_sets = |pair: [Vec<u8>; 2]| bound(scene, lower, Some(at(20, changed)), pair);
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
        bound(scene, lower, Some(upper), pair.clone()),
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
        bound(scene, lower, Some(upper), pair.clone()),
        unknown(),
    );
    let below = Verifier { stored: vec![(10, states[0]), (14, states[0]), (20, states[1])], ..verifier.clone() };
    put(
        "lower-not-greatest",
        "a greater stored height is not above the headers'",
        &below,
        bound(scene, lower, Some(at(14, states[0])), pair.clone()),
        unknown(),
    );
    let above = Verifier { stored: vec![(20, states[1])], ..verifier.clone() };
    put(
        "before-first",
        "below every stored state",
        &above,
        bound(scene, at(20, states[1]), None, pair.clone()),
        unknown(),
    );
    put(
        "never-stored",
        "a lower height that was never stored",
        v,
        bound(scene, at(12, states[0]), None, pair.clone()),
        unknown(),
    );
    let wrong = ConsensusState { time: Timestamp::from_unix_seconds(T0 + 1), ..states[0] };
    put(
        "lower",
        "another lower state than the one stored",
        v,
        bound(scene, at(10, wrong), None, pair.clone()),
        rejected("consensus-state-mismatch"),
    );
    put(
        "upper",
        "another upper state than the one stored",
        &two,
        bound(scene, lower, Some(at(20, wrong)), pair.clone()),
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
        "a byte after the second account proof",
        &[good.clone(), vec![0]].concat(),
        malformed("evidence-malformed", None),
    );
    raw("three-headers", "three headers", &[good.clone(), a.clone()].concat(), malformed("evidence-malformed", None));
    accounts(scene, case, v, lower, &pair);
    raw("in-state", "the message ends within the lower state", &good[..79], malformed("message-truncated", None));
    raw("before-flag", "the message ends before the flag", &good[..80], malformed("message-truncated", None));
    let upper_cut = bound(scene, lower, Some(upper), pair.clone()).encode();
    raw("in-upper", "the message ends within the upper state", &upper_cut[..150], malformed("message-truncated", None));
    let nodes = scene.world.account_proof().concat().len();
    let [first_end, second_end] = [81 + a.len(), 81 + a.len() + 2 + nodes + b.len()];
    let cut = || malformed("header-malformed", Some("rlp-truncated"));
    raw("", "the second header cut", &good[..second_end - 1], cut());
    raw("one-header", "one header", &good[..first_end + 2 + nodes], cut());
    let truncated = || malformed("message-truncated", None);
    raw("first-header-alone", "the message ends behind the first header", &good[..first_end], truncated());
    raw("in-length", "the message ends within the length of an account proof", &good[..second_end + 1], truncated());
    raw("in-account-proof", "the message ends within an account proof", &good[..good.len() - 1], truncated());
    let stopped = Verifier { frozen: true, ..verifier.clone() };
    put("", "a frozen client", &stopped, from(pair), reject("client-frozen", "frozen", None));
}

/// What binds each header to the chain.
fn accounts(scene: &Scene, case: &str, verifier: &Verifier, lower: StateAt, pair: &[Vec<u8>; 2]) {
    let nodes = scene.world.account_proof().concat();
    let put = |detail: &str, description: &str, headers: [Vec<u8>; 2], proofs: [Vec<u8>; 2], expect: Value| {
        let evidence = Evidence::new(lower, None, headers, proofs).encode();
        put(case, detail, description, GENERATED, verifier, &evidence, expect);
    };
    let first = |nodes_of: &[u8]| [nodes_of.to_vec(), nodes.clone()];
    let second = |nodes_of: &[u8]| [nodes.clone(), nodes_of.to_vec()];
    let [a, b] = pair;
    let without = || rejected("proof-empty");
    put("", "the second header without an account proof", pair.clone(), second(&[]), without());
    put("first", "the first header without an account proof", pair.clone(), first(&[]), without());
    put("both", "two headers and no account proof", pair.clone(), [vec![], vec![]], without());
    let last = scene.world.account_proof().pop().unwrap().len();
    let missing = || rejected("proof-node-missing");
    put("", "the second account proof without its leaf", pair.clone(), second(&nodes[..nodes.len() - last]), missing());
    let surplus = [&nodes[..], &[rlp::EMPTY_BYTES]].concat();
    let unused = || rejected("proof-node-unused");
    put("", "an item after the second account proof's nodes", pair.clone(), second(&surplus), unused());
    put("first", "an item after the first account proof's nodes", pair.clone(), first(&surplus), unused());
    let most = [&nodes[..], &vec![rlp::EMPTY_BYTES; MAX_ACCOUNT_PROOF_BYTES - nodes.len()]].concat();
    put("longest", "as many bytes of account proof as are read", pair.clone(), second(&most), unused());

    // Blocks over other states, each with the proof of its own.
    let key = key_of(scene.world.router.as_bytes());
    let over = |state: &trie::Trie| {
        let block = Block::new(scene.kind, 15, T0 + 6, &state.root(), &scene.set);
        (block.sealed_by_first(&scene.set, 3), state.prove(&key).concat())
    };
    let leaf = |code_hash: &[u8; 32]| trie::account(1, 0, &scene.world.storage.root(), code_hash);
    let deeper = scene.world.deep_state(4);
    let (forked, its_proof) = over(&deeper);
    let hashes = [hash_of(scene.kind, a), hash_of(scene.kind, &forked)];
    put("other-state", "over two states", [a.clone(), forked.clone()], second(&its_proof), frozen(15, hashes));
    let (deepest, its_longest) = over(&scene.world.deep_state(DEEPEST_NODES));
    let twice = [hash_of(scene.kind, &deepest), hash_of(scene.kind, b)];
    let description = "over a state in which the Router's account lies as deep as an account can";
    put("deepest", description, [deepest, b.clone()], first(&its_longest), frozen(15, twice));
    let mismatch = || rejected("proof-node-hash-mismatch");
    put("other-state", "with one state's proof twice", [a.clone(), forked.clone()], second(&nodes), mismatch());
    put("swapped", "each with the other's account proof", [forked, a.clone()], second(&its_proof), mismatch());
    let code = scene.world.state_with(Some(leaf(&Keccak256.hash(&[b"code of another chain's router"]))));
    let (foreign, its_proof) = over(&code);
    let other_code = || rejected("code-hash-mismatch");
    let description = "a block of another chain with the same validators, whose Router has another code";
    put("", description, [a.clone(), foreign.clone()], second(&its_proof), other_code());
    put("first", "the other chain's block first", [foreign, b.clone()], first(&its_proof), other_code());
    let (empty, its_proof) = over(&scene.world.state_with(None));
    let description = "a block of another chain with the same validators, which has no such Router";
    put("", description, [a.clone(), empty], second(&its_proof), rejected("account-absent"));
    let three = trie::list(&[trie::bytes(&[1]), trie::bytes(&[]), trie::bytes(&[1; 32])]);
    let (odd, its_proof) = over(&scene.world.state_with(Some(three)));
    let description = "an account of three fields under the second block's root";
    let odd_account = malformed("account-malformed", Some("rlp-truncated"));
    put("", description, [a.clone(), odd], second(&its_proof), odd_account);
    let large = [b.clone(), vec![0; MAX_HEADER_BYTES]].concat();
    let mut long_header = Vec::new();
    rlp::write_list(&mut long_header, &large);
    let too_large = || malformed("header-too-large", None);
    put("", "a header of more bytes than any", [a.clone(), long_header], second(&nodes), too_large());
}
