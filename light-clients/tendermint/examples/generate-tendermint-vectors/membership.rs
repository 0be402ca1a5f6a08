//! Proofs of a Router's slots and of a store of ibc-go, in trees of the generator's making.

use crate::{
    GENERATED, Verifier, folder, malformed, name_of, rejected,
    support::{
        captures::parameters,
        files::claims_json,
        sorted_tree::{Kind, Tree},
        vectors::{reject, write},
    },
    update::{CHAIN, T0},
    vector,
};
use light_client::{Claim, Codec, MerklePath, StateRoot, Timestamp, sha256};
use light_client_crypto::Address;
use light_client_proofs::ics23::{Neighbour, NestedProof, Path, StoreProof};
use light_client_tendermint::{Commitments, ConsensusState, MembershipProof, SetHash, StoreTree};
use serde_json::{Value, json};

pub(crate) fn write_all() {
    for (tree, case) in [(Kind::Iavl, "router-iavl"), (Kind::Jmt, "router-jmt")] {
        router(&Store::of_router(tree), case);
    }
    let store = Store::of_ibc();
    ibc(&store);
    for (store, case) in [(Store::of_ibc(), "forms-iavl"), (Store { kind: Kind::Jmt, ..Store::of_ibc() }, "forms-jmt")]
    {
        forms(&store, case);
        absences(&store, case);
    }
    framing(&store);
}

const ROUTER: Address = Address::new([0x5a; 20]);

pub(crate) fn put(
    source: &str,
    [case, detail]: [&str; 2],
    description: &str,
    verifier: &Verifier,
    proof: &[u8],
    claims: &[Claim],
    expect: Value,
) {
    let height = verifier.stored.last().unwrap().0;
    let more = json!({"height": height, "claims": claims_json(claims)});
    let content = vector("membership", description, source, verifier, proof, more, expect);
    write(&folder(), &format!("membership/{case}"), &name_of(&content["expect"], detail), &content);
}

pub(crate) fn shown(state: &ConsensusState) -> Value {
    json!({"accept": {"time": state.time.unix_seconds(), "nanos": state.time.subsec_nanos()}})
}

/// One store among three.
struct Store {
    kind: Kind,
    name: &'static str,
    values: Vec<(Vec<u8>, Vec<u8>)>,
    commitments: Commitments,
}

fn path_of(number: u64) -> MerklePath {
    MerklePath::from_elements(vec![[b"tendermint-0\x01".as_slice(), &number.to_be_bytes()].concat()])
}

fn slot_key(path: &MerklePath) -> Vec<u8> {
    [&[2][..], ROUTER.as_bytes(), &sha256(&[&path.elements()[0]])].concat()
}

fn value_of(number: u64) -> Vec<u8> {
    let mut value = sha256(&[b"commitment", &number.to_be_bytes()]).to_vec();
    // Leading zeros are kept.
    if number.is_multiple_of(3) {
        value[..5].fill(0);
    }
    value
}

impl Store {
    /// Slots 1 to 20 hold commitments, 21 to 24 were cleared, later ones never written; other contracts have slots too.
    fn of_router(kind: Kind) -> Self {
        let own = (1..=24).map(|number| {
            let value = if number > 20 { vec![0; 32] } else { value_of(number) };
            (slot_key(&path_of(number)), value)
        });
        let others = (0..9_u8).map(|number| ([&[2][..], &[number * 28; 20], &[number; 32]].concat(), vec![number; 32]));
        Self {
            kind,
            name: "evm",
            values: own.chain(others).collect(),
            commitments: Commitments::EvmStore { store: b"evm".to_vec(), router: ROUTER },
        }
    }

    /// Keys of odd numbers.
    fn of_ibc() -> Self {
        let values = (0..7_u8).map(|number| (vec![b'k', 2 * number + 1], [b"value ".as_slice(), &[number]].concat()));
        Self {
            kind: Kind::Iavl,
            name: "ibc",
            values: values.collect(),
            commitments: Commitments::IbcStore { store: b"ibc".to_vec() },
        }
    }

    fn tree(&self) -> Tree {
        Tree::new(self.kind, self.values.clone())
    }

    fn outer(&self) -> Tree {
        let stores = [("bank", [7; 32]), (self.name, self.tree().root()), ("zone", [9; 32])];
        Tree::new(Kind::Simple, stores.map(|(name, root)| (name.as_bytes().to_vec(), root.to_vec())))
    }

    fn state(&self) -> ConsensusState {
        ConsensusState {
            root: StateRoot::new(self.outer().root()),
            time: Timestamp::from_unix_nanos(T0 * 1_000_000_000 + 987_654_321),
            next_set_hash: SetHash::new([4; 32]),
        }
    }

    fn verifier(&self) -> Verifier {
        let mut parameters = parameters(CHAIN);
        parameters.commitments = self.commitments.clone();
        parameters.store_tree = if self.kind == Kind::Jmt { StoreTree::Jmt } else { StoreTree::Iavl };
        Verifier { parameters, frozen: false, stored: vec![(10, self.state())], now: T0 + 6 }
    }

    fn store_path(&self) -> Path {
        let StoreProof::Existence(path) = self.outer().prove(self.name.as_bytes()) else { panic!("no store") };
        path
    }

    fn proof_of(&self, proofs: &[StoreProof]) -> MembershipProof {
        let store_root = StateRoot::new(self.tree().root());
        let nested: Vec<NestedProof> = proofs
            .iter()
            .map(|claim| NestedProof { store_root, store: self.store_path(), claim: claim.clone() })
            .collect();
        MembershipProof::new(self.state(), &nested).unwrap()
    }

    fn key_of(&self, claim: &Claim) -> Vec<u8> {
        let elements = claim.path.elements();
        if self.name == "evm" { slot_key(&claim.path) } else { elements[elements.len() - 1].clone() }
    }

    fn proof(&self, claims: &[Claim]) -> MembershipProof {
        let tree = self.tree();
        self.proof_of(&claims.iter().map(|claim| tree.prove(&self.key_of(claim))).collect::<Vec<_>>())
    }
}

fn router(store: &Store, case: &str) {
    let verifier = store.verifier();
    let good = |detail: &str, description: &str, claims: &[Claim]| {
        let proof = store.proof(claims).encode();
        put(GENERATED, [case, detail], description, &verifier, &proof, claims, shown(&store.state()));
    };
    let present = |number: u64| Claim::present(path_of(number), value_of(number));
    let absent = |number: u64| Claim::absent(path_of(number));
    good("", "a commitment", &[present(1)]);
    good("leading-zeros", "a commitment that starts with zeros", &[present(3)]);
    good("cleared", "a slot that was cleared is as good as none", &[absent(21)]);
    good("never-written", "a slot that was never written", &[absent(25)]);
    good("batch-of-20", "twenty commitments", &(1..=20).map(present).collect::<Vec<_>>());
    good(
        "batch-mixed",
        "commitments, cleared slots and some never written",
        &[present(7), absent(22), absent(26), present(2), absent(27)],
    );
    good("twice", "one claim twice", &[present(5), present(5)]);

    let bad = |detail: &str, description: &str, proven: &[Claim], claims: &[Claim], expect: Value| {
        put(GENERATED, [case, detail], description, &verifier, &store.proof(proven).encode(), claims, expect);
    };
    let root = || rejected("root-mismatch");
    bad("value", "another value", &[present(1)], &[Claim::present(path_of(1), value_of(2))], root());
    bad("path", "another path", &[present(1)], &[Claim::present(path_of(2), value_of(1))], root());
    bad("order", "two claims in another order", &[present(1), present(2)], &[present(2), present(1)], root());
    bad("absent-not-zero", "a commitment claimed to be absent", &[present(1)], &[absent(1)], root());
    let trimmed = value_of(3)[5..].to_vec();
    let misuse = |rule: &str| reject(rule, "misuse", None);
    bad(
        "trimmed",
        "a value without its leading zeros",
        &[present(3)],
        &[Claim::present(path_of(3), trimmed)],
        misuse("claim-value-malformed"),
    );
    bad(
        "zero",
        "zero claimed to be present",
        &[absent(21)],
        &[Claim::present(path_of(21), vec![0; 32])],
        misuse("claim-value-malformed"),
    );
    bad(
        "33-bytes",
        "a value of 33 bytes",
        &[present(1)],
        &[Claim::present(path_of(1), [&value_of(1)[..], &[0]].concat())],
        misuse("claim-value-malformed"),
    );
    bad(
        "",
        "presence claimed with a proof of absence",
        &[absent(25)],
        &[Claim::present(path_of(25), value_of(1))],
        rejected("proof-kind-mismatch"),
    );
    let two = MerklePath::from_elements(vec![b"evm".to_vec(), path_of(1).elements()[0].clone()]);
    bad(
        "two-elements",
        "a path of two elements",
        &[present(1)],
        &[Claim::present(two, value_of(1))],
        misuse("path-malformed"),
    );
    let none = MerklePath::from_elements(vec![]);
    bad(
        "no-element",
        "a path of no element",
        &[present(1)],
        &[Claim::present(none, value_of(1))],
        misuse("path-malformed"),
    );
    let mut other = verifier.clone();
    other.parameters.commitments = Commitments::EvmStore { store: b"evm".to_vec(), router: Address::new([0x5b; 20]) };
    let proof = store.proof(&[present(1)]).encode();
    put(GENERATED, [case, "other-router"], "a client of another Router", &other, &proof, &[present(1)], root());
    let mut other = verifier;
    other.parameters.commitments = Commitments::EvmStore { store: b"evn".to_vec(), router: ROUTER };
    put(GENERATED, [case, "other-store"], "a client of another store", &other, &proof, &[present(1)], root());
}

fn key(number: u8) -> MerklePath {
    MerklePath::from_elements(vec![b"ibc".to_vec(), vec![b'k', number]])
}

fn in_ibc(number: u8) -> Claim {
    Claim::present(key(2 * number + 1), [b"value ".as_slice(), &[number]].concat())
}

fn ibc(store: &Store) {
    let case = "store-ibc";
    let verifier = store.verifier();
    let good = |detail: &str, description: &str, claims: &[Claim]| {
        put(
            GENERATED,
            [case, detail],
            description,
            &verifier,
            &store.proof(claims).encode(),
            claims,
            shown(&store.state()),
        );
    };
    good("", "a value", &[in_ibc(0)]);
    good("absent", "nothing between two keys", &[Claim::absent(key(4))]);
    good("absent-first", "nothing before the first key", &[Claim::absent(key(0))]);
    good("absent-last", "nothing behind the last key", &[Claim::absent(key(200))]);
    good(
        "all",
        "everything at once",
        &(0..7).map(in_ibc).chain((0..8).map(|n| Claim::absent(key(2 * n)))).collect::<Vec<_>>(),
    );
    let many: Vec<Claim> = (0..256_usize).map(|number| in_ibc((number % 7) as u8)).collect();
    good("256-claims", "as many claims as there may be", &many);

    let bad = |detail: &str, description: &str, proven: &[Claim], claims: &[Claim], expect: Value| {
        put(GENERATED, [case, detail], description, &verifier, &store.proof(proven).encode(), claims, expect);
    };
    let misuse = |rule: &str| reject(rule, "misuse", None);
    bad("", "no claim", &[in_ibc(0)], &[], misuse("claims-empty"));
    let more = [&many[..], &[in_ibc(0)]].concat();
    bad("", "one claim more than there may be", &more, &more, misuse("too-many-claims"));
    let at = |elements: &[&[u8]]| {
        Claim::present(MerklePath::from_elements(elements.iter().map(|e| e.to_vec()).collect()), b"v".to_vec())
    };
    for (detail, claim) in [
        ("one-element", at(&[b"k\x01"])),
        ("three-elements", at(&[b"ibc", b"k", b"\x01"])),
        ("other-store", at(&[b"bank", b"k\x01"])),
        ("empty-key", at(&[b"ibc", b""])),
    ] {
        bad(detail, "a path that is not of the store", &[in_ibc(0)], &[claim], misuse("path-malformed"));
    }
    let kind = || rejected("proof-kind-mismatch");
    bad("presence", "absence claimed with a proof of presence", &[in_ibc(1)], &[Claim::absent(key(3))], kind());
    bad(
        "absence",
        "presence claimed with a proof of absence",
        &[Claim::absent(key(4))],
        &[Claim::present(key(4), b"v".to_vec())],
        kind(),
    );
    // ABI and vectors alike write absence as no bytes; here the form is presence with another value.
    bad(
        "value",
        "another value",
        &[in_ibc(1)],
        &[Claim::present(key(3), b"value".to_vec())],
        rejected("root-mismatch"),
    );
    bad(
        "key",
        "another key",
        &[in_ibc(1)],
        &[Claim::present(key(5), b"value \x01".to_vec())],
        rejected("root-mismatch"),
    );

    let proof = store.proof(&[in_ibc(0)]);
    let claims = [in_ibc(0)];
    let stopped = Verifier { frozen: true, ..verifier.clone() };
    put(
        GENERATED,
        [case, ""],
        "a frozen client",
        &stopped,
        &proof.encode(),
        &claims,
        reject("client-frozen", "frozen", None),
    );
    for (detail, state) in [
        ("root", ConsensusState { root: StateRoot::new([1; 32]), ..store.state() }),
        ("time", ConsensusState { time: Timestamp::from_unix_seconds(T0), ..store.state() }),
        ("set", ConsensusState { next_set_hash: SetHash::new([1; 32]), ..store.state() }),
    ] {
        let bent = MembershipProof { state, ..proof.clone() }.encode();
        put(
            GENERATED,
            [case, detail],
            "another state than the one stored",
            &verifier,
            &bent,
            &claims,
            rejected("consensus-state-mismatch"),
        );
    }
    let bent = MembershipProof { store_root: StateRoot::new([1; 32]), ..proof.clone() }.encode();
    put(
        GENERATED,
        [case, "store-root"],
        "another root of the store",
        &verifier,
        &bent,
        &claims,
        rejected("root-mismatch"),
    );
    let StoreProof::Existence(bank) = store.outer().prove(b"bank") else { panic!() };
    let bent = MembershipProof { store_root: StateRoot::new([7; 32]), store: bank, ..proof }.encode();
    put(
        GENERATED,
        [case, "bank"],
        "the root of another store, proven as this one",
        &verifier,
        &bent,
        &claims,
        rejected("root-mismatch"),
    );
}

/// The exact forms of leaves and steps.
fn forms(store: &Store, case: &str) {
    let verifier = store.verifier();
    let claims = [in_ibc(2)];
    let StoreProof::Existence(good) = store.tree().prove(b"k\x05") else { panic!() };
    let bad = |detail: &str, description: &str, rule: &str, bend: &dyn Fn(&mut Path)| {
        let mut path = good.clone();
        bend(&mut path);
        let proof = store.proof_of(&[StoreProof::Existence(path)]).encode();
        let expect = if rule == "root-mismatch" { rejected(rule) } else { malformed(rule) };
        put(GENERATED, [case, detail], description, &verifier, &proof, &claims, expect);
    };
    let proof = store.proof(&claims).encode();
    put(GENERATED, [case, ""], "as it should be", &verifier, &proof, &claims, shown(&store.state()));
    let leaf = "leaf-prefix-malformed";
    bad("empty", "no leaf prefix", leaf, &|path| path.leaf_prefix.clear());
    bad("longer", "a byte behind the leaf prefix", leaf, &|path| path.leaf_prefix.push(0));
    bad("shorter", "a leaf prefix without its last byte", leaf, &|path| {
        path.leaf_prefix.pop();
    });
    bad("of-step", "the prefix of a step before the leaf", leaf, &|path| {
        path.leaf_prefix = path.steps[0].prefix.clone()
    });
    let step = "step-malformed";
    bad("empty", "a step of nothing", step, &|path| {
        path.steps[0].prefix.clear();
        path.steps[0].suffix.clear();
    });
    bad("prefix-alone", "a step without a sibling", step, &|path| {
        let length = if store.kind == Kind::Jmt { 16 } else { 6 };
        path.steps[0].prefix.truncate(length);
        path.steps[0].suffix.clear();
    });
    bad("two-siblings", "a step with siblings on both sides", step, &|path| {
        path.steps[0].prefix.extend([7; 33]);
        path.steps[0].suffix = vec![0x20; 33];
    });
    bad("prefix-longer", "a byte more before the child", step, &|path| path.steps[0].prefix.push(0));
    bad("suffix-longer", "a byte more behind the child", step, &|path| path.steps[0].suffix.push(0));
    bad("suffix-twice", "two siblings behind the child", step, &|path| {
        path.steps[0].suffix = vec![0x20; if store.kind == Kind::Jmt { 64 } else { 66 }];
    });
    bad("leaf-as-step", "the prefix of a leaf as that of a step", step, &|path| {
        let mut prefix = path.leaf_prefix.clone();
        if store.kind == Kind::Iavl {
            prefix.push(0x20);
        }
        path.steps[0].prefix = prefix;
        path.steps[0].suffix = vec![0x20; if store.kind == Kind::Jmt { 32 } else { 33 }];
    });
    bad("dropped", "the first step left out", "root-mismatch", &|path| drop(path.steps.remove(0)));
    bad("last-dropped", "the last step left out", "root-mismatch", &|path| drop(path.steps.pop()));
    bad("no-steps", "no step at all", "root-mismatch", &|path| path.steps.clear());
    bad("too-many", "more steps than any tree has", "too-many-steps", &|path| {
        path.steps = vec![path.steps[0].clone(); 129]
    });
    if store.kind != Kind::Iavl {
        return;
    }
    bad("repeated", "a step whose height is not above its child's", step, &|path| {
        let last = path.steps[0].clone();
        path.steps.insert(0, last);
        path.steps[1].prefix[0] = 2;
    });
    bad("height-0", "a step of height 0", step, &|path| path.steps[0].prefix[0] = 0);
    bad("height-negative", "a step of height -1", step, &|path| path.steps[0].prefix[0] = 1);
    bad("size-negative", "a step of a negative size", step, &|path| path.steps[0].prefix[1] = 3);
    bad("length", "another length before the child", step, &|path| *path.steps[0].prefix.last_mut().unwrap() = 0x21);
    bad("header-12-bytes", "height, size and version of twelve bytes", step, &|path| {
        let rest = path.steps[0].prefix.split_off(6 - 1);
        path.steps[0].prefix = [&[2, 0x84, 0x00][..], &[0x80; 8], &[0x02], &rest].concat();
    });
    bad("version-ten-bytes", "a version of ten bytes", leaf, &|path| {
        path.leaf_prefix = [&[0, 2][..], &[0x80; 9], &[1]].concat()
    });
    bad("version-negative", "a negative version", leaf, &|path| path.leaf_prefix = vec![0, 2, 3]);
    bad("size-2", "a leaf of size 2", leaf, &|path| path.leaf_prefix[1] = 4);
    bad("height-1", "a leaf of height 1", leaf, &|path| path.leaf_prefix[0] = 2);
    bad("version-padded", "a version with a byte more, which is another leaf", "root-mismatch", &|path| {
        *path.leaf_prefix.last_mut().unwrap() |= 0x80;
        path.leaf_prefix.push(0);
    });
}

/// Neighbours that are none.
fn absences(store: &Store, case: &str) {
    let verifier = store.verifier();
    let tree = store.tree();
    // In the order of the leaves, which is not that of the keys where keys are hashed.
    let keys = tree.keys();
    let leaf = |index: usize| tree.neighbour(&keys[index]);
    // A key that lies between leaves 3 and 4.
    let between = |low: Option<usize>, high: Option<usize>| -> u8 {
        (0..=255_u8)
            .find(|number| {
                let StoreProof::Absence { left, right } = tree.prove(&[b'k', *number]) else { return false };
                left.map(|one| one.key) == low.map(|index| keys[index].clone())
                    && right.map(|one| one.key) == high.map(|index| keys[index].clone())
            })
            .expect("a key at that place")
    };
    let [middle, first, last] = [between(Some(3), Some(4)), between(None, Some(0)), between(Some(6), None)];
    let judge =
        |detail: &str, what: &str, number: u8, left: Option<Neighbour>, right: Option<Neighbour>, expect: Value| {
            let claims = [Claim::absent(key(number))];
            let proof = store.proof_of(&[StoreProof::Absence { left, right }]).encode();
            put(GENERATED, [case, detail], what, &verifier, &proof, &claims, expect);
        };
    let good = || shown(&store.state());
    judge("absent", "between two leaves", middle, Some(leaf(3)), Some(leaf(4)), good());
    judge("absent-first", "before the first leaf", first, None, Some(leaf(0)), good());
    judge("absent-last", "behind the last leaf", last, Some(leaf(6)), None, good());
    let no = rejected;
    judge("", "no neighbour at all", middle, None, None, no("neighbours-missing"));
    judge("", "the left neighbour left out", middle, None, Some(leaf(4)), no("not-leftmost"));
    judge("", "the right neighbour left out", middle, Some(leaf(3)), None, no("not-rightmost"));
    judge("skips-left", "a leaf passed over on the left", middle, Some(leaf(2)), Some(leaf(4)), no("not-neighbours"));
    judge("skips-right", "a leaf passed over on the right", middle, Some(leaf(3)), Some(leaf(5)), no("not-neighbours"));
    judge("outermost", "the first and the last leaf", middle, Some(leaf(0)), Some(leaf(6)), no("not-neighbours"));
    judge("swapped", "the neighbours exchanged", middle, Some(leaf(4)), Some(leaf(3)), no("key-not-between"));
    judge(
        "left",
        "two true neighbours, to the left of the key",
        middle,
        Some(leaf(2)),
        Some(leaf(3)),
        no("key-not-between"),
    );
    judge(
        "right",
        "two true neighbours, to the right of the key",
        middle,
        Some(leaf(4)),
        Some(leaf(5)),
        no("key-not-between"),
    );
    judge("same", "one leaf on both sides", middle, Some(leaf(3)), Some(leaf(3)), no("key-not-between"));
    // The key itself is there.
    let there = keys[3][1];
    judge("is-left", "the key is the left neighbour's", there, Some(leaf(3)), Some(leaf(4)), no("key-not-between"));
    judge("is-right", "the key is the right neighbour's", there, Some(leaf(2)), Some(leaf(3)), no("key-not-between"));
    judge("around", "the key's own leaf passed over", there, Some(leaf(2)), Some(leaf(4)), no("not-neighbours"));
    let mut forged = leaf(4);
    forged.value_hash[0] ^= 1;
    judge("neighbour-value", "another value of a neighbour", middle, Some(leaf(3)), Some(forged), no("root-mismatch"));
    let mut forged = leaf(3);
    forged.key.push(0);
    judge("neighbour-key", "another key of a neighbour", middle, Some(forged), Some(leaf(4)), no("root-mismatch"));
    let mut forged = leaf(3);
    forged.path.steps.pop();
    judge(
        "neighbour-path",
        "a neighbour's last step left out",
        middle,
        Some(forged),
        Some(leaf(4)),
        no("root-mismatch"),
    );
    let mut forged = leaf(4);
    forged.path.leaf_prefix.push(1);
    judge(
        "neighbour",
        "another leaf prefix of a neighbour",
        middle,
        Some(leaf(3)),
        Some(forged),
        malformed("leaf-prefix-malformed"),
    );
    let mut forged = leaf(4);
    forged.path.steps[0].suffix.push(1);
    judge(
        "neighbour",
        "a malformed step of a neighbour",
        middle,
        Some(leaf(3)),
        Some(forged),
        malformed("step-malformed"),
    );
}

fn framing(store: &Store) {
    let case = "framing";
    let verifier = store.verifier();
    let claims = [in_ibc(2), Claim::absent(key(4))];
    let good = store.proof(&claims).encode();
    let first = store.proof(&claims[..1]).encode().len();
    let raw = |detail: &str, description: &str, bytes: &[u8], expect: Value| {
        put(GENERATED, [case, detail], description, &verifier, bytes, &claims, expect);
    };
    raw("", "as it should be", &good, shown(&store.state()));
    raw("", "a byte more", &[&good[..], &[0]].concat(), malformed("message-trailing"));
    raw(
        "proof",
        "a proof more than there are claims",
        &[&good[..], &good[first..]].concat(),
        malformed("message-trailing"),
    );
    for (detail, length) in [
        ("empty", 0),
        ("in-state", 71),
        ("in-root", 103),
        ("before-store", 104),
        ("in-store", 110),
        ("in-claim", first - 1),
        ("one-proof", first),
        ("at-flag", first + 1),
        ("in-neighbour", first + 10),
        ("in-last-step", good.len() - 1),
    ] {
        raw(detail, "the proof is cut", &good[..length], malformed("message-truncated"));
    }
    let with = |at: usize, byte: u8| {
        let mut bent = good.clone();
        bent[at] = byte;
        bent
    };
    raw("store-kind", "a store proven by neither form", &with(104, 0), malformed("proof-malformed"));
    raw("kind-0", "a proof of no form", &with(first, 0), malformed("proof-malformed"));
    raw("kind-3", "a proof of a third form", &with(first, 3), malformed("proof-malformed"));
    raw("flag", "a flag of 2", &with(first + 1, 2), malformed("proof-malformed"));
    let key = |length: u16, rest: &[u8]| [&good[..first + 2], &length.to_be_bytes(), rest].concat();
    raw("empty-key", "a neighbour of no key", &key(0, &good[first + 4..]), malformed("neighbour-malformed"));
    raw("long-key", "a neighbour whose key is of 1025 bytes", &key(1025, &[7; 3000]), malformed("neighbour-malformed"));
    let absence = [&good[..104], &[2, 0, 0]].concat();
    raw("store-absent", "a store proven absent", &absence, rejected("proof-kind-mismatch"));
}
