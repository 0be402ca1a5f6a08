//! Blocks: as `eth_getBlockByNumber` returns them, or as header RLP.

use super::{
    input::{self, Input},
    value::Fields,
    verdict::Stop,
};
use light_client::BlockHash;
use light_client_crypto::{HashSuite as _, Keccak256};
use light_client_proofs::rlp::{self, Reader};
use light_client_qbft::{Header, Kind};
use std::path::Path;

const MALFORMED: &str = "block-malformed";

/// How a field of a block's JSON becomes a field of the header.
#[derive(Clone, Copy)]
enum Form {
    /// So many bytes.
    Fixed(usize),
    /// Bytes of any length.
    Bytes,
    /// A number.
    Integer,
    /// Eight bytes, which some nodes write as a number.
    Nonce,
}

/// The fields that every header has, in their order.
const FIELDS: [(&[&str], Form); 15] = [
    (&["parentHash"], Form::Fixed(32)),
    (&["sha3Uncles", "ommersHash"], Form::Fixed(32)),
    (&["miner", "author", "coinbase"], Form::Fixed(20)),
    (&["stateRoot"], Form::Fixed(32)),
    (&["transactionsRoot"], Form::Fixed(32)),
    (&["receiptsRoot"], Form::Fixed(32)),
    (&["logsBloom"], Form::Fixed(256)),
    (&["difficulty"], Form::Integer),
    (&["number"], Form::Integer),
    (&["gasLimit"], Form::Integer),
    (&["gasUsed"], Form::Integer),
    (&["timestamp"], Form::Integer),
    (&["extraData"], Form::Bytes),
    (&["mixHash"], Form::Fixed(32)),
    (&["nonce"], Form::Nonce),
];

/// The fields that forks appended, in their order. One that is not known here makes the hash differ, and is refused by it.
///
/// Source: EIP-1559, EIP-4895, EIP-4844, EIP-4788, EIP-7685; EIP-7928 and EIP-7843 as drafted.
const LATER_FIELDS: [(&[&str], Form); 8] = [
    (&["baseFeePerGas"], Form::Integer),
    (&["withdrawalsRoot"], Form::Fixed(32)),
    (&["blobGasUsed"], Form::Integer),
    (&["excessBlobGas"], Form::Integer),
    (&["parentBeaconBlockRoot"], Form::Fixed(32)),
    (&["requestsHash"], Form::Fixed(32)),
    (&["blockAccessListHash"], Form::Fixed(32)),
    (&["slotNumber"], Form::Integer),
];

/// A header as it was given.
#[derive(Debug)]
pub(super) struct Block {
    /// The header's RLP.
    pub(super) rlp: Vec<u8>,
    /// The hash that the block claims to have.
    pub(super) claimed_hash: Option<BlockHash>,
}

impl Block {
    /// Reads a file that must hold a block.
    pub(super) fn read(path: &Path) -> Result<Self, Stop> {
        Self::from_input(input::read(path)?)
    }

    pub(super) fn from_input(input: Input) -> Result<Self, Stop> {
        let value = match input {
            Input::Bytes(rlp) => return Ok(Self { rlp, claimed_hash: None }),
            Input::Json(value) => value,
        };
        let fields = Fields::new(&value, MALFORMED)?;
        let mut payload = Vec::new();
        for (names, form) in FIELDS {
            write_field(&mut payload, fields, names, form)?;
        }
        for (names, form) in LATER_FIELDS {
            if fields.get(names).is_some() {
                write_field(&mut payload, fields, names, form)?;
            }
        }
        let mut rlp = Vec::new();
        rlp::write_list(&mut rlp, &payload);
        let claimed_hash = match fields.get(&["hash"]) {
            Some(_) => Some(BlockHash::new(fields.fixed(&["hash"])?)),
            None => None,
        };
        Ok(Self { rlp, claimed_hash })
    }

    /// The header under a consensus whose hash it must have, if it claims one.
    pub(super) fn decode(&self, kind: Kind) -> Result<Header<'_>, Stop> {
        let header = Header::decode(kind, &self.rlp)?;
        self.check_hash(&[header.hash(&Keccak256)])?;
        Ok(header)
    }

    /// The block's hash among those that some consensus computes, the state root and the height, whatever the consensus.
    pub(super) fn state(&self) -> Result<StateOfBlock, Stop> {
        let state = state_of(&self.rlp)?;
        self.check_hash(&state.hashes)?;
        Ok(state)
    }

    fn check_hash(&self, computed: &[BlockHash]) -> Result<(), Stop> {
        match (self.claimed_hash, computed.first()) {
            (Some(claimed), Some(first)) if !computed.contains(&claimed) => Err(Stop::refused(
                "hash-mismatch",
                format!("block hash: expected {first}, as computed from the fields, found {claimed}"),
            )),
            _ => Ok(()),
        }
    }
}

fn write_field(payload: &mut Vec<u8>, fields: Fields<'_>, names: &[&str], form: Form) -> Result<(), Stop> {
    match form {
        Form::Integer => rlp::write_integer(payload, &fields.word(names)?),
        Form::Nonce => {
            let word = fields.word(names)?;
            let (high, nonce) = word.split_at(24);
            if high.iter().any(|byte| *byte != 0) {
                return Err(fields.wrong(names, "at most 8 bytes", "more"));
            }
            rlp::write_bytes(payload, nonce);
        }
        Form::Bytes => rlp::write_bytes(payload, &fields.bytes(names)?),
        Form::Fixed(length) => {
            let bytes = fields.bytes(names)?;
            if bytes.len() != length {
                return Err(fields.wrong(names, &format!("{length} bytes"), &bytes.len().to_string()));
            }
            rlp::write_bytes(payload, &bytes);
        }
    }
    Ok(())
}

/// What a state proof needs of a block.
#[derive(Debug)]
pub(super) struct StateOfBlock {
    pub(super) height: u64,
    pub(super) state_root: [u8; 32],
    /// The header's plain hash, and those of the consensus kinds that leave seals out of it.
    pub(super) hashes: Vec<BlockHash>,
}

/// Reads a header of any chain: at least 15 fields, the fourth of 32 bytes, the ninth a number.
fn state_of(header: &[u8]) -> Result<StateOfBlock, Stop> {
    let malformed = |why: &str| Stop::malformed("header-malformed", format!("header: expected {why}"));
    let read = || -> Result<_, rlp::RlpError> {
        let mut whole = Reader::new(header);
        let mut list = whole.list()?;
        whole.finish()?;
        let mut fields = Vec::new();
        while !list.is_empty() {
            fields.push(list.item()?);
        }
        Ok(fields)
    };
    let fields = read().map_err(|error| malformed(&format!("canonical rlp: {error}")))?;
    let field = |index: usize| fields.get(index).ok_or_else(|| malformed("at least 15 fields"));
    field(FIELDS.len() - 1)?;
    let state_root = field(3)?.bytes().ok().and_then(|bytes| bytes.try_into().ok());
    let state_root = state_root.ok_or_else(|| malformed("a state root of 32 bytes"))?;
    let height = field(8)?.u64().map_err(|_| malformed("a number of 64 bits"))?;
    let extra = field(12)?.bytes().map_err(|_| malformed("extra data of bytes"))?;
    let mut hashes = Vec::new();
    for content in sealless(extra) {
        let mut payload = Vec::new();
        for (index, item) in fields.iter().enumerate() {
            if index == 12 { rlp::write_bytes(&mut payload, &content) } else { payload.extend_from_slice(item.raw) }
        }
        let mut out = Vec::new();
        rlp::write_list(&mut out, &payload);
        hashes.push(BlockHash::new(Keccak256.hash(&[&out])));
    }
    hashes.push(BlockHash::new(Keccak256.hash(&[header])));
    Ok(StateOfBlock { height, state_root, hashes })
}

/// The extra data as the BFT kinds hash it, for each kind whose form it has: QBFT, IBFT 2.0, Istanbul.
fn sealless(extra: &[u8]) -> Vec<Vec<u8>> {
    let elements = |bytes: &[u8]| -> Option<Vec<Vec<u8>>> {
        let mut whole = Reader::new(bytes);
        let mut list = whole.list().ok()?;
        whole.finish().ok()?;
        let mut out = Vec::new();
        while !list.is_empty() {
            out.push(list.item().ok()?.raw.to_vec());
        }
        Some(out)
    };
    let list = |items: &[&[u8]]| {
        let mut out = Vec::new();
        rlp::write_list(&mut out, &items.concat());
        out
    };
    let mut forms = Vec::new();
    if let Some([vanity, validators, vote, _, _]) = elements(extra).as_deref() {
        forms.push(list(&[vanity, validators, vote, &[rlp::EMPTY_BYTES], &[rlp::EMPTY_LIST]]));
        forms.push(list(&[vanity, validators, vote]));
    }
    if let Some((vanity, rest)) = extra.split_at_checked(32)
        && let Some([validators, proposer_seal, _]) = elements(rest).as_deref()
    {
        forms.push([vanity, &list(&[validators, proposer_seal, &[rlp::EMPTY_LIST]])].concat());
    }
    forms
}
