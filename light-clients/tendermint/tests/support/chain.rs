//! Blocks of one's own making, voted for by keys that are derived from labels when they are needed.

use curve25519_dalek::{EdwardsPoint, Scalar};
use light_client::{StateRoot, Timestamp, sha256};
use light_client_tendermint::{
    Commit, ConsensusState, HEADER_LEAVES, Header, KeyType, PublicKey, TreeHash, Validator, ValidatorSet, Vote,
    sign_bytes,
};
use sha2::{Digest, Sha512};

/// One who votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Voter {
    label: String,
    kind: KeyType,
    /// What SM2 signatures are made with.
    pub(crate) user_id: String,
    pub(crate) power: u64,
}

impl Voter {
    pub(crate) fn new(kind: KeyType, label: &str, power: u64) -> Self {
        Self { label: label.to_owned(), kind, user_id: "1234567812345678".to_owned(), power }
    }

    fn seed(&self) -> [u8; 32] {
        sha256(&[b"validator ", self.label.as_bytes()])
    }

    pub(crate) fn key(&self) -> PublicKey {
        match self.kind {
            KeyType::Ed25519 => PublicKey::Ed25519(ed25519_key(&ed25519_scalar(&self.seed()))),
            KeyType::Secp256k1 => {
                let key = k256::ecdsa::SigningKey::from_slice(&self.seed()).unwrap();
                PublicKey::Secp256k1(key.verifying_key().to_sec1_point(true).as_bytes().try_into().unwrap())
            }
            KeyType::Sm2 => {
                use sm2::elliptic_curve::sec1::ToSec1Point;
                let secret = sm2::SecretKey::from_slice(&self.seed()).unwrap();
                PublicKey::Sm2(secret.public_key().to_sec1_point(true).as_bytes().try_into().unwrap())
            }
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        match self.kind {
            KeyType::Ed25519 => sign_ed25519(&self.seed(), message),
            KeyType::Secp256k1 => {
                use k256::ecdsa::{Signature, SigningKey, signature::hazmat::PrehashSigner};
                let key = SigningKey::from_slice(&self.seed()).unwrap();
                let signature: Signature = key.sign_prehash(&sha256(&[message])).unwrap();
                signature.normalize_s().to_bytes().into()
            }
            KeyType::Sm2 => {
                use sm2::dsa::{Signature, SigningKey, signature::Signer};
                let secret = sm2::SecretKey::from_slice(&self.seed()).unwrap();
                let signature: Signature = SigningKey::new(&self.user_id, &secret).unwrap().sign(message);
                signature.to_bytes().into()
            }
        }
    }

    pub(crate) fn validator(&self) -> Validator {
        Validator { key: self.key(), power: self.power }
    }
}

fn ed25519_scalar(seed: &[u8; 32]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Sha512::digest(seed).into())
}

fn ed25519_key(secret: &Scalar) -> [u8; 32] {
    EdwardsPoint::mul_base(secret).compress().0
}

fn sign_ed25519(seed: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let secret = ed25519_scalar(seed);
    let number = |parts: &[&[u8]]| {
        let mut hasher = Sha512::new();
        parts.iter().for_each(|part| hasher.update(part));
        Scalar::from_bytes_mod_order_wide(&hasher.finalize().into())
    };
    let nonce = number(&[b"nonce", seed, message]);
    let r = EdwardsPoint::mul_base(&nonce).compress().0;
    let s = nonce + number(&[&r, &ed25519_key(&secret), message]) * secret;
    [r, s.to_bytes()].concat().try_into().unwrap()
}

/// Voters of one kind with these powers, by labels `a`, `b`, … behind a prefix.
pub(crate) fn voters(kind: KeyType, prefix: &str, powers: &[u64]) -> Vec<Voter> {
    let label = |index: usize| format!("{prefix}{}", (b'a' + (index % 26) as u8) as char).repeat(1 + index / 26);
    powers.iter().enumerate().map(|(index, power)| Voter::new(kind, &label(index), *power)).collect()
}

pub(crate) fn set_of(voters: &[Voter]) -> ValidatorSet {
    ValidatorSet::new(voters.iter().map(Voter::validator).collect()).unwrap()
}

/// What is said of a block; every field may be bent before it is voted for.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) chain_id: String,
    pub(crate) height: u64,
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) voters: Vec<Voter>,
    pub(crate) next_voters: Vec<Voter>,
    pub(crate) app_hash: Vec<u8>,
    pub(crate) round: u32,
    pub(crate) part_set_total: u32,
    pub(crate) tree_hash: TreeHash,
}

impl Block {
    pub(crate) fn new(chain_id: &str, height: u64, time: u64, voters: &[Voter]) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            height,
            time,
            voters: voters.to_vec(),
            next_voters: voters.to_vec(),
            app_hash: sha256(&[b"state before ", &height.to_be_bytes()]).to_vec(),
            round: 0,
            part_set_total: 1,
            tree_hash: TreeHash::Sha256,
        }
    }

    pub(crate) fn leaves(&self) -> [Vec<u8>; HEADER_LEAVES] {
        let hash = |label: &str| wrapped(&sha256(&[label.as_bytes(), &self.height.to_be_bytes()]));
        let set_hash = |voters: &[Voter]| wrapped(set_of(voters).hash(&self.tree_hash).as_bytes());
        let last_block_id =
            [hash("last block"), vec![0x12, 0x24, 0x08, 0x01, 0x12, 0x20], sha256(&[b"last parts"]).to_vec()].concat();
        [
            vec![0x08, 0x0b],
            wrapped(self.chain_id.as_bytes()),
            number(1, self.height),
            [number(1, self.time / 1_000_000_000), number(2, self.time % 1_000_000_000)].concat(),
            last_block_id,
            hash("last commit"),
            hash("data"),
            set_hash(&self.voters),
            set_hash(&self.next_voters),
            hash("consensus"),
            wrapped(&self.app_hash),
            hash("last results"),
            hash("evidence"),
            wrapped(&sha256(&[b"proposer"])[..20]),
        ]
    }

    pub(crate) fn header(&self) -> Header {
        Header::from_leaves(self.leaves()).unwrap()
    }

    pub(crate) fn consensus(&self) -> ConsensusState {
        ConsensusState {
            root: StateRoot::new(self.app_hash.clone().try_into().unwrap()),
            time: Timestamp::from_unix_nanos(self.time),
            next_set_hash: set_of(&self.next_voters).hash(&self.tree_hash),
        }
    }

    /// The commit with votes by the voters at these places of `voters`.
    pub(crate) fn commit(&self, places: &[usize]) -> Commit {
        self.commit_by(&self.header(), &self.voters, places)
    }

    /// The commit to another header, with votes by members of another set.
    pub(crate) fn commit_by(&self, header: &Header, voters: &[Voter], places: &[usize]) -> Commit {
        let mut commit = Commit {
            round: self.round,
            part_set_total: self.part_set_total,
            part_set_hash: sha256(&[b"parts", &self.height.to_be_bytes()]),
            set: set_of(voters),
            votes: Vec::new(),
        };
        for place in places {
            let mut vote = Vote {
                index: *place as u16,
                trusted_index: None,
                seconds: (self.time / 1_000_000_000) as i64 + 1,
                nanos: 7 + *place as u32,
                signature: [0; 64],
            };
            self.sign(header, &commit, &mut vote, &voters[*place]);
            commit.votes.push(vote);
        }
        commit
    }

    /// Signs a vote as it stands.
    pub(crate) fn sign(&self, header: &Header, commit: &Commit, vote: &mut Vote, voter: &Voter) {
        let hash = header.hash(&self.tree_hash);
        vote.signature = voter.sign(&sign_bytes(self.chain_id.as_bytes(), header.height(), hash, commit, vote));
    }
}

/// Bytes as field 1 of a message, unless there are none.
pub(crate) fn wrapped(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() { Vec::new() } else { [&[0x0a, bytes.len() as u8], bytes].concat() }
}

/// A number as a field of a message, unless it is 0.
pub(crate) fn number(field: u8, number: u64) -> Vec<u8> {
    if number == 0 { Vec::new() } else { [vec![field << 3], super::sorted_tree::varint(number)].concat() }
}
