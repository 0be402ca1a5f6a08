//! Updates under a changed set, and quorums of every size.

use crate::{
    Verifier, rejected,
    support::{
        chain::{Block, Validator, addresses, validators},
        vectors::reject,
    },
    update::{Scene, T0, advanced, put},
};
use light_client::{Codec, Quorum};
use light_client_crypto::Address;
use light_client_qbft::{Kind, SetHash, TrustLevel, Update};
use serde_json::Value;

/// One set after another, and who of the second seals.
struct Change<'a> {
    case: &'a str,
    detail: &'a str,
    description: &'a str,
    level: TrustLevel,
    before: &'a [&'a str],
    after: &'a [&'a str],
    signers: &'a [&'a str],
    expect: Option<Value>,
}

pub(crate) fn write_all() {
    quorums();
    let few = || Some(reject("too-few-trusted-seals", "insufficient-trust", None));
    let (strict, third) = (TrustLevel::Strict, TrustLevel::OneThird);
    let four = &["a", "b", "c", "d"][..];
    let five = &["a", "b", "c", "d", "e"][..];
    let change = |case, detail, description, level, before, after, signers, expect| {
        write_change(&Change { case, detail, description, level, before, after, signers, expect });
    };
    change(
        "set-4-to-5",
        "",
        "one joins; three of the old four are among the seals",
        strict,
        four,
        five,
        &["a", "b", "c", "e"],
        None,
    );
    change("set-4-to-5", "all", "one joins; all five seal", strict, four, five, five, None);
    change(
        "set-4-to-5",
        "",
        "three of the old four, and nobody else: no quorum of five",
        strict,
        four,
        five,
        &["a", "b", "c"],
        Some(rejected("too-few-seals")),
    );
    change("set-5-to-4", "four-seals", "one leaves; all four who stay seal", strict, five, four, four, None);
    change(
        "set-5-to-4",
        "",
        "one leaves; a quorum of four is three of the old five",
        strict,
        five,
        four,
        &["a", "b", "c"],
        few(),
    );
    change(
        "set-5-to-4",
        "one-third",
        "the same where more than a third is enough",
        third,
        five,
        four,
        &["a", "b", "c"],
        None,
    );
    change(
        "set-4-to-3",
        "three-seals",
        "one leaves; the three who stay all seal",
        strict,
        four,
        &["a", "b", "c"],
        &["a", "b", "c"],
        None,
    );
    change("set-4-to-3", "", "one leaves; two seals", strict, four, &["a", "b", "c"], &["a", "b"], few());
    let mixed = &["c", "d", "e", "f"][..];
    change(
        "set-half-replaced",
        "",
        "two of four replaced; four seals, two by old members",
        strict,
        four,
        mixed,
        mixed,
        few(),
    );
    change(
        "set-half-replaced",
        "one-third",
        "the same where more than a third is enough: two of four",
        third,
        four,
        mixed,
        mixed,
        None,
    );
    let fresh = &["d", "e", "f", "g"][..];
    change(
        "set-mostly-replaced",
        "one-third",
        "one old member of four is not more than a third",
        third,
        four,
        fresh,
        fresh,
        few(),
    );
    let other = &["e", "f", "g", "h"][..];
    change("set-all-replaced", "", "a set of strangers", strict, four, other, other, few());
    change("set-all-replaced", "one-third", "a set of strangers", third, four, other, other, few());
    // Where AtLeast and MoreThan part: sets of three.
    let three = &["a", "b", "c"][..];
    change(
        "set-of-three",
        "",
        "two of the old three are two thirds",
        strict,
        three,
        &["a", "b", "x"],
        &["a", "b"],
        None,
    );
    change("set-of-three", "", "one of the old three is not", strict, three, &["a", "x", "y"], &["a", "x"], few());
    change(
        "set-of-three",
        "one-third",
        "one of the old three is not more than a third",
        third,
        three,
        &["a", "x", "y"],
        &["a", "x"],
        few(),
    );
    change("set-of-three", "one-third", "two of the old three are", third, three, &["a", "b", "x"], &["a", "b"], None);
    change("set-1-to-2", "", "a single validator is joined by another", strict, &["a"], &["a", "b"], &["a", "b"], None);
    addresses_given();
}

fn write_change(change: &Change<'_>) {
    let scene = Scene::new(Kind::Qbft);
    let [before, after, signers] = [change.before, change.after, change.signers].map(validators);
    let trusted = scene.world.consensus(T0, &before);
    let mut verifier = Verifier { stored: vec![(10, trusted)], ..scene.verifier() };
    verifier.parameters.trust_level = change.level;
    let header = Block::new(scene.kind, 11, T0 + 5, &scene.world.state_root(), &after)
        .sealed(&signers.iter().collect::<Vec<_>>());
    let mut update = Update::new(trusted, None, header, &scene.world.account_proof());
    update.trusted_validators = addresses(&before);
    let expect = change.expect.clone().unwrap_or_else(|| advanced(11, &scene.world.consensus(T0 + 5, &after)));
    put(change.case, change.detail, change.description, &verifier, &update.encode(), expect);
}

/// The trusted set's addresses, given where they should not be, or not, or others.
fn addresses_given() {
    let scene = Scene::new(Kind::Qbft);
    let case = "trusted-set";
    let verifier = scene.verifier();
    let same = scene.block().sealed_by_first(&scene.set, 3);
    let five = validators(&["a", "b", "c", "d", "e"]);
    let signers: Vec<Validator> = scene.set.iter().take(3).cloned().chain([Validator::new("e")]).collect();
    let changed = Block::new(scene.kind, 11, T0 + 5, &scene.world.state_root(), &five)
        .sealed(&signers.iter().collect::<Vec<_>>());
    let given = |header: &[u8], list: Vec<Address>| {
        Update { trusted_validators: list, ..scene.update(header.to_vec()) }.encode()
    };
    let right = addresses(&scene.set);
    let state = scene.world.consensus(T0 + 5, &five);
    put(
        case,
        "",
        "the set has changed and the trusted one is given",
        &verifier,
        &given(&changed, right.clone()),
        advanced(11, &state),
    );
    put(
        case,
        "",
        "the set has changed and no address is given",
        &verifier,
        &given(&changed, vec![]),
        rejected("trusted-set-missing"),
    );
    put(
        case,
        "",
        "the set is the same and it is given",
        &verifier,
        &given(&same, right.clone()),
        rejected("trusted-set-superfluous"),
    );
    put(
        case,
        "order",
        "the trusted set in another order",
        &verifier,
        &given(&changed, right.iter().rev().copied().collect()),
        rejected("trusted-set-mismatch"),
    );
    put(
        case,
        "short",
        "one address of the trusted set left out",
        &verifier,
        &given(&changed, right[..3].to_vec()),
        rejected("trusted-set-mismatch"),
    );
    put(
        case,
        "new-set",
        "the new set in the trusted one's place",
        &verifier,
        &given(&changed, addresses(&five)),
        rejected("trusted-set-mismatch"),
    );
    // The same members in another order are another list: rule (b) applies, and holds.
    let mut reordered = scene.set.clone();
    reordered.reverse();
    let header =
        Block::new(scene.kind, 11, T0 + 5, &scene.world.state_root(), &reordered).sealed_by_first(&reordered, 3);
    let mut state = scene.world.consensus(T0 + 5, &reordered);
    state.set_hash = SetHash::of(&addresses(&reordered));
    put(
        case,
        "reordered",
        "the header lists the same members in another order",
        &verifier,
        &given(&header, right),
        advanced(11, &state),
    );
}

/// Exactly a quorum, and one seal less.
fn quorums() {
    let labels = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    for total in [1, 2, 3, 4, 5, 6, 7, 9] {
        let scene = Scene { set: validators(&labels[..total]), ..Scene::new(Kind::Qbft) };
        let quorum = Quorum::AT_LEAST_TWO_THIRDS.needed(total as u64) as usize;
        let case = format!("quorum-of-{total}");
        let sealed = |count| scene.update(scene.block().sealed_by_first(&scene.set, count)).encode();
        let state = scene.world.consensus(T0 + 5, &scene.set);
        put(&case, "", &format!("{quorum} seals of {total}"), &scene.verifier(), &sealed(quorum), advanced(11, &state));
        put(
            &case,
            "",
            &format!("{} seals of {total}", quorum - 1),
            &scene.verifier(),
            &sealed(quorum - 1),
            rejected("too-few-seals"),
        );
    }
}
