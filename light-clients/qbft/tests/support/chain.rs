//! Headers with every field at hand, sealed by keys that are derived when they are needed.

use k256::ecdsa::SigningKey;
use light_client_crypto::{Address, HashSuite, Keccak256};
use light_client_proofs::rlp;
use light_client_qbft::{Header, Kind, Vote, encode_extra_data};

/// The field of a header, by its place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    Parent = 0,
    Ommers = 1,
    Beneficiary = 2,
    StateRoot = 3,
    LogsBloom = 6,
    Difficulty = 7,
    Number = 8,
    GasUsed = 10,
    Time = 11,
    Extra = 12,
    MixHash = 13,
    Nonce = 14,
}

/// A validator whose key is the hash of its label.
#[derive(Clone)]
pub(crate) struct Validator {
    key: SigningKey,
}

impl Validator {
    pub(crate) fn new(label: &str) -> Self {
        let key = SigningKey::from_slice(&Keccak256.hash(&[b"validator ", label.as_bytes()])).unwrap();
        Self { key }
    }

    pub(crate) fn address(&self) -> Address {
        let point = self.key.verifying_key().to_sec1_point(false);
        Address::new(Keccak256.hash(&[&point.as_bytes()[1..]])[12..].try_into().unwrap())
    }

    pub(crate) fn seal(&self, digest: &[u8; 32]) -> Vec<u8> {
        let (signature, id) = self.key.sign_prehash_recoverable(digest);
        let mut seal = signature.to_bytes().to_vec();
        seal.push(id.to_byte());
        seal
    }
}

/// The validators of these labels, in the order of their addresses, as nodes list them.
pub(crate) fn validators(labels: &[&str]) -> Vec<Validator> {
    let mut set: Vec<Validator> = labels.iter().map(|label| Validator::new(label)).collect();
    set.sort_by_key(Validator::address);
    set
}

pub(crate) fn addresses(set: &[Validator]) -> Vec<Address> {
    set.iter().map(Validator::address).collect()
}

/// A header being made.
#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    /// Encoded, by place; the extra data's place is filled when the header is encoded.
    pub(crate) fields: Vec<Vec<u8>>,
    pub(crate) vanity: [u8; 32],
    pub(crate) validators: Vec<Address>,
    pub(crate) vote: Vote,
    pub(crate) round: u32,
}

impl Block {
    /// A London header (16 fields).
    pub(crate) fn new(kind: Kind, number: u64, time: u64, state_root: &[u8; 32], validators: &[Validator]) -> Self {
        let bytes = |content: &[u8]| {
            let mut out = Vec::new();
            rlp::write_bytes(&mut out, content);
            out
        };
        let integer = |number: u64| {
            let mut out = Vec::new();
            rlp::write_u64(&mut out, number);
            out
        };
        let empty_list = Keccak256.hash(&[&[rlp::EMPTY_LIST]]);
        let empty_trie = Keccak256.hash(&[&[rlp::EMPTY_BYTES]]);
        let addresses = addresses(validators);
        Self {
            kind,
            fields: vec![
                bytes(&Keccak256.hash(&[b"parent of ", &number.to_be_bytes()])),
                bytes(&empty_list),
                bytes(addresses[0].as_bytes()),
                bytes(state_root),
                bytes(&empty_trie),
                bytes(&empty_trie),
                bytes(&[0; 256]),
                integer(1),
                integer(number),
                integer(30_000_000),
                integer(0),
                integer(time),
                Vec::new(),
                bytes(b"ctic".as_slice()),
                bytes(&[0; 8]),
                integer(7),
            ],
            vanity: [0; 32],
            validators: addresses,
            vote: Vote::None,
            round: 0,
        }
        .with(Field::MixHash, bytes(b"ctical byzantine fault tolerance"))
    }

    /// With another encoding of a field.
    pub(crate) fn with(mut self, field: Field, encoded: Vec<u8>) -> Self {
        self.fields[field as usize] = encoded;
        self
    }

    /// With more fields at the end.
    pub(crate) fn with_later_fields(mut self, encoded: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.fields.extend(encoded);
        self
    }

    pub(crate) fn with_round(mut self, round: u32) -> Self {
        self.round = round;
        self
    }

    pub(crate) fn with_vote(mut self, vote: Vote) -> Self {
        self.vote = vote;
        self
    }

    /// The content of the extra data with these seals.
    pub(crate) fn extra(&self, seals: &[Vec<u8>]) -> Vec<u8> {
        let seals: Vec<&[u8]> = seals.iter().map(Vec::as_slice).collect();
        encode_extra_data(self.kind, &self.vanity, &self.validators, self.vote, self.round, &seals)
    }

    /// The header with this content of the extra data.
    pub(crate) fn encode_with_extra(&self, extra: &[u8]) -> Vec<u8> {
        let mut fields = self.fields.clone();
        // A field replaced on purpose stays as it is.
        if fields[Field::Extra as usize].is_empty() {
            rlp::write_bytes(&mut fields[Field::Extra as usize], extra);
        }
        let mut out = Vec::new();
        rlp::write_list(&mut out, &fields.concat());
        out
    }

    pub(crate) fn encode(&self, seals: &[Vec<u8>]) -> Vec<u8> {
        self.encode_with_extra(&self.extra(seals))
    }

    /// What validators sign, by the definition: the header whose extra data holds the round and no seals.
    pub(crate) fn commit_digest(&self) -> [u8; 32] {
        let sealless = match self.kind {
            Kind::Qbft => self.extra(&[]),
            // Four elements: the empty list of seals, one byte, is cut off.
            Kind::Ibft2 => {
                let extra = self.extra(&[]);
                let elements = rlp::Reader::new(&extra).item().unwrap().payload;
                let mut cut = Vec::new();
                rlp::write_list(&mut cut, &elements[..elements.len() - 1]);
                cut
            }
        };
        Keccak256.hash(&[&self.encode_with_extra(&sealless)])
    }

    pub(crate) fn seals_by(&self, signers: &[&Validator]) -> Vec<Vec<u8>> {
        let digest = self.commit_digest();
        signers.iter().map(|signer| signer.seal(&digest)).collect()
    }

    /// The header sealed by these.
    pub(crate) fn sealed(&self, signers: &[&Validator]) -> Vec<u8> {
        self.encode(&self.seals_by(signers))
    }

    /// The header sealed by the first `count` of the set.
    pub(crate) fn sealed_by_first(&self, set: &[Validator], count: usize) -> Vec<u8> {
        self.sealed(&set.iter().take(count).collect::<Vec<_>>())
    }
}

/// The block's hash, by the code under test.
pub(crate) fn hash_of(kind: Kind, header: &[u8]) -> [u8; 32] {
    *Header::decode(kind, header).unwrap().hash(&Keccak256).as_bytes()
}

/// The malleated form of a seal: n − s, and the other recovery bit.
pub(crate) fn malleate(seal: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, //
        0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    let mut out = seal.to_vec();
    let mut borrow = 0_u16;
    for index in (0..32).rev() {
        let difference = 0x100 + u16::from(ORDER[index]) - u16::from(seal[32 + index]) - borrow;
        out[32 + index] = difference as u8;
        borrow = 1 - (difference >> 8);
    }
    out[64] ^= 1;
    out
}
