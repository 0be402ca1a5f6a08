//! What holds for all inputs: no bytes panic, no accepted message survives the change of a single bit, values come back
//! from their encoding, and an update carries no more votes than its thresholds need.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use light_client::{
    Absence, Assurance, Claim, Codec, Erased, ErasedLightClient, ErasedTrusted, LightClient, Quorum, Status, Timestamp,
    Trusted, UpdateOutcome,
};
use light_client_tendermint::{
    Certified, ClientState, ConsensusState, Error, Evidence, KeyType, LightBlock, MembershipProof, RecordedCommit,
    RecordedVote, StateAt, Tendermint, TreeHash, TrustLevel, Update, Vote, json,
};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use support::{
    captures::{cases, parameters},
    chain::{Block, set_of, voters},
    files,
    vectors::{read, unhex, walk},
};

const CLIENT: Tendermint = Tendermint;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// A vector's verifier, loaded once for many messages.
struct Loaded {
    client: ClientState,
    states: Vec<(u64, ConsensusState)>,
    now: Timestamp,
    input: Vec<u8>,
    vector: Value,
}

impl Loaded {
    fn new(name: &str) -> Self {
        let vector = read(&folder().join(format!("{name}.json")));
        Self {
            client: files::client(&vector),
            states: files::trusted(&vector),
            now: files::now(&vector),
            input: unhex(&vector["input"]),
            vector,
        }
    }

    fn trusted(&self, number: u64) -> Trusted<'_, Tendermint> {
        let stored = self.states.iter().find(|(stored, _)| *stored == number);
        let (number, consensus) = stored.unwrap_or(self.states.last().unwrap());
        Trusted { height: self.client.parameters().height(*number), client: &self.client, consensus }
    }

    fn latest(&self) -> Trusted<'_, Tendermint> {
        self.trusted(self.client.latest().number)
    }

    fn accepts(&self, bytes: &[u8]) -> bool {
        match self.vector["kind"].as_str() {
            Some("update") => Update::decode(bytes).is_ok_and(|update| {
                matches!(CLIENT.verify_update(self.latest(), &update, self.now), Ok(UpdateOutcome::Advance(_)))
            }),
            Some("misbehaviour") => Evidence::decode(bytes).is_ok_and(|evidence| {
                let heights = CLIENT.misbehaviour_heights(&self.client, &evidence);
                let trusted = heights.map(|height| self.trusted(height.number()));
                CLIENT.verify_misbehaviour(trusted, &evidence, self.now).is_ok()
            }),
            _ => self.membership(bytes, &files::claims(&self.vector)),
        }
    }

    fn membership(&self, bytes: &[u8], claims: &[Claim]) -> bool {
        MembershipProof::decode(bytes).is_ok_and(|proof| CLIENT.verify(self.latest(), &proof, claims).is_ok())
    }
}

/// The messages whose every bit is changed: each kind of key, of set change and of tree.
const ACCEPTED: [&str; 14] = [
    "update/voted-4v/accept",
    "update/voted-4v/accept-round-7",
    "update/mixed-keys/accept",
    "update/skipping/accept",
    "update/cometbft-038-walk/accept-skip-over-join",
    "update/irita-walk/accept-adjacent-across-power-change",
    "misbehaviour/voted-4v/accept",
    "misbehaviour/backwards/accept",
    "misbehaviour/neighbours/accept-across",
    "membership/evmd-storage-proofs/accept-small-number",
    "membership/irita-storage-proofs/accept-mapping-entry-never-set",
    "membership/router-iavl/accept-cleared",
    "membership/router-jmt/accept-never-written",
    "membership/store-ibc/accept-absent",
];

#[test]
fn no_bit_of_an_accepted_message_can_change() {
    for name in ACCEPTED {
        let loaded = Loaded::new(name);
        assert!(loaded.accepts(&loaded.input), "{name}");
        for bit in 0..loaded.input.len() * 8 {
            let mut flipped = loaded.input.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!loaded.accepts(&flipped), "{name}, bit {bit}");
        }
    }
}

#[test]
fn no_accepted_message_can_be_cut_or_padded() {
    for name in ACCEPTED {
        let loaded = Loaded::new(name);
        for length in 0..loaded.input.len() {
            assert!(!loaded.accepts(&loaded.input[..length]), "{name}, {length} bytes");
        }
        for more in [&[0][..], &[1], &[0xff; 80]] {
            assert!(!loaded.accepts(&[&loaded.input, more].concat()), "{name}");
        }
    }
}

#[test]
fn no_other_claim_is_borne_out_by_a_proof() {
    for name in ACCEPTED.iter().filter(|name| name.starts_with("membership")) {
        let loaded = Loaded::new(name);
        let claims = files::claims(&loaded.vector);
        for (index, claim) in claims.iter().enumerate() {
            let elements = claim.path.elements();
            for element in 0..elements.len() {
                for byte in 0..elements[element].len() {
                    let mut path = elements.to_vec();
                    path[element][byte] ^= 1;
                    let path = light_client::MerklePath::from_elements(path);
                    let mut claims = claims.clone();
                    claims[index].path = path;
                    // A neighbour of an absent key may be absent beside the same leaves.
                    let may = matches!(claim.expected, light_client::Expected::Absent) && !name.contains("cleared");
                    assert!(may || !loaded.membership(&loaded.input, &claims), "{name}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1200)) {
        for name in ["update/voted-4v/accept", "misbehaviour/voted-4v/accept", "membership/store-ibc/accept"] {
            let loaded = Loaded::new(name);
            prop_assert!(!loaded.accepts(&bytes));
            // Behind a beginning that is read.
            let start = loaded.input.len().min(400);
            let sent = [&loaded.input[..start], &bytes].concat();
            prop_assert!(sent == loaded.input || !loaded.accepts(&sent));
        }
        let _ = ClientState::decode(&bytes);
        let _ = ConsensusState::decode(&bytes);
    }

    #[test]
    fn no_bent_message_panics_or_passes(
        name in prop::sample::select(&ACCEPTED[..]),
        at in any::<prop::sample::Index>(),
        bytes in proptest::collection::vec(any::<u8>(), 1..9),
    ) {
        let loaded = Loaded::new(name);
        let mut bent = loaded.input.clone();
        let at = at.index(bent.len());
        for (to, from) in bent[at..].iter_mut().zip(&bytes) {
            *to = *from;
        }
        prop_assume!(bent != loaded.input);
        // A vote may give up its place in the trusted set, if the others are enough.
        if loaded.accepts(&bent) {
            let update = Update::decode(&bent).unwrap();
            let good = Update::decode(&loaded.input).unwrap();
            let without = |update: &Update| {
                update.commit.votes.iter().map(|vote| Vote { trusted_index: None, ..*vote }).collect::<Vec<_>>()
            };
            prop_assert_eq!(without(&update), without(&good));
            prop_assert_eq!(update.header, good.header);
        }
    }

    #[test]
    fn no_answer_of_a_node_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let case = &cases("cometbft-038-thresholds")[7];
        let mut text = case.untrusted.to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(value) = serde_json::from_slice::<Value>(&text)
            && let Ok(block) = json::light_block(&value, TreeHash::Sha256, TreeHash::Sha256)
        {
            let trusted = json::trusted_block(&case.trusted, TreeHash::Sha256).unwrap();
            let _ = CLIENT.verify_light_block(&case.parameters, &trusted, &block, case.now);
        }
    }
}

/// A block as a node records it, with votes by these places.
fn recorded(block: &Block, places: &[usize]) -> LightBlock {
    let commit = block.commit(places);
    let mut votes = vec![None; block.voters.len()];
    for vote in &commit.votes {
        votes[usize::from(vote.index)] =
            Some(RecordedVote { seconds: vote.seconds, nanos: vote.nanos, signature: vote.signature });
    }
    let (round, part_set_total, part_set_hash) = (commit.round, commit.part_set_total, commit.part_set_hash);
    LightBlock {
        header: block.header(),
        commit: Some(RecordedCommit { round, part_set_total, part_set_hash, votes }),
        validators: Some(set_of(&block.voters)),
        next_validators: Some(set_of(&block.next_voters)),
    }
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn an_update_carries_the_first_votes_that_meet_both_thresholds() {
    let parameters = parameters("lighter-3");
    for total in [1_usize, 2, 3, 4, 7, 9, 30] {
        let set = voters(KeyType::Ed25519, "", &vec![3; total]);
        let trusted = Block::new("lighter-3", 5, 100 * SECOND, &set);
        for height in [6, 9] {
            let block = recorded(&Block::new("lighter-3", height, 101 * SECOND, &set), &(0..total).collect::<Vec<_>>());
            let update = block.update(&parameters, 5, trusted.consensus(), None).unwrap();
            let needed = Quorum::MORE_THAN_TWO_THIRDS.needed(3 * total as u64).div_ceil(3);
            assert_eq!(update.commit.votes.len() as u64, needed, "{total}");
            let client = ClientState::new(parameters.clone(), 5, &trusted.consensus()).unwrap();
            let consensus = trusted.consensus();
            let trusted = Trusted { height: parameters.height(5), client: &client, consensus: &consensus };
            let now = Timestamp::from_unix_seconds(102);
            assert!(matches!(CLIENT.verify_update(trusted, &update, now), Ok(UpdateOutcome::Advance(_))));
        }
    }
    // The trusted voters come last in the new set: their votes travel too.
    let old = voters(KeyType::Ed25519, "", &[1, 1, 1]);
    let set = [&voters(KeyType::Ed25519, "new ", &[50, 50, 50])[..], &old].concat();
    let trusted = Block::new("lighter-3", 5, 100 * SECOND, &old);
    let block = recorded(&Block::new("lighter-3", 9, 101 * SECOND, &set), &[0, 1, 2, 3, 4, 5]);
    let update = block.update(&parameters, 5, trusted.consensus(), Some(&set_of(&old))).unwrap();
    let places: Vec<_> = update.commit.votes.iter().map(|vote| (vote.index, vote.trusted_index)).collect();
    assert_eq!(places, [(0, None), (1, None), (2, None), (3, Some(0)), (4, Some(1))]);
    // A vote that does not verify can be taken out, and the others carry the block.
    let mut worse = block;
    worse.commit.as_mut().unwrap().votes[3] = None;
    let update = worse.update(&parameters, 5, trusted.consensus(), Some(&set_of(&old))).unwrap();
    let places: Vec<_> = update.commit.votes.iter().map(|vote| vote.index).collect();
    assert_eq!(places, [0, 1, 2, 4, 5]);
}

#[test]
fn a_forged_header_that_was_followed_is_shown_by_what_nodes_answer() {
    let own = voters(KeyType::Ed25519, "", &[10, 10, 10, 10]);
    let attacker = voters(KeyType::Ed25519, "attacker ", &[1]);
    let trusted = Block::new("lighter-3", 10, 100 * SECOND, &own);
    let honest = Block::new("lighter-3", 15, 105 * SECOND, &own);
    // The stranger goes first, so that nobody's place is the same in both sets.
    let padded = [&attacker[..], &own[..]].concat();
    let forged = Block { voters: padded, next_voters: attacker, app_hash: vec![6; 32], ..honest.clone() };
    let (set, now) = (set_of(&own), Timestamp::from_unix_seconds(106));
    let [forged_block, honest_block] = [&forged, &honest].map(|block| recorded(block, &[0, 1, 2, 3]));

    let lower = StateAt { number: 10, state: trusted.consensus() };
    let client = ClientState::new(parameters("lighter-3"), 10, &lower.state).unwrap();
    let trusted = Trusted { height: client.latest_height(), client: &client, consensus: &lower.state };
    let update = forged_block.update(client.parameters(), 10, lower.state, Some(&set)).unwrap();
    let UpdateOutcome::Advance(next) = CLIENT.verify_update(trusted, &update, now).unwrap() else { panic!("no-op") };
    assert_eq!(next.consensus, forged.consensus());

    let upper = StateAt { number: 15, state: next.consensus };
    let show = |pair: [Certified; 2]| {
        let evidence = Evidence::new(lower, Some(upper), pair);
        let heights = CLIENT.misbehaviour_heights(&next.client, &evidence);
        assert_eq!(heights.map(|height| (height.revision(), height.number())), [(3, 10), (3, 15)]);
        let [low, high] = heights;
        let trusted = [(low, &lower.state), (high, &upper.state)].map(|(height, consensus)| Trusted {
            height,
            client: &next.client,
            consensus,
        });
        CLIENT.verify_misbehaviour(trusted, &evidence, now)
    };
    let by_set = |block: &LightBlock| block.certified_by(&set).unwrap();
    let blocks = [forged_block.clone(), honest_block.clone()];
    let tree_hash = client.parameters().tree_hash;
    let found = Evidence::of_blocks(lower, Some(upper), &blocks, &[&set], tree_hash, 15).unwrap();
    assert_eq!(found, Evidence::new(lower, Some(upper), [by_set(&forged_block), by_set(&honest_block)]));
    // Without the set that judges them the votes are those of the sets that they list.
    let listed = blocks.each_ref().map(|block| block.certified().unwrap());
    let found = Evidence::of_blocks(lower, Some(upper), &blocks, &[], tree_hash, 15).unwrap();
    assert_eq!(found, Evidence::new(lower, Some(upper), listed));
    assert!(show([by_set(&forged_block), by_set(&honest_block)]).unwrap().is_frozen());
    let own_votes = show([forged_block.certified().unwrap(), by_set(&honest_block)]);
    assert!(matches!(own_votes, Err(Error::ValidatorsHashMismatch { .. })));
    // Of three votes one is the stranger's.
    let few = recorded(&forged, &[0, 1, 2]);
    assert_eq!(by_set(&few).commit.votes.len(), 2);
    assert!(matches!(show([by_set(&few), by_set(&honest_block)]), Err(Error::NotEnoughPower { found: 20, .. })));
}

#[test]
fn a_trust_level_is_of_the_trusted_power_whatever_the_new_set_is() {
    // One of three old voters in a new set of growing power.
    let old = voters(KeyType::Ed25519, "", &[4, 3, 3]);
    for (kept, level, enough) in [(0, (1, 3), true), (1, (1, 3), false), (0, (2, 5), false), (0, (39, 100), true)] {
        for weight in [1, 1000] {
            let mut set = vec![old[kept].clone()];
            set[0].power = weight;
            let trusted = Block::new("lighter-3", 5, 100 * SECOND, &old);
            let block = recorded(&Block::new("lighter-3", 9, 101 * SECOND, &set), &[0]);
            let mut parameters = parameters("lighter-3");
            parameters.trust_level = TrustLevel::new(level.0, level.1).unwrap();
            let trusted = recorded(&trusted, &[]);
            let found = CLIENT.verify_light_block(&parameters, &trusted, &block, Timestamp::from_unix_seconds(102));
            assert_eq!(found.is_ok(), enough, "{kept} {level:?} {found:?}");
            if !enough {
                assert!(matches!(found, Err(Error::NotEnoughTrust { .. })));
            }
        }
    }
}

#[test]
fn values_come_back_from_their_encoding() {
    for path in walk(&folder()) {
        if path.starts_with(folder().join("captures")) || path.ends_with("README.md") {
            continue;
        }
        let client = files::client(&read(&path));
        assert_eq!(ClientState::decode(&client.encode()), Ok(client));
    }
}

#[test]
fn the_erased_client_says_the_same() {
    let loaded = Loaded::new("update/cometbft-038-walk/accept-skip-over-join");
    let erased: &dyn ErasedLightClient = &Erased(CLIENT);
    let latest = loaded.latest();
    let (client, consensus) = (loaded.client.encode(), latest.consensus.encode());
    let trusted = ErasedTrusted { height: latest.height, client: &client, consensus: &consensus };
    assert_eq!(erased.assurance(&client).unwrap(), Assurance::Proven);
    assert_eq!(erased.absence(), Absence::State);
    assert_eq!(erased.status(trusted, loaded.now).unwrap(), Status::Active);
    let next = erased.verify_update(trusted, &loaded.input, loaded.now).unwrap().unwrap();
    // lighter-1 is of revision 1.
    assert_eq!((next.height.revision(), next.height.number()), (1, 17));
    let client = ClientState::decode(&next.client).unwrap();
    assert_eq!(client.latest().number, 17);
    let late = Timestamp::from_unix_seconds(loaded.now.unix_seconds() + 1_209_600);
    assert_eq!(erased.status(trusted, late).unwrap(), Status::Expired);
    let mut bent = loaded.input.clone();
    bent[100] ^= 1;
    assert!(erased.verify_update(trusted, &bent, loaded.now).is_err());
}
