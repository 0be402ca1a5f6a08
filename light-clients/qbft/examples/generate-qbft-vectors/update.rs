//! Updates under one set.

use crate::{
    GENERATED, Verifier, folder, malformed, name_of, rejected,
    support::{
        chain::{Block, Field, Validator, malleate, validators},
        trie::{self, key_of},
        vectors::{hex, reject, write},
        world::{TRUSTING_PERIOD, World},
    },
    vector,
};
use light_client::{Codec, StateRoot, Timestamp};
use light_client_crypto::{HashSuite, Keccak256};
use light_client_proofs::rlp;
use light_client_qbft::{ConsensusState, Kind, SetHash, TrustLevel, Update, Vote};
use serde_json::{Value, json};

pub(crate) const T0: u64 = 1_800_000_000;

/// A full branch for each nibble of a key, and the leaf.
pub(crate) const DEEPEST_NODES: usize = 65;

/// A world, four validators, and a client that trusts them at height 10.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) set: Vec<Validator>,
    pub(crate) kind: Kind,
}

impl Scene {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { world: World::new(), set: validators(&["a", "b", "c", "d"]), kind }
    }

    pub(crate) fn trusted(&self) -> ConsensusState {
        self.world.consensus(T0, &self.set)
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier {
            parameters: self.world.parameters(self.kind, TrustLevel::Strict),
            frozen: false,
            stored: vec![(10, self.trusted())],
            now: T0 + 6,
        }
    }

    /// Block 11, five seconds later.
    pub(crate) fn block(&self) -> Block {
        self.block_at(11, T0 + 5)
    }

    pub(crate) fn block_at(&self, number: u64, time: u64) -> Block {
        Block::new(self.kind, number, time, &self.world.state_root(), &self.set)
    }

    pub(crate) fn update(&self, header: Vec<u8>) -> Update {
        Update::new(self.trusted(), None, header, &self.world.account_proof())
    }

    pub(crate) fn stranger(&self) -> Validator {
        Validator::new("stranger")
    }
}

pub(crate) fn put(case: &str, detail: &str, description: &str, verifier: &Verifier, update: &[u8], expect: Value) {
    let content = vector("update", description, GENERATED, verifier, update, json!({}), expect);
    write(&folder(), &format!("update/{case}"), &name_of(&content["expect"], detail), &content);
}

pub(crate) fn advanced(height: u64, state: &ConsensusState) -> Value {
    json!({"accept": {"result": "update", "height": height, "preimage": hex(state.preimage())}})
}

pub(crate) fn write_all() {
    for (kind, case) in [(Kind::Qbft, "sealed-4v"), (Kind::Ibft2, "sealed-4v-ibft2")] {
        let scene = Scene::new(kind);
        accepted(&scene, case);
        seals(&scene, case);
        extra_data(&scene, case);
    }
    let scene = Scene::new(Kind::Qbft);
    constants(&scene);
    header_rlp(&scene);
    states_and_times(&scene);
    accounts(&scene);
    framing(&scene);
    forks(&scene);
    no_ops(&scene);
}

fn accepted(scene: &Scene, case: &str) {
    let verifier = scene.verifier();
    let at = |time| scene.world.consensus(time, &scene.set);
    let good = |detail: &str, description: &str, verifier: &Verifier, block: &Block, seals: usize| {
        let state = at(u64_field(block, Field::Time));
        let height = u64_field(block, Field::Number);
        let update = scene.update(block.sealed_by_first(&scene.set, seals));
        put(case, detail, description, verifier, &update.encode(), advanced(height, &state));
    };
    good("", "three of four seals", &verifier, &scene.block(), 3);
    good("4-seals", "all four seals", &verifier, &scene.block(), 4);
    good("round-7", "decided in round 7", &verifier, &scene.block().with_round(7), 3);
    good("round-300", "decided in round 300", &verifier, &scene.block().with_round(300), 3);
    let candidate = scene.stranger().address();
    good("vote-add", "carries a vote to add", &verifier, &scene.block().with_vote(Vote::Add(candidate)), 3);
    good("vote-drop", "carries a vote to drop", &verifier, &scene.block().with_vote(Vote::Drop(candidate)), 3);
    good("same-time", "of the trusted state's second", &verifier, &scene.block_at(11, T0), 3);
    good("height-gap", "a thousand blocks later", &verifier, &scene.block_at(1011, T0 + 5), 3);
    good("at-drift", "15 seconds ahead of the clock", &verifier, &scene.block_at(11, T0 + 21), 3);
    let last = Verifier { now: T0 + TRUSTING_PERIOD - 1, ..verifier };
    good("last-second", "in the last second of the trusting period", &last, &scene.block(), 3);
}

fn u64_field(block: &Block, field: Field) -> u64 {
    rlp::Reader::new(&block.fields[field as usize]).u64().unwrap()
}

fn seals(scene: &Scene, case: &str) {
    let verifier = scene.verifier();
    let block = scene.block();
    let [a, b, c, stranger] = [&scene.set[0], &scene.set[1], &scene.set[2], &scene.stranger()];
    let good = block.seals_by(&[a, b, c]);
    let refuse = |detail: &str, description: &str, seals: &[Vec<u8>], expect: Value| {
        put(case, detail, description, &verifier, &scene.update(block.encode(seals)).encode(), expect);
    };
    refuse("", "two of four seals", &good[..2], rejected("too-few-seals"));
    refuse("none", "no seal", &[], rejected("too-few-seals"));
    refuse("", "one seal twice", &[good[0].clone(), good[1].clone(), good[0].clone()], rejected("signer-repeated"));
    refuse(
        "surplus",
        "a quorum, and one of its seals again",
        &[good.clone(), vec![good[1].clone()]].concat(),
        rejected("signer-repeated"),
    );
    let foreign = block.seals_by(&[stranger]);
    refuse(
        "",
        "two validators and a stranger",
        &[good[0].clone(), good[1].clone(), foreign[0].clone()],
        rejected("signer-unknown"),
    );
    refuse("surplus", "a quorum, and a stranger's seal", &[good.clone(), foreign].concat(), rejected("signer-unknown"));
    let replaced = |index: usize, seal: Vec<u8>| {
        let mut seals = good.clone();
        seals[index] = seal;
        seals
    };
    refuse("", "the third seal with n - s", &replaced(2, malleate(&good[2])), rejected("seal-high-s"));
    refuse(
        "surplus",
        "a quorum, and one of its seals with n - s",
        &[good.clone(), vec![malleate(&good[0])]].concat(),
        rejected("seal-high-s"),
    );
    let edited = |at: std::ops::Range<usize>, with: &[u8]| {
        let mut seal = good[1].clone();
        seal.splice(at, with.iter().copied());
        replaced(1, seal)
    };
    let bad = || malformed("seal-malformed", None);
    refuse("64-bytes", "a seal without its recovery bit", &edited(64..65, &[]), bad());
    refuse("66-bytes", "a byte after a seal", &edited(65..65, &[0]), bad());
    refuse("empty", "an empty seal", &edited(0..65, &[]), bad());
    let v = good[1][64];
    refuse("v-27", "a recovery bit of 27 or 28", &edited(64..65, &[v + 27]), bad());
    refuse("v-2", "a recovery bit of 2 or 3", &edited(64..65, &[v + 2]), bad());
    refuse("r-zero", "r of zero", &edited(0..32, &[0; 32]), bad());
    refuse("s-zero", "s of zero", &edited(32..64, &[0; 32]), bad());
    refuse("r-too-great", "r of 2^256 - 1", &edited(0..32, &[0xff; 32]), bad());
    refuse("s-too-great", "s of 2^256 - 1", &edited(32..64, &[0xff; 32]), bad());
    let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
    refuse("r-order", "r of the group's order", &edited(0..32, &order), bad());
    refuse("s-order", "s of the group's order", &edited(32..64, &order), bad());
    let mut five = [0; 32];
    five[31] = 5;
    refuse("no-point", "an r that no point has", &edited(0..32, &five), bad());
    let other = scene.block().with_round(1).seals_by(&[a, b, c]);
    refuse("other-round", "seals made for round 1 over a block of round 0", &other, rejected("signer-unknown"));
    let update = scene.update(scene.block().with_round(2).encode(&good));
    put(
        case,
        "round-changed",
        "the round changed after sealing",
        &verifier,
        &update.encode(),
        rejected("signer-unknown"),
    );
    let mut root = Vec::new();
    rlp::write_bytes(&mut root, &[7; 32]);
    let update = scene.update(scene.block().with(Field::StateRoot, root).encode(&good));
    put(
        case,
        "state-root-changed",
        "another state root after sealing",
        &verifier,
        &update.encode(),
        rejected("signer-unknown"),
    );
    let update = scene.update(scene.block_at(11, T0 + 4).encode(&good));
    put(case, "time-changed", "another time after sealing", &verifier, &update.encode(), rejected("signer-unknown"));
}

/// The extra data in every shape but its own.
fn extra_data(scene: &Scene, case: &str) {
    let verifier = scene.verifier();
    let block = scene.block();
    let seals = block.seals_by(&[&scene.set[0], &scene.set[1], &scene.set[2]]);
    let good = block.extra(&seals);
    let elements: Vec<Vec<u8>> = {
        let mut list = rlp::Reader::new(&good).list().unwrap();
        (0..5).map(|_| list.item().unwrap().raw.to_vec()).collect()
    };
    let refuse = |detail: &str, description: &str, extra: &[u8], expect: Value| {
        put(case, detail, description, &verifier, &scene.update(block.encode_with_extra(extra)).encode(), expect);
    };
    let bad = |cause: Option<&str>| malformed("extra-data-malformed", cause);
    let with = |index: usize, element: Vec<u8>| {
        let mut elements = elements.clone();
        elements[index] = element;
        trie::list(&elements)
    };
    let bytes = trie::bytes;
    refuse("four-elements", "four elements", &trie::list(&elements[..4]), bad(Some("rlp-truncated")));
    refuse(
        "six-elements",
        "six elements",
        &trie::list(&[elements.clone(), vec![bytes(&[])]].concat()),
        bad(Some("rlp-trailing-bytes")),
    );
    refuse("trailing", "a byte after the list", &[good.clone(), vec![0]].concat(), bad(Some("rlp-trailing-bytes")));
    refuse("truncated", "the last byte left out", &good[..good.len() - 1], bad(Some("rlp-truncated")));
    refuse("empty", "nothing", &[], bad(Some("rlp-truncated")));
    refuse("not-a-list", "bytes for the list", &bytes(&[7; 40]), bad(Some("rlp-list-expected")));
    refuse("vanity-31", "a vanity of 31 bytes", &with(0, bytes(&[0; 31])), bad(None));
    refuse("vanity-33", "a vanity of 33 bytes", &with(0, bytes(&[0; 33])), bad(None));
    refuse("vanity-list", "a list for the vanity", &with(0, trie::list(&[])), bad(Some("rlp-bytes-expected")));
    refuse("validators-bytes", "bytes for the validators", &with(1, bytes(&[])), bad(Some("rlp-list-expected")));
    let addresses: Vec<Vec<u8>> = block.validators.iter().map(|address| bytes(address.as_bytes())).collect();
    let listed = |addresses: &[Vec<u8>]| with(1, trie::list(addresses));
    let mut short = addresses.clone();
    short[1] = bytes(&block.validators[1].as_bytes()[..19]);
    refuse("validator-19-bytes", "an address of 19 bytes", &listed(&short), bad(None));
    let mut long = addresses.clone();
    long[1] = bytes(&[block.validators[1].as_bytes(), &[0_u8][..]].concat());
    refuse("validator-21-bytes", "an address of 21 bytes", &listed(&long), bad(None));
    let mut nested = addresses.clone();
    nested[1] = trie::list(&[vec![7; 20]]);
    refuse("validator-list", "a list in an address's place", &listed(&nested), bad(Some("rlp-bytes-expected")));
    refuse("", "no validator, as in contract mode", &listed(&[]), rejected("validator-set-empty"));
    let mut twice = addresses.clone();
    twice[3] = addresses[0].clone();
    refuse("", "one validator listed twice", &listed(&twice), rejected("validator-repeated"));
    let many: Vec<Vec<u8>> = (0..257_u64).map(|i| bytes(&Keccak256.hash(&[&i.to_be_bytes()])[12..])).collect();
    refuse("", "257 validators", &listed(&many), rejected("too-many-validators"));
    refuse("seals-bytes", "bytes for the seals", &with(4, bytes(&[])), bad(Some("rlp-list-expected")));
    refuse(
        "seal-list",
        "a list in a seal's place",
        &with(4, trie::list(&[trie::list(&[vec![7; 65]])])),
        bad(Some("rlp-bytes-expected")),
    );

    let candidate = bytes(&[7; 20]);
    let vote = |parts: &[Vec<u8>]| with(2, trie::list(parts));
    refuse(
        "vote-other",
        "a vote that is neither to add nor to drop",
        &vote(&[candidate.clone(), bytes(&[0x01])]),
        bad(None),
    );
    refuse("vote-19-bytes", "a vote about 19 bytes", &vote(&[bytes(&[7; 19]), bytes(&[0xff])]), bad(None));
    refuse(
        "vote-three-parts",
        "a vote of three parts",
        &vote(&[candidate.clone(), bytes(&[0xff]), bytes(&[])]),
        bad(Some("rlp-trailing-bytes")),
    );
    refuse("vote-one-part", "a vote of one part", &vote(std::slice::from_ref(&candidate)), bad(Some("rlp-truncated")));
    match scene.kind {
        Kind::Qbft => {
            refuse(
                "vote-drop-of-ibft2",
                "a vote to drop as IBFT 2.0 spells it",
                &vote(&[candidate, vec![0]]),
                bad(None),
            );
            refuse("vote-string", "an empty string for no vote", &with(2, bytes(&[])), bad(Some("rlp-list-expected")));
            refuse(
                "round-zero-led",
                "a round with a leading zero",
                &with(3, bytes(&[0, 7])),
                bad(Some("rlp-integer-not-canonical")),
            );
            refuse(
                "round-zero-byte",
                "a round of one zero byte",
                &with(3, vec![0]),
                bad(Some("rlp-integer-not-canonical")),
            );
            refuse("round-long", "a round of five bytes", &with(3, bytes(&[1; 5])), bad(Some("rlp-integer-too-large")));
            refuse("round-list", "a list for the round", &with(3, trie::list(&[])), bad(Some("rlp-bytes-expected")));
        }
        Kind::Ibft2 => {
            refuse("vote-drop-of-qbft", "a vote to drop as QBFT spells it", &vote(&[candidate, bytes(&[])]), bad(None));
            refuse("vote-list", "an empty list for no vote", &with(2, trie::list(&[])), bad(Some("rlp-truncated")));
            refuse("round-3-bytes", "a round of three bytes", &with(3, bytes(&[0; 3])), bad(None));
            refuse("round-5-bytes", "a round of five bytes", &with(3, bytes(&[0; 5])), bad(None));
            refuse("round-integer", "a round as QBFT spells it", &with(3, bytes(&[])), bad(None));
            refuse("round-list", "a list for the round", &with(3, trie::list(&[])), bad(Some("rlp-bytes-expected")));
        }
    }
}

/// Fields of another value, sealed all the same.
fn constants(scene: &Scene) {
    let verifier = scene.verifier();
    let refuse = |detail: &str, description: &str, block: Block, expect: Value| {
        let update = scene.update(block.sealed_by_first(&scene.set, 3));
        put("constants", detail, description, &verifier, &update.encode(), expect);
    };
    let with = |field, encoded: Vec<u8>| scene.block().with(field, encoded);
    let bytes = trie::bytes;
    put(
        "constants",
        "",
        "the block as it is",
        &verifier,
        &scene.update(scene.block().sealed_by_first(&scene.set, 3)).encode(),
        advanced(11, &scene.world.consensus(T0 + 5, &scene.set)),
    );
    refuse(
        "",
        "a mix hash of zero, sealed by a quorum",
        with(Field::MixHash, bytes(&[0; 32])),
        rejected("mix-hash-mismatch"),
    );
    refuse(
        "",
        "a difficulty of 2, sealed by a quorum",
        with(Field::Difficulty, bytes(&[2])),
        rejected("difficulty-not-one"),
    );
    refuse(
        "zero",
        "a difficulty of 0, sealed by a quorum",
        with(Field::Difficulty, bytes(&[])),
        rejected("difficulty-not-one"),
    );
    refuse(
        "",
        "a nonce of 1, sealed by a quorum",
        with(Field::Nonce, bytes(&[0, 0, 0, 0, 0, 0, 0, 1])),
        rejected("nonce-not-zero"),
    );
    refuse(
        "",
        "the hash of other ommers, sealed by a quorum",
        with(Field::Ommers, bytes(&[1; 32])),
        rejected("ommers-not-empty"),
    );
}

/// Headers that are not the list of fields they must be.
fn header_rlp(scene: &Scene) {
    let case = "header-rlp";
    let verifier = scene.verifier();
    let good = scene.block().sealed_by_first(&scene.set, 3);
    let refuse_raw = |detail: &str, description: &str, header: Vec<u8>, account: bool, expect: Value| {
        let proof = if account { scene.world.account_proof() } else { vec![] };
        let update = Update::new(scene.trusted(), None, header, &proof);
        put(case, detail, description, &verifier, &update.encode(), expect);
    };
    let bad = |cause: Option<&str>| malformed("header-malformed", cause);
    put(
        case,
        "",
        "the header as it is",
        &verifier,
        &scene.update(good.clone()).encode(),
        advanced(11, &scene.world.consensus(T0 + 5, &scene.set)),
    );
    refuse_raw(
        "truncated",
        "the message ends within the header",
        good[..good.len() - 1].to_vec(),
        false,
        bad(Some("rlp-truncated")),
    );
    refuse_raw("missing", "the message ends before the header", vec![], false, bad(Some("rlp-truncated")));
    let mut long_form = vec![0xfa, 0];
    long_form.extend_from_slice(&good[1..]);
    refuse_raw("length-zero-led", "a length with a leading zero", long_form, true, bad(Some("rlp-not-canonical")));
    refuse_raw("bytes", "bytes in the header's place", trie::bytes(&good), true, bad(Some("rlp-list-expected")));
    let refuse = |detail: &str, description: &str, field: Field, encoded: Vec<u8>, cause: Option<&str>| {
        let block = scene.block().with(field, encoded);
        refuse_raw(detail, description, block.sealed_by_first(&scene.set, 3), true, bad(cause));
    };
    let bytes = trie::bytes;
    refuse("parent-31-bytes", "a parent hash of 31 bytes", Field::Parent, bytes(&[1; 31]), None);
    refuse(
        "parent-list",
        "a list for the parent hash",
        Field::Parent,
        trie::list(&[bytes(&[1; 31])]),
        Some("rlp-bytes-expected"),
    );
    refuse("beneficiary-21-bytes", "a beneficiary of 21 bytes", Field::Beneficiary, bytes(&[1; 21]), None);
    refuse("state-root-33-bytes", "a state root of 33 bytes", Field::StateRoot, bytes(&[1; 33]), None);
    refuse("bloom-255-bytes", "a bloom of 255 bytes", Field::LogsBloom, bytes(&[0; 255]), None);
    refuse(
        "difficulty-zero-led",
        "a difficulty with a leading zero",
        Field::Difficulty,
        bytes(&[0, 1]),
        Some("rlp-integer-not-canonical"),
    );
    refuse(
        "difficulty-33-bytes",
        "a difficulty of 33 bytes",
        Field::Difficulty,
        bytes(&[1; 33]),
        Some("rlp-integer-too-large"),
    );
    refuse(
        "number-zero-led",
        "a number with a leading zero",
        Field::Number,
        bytes(&[0, 11]),
        Some("rlp-integer-not-canonical"),
    );
    refuse("number-9-bytes", "a number of nine bytes", Field::Number, bytes(&[1; 9]), Some("rlp-integer-too-large"));
    refuse(
        "number-wrapped",
        "a number of one byte with a head of its own",
        Field::Number,
        vec![0x81, 11],
        Some("rlp-not-canonical"),
    );
    refuse(
        "gas-used-9-bytes",
        "a gas use of nine bytes",
        Field::GasUsed,
        bytes(&[1; 9]),
        Some("rlp-integer-too-large"),
    );
    refuse("time-zero-byte", "a time of one zero byte", Field::Time, vec![0], Some("rlp-integer-not-canonical"));
    refuse(
        "extra-list",
        "a list for the extra data",
        Field::Extra,
        trie::list(&[bytes(&[1; 40])]),
        Some("rlp-bytes-expected"),
    );
    refuse("mix-hash-31-bytes", "a mix hash of 31 bytes", Field::MixHash, bytes(&[1; 31]), None);
    refuse("nonce-7-bytes", "a nonce of seven bytes", Field::Nonce, bytes(&[0; 7]), None);
    let later = |fields: Vec<Vec<u8>>| scene.block().with_later_fields(fields).sealed_by_first(&scene.set, 3);
    refuse_raw(
        "later-list",
        "a list among the later fields",
        later(vec![trie::list(&[])]),
        true,
        bad(Some("rlp-bytes-expected")),
    );
    refuse_raw(
        "later-wrapped",
        "a later field that is not canonical",
        later(vec![vec![0x81, 5]]),
        true,
        bad(Some("rlp-not-canonical")),
    );
    refuse_raw("33-fields", "33 fields", later(vec![bytes(&[1]); 17]), true, bad(None));
    let mut short = scene.block();
    short.fields.truncate(14);
    refuse_raw("14-fields", "no nonce", short.sealed_by_first(&scene.set, 3), true, bad(Some("rlp-truncated")));
    let large = later(vec![bytes(&vec![1; 32_768])]);
    refuse_raw("", "more than 32,768 bytes", large, true, malformed("header-too-large", None));
}

fn states_and_times(scene: &Scene) {
    let case = "states-and-times";
    let verifier = scene.verifier();
    let good = scene.block().sealed_by_first(&scene.set, 3);
    let refuse = |detail: &str, description: &str, verifier: &Verifier, update: Update, expect: Value| {
        put(case, detail, description, verifier, &update.encode(), expect);
    };
    let state = scene.world.consensus(T0 + 5, &scene.set);
    put(case, "", "the update as it is", &verifier, &scene.update(good.clone()).encode(), advanced(11, &state));
    let sealed_at = |number, time| scene.block_at(number, time).sealed_by_first(&scene.set, 3);
    let v = &verifier;
    refuse(
        "",
        "one second before the trusted state",
        v,
        scene.update(sealed_at(11, T0 - 1)),
        rejected("time-before-trusted"),
    );
    refuse("", "16 seconds ahead of the clock", v, scene.update(sealed_at(11, T0 + 22)), rejected("time-in-future"));
    let late = Verifier { now: T0 + TRUSTING_PERIOD, ..v.clone() };
    refuse(
        "",
        "at the end of the trusting period",
        &late,
        scene.update(good.clone()),
        reject("trust-expired", "expired", None),
    );
    let frozen = Verifier { frozen: true, ..v.clone() };
    refuse("", "a frozen client", &frozen, scene.update(good.clone()), reject("client-frozen", "frozen", None));
    refuse(
        "older",
        "a height below the latest that was never stored",
        v,
        scene.update(sealed_at(9, T0 + 5)),
        rejected("not-newer"),
    );
    refuse(
        "conflicting",
        "another block at the latest height, certified",
        v,
        scene.update(sealed_at(10, T0 + 1)),
        rejected("not-newer"),
    );
    let from = |state: ConsensusState| Update { trusted: state, ..scene.update(good.clone()) };
    let trusted = scene.trusted();
    refuse(
        "time",
        "the latest state with another time",
        v,
        from(ConsensusState { time: Timestamp::from_unix_seconds(T0 - 100), ..trusted }),
        rejected("consensus-state-mismatch"),
    );
    refuse(
        "root",
        "the latest state with another storage root",
        v,
        from(ConsensusState { storage_root: StateRoot::new([7; 32]), ..trusted }),
        rejected("consensus-state-mismatch"),
    );
    let foreign = validators(&["x"]);
    let theirs = ConsensusState { set_hash: SetHash::of(&crate::support::chain::addresses(&foreign)), ..trusted };
    let block = Block::new(scene.kind, 11, T0 + 5, &scene.world.state_root(), &foreign).sealed_by_first(&foreign, 1);
    let swapped = Update::new(theirs, None, block, &scene.world.account_proof());
    refuse("set", "a state with a set of the sender's own", v, swapped, rejected("consensus-state-mismatch"));
    // From an older stored state: keys voted out since then must not count.
    let mut two = v.clone();
    two.stored.push((20, scene.world.consensus(T0 + 2, &scene.set)));
    refuse(
        "older-state",
        "starts from a stored state that is not the latest",
        &two,
        scene.update(sealed_at(21, T0 + 5)),
        rejected("consensus-state-mismatch"),
    );
}

fn accounts(scene: &Scene) {
    let case = "account";
    let verifier = scene.verifier();
    let world = &scene.world;
    let key = key_of(world.router.as_bytes());
    let state = world.consensus(T0 + 5, &scene.set);
    let sealed = |root: &[u8; 32]| Block::new(scene.kind, 11, T0 + 5, root, &scene.set).sealed_by_first(&scene.set, 3);
    let put_with = |detail: &str, description: &str, root: [u8; 32], nodes: &[Vec<u8>], expect: Value| {
        let update = Update::new(scene.trusted(), None, sealed(&root), nodes);
        put(case, detail, description, &verifier, &update.encode(), expect);
    };
    let root = world.state_root();
    let nodes = world.account_proof();
    put_with("", "the Router's account", root, &nodes, advanced(11, &state));
    let deep = world.deep_state(7);
    put_with(
        "deep-7-nodes",
        "the Router's account under six full branches: 4 validators, 3 seals, 7 nodes",
        deep.root(),
        &deep.prove(&key),
        advanced(11, &state),
    );
    let deepest = world.deep_state(DEEPEST_NODES);
    put_with(
        "deepest",
        "the Router's account as deep as an account can lie",
        deepest.root(),
        &deepest.prove(&key),
        advanced(11, &state),
    );
    let absent = world.state_with(None);
    put_with("", "no account at the Router's address", absent.root(), &absent.prove(&key), rejected("account-absent"));
    let other = world.state_with(Some(trie::account(1, 0, &world.storage.root(), &[9; 32])));
    put_with(
        "",
        "other code at the Router's address",
        other.root(),
        &other.prove(&key),
        rejected("code-hash-mismatch"),
    );
    let three = trie::list(&[trie::bytes(&[1]), trie::bytes(&[]), trie::bytes(&[1; 32])]);
    let bad = world.state_with(Some(three));
    put_with(
        "",
        "an account of three fields",
        bad.root(),
        &bad.prove(&key),
        malformed("account-malformed", Some("rlp-truncated")),
    );
    put_with("", "no account proof", root, &[], rejected("proof-empty"));
    put_with("", "the last node left out", root, &nodes[..nodes.len() - 1], rejected("proof-node-missing"));
    put_with(
        "",
        "the root's node again at the end",
        root,
        &[nodes.clone(), vec![nodes[0].clone()]].concat(),
        rejected("proof-node-unused"),
    );
    put_with(
        "padded",
        "a byte at the end",
        root,
        &[nodes.clone(), vec![vec![0]]].concat(),
        rejected("proof-node-unused"),
    );
    put_with(
        "other-state",
        "the account proof of another state",
        root,
        &other.prove(&key),
        rejected("proof-node-hash-mismatch"),
    );
    let elsewhere =
        (0..30_u8).map(|i| key_of(&[i; 20])).find(|other| trie::nibble(other, 0) != trie::nibble(&key, 0)).unwrap();
    put_with(
        "other-account",
        "the proof of another account",
        root,
        &world.state.prove(&elsewhere),
        rejected("proof-node-hash-mismatch"),
    );
}

/// Messages that end early.
fn framing(scene: &Scene) {
    let case = "framing";
    let verifier = scene.verifier();
    let good = scene.update(scene.block().sealed_by_first(&scene.set, 3)).encode();
    let bad = || malformed("message-truncated", None);
    put(case, "", "the message as it is", &verifier, &good, advanced(11, &scene.world.consensus(T0 + 5, &scene.set)));
    put(case, "empty", "no byte", &verifier, &[], bad());
    put(case, "in-state", "ends within the state", &verifier, &good[..71], bad());
    put(case, "in-count", "ends within the count", &verifier, &good[..73], bad());
    put(
        case,
        "in-addresses",
        "ends within the addresses",
        &verifier,
        &[&good[..72], &[0, 2], &[7; 39]].concat(),
        bad(),
    );
    put(
        case,
        "",
        "257 trusted validators",
        &verifier,
        &[&good[..72], &[1, 1], &[7; 257 * 20]].concat(),
        rejected("too-many-validators"),
    );
}

/// Header shapes of later forks.
fn forks(scene: &Scene) {
    let verifier = scene.verifier();
    let state = scene.world.consensus(T0 + 5, &scene.set);
    let bytes = trie::bytes;
    let later = [bytes(&[2; 32]), bytes(&[]), bytes(&[]), bytes(&[0; 32]), bytes(&[3; 32])];
    for (fields, name) in [(17, "shanghai"), (20, "cancun"), (21, "prague"), (32, "most-fields")] {
        let filler = std::iter::repeat(bytes(&[]));
        let block = scene.block().with_later_fields(later.iter().cloned().chain(filler).take(fields - 16));
        let update = scene.update(block.sealed_by_first(&scene.set, 3));
        put("forks", name, &format!("{fields} fields"), &verifier, &update.encode(), advanced(11, &state));
        let mut changed = block.clone();
        *changed.fields.last_mut().unwrap() = bytes(&[9]);
        let seals = block.seals_by(&[&scene.set[0], &scene.set[1], &scene.set[2]]);
        let update = scene.update(changed.encode(&seals));
        put(
            "forks",
            &format!("{name}-last-changed"),
            "the last field changed after sealing",
            &verifier,
            &update.encode(),
            rejected("signer-unknown"),
        );
    }
    let mut berlin = scene.block();
    berlin.fields.truncate(15);
    let update = scene.update(berlin.sealed_by_first(&scene.set, 3));
    put("forks", "berlin", "15 fields", &verifier, &update.encode(), advanced(11, &state));
}

fn no_ops(scene: &Scene) {
    let case = "no-op";
    let state = |time| scene.world.consensus(time, &scene.set);
    let verifier = Verifier {
        stored: vec![(10, state(T0)), (11, state(T0 + 5)), (15, state(T0 + 9))],
        now: T0 + 20,
        ..scene.verifier()
    };
    let no_op = || json!({"accept": {"result": "no-op"}});
    let sealed = |number, time| scene.block_at(number, time).sealed_by_first(&scene.set, 3);
    let from = |trusted: ConsensusState, header: Vec<u8>| Update { trusted, ..scene.update(header) }.encode();
    put(
        case,
        "latest",
        "the latest state again, from the one before it: a race lost",
        &verifier,
        &from(state(T0 + 5), sealed(15, T0 + 9)),
        no_op(),
    );
    put(
        case,
        "latest-from-itself",
        "the latest state again, from itself",
        &verifier,
        &from(state(T0 + 9), sealed(15, T0 + 9)),
        no_op(),
    );
    put(case, "older", "an older stored state again", &verifier, &from(state(T0), sealed(11, T0 + 5)), no_op());
    put(
        case,
        "other-seals",
        "an older stored state again, under other seals",
        &verifier,
        &from(state(T0), scene.block_at(11, T0 + 5).sealed(&[&scene.set[3], &scene.set[1], &scene.set[2]])),
        no_op(),
    );
    put(
        case,
        "between",
        "a height between two stored ones",
        &verifier,
        &from(state(T0 + 9), sealed(12, T0 + 9)),
        rejected("not-newer"),
    );
    put(
        case,
        "other-time",
        "another time at a stored height",
        &verifier,
        &from(state(T0), sealed(11, T0 + 6)),
        rejected("not-newer"),
    );
}
