//! Two headers that cannot both be honest, and pairs that can.

use crate::{
    GENERATED, Verifier, folder, malformed, name_of, rejected,
    support::{
        captures::{block, capture, parameters},
        chain::{Block, Voter, voters},
        vectors::{reject, write},
    },
    update::{CHAIN, SECOND, Scene, T0},
    vector,
};
use light_client::{BlockHash, Codec, Timestamp};
use light_client_tendermint::{Certified, ConsensusState, Evidence, Header, KeyType, LightBlock, StateAt, TreeHash};
use serde_json::{Value, json};

pub(crate) fn write_all() {
    recorded();
    for (kind, case) in [(KeyType::Ed25519, "voted-4v"), (KeyType::Sm2, "voted-4v-sm2")] {
        two_blocks(&Scene::new(kind), case);
    }
    let scene = Scene::new(KeyType::Ed25519);
    backwards(&scene);
    neighbours(&scene);
    misled(&scene);
    framing(&scene);
}

fn put(case: &str, detail: &str, description: &str, verifier: &Verifier, evidence: &Evidence, expect: Value) {
    put_bytes(GENERATED, case, detail, description, verifier, &evidence.encode(), expect);
}

fn put_bytes(
    source: &str,
    case: &str,
    detail: &str,
    description: &str,
    verifier: &Verifier,
    evidence: &[u8],
    expect: Value,
) {
    let content = vector("misbehaviour", description, source, verifier, evidence, json!({}), expect);
    write(&folder(), &format!("misbehaviour/{case}"), &name_of(&content["expect"], detail), &content);
}

fn frozen(evidence: &Evidence) -> Value {
    let headers: [&Header; 2] = [&evidence.headers[0].header, &evidence.headers[1].header];
    let hash = |header: &Header| -> BlockHash { header.hash(&TreeHash::Sha256) };
    json!({"accept": {
        "height_a": headers[0].height(), "height_b": headers[1].height(),
        "hash_a": hash(headers[0]).to_string(), "hash_b": hash(headers[1]).to_string(),
    }})
}

fn at(number: u64, state: ConsensusState) -> StateAt {
    StateAt { number, state }
}

/// The pairs that ibc-go freezes a client by, and the same where the sets are not known.
fn recorded() {
    let file = "cometbft-038-walk";
    let capture = capture(file);
    let read = |name: &str| -> LightBlock { block(&capture["blocks"][name]).unwrap() };
    let state = |name: &str| read(name).consensus_state().unwrap();
    let source = |name: &str| format!("captures/{file}.json, {name}: {}", capture["origin"].as_str().unwrap());
    let now = read("7").header.time().unix_seconds() + 1;
    let verifier = |stored: &[u64]| Verifier {
        parameters: parameters("lighter-1"),
        frozen: false,
        stored: stored.iter().map(|number| (*number, state(&number.to_string()))).collect(),
        now,
    };
    let evidence = |lower: u64, upper: Option<u64>, pair: [&str; 2]| Evidence {
        lower: at(lower, state(&lower.to_string())),
        upper: upper.map(|upper| at(upper, state(&upper.to_string()))),
        headers: pair.map(|name| read(name).certified().unwrap()),
    };
    let put = |name: &str, detail: &str, what: &str, stored: &[u64], evidence: Evidence, expect: Option<Value>| {
        let expect = expect.unwrap_or_else(|| frozen(&evidence));
        put_bytes(&source(name), file, detail, what, &verifier(stored), &evidence.encode(), expect);
    };
    let two = ["6", "forged_equivocation"];
    put("equivocation", "equivocation", "from the height below", &[5], evidence(5, None, two), None);
    put(
        "equivocation",
        "equivocation-from-afar",
        "from the latest state, three heights below",
        &[3],
        evidence(3, None, two),
        None,
    );
    put(
        "equivocation",
        "equivocation-after-update",
        "the client trusts one of the two",
        &[5, 6],
        evidence(5, Some(6), two),
        None,
    );
    put(
        "equivocation",
        "equivocation-other-order",
        "the other one first",
        &[3, 5],
        evidence(5, None, [two[1], two[0]]),
        None,
    );
    // The power changes from 6 to 7.
    put(
        "equivocation",
        "equivocation-set-changed",
        "the set changes between the stored states, and the two list the lower one's",
        &[3, 7],
        evidence(3, Some(7), two),
        None,
    );

    let two = ["6", "forged_time_going_back"];
    put("time_going_back", "time-going-back", "the client trusts the first", &[5, 6], evidence(5, Some(6), two), None);
    let listed = [read(two[0]).header.validators_hash(), read(two[1]).header.validators_hash()];
    let expect = (listed[0] != listed[1]).then(|| rejected("set-unknown-at-height"));
    put(
        "time_going_back",
        "time-going-back",
        "the set of the second is not known",
        &[5],
        evidence(5, None, two),
        expect,
    );
    let honest = ["6", "7"];
    put(
        "time_going_back",
        "",
        "two honest blocks",
        &[5, 6],
        evidence(5, Some(6), honest),
        Some(rejected("no-conflict")),
    );
    let same = ["6", "6"];
    put("equivocation", "", "one block twice", &[5], evidence(5, None, same), Some(rejected("headers-identical")));
    let few = ["6", "forged_too_few_signers"];
    let found = [read(few[0]), read(few[1])].map(|block| block.header.hash(&TreeHash::Sha256));
    let rule = if found[0] == found[1] { "headers-identical" } else { "not-enough-power" };
    put(
        "too_few_signers",
        "too-few",
        "a second block that half of the power voted for",
        &[5],
        evidence(5, None, few),
        Some(rejected(rule)),
    );
}

/// A block and the votes of three of four.
fn certified(block: &Block) -> Certified {
    Certified { header: block.header(), commit: block.commit(&[0, 1, 2]) }
}

/// Two blocks of height 15, that differ in what they say of the state.
fn pair(scene: &Scene) -> [Block; 2] {
    let first = scene.block_at(15, (T0 + 5) * SECOND);
    let second = Block { app_hash: vec![9; 32], ..first.clone() };
    [first, second]
}

fn from_latest(scene: &Scene, headers: [Certified; 2]) -> Evidence {
    Evidence { lower: at(10, scene.trusted()), upper: None, headers }
}

fn two_blocks(scene: &Scene, case: &str) {
    let verifier = scene.verifier();
    let [first, second] = pair(scene);
    let headers = [certified(&first), certified(&second)];
    let good = from_latest(scene, headers.clone());
    put(case, "", "two blocks of one height", &verifier, &good, frozen(&good));
    let mut all = good.clone();
    all.headers[1].commit = second.commit(&[0, 1, 2, 3]);
    put(case, "4-votes", "all four votes for one of them", &verifier, &all, frozen(&all));
    let later = Block { time: first.time + SECOND, round: 3, ..first.clone() };
    let evidence = from_latest(scene, [headers[0].clone(), certified(&later)]);
    put(case, "other-round", "another time and another round", &verifier, &evidence, frozen(&evidence));

    // The second lists a set of the attackers' own choosing, and is certified by the set that is valid.
    let others = voters(KeyType::Ed25519, "attacker ", &[1]);
    let listing = Block { voters: others.clone(), ..second.clone() };
    let header = listing.header();
    let attack = Certified { commit: listing.commit_by(&header, &scene.voters, &[0, 1, 2]), header };
    let evidence = from_latest(scene, [headers[0].clone(), attack.clone()]);
    put(case, "other-set", "the second lists another set", &verifier, &evidence, frozen(&evidence));
    let evidence = from_latest(scene, [attack.clone(), headers[1].clone()]);
    put(case, "other-set-first", "the first lists another set", &verifier, &evidence, frozen(&evidence));
    let both = Block { app_hash: vec![3; 32], ..listing.clone() };
    let header = both.header();
    let both = Certified { commit: both.commit_by(&header, &scene.voters, &[0, 1, 2]), header };
    let evidence = from_latest(scene, [attack, both]);
    put(case, "neither-lists", "neither lists the valid set", &verifier, &evidence, rejected("set-unknown-at-height"));
    let own = Certified { header: listing.header(), commit: listing.commit(&[0]) };
    let evidence = from_latest(scene, [headers[0].clone(), own]);
    put(
        case,
        "own-votes",
        "the second is voted for by the set of its own choosing",
        &verifier,
        &evidence,
        rejected("validators-hash-mismatch"),
    );

    let bad = |detail: &str, description: &str, rule: &str, headers: [Certified; 2]| {
        put(case, detail, description, &verifier, &from_latest(scene, headers), rejected(rule));
    };
    bad("", "one block twice", "headers-identical", [headers[0].clone(), headers[0].clone()]);
    let again = Certified { commit: first.commit(&[1, 2, 3]), header: first.header() };
    bad("votes", "one block with other votes", "headers-identical", [headers[0].clone(), again]);
    let round = Block { round: 4, ..first.clone() };
    bad("round", "one block of two rounds", "headers-identical", [headers[0].clone(), certified(&round)]);
    let few = |block: &Block| Certified { header: block.header(), commit: block.commit(&[0, 1]) };
    bad("first", "half of the power behind the first", "not-enough-power", [few(&first), headers[1].clone()]);
    bad("second", "half of the power behind the second", "not-enough-power", [headers[0].clone(), few(&second)]);
    let mut forged = headers[1].clone();
    forged.commit.votes = headers[0].commit.votes.clone();
    bad("", "the votes of the first block for the second", "signature-invalid", [headers[0].clone(), forged]);
    let mut surplus = headers[1].clone();
    surplus.commit = second.commit(&[0, 1, 2, 3]);
    surplus.commit.votes[3].signature[7] ^= 1;
    bad("surplus", "a bad fourth vote", "signature-invalid", [headers[0].clone(), surplus]);
    let other = Block { chain_id: "lighter-4".to_owned(), ..second.clone() };
    bad("", "the second is of another chain", "chain-id-mismatch", [headers[0].clone(), certified(&other)]);
    let mut placed = headers[1].clone();
    placed.commit.votes[0].trusted_index = Some(0);
    bad("", "a place in a trusted set, which evidence has not", "trusted-vote-mismatch", [headers[0].clone(), placed]);
    let stopped = Verifier { frozen: true, ..verifier.clone() };
    put(case, "", "a frozen client", &stopped, &good, reject("client-frozen", "frozen", None));
    let last = Verifier { now: T0 + 1000, ..verifier.clone() };
    put(case, "last-second", "in the last second of the trusting period", &last, &good, frozen(&good));
    let late = Verifier { now: T0 + 1001, ..verifier };
    put(case, "", "after the trusting period", &late, &good, reject("trust-expired", "expired", None));
}

/// Time that runs backwards.
fn backwards(scene: &Scene) {
    let case = "backwards";
    let verifier = scene.verifier();
    let first = scene.block_at(15, (T0 + 5) * SECOND);
    let at_time = |time: u64| certified(&scene.block_at(16, time));
    let evidence = |second: Certified| from_latest(scene, [certified(&first), second]);
    let earlier = evidence(at_time((T0 + 5) * SECOND - 1));
    put(case, "", "a nanosecond earlier at the next height", &verifier, &earlier, frozen(&earlier));
    let equal = evidence(at_time((T0 + 5) * SECOND));
    put(case, "equal", "the same time at the next height", &verifier, &equal, frozen(&equal));
    let later = evidence(at_time((T0 + 5) * SECOND + 1));
    put(case, "", "a nanosecond later at the next height", &verifier, &later, rejected("no-conflict"));
    let swapped = Evidence { headers: [earlier.headers[1].clone(), earlier.headers[0].clone()], ..earlier.clone() };
    put(case, "order", "the higher one first", &verifier, &swapped, malformed("evidence-malformed"));
    // Each lists its own set: one that lists another is no honest block of its height.
    let listing =
        Block { voters: voters(KeyType::Ed25519, "attacker ", &[1]), ..scene.block_at(16, (T0 + 5) * SECOND - 1) };
    let header = listing.header();
    let attack = Certified { commit: listing.commit_by(&header, &scene.voters, &[0, 1, 2]), header };
    put(
        case,
        "other-set",
        "the second lists another set",
        &verifier,
        &evidence(attack),
        rejected("set-unknown-at-height"),
    );
    let few = Certified {
        header: earlier.headers[1].header.clone(),
        commit: scene.block_at(16, (T0 + 5) * SECOND - 1).commit(&[0, 3]),
    };
    put(case, "", "half of the power behind the second", &verifier, &evidence(few), rejected("not-enough-power"));
}

/// The stored states around the headers, and which set they say was valid.
fn neighbours(scene: &Scene) {
    let case = "neighbours";
    let base = scene.verifier();
    let own = &scene.voters;
    let others: Vec<Voter> = voters(KeyType::Ed25519, "other ", &[10, 10, 10, 10]);
    // A stored block of a height, whose next set is one of the two.
    let stored = |number: u64, next: &[Voter]| {
        let mut block = Block::new(CHAIN, number, (T0 + number - 10) * SECOND, own);
        block.next_voters = next.to_vec();
        block.consensus()
    };
    let verifier =
        |states: &[(u64, ConsensusState)]| Verifier { stored: states.to_vec(), now: T0 + 30, ..base.clone() };
    let two_at = |number: u64, by: &[Voter]| {
        let first = Block::new(CHAIN, number, (T0 + 5) * SECOND, by);
        let second = Block { app_hash: vec![9; 32], ..first.clone() };
        [certified(&first), certified(&second)]
    };
    let put = |detail: &str, what: &str, states: &[(u64, ConsensusState)], evidence: Evidence, rule: Option<&str>| {
        put(case, detail, what, &verifier(states), &evidence, rule.map_or_else(|| frozen(&evidence), rejected));
    };
    let (ten, twenty) = (stored(10, own), stored(20, own));
    let changed = stored(20, &others);
    let evidence = |lower: (u64, ConsensusState), upper: Option<(u64, ConsensusState)>, headers| Evidence {
        lower: at(lower.0, lower.1),
        upper: upper.map(|(number, state)| at(number, state)),
        headers,
    };
    let (low, high, other) = ((10, ten), (20, twenty), (20, changed));
    put("between", "between two states of one set", &[low, high], evidence(low, Some(high), two_at(15, own)), None);
    put("at-upper", "at the height of the upper state", &[low, high], evidence(low, Some(high), two_at(20, own)), None);
    put("above-latest", "above the latest state", &[low, high], evidence(high, None, two_at(25, own)), None);
    put(
        "next",
        "right above the lower, and the upper names another set",
        &[low, other],
        evidence(low, Some(other), two_at(11, own)),
        None,
    );
    let unknown = Some("set-unknown-at-height");
    put(
        "changed-between",
        "between two states of different sets, by the lower one's",
        &[low, other],
        evidence(low, Some(other), two_at(15, own)),
        None,
    );
    put(
        "changed-at-upper",
        "at the height of the upper state, which names another set",
        &[low, other],
        evidence(low, Some(other), two_at(20, own)),
        None,
    );
    put(
        "upper-set",
        "between, by the upper state's set",
        &[low, other],
        evidence(low, Some(other), two_at(15, &others)),
        unknown,
    );
    put(
        "changed",
        "above the latest, by the set it names",
        &[low, other],
        evidence(other, None, two_at(22, &others)),
        None,
    );
    put(
        "old-set",
        "above the latest, by the set before",
        &[low, other],
        evidence(other, None, two_at(22, own)),
        unknown,
    );
    // Two heights: one on either side of a stored state.
    let back = |first: u64, second: u64, a: &[Voter], b: &[Voter]| {
        let block = |number: u64, time: u64, by: &[Voter]| certified(&Block::new(CHAIN, number, time, by));
        [block(first, (T0 + 15) * SECOND, a), block(second, (T0 + 14) * SECOND, b)]
    };
    put(
        "across",
        "two heights, the set changes at the stored state between",
        &[low, other],
        evidence(low, Some(other), back(11, 21, own, &others)),
        None,
    );
    put(
        "across-latest",
        "the second far above the latest",
        &[low, other],
        evidence(low, Some(other), back(11, 29, own, &others)),
        None,
    );
    let third = (30, stored(30, own));
    put(
        "across-far",
        "the second above the next of the stored states, and not the latest",
        &[low, other, third],
        evidence(low, Some(other), back(11, 29, own, &others)),
        unknown,
    );
    put(
        "across-next",
        "the second right above a stored state",
        &[low, other, third],
        evidence(low, Some(other), back(11, 21, own, &others)),
        None,
    );
    put(
        "across-old-set",
        "the second by the set before",
        &[low, other],
        evidence(low, Some(other), back(11, 21, own, own)),
        unknown,
    );

    let missing = Some("consensus-state-unknown");
    let pair = || two_at(15, own);
    put("no-upper", "the upper state is left out", &[low, high], evidence(low, None, pair()), missing);
    put("upper-of-latest", "an upper state that is not stored", &[low], evidence(low, Some(high), pair()), missing);
    let middle = (18, stored(18, own));
    put(
        "upper-not-next",
        "a stored state is passed over",
        &[low, middle, high],
        evidence(low, Some(high), pair()),
        missing,
    );
    let nearer = (14, stored(14, own));
    put(
        "lower-not-greatest",
        "a stored state below is passed over",
        &[low, nearer, high],
        evidence(low, Some(nearer), pair()),
        missing,
    );
    put(
        "at-lower",
        "at the height of the state named",
        &[low, high],
        evidence(low, Some(high), two_at(10, own)),
        missing,
    );
    put("before-first", "below every stored state", &[high], evidence(high, None, pair()), missing);
    put("never-stored", "a lower height that was never stored", &[low], evidence((12, ten), None, pair()), missing);
    let wrong = |number: u64, state: ConsensusState| {
        (number, ConsensusState { time: Timestamp::from_unix_seconds(T0 - 7), ..state })
    };
    let mismatch = Some("consensus-state-mismatch");
    put("lower", "another lower state than the one stored", &[low], evidence(wrong(10, ten), None, pair()), mismatch);
    put(
        "upper",
        "another upper state than the one stored",
        &[low, high],
        evidence(low, Some(wrong(20, twenty)), pair()),
        mismatch,
    );
}

/// A client that followed a forged header. What that header lists and names is its forger's choice.
fn misled(scene: &Scene) {
    let case = "misled";
    let own = &scene.voters;
    let with = |prefix: &str| [&own[..], &voters(KeyType::Ed25519, prefix, &[1])].concat();
    let (joined, accomplices) = (with("joined "), voters(KeyType::Ed25519, "attacker ", &[1]));
    let at_height = |height: u64| scene.block_at(height, (T0 + height - 10) * SECOND);
    let honest = at_height(15);
    let forged = Block { next_voters: accomplices, app_hash: vec![6; 32], ..honest.clone() };
    let state = forged.consensus();
    let verifier = Verifier { stored: vec![(10, scene.trusted()), (15, state)], now: T0 + 10, ..scene.verifier() };
    let by_own = |block: &Block, places: &[usize]| {
        let header = block.header();
        Certified { commit: block.commit_by(&header, own, places), header }
    };
    let three = |block: &Block| by_own(block, &[0, 1, 2]);
    let listing = |set: &[Voter], block: &Block| Block { voters: set.to_vec(), ..block.clone() };
    let evidence =
        |headers: [Certified; 2]| Evidence { lower: at(10, scene.trusted()), upper: Some(at(15, state)), headers };
    let put = |detail: &str, what: &str, verifier: &Verifier, evidence: &Evidence, rule: Option<&str>| {
        put(case, detail, what, verifier, evidence, rule.map_or_else(|| frozen(evidence), rejected));
    };
    let put_two = |detail: &str, what: &str, headers: [Certified; 2], rule: Option<&str>| {
        put(detail, what, &verifier, &evidence(headers), rule);
    };
    let unknown = Some("set-unknown-at-height");
    let good = [three(&forged), three(&honest)];
    put_two("", "the first is stored, and names another next set", good.clone(), None);
    put_two("other-order", "the honest one first", [three(&honest), three(&forged)], None);
    let padded = listing(&with("attacker "), &forged);
    put_two("padded-set", "the stored one lists a stranger as well", [three(&padded), three(&honest)], None);
    let changed = listing(&joined, &honest);
    put_two("two-sets", "each lists another set than the trusted one", [three(&padded), three(&changed)], None);
    // A set of which the trusted one is a part: its members may vote for two blocks in two rounds.
    let same = [three(&listing(&joined, &forged)), three(&changed)];
    put_two("one-other-set", "both list one set, and not the trusted one", same, unknown);
    let own_set = Certified { header: padded.header(), commit: padded.commit(&[0, 1, 2, 3]) };
    let mismatch = Some("validators-hash-mismatch");
    put_two("padded-set", "the stored one with the votes of the set it lists", [own_set, three(&honest)], mismatch);
    let few = [three(&forged), by_own(&honest, &[1, 3])];
    put_two("", "half of the trusted power behind the honest one", few, Some("not-enough-power"));
    let between = at_height(13);
    let other = Block { app_hash: vec![9; 32], ..between.clone() };
    put_two("between", "below the stored one", [three(&between), three(&other)], None);
    let earlier = Block { time: between.time, ..at_height(14) };
    put_two("backwards", "time that does not run, below the stored one", [three(&between), three(&earlier)], None);
    let another = [three(&between), three(&listing(&joined, &earlier))];
    put_two("backwards", "the second of two heights lists another set", another, unknown);
    // Above it the client takes the forger's word.
    let (above, second) = (at_height(16), Block { app_hash: vec![9; 32], ..at_height(16) });
    let pair = [three(&above), three(&second)];
    let from_forged = Evidence { lower: at(15, state), upper: None, headers: pair };
    put("above", "above the stored one, by the set trusted before", &verifier, &from_forged, unknown);
    // Keys are owed for the trusting period, from the lower state on.
    let last = Verifier { now: T0 + 1000, ..verifier.clone() };
    put("last-second", "in the last second of the lower state's period", &last, &evidence(good.clone()), None);
    let late = Verifier { now: T0 + 1001, ..verifier.clone() };
    let expired = reject("trust-expired", "expired", None);
    super::misbehaviour::put(case, "", "after it, but not after the upper one's", &late, &evidence(good), expired);
}

fn framing(scene: &Scene) {
    let case = "framing";
    let verifier = scene.verifier();
    let [first, second] = pair(scene);
    let good = from_latest(scene, [certified(&first), certified(&second)]);
    let bytes = good.encode();
    let raw = |detail: &str, description: &str, bytes: &[u8], rule: &str| {
        put_bytes(GENERATED, case, detail, description, &verifier, bytes, malformed(rule));
    };
    put(case, "", "as it should be", &verifier, &good, frozen(&good));
    let mut flag = bytes.clone();
    flag[80] = 2;
    raw("flag", "a flag of 2", &flag, "evidence-malformed");
    raw("", "a byte more", &[&bytes[..], &[0]].concat(), "message-trailing");
    for (detail, length) in [
        ("empty", 0),
        ("in-state", 79),
        ("before-flag", 80),
        ("before-headers", 81),
        ("in-header", 200),
        ("in-last-vote", bytes.len() - 1),
    ] {
        raw(detail, "the message is cut", &bytes[..length], "message-truncated");
    }
    let one = (bytes.len() - 81) / 2 + 81;
    raw("one-header", "one header", &bytes[..one], "message-truncated");
    let mut upper = bytes.clone();
    upper[80] = 1;
    raw("in-upper", "the message is cut in the upper state", &upper[..140], "message-truncated");
}
