//! What holds for all inputs: no bytes panic, no accepted message survives the change of a single bit, values come back
//! from their encoding, and a quorum is ⌈2N/3⌉ at every size.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use light_client::{
    Absence, Assurance, Claim, Codec, Erased, ErasedLightClient, ErasedTrusted, Expected, Height, LightClient, Quorum,
    Status, Timestamp, Trusted, UpdateOutcome,
};
use light_client_crypto::Address;
use light_client_qbft::{
    ClientState, ConsensusState, Error, Evidence, Header, Kind, MembershipProof, Qbft, TrustLevel, Update, ValidatorSet,
};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use support::{
    chain::{Block, addresses, malleate, validators},
    files,
    vectors::{number, read, unhex, unhex_array},
    world::World,
};

const CLIENT: Qbft = Qbft::ETHEREUM;
const T0: u64 = 1_800_000_000;

fn vector(name: &str) -> Value {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(format!("{name}.json")))
}

/// A vector's verifier, loaded once for many messages.
struct Loaded {
    client: ClientState,
    states: Vec<(Height, ConsensusState)>,
    now: Timestamp,
    input: Vec<u8>,
}

impl Loaded {
    fn new(name: &str) -> Self {
        let vector = vector(name);
        Self {
            client: files::client(&vector),
            states: files::trusted(&vector),
            now: Timestamp::from_unix_seconds(number(&vector["now"])),
            input: unhex(&vector["input"]),
        }
    }

    fn latest(&self) -> Trusted<'_, Qbft> {
        let (height, consensus) = self.states.last().unwrap();
        Trusted { height: *height, client: &self.client, consensus }
    }

    fn update(&self, bytes: &[u8]) -> Result<UpdateOutcome<Qbft>, Error> {
        CLIENT.verify_update(self.latest(), &Update::decode(bytes)?, self.now)
    }

    fn misbehaviour(&self, bytes: &[u8]) -> Result<ClientState, Error> {
        let evidence = Evidence::decode(bytes)?;
        let trusted = CLIENT.misbehaviour_heights(&self.client, &evidence).map(|wanted| {
            let (height, consensus) =
                self.states.iter().find(|(height, _)| *height == wanted).unwrap_or(&self.states[0]);
            Trusted { height: *height, client: &self.client, consensus }
        });
        CLIENT.verify_misbehaviour(trusted, &evidence, self.now)
    }

    fn membership(&self, bytes: &[u8], claims: &[Claim]) -> Result<Timestamp, Error> {
        CLIENT.verify(self.latest(), &MembershipProof::decode(bytes)?, claims)
    }
}

/// Every message that differs from this one in one bit.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}

/// Preimage, addresses, header with all its fields and seals (a surplus one among them), account proof.
#[test]
fn no_bit_of_an_accepted_update_can_change() {
    for name in [
        "update/sealed-4v/accept-round-7",
        "update/sealed-4v/accept-4-seals",
        "update/sealed-4v/accept-vote-drop",
        "update/sealed-4v-ibft2/accept-4-seals",
        "update/set-4-to-5/accept",
        "update/set-of-three/accept-one-third",
        "update/forks/accept-prague",
        "update/goquorum-5-to-7/accept",
        "update/goquorum-19-to-46/accept",
    ] {
        let loaded = Loaded::new(name);
        assert!(matches!(loaded.update(&loaded.input), Ok(UpdateOutcome::Advance(_))), "{name}");
        for (bit, flipped) in flips(&loaded.input) {
            assert!(loaded.update(&flipped).is_err(), "{name}: bit {bit} of {}", loaded.input.len() * 8);
        }
    }
}

/// The same for headers alone, as real nodes stored them.
#[test]
fn no_bit_of_an_accepted_header_can_change() {
    for name in [
        "header/goquorum/accept-block-26",
        "header/goquorum/accept-block-35",
        "header/besu-qbft-7528/accept",
        "header/besu-ibft2-synthetic/accept",
        "header/devnode/accept-osaka-5",
    ] {
        let vector = vector(name);
        let parameters = files::parameters(&vector["client"]);
        let (_, consensus) = files::trusted(&vector).pop().unwrap();
        let list = vector["trusted_validators"].as_array().unwrap();
        let validators: Vec<Address> = list.iter().map(|address| Address::new(unhex_array(address))).collect();
        let now = Timestamp::from_unix_seconds(u64::MAX);
        let verify = |bytes: &[u8]| {
            let header = Header::decode(parameters.kind, bytes)?;
            let same = header.extra.validators.hash() == consensus.set_hash;
            CLIENT.verify_header(&parameters, &consensus, if same { &[] } else { &validators }, &header, now)
        };
        let input = unhex(&vector["input"]);
        assert!(verify(&input).is_ok(), "{name}");
        for (bit, flipped) in flips(&input) {
            assert!(verify(&flipped).is_err(), "{name}: bit {bit}");
        }
    }
}

#[test]
fn no_bit_of_accepted_evidence_can_change() {
    for name in [
        "misbehaviour/sealed-4v/accept-between",
        "misbehaviour/sealed-4v/accept-other-state",
        "misbehaviour/sealed-4v-ibft2/accept",
        "misbehaviour/goquorum-46/accept-other-set",
    ] {
        let loaded = Loaded::new(name);
        assert!(loaded.misbehaviour(&loaded.input).is_ok(), "{name}");
        for (bit, flipped) in flips(&loaded.input) {
            assert!(loaded.misbehaviour(&flipped).is_err(), "{name}: bit {bit}");
        }
    }
}

#[test]
fn no_bit_of_an_accepted_proof_or_claim_can_change() {
    let name = "membership/router-storage/accept";
    let loaded = Loaded::new(name);
    let claims = files::claims(&vector(name));
    assert!(loaded.membership(&loaded.input, &claims).is_ok());
    for (bit, flipped) in flips(&loaded.input) {
        assert!(loaded.membership(&flipped, &claims).is_err(), "proof: bit {bit}");
    }
    for (index, claim) in claims.iter().enumerate() {
        let with = |claim: Claim| {
            let mut claims = claims.clone();
            claims[index] = claim;
            loaded.membership(&loaded.input, &claims)
        };
        match &claim.expected {
            Expected::Present(value) => {
                for (bit, flipped) in flips(value) {
                    assert!(with(Claim::present(claim.path.clone(), flipped)).is_err(), "claim {index}: bit {bit}");
                }
                // Another path may by chance end in the same leaf; only presence can then be borne out, never a value.
                for (bit, flipped) in flips(&claim.path.elements()[0]) {
                    let path = light_client::MerklePath::from_elements(vec![flipped]);
                    assert!(with(Claim::present(path, value.clone())).is_err(), "path {index}: bit {bit}");
                }
                assert!(with(Claim::absent(claim.path.clone())).is_err());
            }
            Expected::Absent => assert!(with(Claim::present(claim.path.clone(), [1; 32])).is_err()),
        }
    }
}

/// Bytes left out, added or moved: everything that is not a flip.
#[test]
fn no_accepted_message_can_be_cut_or_padded() {
    let update = Loaded::new("update/set-4-to-5/accept");
    let evidence = Loaded::new("misbehaviour/sealed-4v/accept-between");
    let proof = Loaded::new("membership/router-storage/accept");
    let claims = files::claims(&vector("membership/router-storage/accept"));
    for (loaded, name) in [(&update, "update"), (&evidence, "evidence"), (&proof, "proof")] {
        let accepts = |bytes: &[u8]| match name {
            "update" => loaded.update(bytes).is_ok(),
            "evidence" => loaded.misbehaviour(bytes).is_ok(),
            _ => loaded.membership(bytes, &claims).is_ok(),
        };
        assert!(accepts(&loaded.input));
        for length in 0..loaded.input.len() {
            assert!(!accepts(&loaded.input[..length]), "{name}: the first {length} bytes");
            let mut without = loaded.input.clone();
            let removed = without.remove(length);
            assert!(!accepts(&without), "{name}: without byte {length}");
            let mut twice = loaded.input.clone();
            twice.insert(length, removed);
            assert!(!accepts(&twice), "{name}: byte {length} twice");
        }
        for byte in [0x00, 0x80, 0xc0] {
            assert!(!accepts(&[&loaded.input[..], &[byte]].concat()), "{name}: padded with {byte:#04x}");
        }
    }
}

#[test]
fn only_seals_of_a_set_are_kept_and_the_block_stays_the_same() {
    let (set, others) = (validators(&["a", "b", "c", "d"]), validators(&["x", "y"]));
    let members = ValidatorSet::new(addresses(&set)).unwrap();
    for kind in [Kind::Qbft, Kind::Ibft2] {
        let block = Block::new(kind, 11, T0, &[1; 32], &set).with_round(3).with_later_fields([vec![0x05]]);
        let good = block.seals_by(&[&set[2], &set[0], &set[3]]);
        let foreign = block.seals_by(&[&others[0], &others[1]]);
        let short = good[1][..64].to_vec();
        let many =
            [&foreign[..1], &good[..2], &[short, malleate(&good[2]), vec![]], &good[..1], &foreign[1..], &good[2..]];
        let spoilt = block.encode(&many.concat());
        let header = Header::decode(kind, &spoilt).unwrap();
        let kept = CLIENT.sealed_only_by(&header, &members);
        assert_eq!(kept, block.encode(&good), "in their order, the first of each, and no malleated one");
        let again = Header::decode(kind, &kept).unwrap();
        assert_eq!(again.hash(CLIENT.hashes()), header.hash(CLIENT.hashes()));
        assert_eq!(CLIENT.sealed_only_by(&again, &members), kept);
        assert_eq!(header.with_seals(&header.extra.seals), spoilt);
    }
}

#[test]
fn a_quorum_is_two_thirds_rounded_up_at_every_size() {
    let world = World::new();
    let labels = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for total in 1..=labels.len() {
        let set = validators(&labels[..total]);
        let trusted = world.consensus(T0, &set);
        for (kind, level) in [(Kind::Qbft, TrustLevel::Strict), (Kind::Ibft2, TrustLevel::OneThird)] {
            let client = ClientState::new(world.parameters(kind, level), Height::new(10), &trusted);
            for seals in 0..=total {
                let block = Block::new(kind, 11, T0 + 5, &world.state_root(), &set);
                let update = Update::new(trusted, None, block.sealed_by_first(&set, seals), &world.account_proof());
                let state = Trusted { height: Height::new(10), client: &client, consensus: &trusted };
                let found = CLIENT.verify_update(state, &update, Timestamp::from_unix_seconds(T0 + 6));
                let needed = Quorum::AT_LEAST_TWO_THIRDS.needed(total as u64);
                match found {
                    Ok(_) => assert!(seals as u64 >= needed, "{seals} of {total} were accepted"),
                    Err(error) => {
                        assert_eq!(error, Error::TooFewSeals { expected: needed, found: seals as u64 });
                        assert!(3 * seals < 2 * total, "{seals} of {total} were refused");
                    }
                }
            }
        }
    }
}

#[test]
fn messages_come_back_from_their_encoding() {
    let update = Loaded::new("update/set-4-to-5/accept").input;
    assert_eq!(Update::decode(&update).unwrap().encode(), update);
    let evidence = Loaded::new("misbehaviour/sealed-4v/accept-between").input;
    assert_eq!(Evidence::decode(&evidence).unwrap().encode(), evidence);
    let proof = Loaded::new("membership/router-storage/accept").input;
    assert_eq!(MembershipProof::decode(&proof).unwrap().encode(), proof);
    let state = proof[..72].to_vec();
    assert_eq!(ConsensusState::decode(&state).unwrap().encode(), state);
    assert!(ConsensusState::decode(&proof[..73]).is_err());
}

/// The same verdicts through bytes alone, as the relayer's registry asks.
#[test]
fn the_erased_client_agrees() {
    let client: &dyn ErasedLightClient = &Erased(Qbft::ETHEREUM);
    let loaded = Loaded::new("update/sealed-4v/accept");
    let encoded = loaded.client.encode();
    let (height, consensus) = loaded.states[0];
    let consensus = consensus.encode();
    let trusted = ErasedTrusted { height, client: &encoded, consensus: &consensus };
    assert_eq!(client.absence(), Absence::State);
    assert_eq!(client.assurance(&encoded).unwrap(), Assurance::Proven);
    assert_eq!(client.status(trusted, loaded.now).unwrap(), Status::Active);
    let expired = Timestamp::from_unix_seconds(T0 + support::world::TRUSTING_PERIOD);
    assert_eq!(client.status(trusted, expired).unwrap(), Status::Expired);
    let next = client.verify_update(trusted, &loaded.input, loaded.now).unwrap().unwrap();
    assert_eq!(next.height, Height::new(11));
    let again = ErasedTrusted { height: next.height, client: &next.client, consensus: &next.consensus };
    // The same update once more changes nothing, though it starts from the state before.
    assert_eq!(client.verify_update(again, &loaded.input, loaded.now).unwrap(), None);

    let evidence = Loaded::new("misbehaviour/sealed-4v/accept");
    let encoded = evidence.client.encode();
    let (height, consensus) = evidence.states[0];
    let consensus = consensus.encode();
    let trusted = ErasedTrusted { height, client: &encoded, consensus: &consensus };
    assert_eq!(client.misbehaviour_heights(&encoded, &evidence.input).unwrap(), [height; 2]);
    let frozen = client.verify_misbehaviour([trusted; 2], &evidence.input, evidence.now).unwrap();
    let stopped = ErasedTrusted { client: &frozen, ..trusted };
    assert_eq!(client.status(stopped, evidence.now).unwrap(), Status::Frozen);

    let proof = Loaded::new("membership/router-storage/accept");
    let claims = files::claims(&vector("membership/router-storage/accept"));
    let time = client.verify(trusted, &proof.input, &claims).unwrap();
    assert_eq!(time, Timestamp::from_unix_seconds(T0));
    assert!(client.verify(stopped, &proof.input, &claims).is_err());
}

/// The host passes another state than the one it stored.
#[test]
fn a_host_that_loads_the_wrong_state_is_told() {
    let loaded = Loaded::new("update/sealed-4v/accept");
    let (height, mut consensus) = loaded.states[0];
    consensus.time = Timestamp::from_unix_seconds(1);
    let trusted = Trusted { height, client: &loaded.client, consensus: &consensus };
    let update = Update::decode(&loaded.input).unwrap();
    let found = CLIENT.verify_update(trusted, &update, loaded.now).map(|_| ());
    assert!(matches!(found, Err(Error::ConsensusStateMismatch { .. })), "{found:?}");
}

/// The host passes what the evidence names instead of what it stored: the client state still knows the hashes.
#[test]
fn a_host_that_echoes_the_evidence_is_told() {
    let loaded = Loaded::new("misbehaviour/sealed-4v/accept-between");
    let good = Evidence::decode(&loaded.input).unwrap();
    let echo = |evidence: &Evidence| {
        let upper = evidence.upper.unwrap();
        let trusted = [&evidence.lower, &upper].map(|at| Trusted {
            height: at.height,
            client: &loaded.client,
            consensus: &at.state,
        });
        CLIENT.verify_misbehaviour(trusted, evidence, loaded.now).map(|_| ())
    };
    assert_eq!(echo(&good), Ok(()));
    let later = Timestamp::from_unix_seconds(T0 + 21);
    let mut bent = good.clone();
    bent.lower.state.time = later;
    assert!(matches!(echo(&bent), Err(Error::ConsensusStateMismatch { .. })));
    let mut bent = good;
    bent.upper.as_mut().unwrap().state.time = later;
    assert!(matches!(echo(&bent), Err(Error::ConsensusStateMismatch { .. })));
}

/// A message with some bytes overwritten, left out or repeated.
fn bent(original: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = original.len();
    let splice = (0..length, 0..64_usize, proptest::collection::vec(any::<u8>(), 0..64));
    proptest::collection::vec(splice, 1..4).prop_map(move |splices| {
        let mut bytes = original.clone();
        for (at, removed, inserted) in splices {
            let at = at.min(bytes.len());
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, inserted);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Update::decode(&bytes);
        let _ = Evidence::decode(&bytes);
        let _ = MembershipProof::decode(&bytes);
        let _ = ClientState::decode(&bytes);
        let _ = ConsensusState::decode(&bytes);
        for kind in [Kind::Qbft, Kind::Ibft2] {
            let _ = Header::decode(kind, &bytes);
        }
    }

    #[test]
    fn no_bent_update_panics_or_passes(bytes in bent(Loaded::new("update/set-4-to-5/accept").input)) {
        let loaded = Loaded::new("update/set-4-to-5/accept");
        prop_assert!(bytes == loaded.input || loaded.update(&bytes).is_err());
    }

    #[test]
    fn no_bent_evidence_panics_or_passes(bytes in bent(Loaded::new("misbehaviour/sealed-4v/accept-between").input)) {
        let loaded = Loaded::new("misbehaviour/sealed-4v/accept-between");
        prop_assert!(bytes == loaded.input || loaded.misbehaviour(&bytes).is_err());
    }

    #[test]
    fn no_bent_proof_panics_or_passes(bytes in bent(Loaded::new("membership/router-storage/accept").input)) {
        let name = "membership/router-storage/accept";
        let loaded = Loaded::new(name);
        let claims = files::claims(&vector(name));
        prop_assert!(bytes == loaded.input || loaded.membership(&bytes, &claims).is_err());
    }
}
