//! JSON-RPC errors, with the codes and words of go-ethereum.

use alloy_primitives::Bytes;
use serde_json::{Value, json};
use thiserror::Error;

use crate::error::{ChainError, SubmitError};
use crate::rpc::{MAX_BATCH_CALLS, MAX_BATCH_RESPONSE_BYTES, MAX_REQUEST_BYTES};

const SERVER: i64 = -32_000;
const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
const PARSE: i64 = -32_700;
const RESPONSE_TOO_LARGE: i64 = -32_003;
const UNKNOWN_TAG: i64 = -39_001;
const REVERTED: i64 = 3;
const INTERNAL: i64 = -32_603;

/// An error as it stands in an answer.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{message}")]
pub struct RpcError {
    /// JSON-RPC code.
    pub code: i64,
    /// Text.
    pub message: String,
    /// Return data of a reverted call.
    pub data: Option<Value>,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub(crate) fn server(message: impl Into<String>) -> Self {
        Self::new(SERVER, message)
    }

    pub(crate) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    pub(crate) fn invalid_request() -> Self {
        Self::new(INVALID_REQUEST, "invalid request")
    }

    pub(crate) fn parse(error: &serde_json::Error) -> Self {
        Self::new(PARSE, format!("parse error: {error}"))
    }

    /// What Tendermint says when a method cannot answer: the reason stands in the data.
    pub(crate) fn internal(reason: impl Into<String>) -> Self {
        Self { data: Some(Value::String(reason.into())), ..Self::new(INTERNAL, "Internal error") }
    }

    pub(crate) fn method_not_found(method: &str) -> Self {
        // Cut, so that an answer is not longer because a question was.
        let shown: String = method.chars().take(64).collect();
        Self::new(METHOD_NOT_FOUND, format!("the method {shown} does not exist/is not available"))
    }

    pub(crate) fn request_too_large(found: usize) -> Self {
        Self::new(
            INVALID_REQUEST,
            format!("request too large: expected at most {MAX_REQUEST_BYTES} bytes, found {found}"),
        )
    }

    pub(crate) fn batch_size(found: usize) -> Self {
        if found == 0 {
            return Self::new(INVALID_REQUEST, "empty batch");
        }
        Self::new(INVALID_REQUEST, format!("batch too large: expected at most {MAX_BATCH_CALLS} calls, found {found}"))
    }

    pub(crate) fn response_too_large() -> Self {
        Self::new(RESPONSE_TOO_LARGE, format!("response too large: more than {MAX_BATCH_RESPONSE_BYTES} bytes"))
    }

    pub(crate) fn unknown_tag(tag: &str) -> Self {
        Self::new(UNKNOWN_TAG, format!("{tag} block not found"))
    }

    pub(crate) fn reverted(reason: Option<String>, output: &Bytes) -> Self {
        let message =
            reason.map_or_else(|| "execution reverted".to_owned(), |reason| format!("execution reverted: {reason}"));
        Self { code: REVERTED, message, data: Some(json!(output)) }
    }

    pub(crate) fn into_value(self) -> Value {
        match self.data {
            Some(data) => json!({"code": self.code, "message": self.message, "data": data}),
            None => json!({"code": self.code, "message": self.message}),
        }
    }
}

impl From<SubmitError> for RpcError {
    fn from(error: SubmitError) -> Self {
        Self::server(error.to_string())
    }
}

impl From<ChainError> for RpcError {
    fn from(error: ChainError) -> Self {
        Self::server(error.to_string())
    }
}
