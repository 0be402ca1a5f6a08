//! Sets: what they must be, those that change, and the shares of power.

use crate::{
    Verifier, rejected,
    support::{
        chain::{Block, Voter, set_of, voters},
        vectors::reject,
    },
    update::{CHAIN, SECOND, Scene, T0, advanced, put},
};
use light_client::Codec;
use light_client_tendermint::{KeyType, MAX_TOTAL_POWER, TrustLevel, Update};

pub(crate) fn write_all() {
    sets();
    quorums();
    skipping();
    shares();
}

fn sets() {
    let case = "sets";
    let scene = Scene::new(KeyType::Ed25519);
    let verifier = scene.verifier();
    let block = scene.block();
    let good = scene.update(&block, block.commit(&[0, 1, 2]));
    put(case, "", "the set of the header", &verifier, &good.encode(), advanced(&block));
    let with = |detail: &str, description: &str, voters: &[Voter]| {
        let mut update = good.clone();
        update.commit = block.commit_by(&update.header, voters, &[0, 1, 2]);
        put(case, detail, description, &verifier, &update.encode(), rejected("validators-hash-mismatch"));
    };
    let own = &scene.voters;
    let mut bent = own.clone();
    bent.swap(0, 1);
    with("order", "the set in another order", &bent);
    let mut bent = own.clone();
    bent[3].power = 11;
    with("power", "another power of one who is silent", &bent);
    with("short", "a validator less", &own[..3]);
    with("long", "a validator more", &[&own[..], &voters(KeyType::Ed25519, "more ", &[10])].concat());
    let mut bent = own.clone();
    bent[3] = Voter::new(KeyType::Ed25519, "another", 10);
    with("key", "another key of one who is silent", &bent);

    // The message's bytes, since no such set can be made.
    let bytes = good.encode();
    let start = 74 + block.leaves().iter().map(|leaf| 1 + leaf.len()).sum::<usize>() + 40 + 2;
    let validator = |index: usize| bytes[start + 41 * index..start + 41 * (index + 1)].to_vec();
    let with = |detail: &str, description: &str, index: usize, replacement: &[u8], rule: &str| {
        let mut bent = bytes.clone();
        bent[start + 41 * index..start + 41 * (index + 1)].copy_from_slice(replacement);
        put(case, detail, description, &verifier, &bent, rejected(rule));
    };
    with("", "a validator listed twice", 1, &validator(0), "validator-repeated");
    let mut other = validator(0);
    other[40] = 9;
    with("other-power", "a validator listed twice with another power", 3, &other, "validator-repeated");
    let mut great = validator(1);
    great[33..].copy_from_slice(&(MAX_TOTAL_POWER - 29).to_be_bytes());
    with("", "powers of 2^60 in all", 1, &great, "total-power-too-large");
    let mut greatest = validator(1);
    greatest[33..].copy_from_slice(&(i64::MAX as u64).to_be_bytes());
    with("one", "the greatest power of one", 1, &greatest, "total-power-too-large");
    let mut overflowing = bytes.clone();
    for index in 0..4 {
        overflowing[start + 41 * index + 33..start + 41 * (index + 1)]
            .copy_from_slice(&(i64::MAX as u64).to_be_bytes());
    }
    put(
        case,
        "overflow",
        "powers whose sum overflows 64 bits",
        &verifier,
        &overflowing,
        rejected("total-power-too-large"),
    );

    // The next height's set is the one that the trusted header names.
    let mut changed = block.clone();
    changed.voters[3] = Voter::new(KeyType::Ed25519, "new", 10);
    let update = scene.update(&changed, changed.commit(&[0, 1, 2]));
    put(case, "", "another set at the next height", &verifier, &update.encode(), rejected("next-set-mismatch"));
    let update = Update { trusted_set: Some(set_of(own)), ..update };
    let expect = rejected("next-set-mismatch");
    put(
        case,
        "with-trusted-set",
        "another set at the next height, the trusted one given",
        &verifier,
        &update.encode(),
        expect,
    );
    // A set that changes as the trusted header says.
    let mut before = scene.trusted_block();
    before.next_voters = changed.voters.clone();
    let update = Update { trusted: before.consensus(), trusted_set: None, ..update };
    let announced = Verifier { stored: vec![(10, before.consensus())], ..verifier.clone() };
    put(case, "announced", "the set that the trusted header names", &announced, &update.encode(), advanced(&changed));

    // The greatest sum of powers.
    let rich = voters(KeyType::Ed25519, "", &[MAX_TOTAL_POWER - 2, 1, 1]);
    let rich_scene = Scene { voters: rich };
    let block = rich_scene.block();
    let update = rich_scene.update(&block, block.commit(&[0])).encode();
    put("sets", "greatest-power", "powers of 2^60 - 1 in all", &rich_scene.verifier(), &update, advanced(&block));
}

/// The smallest power that is more than two thirds, and one less, for voters of power 1.
fn quorums() {
    for (total, needed) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (9, 7)] {
        let scene = Scene { voters: voters(KeyType::Ed25519, "", &vec![1; total]) };
        let block = scene.block();
        let case = format!("quorum-of-{total}");
        let update = |count: usize| scene.update(&block, block.commit(&(0..count).collect::<Vec<_>>())).encode();
        put(&case, "", &format!("{needed} of {total}"), &scene.verifier(), &update(needed), advanced(&block));
        let fewer = format!("{} of {total}", needed - 1);
        put(&case, "", &fewer, &scene.verifier(), &update(needed - 1), rejected("not-enough-power"));
    }
    // Power counts, not heads.
    let scene = Scene { voters: voters(KeyType::Ed25519, "", &[67, 20, 10, 2, 1]) };
    let block = scene.block();
    let update = |places: &[usize]| scene.update(&block, block.commit(places)).encode();
    put("powers", "one-of-five", "67 of 100 by one", &scene.verifier(), &update(&[0]), advanced(&block));
    let expect = rejected("not-enough-power");
    put("powers", "four-of-five", "33 of 100 by four", &scene.verifier(), &update(&[1, 2, 3, 4]), expect);
    let scene = Scene { voters: voters(KeyType::Ed25519, "", &[1 << 50, 1 << 50, 1 << 50]) };
    let block = scene.block();
    let update = |places: &[usize]| scene.update(&block, block.commit(places)).encode();
    put("powers", "large", "three times 2^50", &scene.verifier(), &update(&[0, 1, 2]), advanced(&block));
    let expect = rejected("not-enough-power");
    put("powers", "large-two-thirds", "exactly two thirds of 3 * 2^50", &scene.verifier(), &update(&[0, 1]), expect);
}

/// A client that trusts `trusted` for height 11, and an update to height 20 under `set`. Votes are by the places given, and
/// name their places in the trusted set.
fn skip(trusted: &[Voter], set: &[Voter], votes: &[usize]) -> (Verifier, Update, Block) {
    let scene = Scene { voters: trusted.to_vec() };
    let block = Block::new(CHAIN, 20, (T0 + 5) * SECOND, set);
    let mut commit = block.commit(votes);
    let same = set_of(trusted) == set_of(set);
    for vote in commit.votes.iter_mut().filter(|_| !same) {
        let key = set[usize::from(vote.index)].key();
        vote.trusted_index = trusted.iter().position(|voter| voter.key() == key).map(|place| place as u16);
    }
    let trusted_set = (!same).then(|| set_of(trusted));
    let update = Update { trusted: scene.trusted(), trusted_set, header: block.header(), commit };
    (scene.verifier(), update, block)
}

fn skipping() {
    let case = "skipping";
    let old = voters(KeyType::Ed25519, "", &[10, 10, 10, 10]);
    let new = voters(KeyType::Ed25519, "new ", &[10, 10]);
    let mixed = [&old[..2], &new].concat();
    let (verifier, good, block) = skip(&old, &mixed, &[0, 1, 2]);
    put(case, "", "two of four replaced", &verifier, &good.encode(), advanced(&block));
    let (same_verifier, same, same_block) = skip(&old, &old, &[0, 1, 2]);
    put(case, "same-set", "nine heights under one set", &same_verifier, &same.encode(), advanced(&same_block));

    let bad = |detail: &str, description: &str, update: &Update, rule: &str| {
        put(case, detail, description, &verifier, &update.encode(), rejected(rule));
    };
    bad("", "the trusted set is not given", &Update { trusted_set: None, ..untrusting(&good) }, "trusted-set-missing");
    let superfluous = Update { trusted_set: Some(set_of(&old)), ..same };
    bad("", "the trusted set is given though it is the same", &superfluous, "trusted-set-superfluous");
    let with_set = |voters: &[Voter]| Update { trusted_set: Some(set_of(voters)), ..untrusting(&good) };
    bad("", "the new set as the trusted one", &with_set(&mixed), "trusted-set-mismatch");
    let mut swapped = old.clone();
    swapped.swap(0, 1);
    bad("order", "the trusted set in another order", &with_set(&swapped), "trusted-set-mismatch");
    bad("short", "a trusted validator less", &with_set(&old[..3]), "trusted-set-mismatch");
    let mut stronger = old.clone();
    stronger[0].power = 30;
    bad("power", "another power of a trusted validator", &with_set(&stronger), "trusted-set-mismatch");

    let with_place = |index: usize, place: u16| {
        let mut update = good.clone();
        update.commit.votes[index].trusted_index = Some(place);
        update
    };
    let rule = "trusted-vote-mismatch";
    bad("other", "a vote at another's place in the trusted set", &with_place(0, 1), rule);
    bad("stranger", "a new validator at a trusted one's place", &with_place(2, 2), rule);
    bad("beyond", "a place that the trusted set does not have", &with_place(0, 4), rule);
    bad("repeated", "two votes at one place", &with_place(1, 0), rule);

    // Not counted: too little.
    let mut uncounted = good.clone();
    uncounted.commit.votes[0].trusted_index = None;
    let expect = reject("not-enough-trust", "insufficient-trust", None);
    put(case, "uncounted", "a trusted vote that does not say so", &verifier, &uncounted.encode(), expect);
    let mut counted = good;
    counted.commit.votes[2].signature[5] ^= 1;
    bad("", "a bad vote by a new validator", &counted, "signature-invalid");
}

/// The update with votes that name no place in a trusted set.
fn untrusting(update: &Update) -> Update {
    let mut update = update.clone();
    update.commit.votes.iter_mut().for_each(|vote| vote.trusted_index = None);
    update
}

/// Shares of the trusted set and of the new one, just enough and exactly at the bound.
fn shares() {
    let trust = || reject("not-enough-trust", "insufficient-trust", None);
    let shares = |case: &str,
                  detail: &str,
                  what: &str,
                  level: (u8, u8),
                  trusted: &[Voter],
                  set: &[Voter],
                  votes: &[usize],
                  expect: Option<serde_json::Value>| {
        let (mut verifier, update, block) = skip(trusted, set, votes);
        verifier.parameters.trust_level = TrustLevel::new(level.0, level.1).unwrap();
        put(case, detail, what, &verifier, &update.encode(), expect.unwrap_or_else(|| advanced(&block)));
    };
    let third = (1, 3);
    let old = voters(KeyType::Ed25519, "", &[5, 5, 5]);
    let new = voters(KeyType::Ed25519, "new ", &[5, 5, 5]);
    let one = [&old[..1], &new[..2]].concat();
    shares("trust", "", "exactly a third of the trusted power", third, &old, &one, &[0, 1, 2], Some(trust()));
    let two = [&old[..2], &new[..1]].concat();
    shares("trust", "two-of-three", "two of three", third, &old, &two, &[0, 1, 2], None);
    shares("trust", "none", "none of the trusted", third, &old, &new, &[0, 1, 2], Some(trust()));
    shares(
        "trust",
        "two-thirds",
        "exactly two thirds where more is asked",
        (2, 3),
        &old,
        &two,
        &[0, 1, 2],
        Some(trust()),
    );
    shares("trust", "half", "two of three where half is asked", (1, 2), &old, &two, &[0, 1, 2], None);
    shares(
        "trust",
        "all",
        "all of the trusted where more than all is asked",
        (1, 1),
        &old,
        &[&old[..], &new[..1]].concat(),
        &[0, 1, 2, 3],
        Some(trust()),
    );
    shares(
        "trust",
        "same-set-all",
        "the same set, where more than all is asked",
        (1, 1),
        &old,
        &old,
        &[0, 1, 2],
        Some(trust()),
    );
    let four = voters(KeyType::Ed25519, "", &[5, 5, 5, 5]);
    shares(
        "trust",
        "same-set-three-quarters",
        "exactly three quarters of the same set",
        (3, 4),
        &four,
        &four,
        &[0, 1, 2],
        Some(trust()),
    );
    shares(
        "trust",
        "same-set-above",
        "all of the same set, where three quarters are asked",
        (3, 4),
        &four,
        &four,
        &[0, 1, 2, 3],
        None,
    );
    // Just above a third, by a unit: 334 of 1000.
    let fine = voters(KeyType::Ed25519, "", &[400, 333, 266, 1]);
    let below = [&fine[1..2], &voters(KeyType::Ed25519, "new ", &[300])].concat();
    shares("trust", "333-of-1000", "333 of 1000", third, &fine, &below, &[0, 1], Some(trust()));
    let above = [&fine[1..2], &fine[3..], &voters(KeyType::Ed25519, "new ", &[300])].concat();
    shares("trust", "334-of-1000", "334 of 1000", third, &fine, &above, &[0, 1, 2], None);
    // The power in the trusted set counts, not in the new one.
    let mut grown = fine[3].clone();
    grown.power = 1_000_000;
    shares("trust", "grown", "one whose power grew a million times", third, &fine, &[grown], &[0], Some(trust()));
    let mut shrunk = fine[0].clone();
    shrunk.power = 1;
    let set = [&new[..1], &[shrunk]].concat();
    shares("trust", "shrunk", "one whose power shrank, with a new one", third, &fine, &set, &[0, 1], None);
    // Enough trust, and not enough of the new set.
    shares(
        "trust",
        "",
        "trusted enough, two thirds of the new set",
        third,
        &old,
        &[&old[..2], &new[..1]].concat(),
        &[0, 1],
        Some(rejected("not-enough-power")),
    );
    let mut reordered = old.clone();
    reordered.reverse();
    shares(
        "trust",
        "reordered",
        "the same validators in another order are another set",
        third,
        &old,
        &reordered,
        &[0, 1, 2],
        None,
    );
}
