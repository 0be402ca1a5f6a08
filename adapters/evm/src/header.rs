//! Blocks as nodes tell of them: sealed headers, put together from their fields and compared with the hash that the node
//! says, and blocks of chains with other headers, of which the hash is the node's word.

use crate::{
    Consensus,
    rpc::{Fields, RpcError, big_quantity},
};
use light_client::BlockHash;
use light_client_crypto::Keccak256;
use light_client_proofs::rlp;
use light_client_qbft::{Header, Kind, MAX_HEADER_BYTES};
use serde_json::Value;

/// A block of a chain of any consensus, as a node tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockClaim {
    pub(crate) height: u64,
    pub(crate) time_seconds: u64,
    pub(crate) hash: BlockHash,
}

/// A header as the light client takes it, seals included; its fields are those that its hash covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawHeader {
    pub(crate) height: u64,
    pub(crate) time_seconds: u64,
    pub(crate) hash: BlockHash,
    pub(crate) rlp: Vec<u8>,
}

/// How a header field is encoded.
#[derive(Clone, Copy)]
enum Form {
    /// This many bytes.
    Fixed(usize),
    /// A number without leading zeros.
    Number,
    /// Any bytes.
    Bytes,
}

/// The fields that every chain's headers have, in the order of the encoding.
///
/// Source: Ethereum Yellow Paper, section 4.3.
const BASE_FIELDS: [(&str, Form); 15] = [
    ("parentHash", Form::Fixed(32)),
    ("sha3Uncles", Form::Fixed(32)),
    ("miner", Form::Fixed(20)),
    ("stateRoot", Form::Fixed(32)),
    ("transactionsRoot", Form::Fixed(32)),
    ("receiptsRoot", Form::Fixed(32)),
    ("logsBloom", Form::Fixed(256)),
    ("difficulty", Form::Number),
    ("number", Form::Number),
    ("gasLimit", Form::Number),
    ("gasUsed", Form::Number),
    ("timestamp", Form::Number),
    ("extraData", Form::Bytes),
    ("mixHash", Form::Fixed(32)),
    ("nonce", Form::Fixed(8)),
];

/// The fields that later forks append, in their order. A header with one that is not listed here does not hash to what
/// the node says, and is refused: then this list has to be continued.
///
/// Source: EIP-1559, EIP-4895, EIP-4844 (two), EIP-4788, EIP-7685, EIP-7928, EIP-7843.
const LATER_FIELDS: [(&str, Form); 8] = [
    ("baseFeePerGas", Form::Number),
    ("withdrawalsRoot", Form::Fixed(32)),
    ("blobGasUsed", Form::Number),
    ("excessBlobGas", Form::Number),
    ("parentBeaconBlockRoot", Form::Fixed(32)),
    ("requestsHash", Form::Fixed(32)),
    ("blockAccessListHash", Form::Fixed(32)),
    ("slotNumber", Form::Number),
];

impl BlockClaim {
    /// Reads a block as `eth_getBlockByNumber` answers it.
    ///
    /// Where blocks have Ethereum's headers the hash is compared with the fields. A Tendermint header is not in the answer, so
    /// that nothing can be compared there: time (whole seconds, rounded down) and hash are the node's word. That loses
    /// nothing, since all that a reader tells is a claim: what is acted upon was proven by the chain's prover, which reads
    /// and verifies the header itself.
    ///
    /// # Errors
    /// [`RpcError::Shape`] when a field is missing or malformed, or the hash does not fit.
    pub(crate) fn read(consensus: &Consensus, block: &Value) -> Result<Self, RpcError> {
        if let Some(kind) = consensus.sealed_by() {
            let RawHeader { height, time_seconds, hash, .. } = RawHeader::read(kind, block)?;
            return Ok(Self { height, time_seconds, hash });
        }
        let fields = Fields::of("block", block)?;
        // Not kept: it is the application's hash, of which only proofs speak. But an answer without one is no block.
        fields.fixed::<32>("stateRoot")?;
        Ok(Self {
            height: fields.quantity("number")?,
            time_seconds: fields.quantity("timestamp")?,
            hash: BlockHash::new(fields.fixed("hash")?),
        })
    }

    /// As [`BlockClaim::read`], for the block of one height.
    pub(crate) fn read_at(consensus: &Consensus, height: u64, block: &Value) -> Result<Self, RpcError> {
        let claim = Self::read(consensus, block)?;
        check_height(height, claim.height)?;
        Ok(claim)
    }
}

impl RawHeader {
    /// Encodes the fields of a block, as `eth_getBlockByNumber` answers it, and compares the hash.
    ///
    /// # Errors
    /// [`RpcError::Shape`] when a field is missing or malformed, or the hash does not fit.
    pub(crate) fn read(kind: Kind, block: &Value) -> Result<Self, RpcError> {
        let fields = Fields::of("block", block)?;
        let mut payload = Vec::with_capacity(1024);
        for (name, form) in BASE_FIELDS {
            write(&mut payload, name, form, fields.required(name)?)?;
        }
        for (name, form) in LATER_FIELDS {
            match fields.optional(name) {
                Some(value) => write(&mut payload, name, form, value)?,
                // A field after a missing one would be in its place, and the hash would not fit.
                None => break,
            }
        }
        let mut rlp = Vec::with_capacity(payload.len() + 4);
        rlp::write_list(&mut rlp, &payload);
        let header = Header::decode(kind, &rlp).map_err(|e| RpcError::Shape {
            field: "header",
            expected: "a header of the chain's consensus",
            found: e.to_string(),
        })?;
        let hash = header.hash(&Keccak256);
        let said = BlockHash::new(fields.fixed::<32>("hash")?);
        if said != hash {
            return Err(RpcError::Shape {
                field: "hash",
                expected: "the hash of the header's fields (or there is a field that is not known here)",
                found: format!("{said}, the fields hash to {hash}"),
            });
        }
        Ok(Self { height: header.height.number(), time_seconds: header.time.unix_seconds(), hash, rlp })
    }

    /// As [`RawHeader::read`], for the block of one height.
    pub(crate) fn read_at(kind: Kind, height: u64, block: &Value) -> Result<Self, RpcError> {
        let header = Self::read(kind, block)?;
        check_height(height, header.height)?;
        Ok(header)
    }
}

fn check_height(expected: u64, found: u64) -> Result<(), RpcError> {
    if found == expected {
        return Ok(());
    }
    Err(RpcError::Shape { field: "number", expected: "the height asked for", found: found.to_string() })
}

fn write(payload: &mut Vec<u8>, name: &'static str, form: Form, value: &Value) -> Result<(), RpcError> {
    match form {
        Form::Number => rlp::write_integer(payload, &big_quantity(name, value)?),
        Form::Bytes => rlp::write_bytes(payload, &crate::rpc::bytes(name, value, MAX_HEADER_BYTES)?),
        Form::Fixed(width) => {
            let bytes = crate::rpc::bytes(name, value, width)?;
            if bytes.len() != width {
                let found = format!("{} bytes", bytes.len());
                return Err(RpcError::Shape { field: name, expected: "the field's width", found });
            }
            rlp::write_bytes(payload, &bytes);
        }
    }
    Ok(())
}
