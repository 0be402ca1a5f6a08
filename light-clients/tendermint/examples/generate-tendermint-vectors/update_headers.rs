//! Headers that are not what they must be, and keys and signatures at the edges of Ed25519.

use crate::{
    Verifier, malformed, rejected,
    support::chain::{Block, number, wrapped},
    update::{CHAIN, SECOND, Scene, T0, advanced, put},
};
use curve25519_dalek::constants::EIGHT_TORSION;
use light_client::{Codec, sha256};
use light_client_tendermint::{Commit, KeyType, PublicKey, TreeHash, Update, Validator, ValidatorSet, Vote};

pub(crate) fn write_all() {
    leaves();
    fields();
    edges_of_ed25519();
}

/// The update's bytes with one leaf replaced; no header parses, so nobody can sign it.
fn with_leaf(good: &[u8], block: &Block, index: usize, leaf: &[u8]) -> Vec<u8> {
    let leaves = block.leaves();
    let start = 74 + leaves[..index].iter().map(|leaf| 1 + leaf.len()).sum::<usize>();
    let end = start + 1 + leaves[index].len();
    [&good[..start], &[leaf.len() as u8], leaf, &good[end..]].concat()
}

fn leaves() {
    let case = "header-leaves";
    let scene = Scene::new(KeyType::Ed25519);
    let block = scene.block();
    let good = scene.update(&block, block.commit(&[0, 1, 2])).encode();
    let hash = sha256(&[b"hash"]);
    let bad = |detail: &str, description: &str, index: usize, leaf: &[u8]| {
        let bytes = with_leaf(&good, &block, index, leaf);
        put(case, detail, description, &scene.verifier(), &bytes, malformed("header-malformed"));
    };
    let chain_id = wrapped(CHAIN.as_bytes());
    bad("chain-id-empty", "no chain id", 1, &[]);
    bad("chain-id-empty-field", "a chain id of no bytes, written", 1, &[0x0a, 0]);
    bad("chain-id-other-field", "another field", 1, &[&[0x12][..], &chain_id[1..]].concat());
    bad("chain-id-padded-length", "a length of two bytes", 1, &[&[0x0a, 0x89, 0x00][..], CHAIN.as_bytes()].concat());
    bad("chain-id-longer", "bytes behind it", 1, &[&chain_id[..], &[0]].concat());
    bad("chain-id-shorter", "fewer bytes than it says", 1, &chain_id[..chain_id.len() - 1]);
    bad("height-missing", "no height", 2, &[]);
    bad("height-zero", "height 0, written", 2, &[8, 0]);
    bad("height-padded", "height 11 in two bytes", 2, &[8, 0x8b, 0]);
    bad("height-2-63", "height 2^63", 2, &number(1, 1 << 63));
    bad("height-negative", "height -1", 2, &number(1, u64::MAX));
    bad("height-beyond-64-bits", "a number of more than 64 bits", 2, &[&[8][..], &[0xff; 9], &[2]].concat());
    bad("height-eleven-bytes", "a number of eleven bytes", 2, &[&[8][..], &[0x80; 10], &[1]].concat());
    bad("height-other-field", "another field", 2, &[0x10, 11]);
    bad("height-twice", "a second number behind it", 2, &[8, 11, 8, 11]);
    bad("height-tag-alone", "a tag alone", 2, &[8]);
    let seconds = number(1, T0 + 5);
    bad("time-nanos-first", "nanoseconds before seconds", 3, &[number(2, 5), seconds.clone()].concat());
    bad("time-zero-nanos", "0 nanoseconds, written", 3, &[&seconds[..], &[0x10, 0]].concat());
    bad("time-zero-seconds", "0 seconds, written", 3, &[8, 0, 0x10, 5]);
    bad("time-negative", "a time before 1970", 3, &number(1, (-1_i64) as u64));
    bad("time-nanos-too-many", "10^9 nanoseconds", 3, &[seconds.clone(), number(2, SECOND)].concat());
    bad("time-nanos-negative", "-1 nanosecond", 3, &[seconds.clone(), number(2, u64::MAX)].concat());
    bad("time-beyond-2554", "more nanoseconds than 64 bits hold", 3, &number(1, u64::MAX / SECOND + 1));
    bad("time-padded", "seconds in one byte more", 3, &{
        let mut padded = seconds.clone();
        *padded.last_mut().unwrap() |= 0x80;
        padded.push(0);
        padded
    });
    bad("time-longer", "a third field", 3, &[&seconds[..], &[0x18, 1]].concat());
    for (index, name) in [(7, "validators"), (8, "next-validators")] {
        bad(&format!("{name}-missing"), "no hash", index, &[]);
        bad(&format!("{name}-31-bytes"), "a hash of 31 bytes", index, &wrapped(&hash[1..]));
        bad(&format!("{name}-33-bytes"), "a hash of 33 bytes", index, &wrapped(&[&hash[..], &[0]].concat()));
        bad(&format!("{name}-other-field"), "another field", index, &[&[0x12, 0x20][..], &hash].concat());
        bad(&format!("{name}-bare"), "a hash without its field", index, &hash);
    }
    bad("app-hash-empty-field", "no bytes, written", 10, &[0x0a, 0]);
    bad("app-hash-longer", "bytes behind it", 10, &[&wrapped(&hash)[..], &[0]].concat());
    bad("app-hash-padded-length", "a length of two bytes", 10, &[&[0x0a, 0xa0, 0x00][..], &hash].concat());
    bad("app-hash-other-field", "another field", 10, &[&[0x12, 0x20][..], &hash].concat());

    // Every leaf is signed: what the client has no use for as well.
    for index in [0, 4, 5, 6, 9, 11, 12, 13] {
        let mut leaf = block.leaves()[index].clone();
        *leaf.last_mut().unwrap() ^= 1;
        let bytes = with_leaf(&good, &block, index, &leaf);
        let expect = rejected("signature-invalid");
        put(case, &format!("leaf-{index}"), "a leaf changed after the votes", &scene.verifier(), &bytes, expect);
    }
    for index in [0, 4, 5, 13] {
        let bytes = with_leaf(&good, &block, index, &[]);
        let expect = rejected("signature-invalid");
        put(case, &format!("leaf-{index}-empty"), "a leaf emptied after the votes", &scene.verifier(), &bytes, expect);
    }
}

fn fields() {
    let case = "header-fields";
    let scene = Scene::new(KeyType::Ed25519);
    let put_block = |detail: &str, description: &str, block: &Block, rule: Option<&str>| {
        let update = scene.update(block, block.commit(&[0, 1, 2])).encode();
        let expect = rule.map_or_else(|| advanced(block), rejected);
        put(case, detail, description, &scene.verifier(), &update, expect);
    };
    let good = scene.block();
    put_block("", "as it should be", &good, None);
    for (detail, chain_id) in
        [("", "other-3"), ("revision", "lighter-4"), ("prefix", "lighter-"), ("longer", "lighter-33")]
    {
        let block = Block { chain_id: chain_id.to_owned(), ..good.clone() };
        put_block(detail, "certified by the same validators, on another chain", &block, Some("chain-id-mismatch"));
    }
    for (detail, length) in [("empty", 0), ("8-bytes", 8), ("31-bytes", 31), ("33-bytes", 33)] {
        let block = Block { app_hash: vec![7; length], ..good.clone() };
        put_block(detail, "certified, and no root to prove anything under", &block, Some("app-hash-malformed"));
    }
    let whole = scene.block_at(11, (T0 + 5) * SECOND);
    put_block("whole-second", "a time without nanoseconds", &whole, None);
}

/// A set of a validator with a key of any bytes and one that is sound, and the commit that both vote in.
fn with_key(key: [u8; 32], r: [u8; 32], s: [u8; 32], silent: bool) -> (Verifier, Update, Block) {
    let scene = Scene::new(KeyType::Ed25519);
    let odd = Validator { key: PublicKey::Ed25519(key), power: if silent { 1 } else { 20 } };
    let mut validators = vec![scene.voters[0].validator(), scene.voters[1].validator(), odd];
    validators[0].power = 20;
    validators[1].power = 20;
    let set = ValidatorSet::new(validators).unwrap();
    let hash = wrapped(set.hash(&TreeHash::Sha256).as_bytes());
    let block = scene.block();
    let mut leaves = block.leaves();
    (leaves[7], leaves[8]) = (hash.clone(), hash);
    let header = light_client_tendermint::Header::from_leaves(leaves).unwrap();
    let mut trusted = scene.trusted();
    trusted.next_set_hash = set.hash(&TreeHash::Sha256);
    let mut commit: Commit = block.commit_by(&header, &scene.voters, &[0, 1]);
    commit.set = set;
    if !silent {
        let signature = [r, s].concat().try_into().unwrap();
        commit.votes.push(Vote { index: 2, trusted_index: None, seconds: 1, nanos: 1, signature });
    }
    let verifier = Verifier { stored: vec![(10, trusted)], ..scene.verifier() };
    (verifier, Update { trusted, trusted_set: None, header, commit }, block)
}

/// ZIP-215, as CometBFT has it: other encodings of points and points of small order are valid, other encodings of s are
/// not. Keys of small order sign everything with s = 0 and R of small order.
fn edges_of_ed25519() {
    let case = "zip-215";
    let odd = |first: u8, rest: u8, last: u8| {
        let mut bytes = [rest; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    let small: Vec<(&str, [u8; 32])> = vec![
        ("identity", EIGHT_TORSION[0].compress().0),
        ("order-2", EIGHT_TORSION[4].compress().0),
        ("order-4", EIGHT_TORSION[2].compress().0),
        ("order-8", EIGHT_TORSION[1].compress().0),
        ("identity-signed", odd(0x01, 0x00, 0x80)),
        ("order-2-signed", odd(0xec, 0xff, 0xff)),
        ("y-p", odd(0xed, 0xff, 0x7f)),
        ("y-p-signed", odd(0xed, 0xff, 0xff)),
        ("y-p-plus-1", odd(0xee, 0xff, 0x7f)),
        ("y-p-plus-1-signed", odd(0xee, 0xff, 0xff)),
    ];
    for (index, (name, key)) in small.iter().enumerate() {
        let r = small[(index + 3) % small.len()].1;
        let (verifier, update, block) = with_key(*key, r, [0; 32], false);
        let mut state = block.consensus();
        state.next_set_hash = update.header.next_validators_hash();
        let expect = crate::update::accepted(11, &state);
        put(case, &format!("key-{name}"), "a key of small order votes", &verifier, &update.encode(), expect);
    }
    let order: [u8; 32] =
        hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap().try_into().unwrap();
    let mut above = order;
    above[0] += 1;
    let identity = small[0].1;
    let no_point = odd(2, 0, 0);
    for (detail, description, key, r, s) in [
        ("s-order", "s is the order of the group, which is 0 again", identity, identity, order),
        ("s-above-order", "s is above the order of the group", identity, identity, above),
        ("s-top-bits", "s with its top bits set", identity, identity, odd(0, 0, 0xe0)),
        ("s-one", "s = 1: the base point is not of small order", identity, identity, odd(1, 0, 0)),
        ("r-no-point", "R is no point", identity, no_point, [0; 32]),
        ("key-no-point", "a key that is no point votes", no_point, identity, [0; 32]),
    ] {
        let (verifier, update, _) = with_key(key, r, s, false);
        put(case, detail, description, &verifier, &update.encode(), rejected("signature-invalid"));
    }
    let (verifier, update, block) = with_key(no_point, identity, [0; 32], true);
    let mut state = block.consensus();
    state.next_set_hash = update.header.next_validators_hash();
    let expect = crate::update::accepted(11, &state);
    put(
        case,
        "silent-key-no-point",
        "a key that is no point, of one who is silent",
        &verifier,
        &update.encode(),
        expect,
    );
}
