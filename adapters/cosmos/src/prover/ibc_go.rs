//! The encodings in which the 07-tendermint client of ibc-go takes headers, evidence and proofs.
//!
//! The messages of Tendermint are `tendermint-proto`'s. What this crate's light client verified is written, and no more:
//! votes that it did not need are absent, which ibc-go takes as any other commit.
//!
//! Source: ibc-go v10.3.0, `proto/ibc/lightclients/tendermint/v1/tendermint.proto`, `proto/ibc/core/client/v1/client.proto`,
//! `proto/ibc/core/commitment/v1/commitment.proto`; the rules that messages meet, `modules/light-clients/07-tendermint/update.go`.

use super::params::address_of;
use light_client::{Fault, FaultKind, Height};
use light_client_tendermint::{Certified, Commit, Error, Header, PublicKey, TreeHash, Validator, ValidatorSet, Vote};
use prost::Message;
use tendermint_proto::{
    google::protobuf::Timestamp,
    v0_38::{
        crypto::{PublicKey as KeyMessage, public_key::Sum},
        types::{
            BlockId, BlockIdFlag, Commit as CommitMessage, CommitSig, Header as BlockHeader, PartSetHeader,
            SignedHeader, Validator as ValidatorMessage, ValidatorSet as SetMessage,
        },
        version::Consensus,
    },
};

/// The seconds of Go's zero time, which absent votes carry: the beginning of the year 1.
const ZERO_TIME_SECONDS: i64 = -62_135_596_800;
/// What evidence says in a field that is only looked at for its form: the client is named by the transaction.
const SOME_CLIENT_ID: &str = "07-tendermint-0";
/// The longest message that is read, in bytes: two sets of the greatest size, a header and its commit, twice.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// `ibc.core.client.v1.Height`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct HeightMessage {
    #[prost(uint64, tag = "1")]
    revision_number: u64,
    #[prost(uint64, tag = "2")]
    revision_height: u64,
}

/// `ibc.lightclients.tendermint.v1.Header`.
#[derive(Clone, PartialEq, Message)]
struct UpdateMessage {
    #[prost(message, optional, tag = "1")]
    signed_header: Option<SignedHeader>,
    #[prost(message, optional, tag = "2")]
    validator_set: Option<SetMessage>,
    #[prost(message, optional, tag = "3")]
    trusted_height: Option<HeightMessage>,
    #[prost(message, optional, tag = "4")]
    trusted_validators: Option<SetMessage>,
}

/// `ibc.lightclients.tendermint.v1.Misbehaviour`.
#[derive(Clone, PartialEq, Message)]
struct MisbehaviourMessage {
    #[prost(string, tag = "1")]
    client_id: String,
    #[prost(message, optional, tag = "2")]
    header_1: Option<UpdateMessage>,
    #[prost(message, optional, tag = "3")]
    header_2: Option<UpdateMessage>,
}

/// `ibc.core.commitment.v1.MerkleProof`; its members, `cosmos.ics23.v1.CommitmentProof`, are written as the node gave them.
#[derive(Clone, PartialEq, Eq, Message)]
struct MerkleProof {
    #[prost(bytes = "vec", repeated, tag = "1")]
    proofs: Vec<Vec<u8>>,
}

/// A message with field 1 alone, as the header's hashes are written where they are hashed.
#[derive(Clone, PartialEq, Eq, Message)]
struct Wrapped {
    #[prost(bytes = "vec", tag = "1")]
    value: Vec<u8>,
}

/// Why something cannot be said to ibc-go, or is nothing that it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum IbcGoError {
    /// ibc-go knows no such key.
    #[error("validators: expected Ed25519 or secp256k1 keys, found one that ibc-go does not know")]
    KeyUnknown,
    /// A message is longer than any that is read.
    #[error("message: expected at most {MAX_MESSAGE_BYTES} bytes, found {found}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// The bytes are no such message.
    #[error("message: expected protobuf")]
    NotProtobuf(#[source] prost::DecodeError),
    /// A part is missing or has another form.
    #[error("{field}: expected {expected}")]
    Malformed {
        /// The part.
        field: &'static str,
        /// The form it must have.
        expected: &'static str,
    },
    /// What it says breaks a rule of headers or sets.
    #[error(transparent)]
    Rule(#[from] Error),
}

impl Fault for IbcGoError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::KeyUnknown => FaultKind::Misuse,
            Self::TooLong { .. } | Self::NotProtobuf(_) | Self::Malformed { .. } => FaultKind::Malformed,
            Self::Rule(error) => error.kind(),
        }
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::KeyUnknown => "key-unknown-to-ibc-go",
            Self::TooLong { .. } => "message-too-long",
            Self::NotProtobuf(_) | Self::Malformed { .. } => "message-malformed",
            Self::Rule(error) => error.rule(),
        }
    }
}

/// An update: a certified header, from which height on it is to be judged, and the set that is valid right after that one.
///
/// # Errors
/// [`IbcGoError::KeyUnknown`] for keys that ibc-go has not.
pub(super) fn update(
    header: &Header,
    commit: &Commit,
    trusted_height: Height,
    trusted_set: &ValidatorSet,
) -> Result<Vec<u8>, IbcGoError> {
    Ok(update_message(header, commit, trusted_height, trusted_set)?.encode_to_vec())
}

/// Evidence: two certified headers, each to be judged from the same trusted height.
///
/// # Errors
/// As [`update`].
pub(super) fn misbehaviour(
    headers: [&Certified; 2],
    trusted_height: Height,
    trusted_set: &ValidatorSet,
) -> Result<Vec<u8>, IbcGoError> {
    let message =
        |certified: &Certified| update_message(&certified.header, &certified.commit, trusted_height, trusted_set);
    let [first, second] = headers;
    // The one of the greater height first.
    let (first, second) =
        if first.header.height() < second.header.height() { (second, first) } else { (first, second) };
    let (header_1, header_2) = (Some(message(first)?), Some(message(second)?));
    Ok(MisbehaviourMessage { client_id: SOME_CLIENT_ID.to_owned(), header_1, header_2 }.encode_to_vec())
}

/// A list of proofs, each behind its length; a proof is the node's two messages.
pub(super) fn proofs<'a>(messages: impl IntoIterator<Item = &'a [Vec<u8>; 2]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for proofs in messages {
        // A vector takes any length.
        let _ = MerkleProof { proofs: proofs.to_vec() }.encode_length_delimited(&mut bytes);
    }
    bytes
}

/// The header of an update and the votes for it.
///
/// # Errors
/// [`IbcGoError`].
pub(super) fn read_update(bytes: &[u8]) -> Result<Certified, IbcGoError> {
    certified(decode(bytes)?)
}

/// The two headers of evidence.
///
/// # Errors
/// [`IbcGoError`].
pub(super) fn read_misbehaviour(bytes: &[u8]) -> Result<[Certified; 2], IbcGoError> {
    let MisbehaviourMessage { header_1, header_2, .. } = decode(bytes)?;
    let header = |header: Option<UpdateMessage>| certified(header.ok_or(malformed("header", "two of them"))?);
    Ok([header(header_1)?, header(header_2)?])
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, IbcGoError> {
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(IbcGoError::TooLong { found: bytes.len() });
    }
    M::decode(bytes).map_err(IbcGoError::NotProtobuf)
}

const fn malformed(field: &'static str, expected: &'static str) -> IbcGoError {
    IbcGoError::Malformed { field, expected }
}

fn update_message(
    header: &Header,
    commit: &Commit,
    trusted_height: Height,
    trusted_set: &ValidatorSet,
) -> Result<UpdateMessage, IbcGoError> {
    let height = i64::try_from(header.height()).map_err(|_| malformed("height", "less than 2^63"))?;
    let block = block_header(header, height)?;
    // Who proposed the block is one of its set; for the trusted set any member does, since no hash covers it.
    let validator_set = set_message(&commit.set, &block.proposer_address)?;
    let commit = commit_message(header, height, commit, &validator_set)?;
    Ok(UpdateMessage {
        signed_header: Some(SignedHeader { header: Some(block), commit: Some(commit) }),
        validator_set: Some(validator_set),
        trusted_height: Some(HeightMessage {
            revision_number: trusted_height.revision(),
            revision_height: trusted_height.number(),
        }),
        trusted_validators: Some(set_message(trusted_set, &[])?),
    })
}

/// The header's leaves are its fields as they are hashed: most of them in a wrapper.
fn block_header(header: &Header, height: i64) -> Result<BlockHeader, IbcGoError> {
    let [version, _, _, time, last_block_id, hashes @ .., proposer_address] = header.leaves();
    let field = |leaf: &Vec<u8>| -> Result<Vec<u8>, IbcGoError> { Ok(decode::<Wrapped>(leaf)?.value) };
    let [last_commit, data, validators, next_validators, consensus, app, last_results, evidence] = hashes;
    let chain_id = core::str::from_utf8(header.chain_id()).map_err(|_| malformed("chain id", "a text"))?;
    Ok(BlockHeader {
        version: Some(decode::<Consensus>(version)?),
        chain_id: chain_id.to_owned(),
        height,
        time: Some(decode::<Timestamp>(time)?),
        last_block_id: Some(decode::<BlockId>(last_block_id)?),
        last_commit_hash: field(last_commit)?,
        data_hash: field(data)?,
        validators_hash: field(validators)?,
        next_validators_hash: field(next_validators)?,
        consensus_hash: field(consensus)?,
        app_hash: field(app)?,
        last_results_hash: field(last_results)?,
        evidence_hash: field(evidence)?,
        proposer_address: field(proposer_address)?,
    })
}

fn commit_message(
    header: &Header,
    height: i64,
    commit: &Commit,
    set: &SetMessage,
) -> Result<CommitMessage, IbcGoError> {
    let mut signatures = vec![
        CommitSig {
            block_id_flag: BlockIdFlag::Absent.into(),
            timestamp: Some(Timestamp { seconds: ZERO_TIME_SECONDS, nanos: 0 }),
            ..CommitSig::default()
        };
        set.validators.len()
    ];
    for vote in &commit.votes {
        let place = usize::from(vote.index);
        let (Some(signature), Some(voter)) = (signatures.get_mut(place), set.validators.get(place)) else {
            return Err(malformed("votes", "members of the set only"));
        };
        let nanos = i32::try_from(vote.nanos).map_err(|_| malformed("time of a vote", "less than 10^9 nanoseconds"))?;
        *signature = CommitSig {
            block_id_flag: BlockIdFlag::Commit.into(),
            validator_address: voter.address.clone(),
            timestamp: Some(Timestamp { seconds: vote.seconds, nanos }),
            signature: vote.signature.to_vec(),
        };
    }
    let round = i32::try_from(commit.round).map_err(|_| malformed("round", "less than 2^31"))?;
    let part_set_header = PartSetHeader { total: commit.part_set_total, hash: commit.part_set_hash.to_vec() };
    let hash = header.hash(&TreeHash::Sha256).as_bytes().to_vec();
    let block_id = Some(BlockId { hash, part_set_header: Some(part_set_header) });
    Ok(CommitMessage { height, round, block_id, signatures })
}

/// A set with one of its members as the proposer, which ibc-go asks for: the one of this address, else the first.
fn set_message(set: &ValidatorSet, proposer: &[u8]) -> Result<SetMessage, IbcGoError> {
    let validators = set.validators().iter().map(validator_message).collect::<Result<Vec<_>, _>>()?;
    let proposer = validators.iter().find(|one| one.address == proposer).or(validators.first()).cloned();
    Ok(SetMessage { validators, proposer, total_voting_power: 0 })
}

fn validator_message(validator: &Validator) -> Result<ValidatorMessage, IbcGoError> {
    let sum = match &validator.key {
        PublicKey::Ed25519(key) => Sum::Ed25519(key.to_vec()),
        PublicKey::Secp256k1(key) => Sum::Secp256k1(key.to_vec()),
        _ => return Err(IbcGoError::KeyUnknown),
    };
    // ibc-go hashes by SHA-256 whatever the chain does.
    let address =
        address_of(&validator.key, TreeHash::Sha256).ok_or(malformed("validators", "keys that are points"))?;
    let voting_power = i64::try_from(validator.power).map_err(|_| malformed("power", "less than 2^63"))?;
    Ok(ValidatorMessage {
        address: address.to_vec(),
        pub_key: Some(KeyMessage { sum: Some(sum) }),
        voting_power,
        proposer_priority: 0,
    })
}

/// The header and the votes of an update, in the light client's own types.
fn certified(message: UpdateMessage) -> Result<Certified, IbcGoError> {
    let signed = message.signed_header.unwrap_or_default();
    let block = signed.header.ok_or(malformed("header", "one"))?;
    let commit = signed.commit.ok_or(malformed("commit", "one"))?;
    let set = message.validator_set.ok_or(malformed("validators", "a set"))?;
    let set = ValidatorSet::new(set.validators.into_iter().map(validator).collect::<Result<_, _>>()?)?;
    Ok(Certified { header: header(block)?, commit: read_commit(commit, set)? })
}

fn header(block: BlockHeader) -> Result<Header, IbcGoError> {
    let wrapped = |value: Vec<u8>| Wrapped { value }.encode_to_vec();
    let height = u64::try_from(block.height).map_err(|_| malformed("height", "a positive number"))?;
    // The parts are written also when they are empty.
    let last_block_id = block.last_block_id.unwrap_or_default();
    let part_set_header = Some(last_block_id.part_set_header.unwrap_or_default());
    Ok(Header::from_leaves([
        block.version.unwrap_or_default().encode_to_vec(),
        wrapped(block.chain_id.into_bytes()),
        HeightMessage { revision_number: height, revision_height: 0 }.encode_to_vec(),
        block.time.unwrap_or_default().encode_to_vec(),
        BlockId { part_set_header, ..last_block_id }.encode_to_vec(),
        wrapped(block.last_commit_hash),
        wrapped(block.data_hash),
        wrapped(block.validators_hash),
        wrapped(block.next_validators_hash),
        wrapped(block.consensus_hash),
        wrapped(block.app_hash),
        wrapped(block.last_results_hash),
        wrapped(block.evidence_hash),
        wrapped(block.proposer_address),
    ])?)
}

fn read_commit(commit: CommitMessage, set: ValidatorSet) -> Result<Commit, IbcGoError> {
    let parts = commit.block_id.and_then(|id| id.part_set_header).unwrap_or_default();
    let part_set_hash = parts.hash.try_into().map_err(|_| malformed("part set hash", "32 bytes"))?;
    let round = u32::try_from(commit.round).map_err(|_| malformed("round", "a positive number"))?;
    if commit.signatures.len() > set.validators().len() {
        return Err(malformed("signatures", "one for each validator"));
    }
    let mut votes = Vec::new();
    for (index, signature) in (0..).zip(commit.signatures) {
        if signature.block_id_flag != i32::from(BlockIdFlag::Commit) {
            continue;
        }
        let time = signature.timestamp.unwrap_or_default();
        votes.push(Vote {
            index,
            trusted_index: None,
            seconds: time.seconds,
            nanos: u32::try_from(time.nanos).map_err(|_| malformed("time of a vote", "a positive number"))?,
            signature: signature.signature.try_into().map_err(|_| malformed("signature", "64 bytes"))?,
        });
    }
    Ok(Commit { round, part_set_total: parts.total, part_set_hash, set, votes })
}

fn validator(message: ValidatorMessage) -> Result<Validator, IbcGoError> {
    let wrong_length = |_| malformed("key", "as many bytes as the type has");
    let key = match message.pub_key.and_then(|key| key.sum) {
        Some(Sum::Ed25519(key)) => PublicKey::Ed25519(key.try_into().map_err(wrong_length)?),
        Some(Sum::Secp256k1(key)) => PublicKey::Secp256k1(key.try_into().map_err(wrong_length)?),
        _ => return Err(IbcGoError::KeyUnknown),
    };
    let power = u64::try_from(message.voting_power).map_err(|_| malformed("power", "a positive number"))?;
    Ok(Validator { key, power })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const PACKET: &str = include_str!("../../vectors/proofs/packet-success.json");

    /// The headers with which a live chain was told of four validators, by their hashes.
    fn recorded() -> Vec<UpdateMessage> {
        let capture: Value = serde_json::from_str(PACKET).unwrap();
        let stages = capture.as_object().unwrap().values();
        let headers = stages.filter_map(|stage| stage["certified_by"]["tendermint_header_protobuf"].as_str());
        let messages = headers.map(|header| UpdateMessage::decode(hex::decode(header).unwrap().as_slice()).unwrap());
        let of_four = messages.filter(|message| message.validator_set.as_ref().unwrap().validators.len() == 4);
        of_four.collect()
    }

    #[test]
    fn only_votes_that_are_not_needed_are_left_out() {
        let headers = recorded();
        assert!(!headers.is_empty());
        for recorded in headers {
            let bytes = recorded.encode_to_vec();
            let Certified { header, mut commit } = read_update(&bytes).unwrap();
            let trusted = recorded.trusted_height.unwrap();
            let height = Height::with_revision(trusted.revision_number, trusted.revision_height);
            let set = recorded.trusted_validators.clone().unwrap().validators.into_iter().map(validator);
            let set = ValidatorSet::new(set.collect::<Result<_, _>>().unwrap()).unwrap();
            let made = update_message(&header, &commit, height, &set).unwrap();
            let block = |message: &UpdateMessage| message.signed_header.clone().unwrap().header.unwrap();
            let votes = |message: &UpdateMessage| message.signed_header.clone().unwrap().commit.unwrap();
            assert_eq!(block(&made), block(&recorded));
            assert_eq!(votes(&made), votes(&recorded));
            // Priorities are in no hash, and are not written.
            let members = |set: &Option<SetMessage>| {
                let one = |one: &ValidatorMessage| ValidatorMessage { proposer_priority: 0, ..one.clone() };
                set.clone().unwrap().validators.iter().map(one).collect::<Vec<_>>()
            };
            let sets =
                |message: &UpdateMessage| (members(&message.validator_set), members(&message.trusted_validators));
            assert_eq!(sets(&made), sets(&recorded));
            // The proposer is the member that the header names; the trusted set's is one of its members.
            let own = made.validator_set.clone().unwrap();
            assert_eq!(own.proposer.unwrap().address, block(&made).proposer_address);
            let trusted = made.trusted_validators.clone().unwrap();
            assert!(trusted.validators.contains(&trusted.proposer.unwrap()));

            let left_out = commit.votes.pop().unwrap();
            let made = update_message(&header, &commit, height, &set).unwrap();
            let mut expected = votes(&recorded);
            // As CometBFT writes an absent vote: no address, no signature, the year 1.
            expected.signatures[usize::from(left_out.index)] = CommitSig {
                block_id_flag: 1,
                validator_address: Vec::new(),
                timestamp: Some(Timestamp { seconds: -62_135_596_800, nanos: 0 }),
                signature: Vec::new(),
            };
            assert_eq!(votes(&made), expected);
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = recorded().remove(0).encode_to_vec();
        for at in 0..good.len() {
            let mut bent = good.clone();
            bent[at] ^= 0x55;
            let _ = read_update(&bent);
            let _ = read_misbehaviour(&bent);
            let _ = read_update(&good[..at]);
        }
        assert!(matches!(read_update(&vec![0; MAX_MESSAGE_BYTES + 1]), Err(IbcGoError::TooLong { .. })));
    }
}
