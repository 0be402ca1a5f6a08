use crate::{Error, ExtraData, Kind};
use alloc::vec::Vec;
use light_client::{BlockHash, Height, StateRoot, Timestamp};
use light_client_crypto::HashSuite;
use light_client_proofs::rlp::{self, Reader, RlpError};

/// The longest header that is read: 256 validators, each with a seal, take some 23,000 bytes.
pub const MAX_HEADER_BYTES: usize = 32_768;
/// The fields of a header before London.
pub const MIN_HEADER_FIELDS: usize = 15;
/// The most fields that are read. Osaka has 21; what later forks append is hashed and means nothing here.
pub const MAX_HEADER_FIELDS: usize = 32;

/// Keccak-256 of the RLP of an empty list.
const EMPTY_OMMERS: BlockHash = BlockHash::new([
    0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a, 0xab, 0x85, 0xb5, 0x67, 0xb6, 0xcc, 0xd4, 0x1a, //
    0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a, 0x74, 0x13, 0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47,
]);

/// Marks a block of a BFT protocol.
///
/// Source: Besu `BftHelpers.EXPECTED_MIX_HASH`.
const BFT_MIX_HASH: BlockHash = BlockHash::new([
    0x63, 0x74, 0x69, 0x63, 0x61, 0x6c, 0x20, 0x62, 0x79, 0x7a, 0x61, 0x6e, 0x74, 0x69, 0x6e, 0x65, //
    0x20, 0x66, 0x61, 0x75, 0x6c, 0x74, 0x20, 0x74, 0x6f, 0x6c, 0x65, 0x72, 0x61, 0x6e, 0x63, 0x65,
]);

/// A block header as a node stores it, with its seals; parsed and not yet believed.
///
/// Each node stores its own selection of seals, so one block has many headers: blocks are compared by [`Self::hash`].
///
/// Source: Ethereum Yellow Paper, section 4.3; Besu `BftBlockHashing`, `QbftBlockHeaderFunctions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The block's number.
    pub height: Height,
    /// The block's time, whole seconds.
    pub time: Timestamp,
    /// The hash of the block before it.
    pub parent_hash: BlockHash,
    /// The root of the state after it.
    pub state_root: StateRoot,
    /// What the protocol put into the extra data.
    pub extra: ExtraData<'a>,
    kind: Kind,
    ommers_hash: BlockHash,
    mix_hash: BlockHash,
    nonce: u64,
    is_difficulty_one: bool,
    before_extra: &'a [u8],
    after_extra: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads one header, to the last byte.
    ///
    /// # Errors
    /// [`Error::HeaderTooLarge`], [`Error::HeaderMalformed`], and those of [`ExtraData::decode`].
    pub fn decode(kind: Kind, bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(Error::HeaderTooLarge { maximum: MAX_HEADER_BYTES, found: bytes.len() });
        }
        let mut whole = Reader::new(bytes);
        let list = whole.item().map_err(rlp_of("list"))?;
        whole.finish().map_err(rlp_of("list"))?;
        let mut fields = list.list().map_err(rlp_of("list"))?;

        let parent_hash = BlockHash::new(fixed(&mut fields, "parent hash")?);
        let ommers_hash = BlockHash::new(fixed(&mut fields, "ommers hash")?);
        let _beneficiary: [u8; 20] = fixed(&mut fields, "beneficiary")?;
        let state_root = StateRoot::new(fixed(&mut fields, "state root")?);
        let _transactions_root: [u8; 32] = fixed(&mut fields, "transactions root")?;
        let _receipts_root: [u8; 32] = fixed(&mut fields, "receipts root")?;
        let _logs_bloom: [u8; 256] = fixed(&mut fields, "logs bloom")?;
        let difficulty = fields.item().and_then(|item| item.integer(32)).map_err(rlp_of("difficulty"))?;
        let number = fields.u64().map_err(rlp_of("number"))?;
        let _gas_limit = fields.u64().map_err(rlp_of("gas limit"))?;
        let _gas_used = fields.u64().map_err(rlp_of("gas used"))?;
        let seconds = fields.u64().map_err(rlp_of("time"))?;
        let before_extra = list.payload.get(..list.payload.len() - fields.rest().len()).unwrap_or_default();
        let extra = fields.bytes().map_err(rlp_of("extra data"))?;
        let after_extra = fields.rest();
        let mix_hash = BlockHash::new(fixed(&mut fields, "mix hash")?);
        let nonce = u64::from_be_bytes(fixed(&mut fields, "nonce")?);
        for _ in MIN_HEADER_FIELDS..MAX_HEADER_FIELDS {
            if fields.is_empty() {
                break;
            }
            fields.bytes().map_err(rlp_of("later field"))?;
        }
        if !fields.is_empty() {
            return Err(Error::HeaderMalformed { field: "list", expected: "at most 32 fields", source: None });
        }
        Ok(Self {
            height: Height::new(number),
            time: Timestamp::from_unix_seconds(seconds),
            parent_hash,
            state_root,
            extra: ExtraData::decode(kind, extra)?,
            kind,
            ommers_hash,
            mix_hash,
            nonce,
            is_difficulty_one: difficulty == [1],
            before_extra,
            after_extra,
        })
    }

    /// The block's hash: without seals, and with round 0 (QBFT) or without the round (IBFT 2.0).
    pub fn hash<H: HashSuite>(&self, suite: &H) -> BlockHash {
        let tail: &[u8] = match self.kind {
            Kind::Qbft => &[rlp::EMPTY_BYTES, rlp::EMPTY_LIST],
            Kind::Ibft2 => &[],
        };
        BlockHash::new(suite.hash(&[&self.encode_with(self.extra.through_vote, tail)]))
    }

    /// What the validators sign: the header without seals, the round kept.
    pub fn commit_digest<H: HashSuite>(&self, suite: &H) -> [u8; 32] {
        let tail: &[u8] = match self.kind {
            Kind::Qbft => &[rlp::EMPTY_LIST],
            Kind::Ibft2 => &[],
        };
        suite.hash(&[&self.encode_with(self.extra.through_round, tail)])
    }

    /// Checks the fields that have one value in these protocols.
    ///
    /// # Errors
    /// [`Error::OmmersNotEmpty`], [`Error::DifficultyNotOne`], [`Error::MixHashMismatch`], [`Error::NonceNotZero`].
    ///
    /// Source: Besu `BftBlockHeaderValidationRulesetFactory`; GoQuorum `consensus/istanbul/engine/qbft`.
    pub fn check_constants(&self) -> Result<(), Error> {
        if self.ommers_hash != EMPTY_OMMERS {
            return Err(Error::OmmersNotEmpty { expected: EMPTY_OMMERS, found: self.ommers_hash });
        }
        if !self.is_difficulty_one {
            return Err(Error::DifficultyNotOne);
        }
        if self.mix_hash != BFT_MIX_HASH {
            return Err(Error::MixHashMismatch { expected: BFT_MIX_HASH, found: self.mix_hash });
        }
        if self.nonce != 0 {
            return Err(Error::NonceNotZero { found: self.nonce });
        }
        Ok(())
    }

    /// The header with these seals in place of its own: the same block, and the same digest to sign.
    pub fn with_seals(&self, seals: &[&[u8]]) -> Vec<u8> {
        let mut items = Vec::new();
        for seal in seals {
            rlp::write_bytes(&mut items, seal);
        }
        let mut list = Vec::with_capacity(items.len() + 4);
        rlp::write_list(&mut list, &items);
        self.encode_with(self.extra.through_round, &list)
    }

    /// The header whose extra data holds the elements `kept` and then `tail`.
    fn encode_with(&self, kept: &[u8], tail: &[u8]) -> Vec<u8> {
        let mut elements = Vec::with_capacity(kept.len() + tail.len());
        elements.extend_from_slice(kept);
        elements.extend_from_slice(tail);
        let mut extra = Vec::with_capacity(elements.len() + 4);
        rlp::write_list(&mut extra, &elements);
        let mut fields = Vec::with_capacity(self.before_extra.len() + extra.len() + 4 + self.after_extra.len());
        fields.extend_from_slice(self.before_extra);
        rlp::write_bytes(&mut fields, &extra);
        fields.extend_from_slice(self.after_extra);
        let mut header = Vec::with_capacity(fields.len() + 4);
        rlp::write_list(&mut header, &fields);
        header
    }
}

fn fixed<const N: usize>(fields: &mut Reader<'_>, field: &'static str) -> Result<[u8; N], Error> {
    let bytes = fields.bytes().map_err(rlp_of(field))?;
    <[u8; N]>::try_from(bytes).map_err(|_| Error::HeaderMalformed { field, expected: "its fixed width", source: None })
}

fn rlp_of(field: &'static str) -> impl Fn(RlpError) -> Error {
    move |source| Error::HeaderMalformed { field, expected: "its canonical rlp", source: Some(source) }
}
