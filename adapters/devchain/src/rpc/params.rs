//! Parameters of a call.

use alloy_primitives::{B256, U64};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::rpc::error::RpcError;

/// Positional parameters.
#[derive(Debug)]
pub(crate) struct Params(Vec<Value>);

/// A block as callers name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BlockId {
    Latest,
    Pending,
    Number(u64),
    Hash(B256),
}

impl Params {
    pub(crate) fn new(params: Value) -> Result<Self, RpcError> {
        match params {
            Value::Array(values) => Ok(Self(values)),
            Value::Null => Ok(Self(Vec::new())),
            _ => Err(RpcError::invalid_params("non-array args")),
        }
    }

    fn value(&self, at: usize) -> Option<&Value> {
        self.0.get(at).filter(|value| !value.is_null())
    }

    /// The parameter at a position, which must be there.
    pub(crate) fn required<T: DeserializeOwned>(&self, at: usize) -> Result<T, RpcError> {
        let missing = || RpcError::invalid_params(format!("missing value for required argument {at}"));
        self.optional(at)?.ok_or_else(missing)
    }

    /// The parameter at a position; `None` when it is left out or null.
    pub(crate) fn optional<T: DeserializeOwned>(&self, at: usize) -> Result<Option<T>, RpcError> {
        let Some(value) = self.value(at) else { return Ok(None) };
        match T::deserialize(value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(RpcError::invalid_params(format!("invalid argument {at}: {error}"))),
        }
    }

    /// The block at a position; `latest` when left out.
    pub(crate) fn block(&self, at: usize) -> Result<BlockId, RpcError> {
        self.value(at).map_or(Ok(BlockId::Latest), |value| {
            block_id(value)
                .map_err(|error| RpcError { message: format!("invalid argument {at}: {}", error.message), ..error })
        })
    }
}

/// Reads a tag, a number, a hash, or an object with one of them (EIP-1898).
pub(crate) fn block_id(value: &Value) -> Result<BlockId, RpcError> {
    match value {
        Value::String(text) => match text.as_str() {
            "latest" => Ok(BlockId::Latest),
            "pending" => Ok(BlockId::Pending),
            "earliest" => Ok(BlockId::Number(0)),
            // As on GoQuorum: the latest block is final, and there is no tag for it.
            tag @ ("finalized" | "safe") => Err(RpcError::unknown_tag(tag)),
            hash if hash.len() == 66 => hash
                .parse()
                .map(BlockId::Hash)
                .map_err(|error| RpcError::invalid_params(format!("block hash: {error}"))),
            _ => quantity(value).map(BlockId::Number),
        },
        Value::Number(_) => quantity(value).map(BlockId::Number),
        Value::Object(fields) => match (fields.get("blockNumber"), fields.get("blockHash")) {
            (Some(number), None) => block_id(number),
            (None, Some(hash)) => B256::deserialize(hash)
                .map(BlockId::Hash)
                .map_err(|error| RpcError::invalid_params(format!("block hash: {error}"))),
            _ => Err(RpcError::invalid_params("expected one of blockNumber and blockHash")),
        },
        _ => Err(RpcError::invalid_params("expected a block tag, number or hash")),
    }
}

fn quantity(value: &Value) -> Result<u64, RpcError> {
    U64::deserialize(value)
        .map(|number| number.to())
        .map_err(|_| RpcError::invalid_params(format!("expected a block number in hex, found {value}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_are_read_in_every_form_a_tool_sends() {
        let hash = B256::repeat_byte(7);
        for (value, expected) in [
            (json!("latest"), BlockId::Latest),
            (json!("pending"), BlockId::Pending),
            (json!("earliest"), BlockId::Number(0)),
            (json!("0x10"), BlockId::Number(16)),
            (json!({"blockNumber": "0x2"}), BlockId::Number(2)),
            (json!({"blockHash": hash}), BlockId::Hash(hash)),
            (json!(hash), BlockId::Hash(hash)),
        ] {
            assert_eq!(block_id(&value).expect("reads"), expected, "{value}");
        }
        for bad in [
            json!("finalized"),
            json!("soon"),
            json!("0x1ffffffffffffffff"),
            json!({}),
            json!([]),
            json!(true),
            json!(-1),
        ] {
            block_id(&bad).expect_err("refused");
        }
    }
}
