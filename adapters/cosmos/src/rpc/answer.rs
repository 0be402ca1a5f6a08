//! What nodes answer, in our own types.

use adapter_json_rpc::{Fields, RpcError, printable};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use light_client::{BlockHash, Timestamp};
use light_client_tendermint::{Header, json::ProofOperation};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use std::borrow::Cow;
use tendermint::{abci, block::Height as BlockHeight};
use tendermint_rpc::endpoint::{abci_query, tx};

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// The latest block that it has with its commit.
    pub(crate) latest_height: u64,
    /// The first block that it still has; `None` where the node does not say.
    pub(crate) earliest_height: Option<u64>,
    /// Whether it is still reading what the others decided long ago.
    pub(crate) catching_up: bool,
    /// Whether the attributes of events are in base64, as up to 0.34.
    pub(crate) encodes_events: bool,
}

impl Status {
    pub(crate) fn read(answer: &Value) -> Result<Self, RpcError> {
        let status = Fields::of("status", answer)?;
        let sync = Fields::of("sync_info", status.required("sync_info")?)?;
        let node = Fields::of("node_info", status.required("node_info")?)?;
        let catching_up = sync.required("catching_up")?.as_bool();
        let version = node.optional("version").and_then(Value::as_str).unwrap_or_default();
        let (major, rest) = version.trim_start_matches('v').split_once('.').unwrap_or_default();
        let minor = rest.split('.').next().and_then(|minor| minor.parse::<u32>().ok());
        Ok(Self {
            latest_height: number("latest_block_height", sync.required("latest_block_height")?)?,
            earliest_height: sync
                .optional("earliest_block_height")
                .map(|value| number("earliest_block_height", value))
                .transpose()?,
            catching_up: catching_up.ok_or_else(|| shape("catching_up", "true or false", &sync_text(answer)))?,
            encodes_events: major == "0" && minor.is_some_and(|minor| minor <= 34),
        })
    }
}

fn sync_text(answer: &Value) -> String {
    answer["sync_info"]["catching_up"].to_string()
}

/// A header and who voted for it, as a node answers them.
#[derive(Clone, Debug)]
pub(crate) struct SignedHeader {
    /// The header, as read.
    pub(crate) header: Header,
    /// The answer, for what reads the commit.
    pub(crate) json: Value,
}

/// A header by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockHead {
    pub(crate) height: u64,
    pub(crate) time: Timestamp,
    pub(crate) hash: BlockHash,
}

/// A question to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    /// The application's path, such as `/store/ibc/key`.
    pub(crate) path: String,
    /// The key in the store, or an encoded request.
    pub(crate) data: Vec<u8>,
    /// The height whose state is asked for; the latest when `None`.
    pub(crate) height: Option<u64>,
    /// Whether the answer is to be proven.
    pub(crate) prove: bool,
}

impl Query {
    pub(crate) fn request(&self) -> Result<abci_query::Request, RpcError> {
        let height = self.height.map(BlockHeight::try_from).transpose();
        let height = height.map_err(|_| shape("height", "less than 2^63", &format!("{:?}", self.height)))?;
        Ok(abci_query::Request::new(Some(self.path.clone()), self.data.clone(), height, self.prove))
    }
}

/// What the application answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueryAnswer {
    /// 0 when it did.
    pub(crate) code: u32,
    /// Whose code it is.
    pub(crate) codespace: String,
    /// Why not, in words, for people.
    pub(crate) log: String,
    /// The height of the state that was read.
    pub(crate) height: u64,
    /// What lies there; empty for nothing.
    pub(crate) value: Vec<u8>,
    /// The proof, innermost store first; empty when there is none.
    pub(crate) proof: Vec<ProofOperation>,
}

impl From<abci_query::AbciQuery> for QueryAnswer {
    fn from(answer: abci_query::AbciQuery) -> Self {
        let operation =
            |op: tendermint::merkle::proof::ProofOp| ProofOperation { kind: op.field_type, key: op.key, data: op.data };
        Self {
            code: answer.code.value(),
            codespace: printable(&answer.codespace),
            log: printable(&answer.log),
            height: answer.height.value(),
            value: answer.value,
            proof: answer.proof.into_iter().flat_map(|proof| proof.ops).map(operation).collect(),
        }
    }
}

/// Bytes that are written as a text; null stands for none.
#[derive(Default)]
pub(crate) struct Base64(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Option::<Cow<'de, str>>::deserialize(from)?.unwrap_or_default();
        BASE64_STANDARD.decode(text.as_bytes()).map(Self).map_err(D::Error::custom)
    }
}

/// A transaction in a block, as somebody submitted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Submission {
    /// SHA-256 of its bytes.
    pub(crate) hash: [u8; 32],
    /// The height of its block.
    pub(crate) height: u64,
    /// Its place in the block, from 0.
    pub(crate) index: u32,
    /// 0 when it succeeded.
    pub(crate) code: u32,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Submission {
    /// # Errors
    /// [`RpcError::Shape`] when the hash is not that of the bytes.
    pub(crate) fn read(hash: &str, height: u64, index: u32, code: u32, bytes: Vec<u8>) -> Result<Self, RpcError> {
        let found = light_client::sha256(&[&bytes]);
        if !hash.eq_ignore_ascii_case(&hex::encode(found)) {
            return Err(shape("hash", "the hash of the transaction's bytes", hash));
        }
        Ok(Self { hash: found, height, index, code, bytes })
    }
}

/// A transaction in a block, with what it told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// The transaction itself.
    pub(crate) submitted: Submission,
    /// What it told of, in order.
    pub(crate) events: Vec<Event>,
}

/// Something that the application told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its type.
    pub(crate) kind: String,
    /// Names and values, in order; what is no text is left out.
    pub(crate) attributes: Vec<(String, String)>,
}

impl From<abci::Event> for Event {
    fn from(event: abci::Event) -> Self {
        let text = |attribute: abci::EventAttribute| -> Option<(String, String)> {
            Some((attribute.key_str().ok()?.to_owned(), attribute.value_str().ok()?.to_owned()))
        };
        Self { kind: event.kind, attributes: event.attributes.into_iter().filter_map(text).collect() }
    }
}

impl Transaction {
    /// The bytes that it takes, with what it told of.
    pub(crate) fn length(&self) -> usize {
        let told = |event: &Event| {
            let words = event.attributes.iter().map(|(name, value)| name.len().saturating_add(value.len()));
            words.fold(event.kind.len(), usize::saturating_add)
        };
        self.events.iter().map(told).fold(self.submitted.bytes.len(), usize::saturating_add)
    }

    /// # Errors
    /// As [`Submission::read`].
    pub(crate) fn read(answer: tx::Response) -> Result<Self, RpcError> {
        let tx::Response { hash, height, index, tx_result, tx, .. } = answer;
        let submitted = Submission::read(&hash.to_string(), height.value(), index, tx_result.code.value(), tx)?;
        Ok(Self { submitted, events: tx_result.events.into_iter().map(Event::from).collect() })
    }
}

/// A number of at most 64 bits: as a text of decimal digits, as Go writes them, or as a JSON number.
pub(crate) fn number(field: &'static str, value: &Value) -> Result<u64, RpcError> {
    let digits = |text: &str| -> Option<u64> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
    };
    let found = value.as_u64().or_else(|| value.as_str().and_then(digits));
    found.ok_or_else(|| shape(field, "a number of at most 64 bits", &value.to_string()))
}

pub(crate) fn shape(field: &'static str, expected: &'static str, found: &str) -> RpcError {
    RpcError::Shape { field, expected, found: printable(found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(version: &str) -> Value {
        json!({
            "node_info": { "network": "a-1", "version": version },
            "sync_info": { "latest_block_height": "12", "earliest_block_height": "3", "catching_up": false },
        })
    }

    #[test]
    fn a_status_is_read_of_every_version() {
        let read = Status::read(&status("0.38.17")).unwrap();
        assert_eq!((read.latest_height, read.earliest_height, read.catching_up), (12, Some(3), false));
        for (version, encodes) in [
            ("0.34.24", true),
            ("v0.34.8-irita-210413", true),
            ("0.33.1", true),
            ("0.37.0", false),
            ("0.38.17", false),
            ("1.0.1", false),
            ("", false),
            ("34", false),
        ] {
            assert_eq!(Status::read(&status(version)).unwrap().encodes_events, encodes, "{version}");
        }
    }

    #[test]
    fn what_is_no_status_is_refused() {
        let parts: [(&str, Value); 5] = [
            ("latest_block_height", json!("-1")),
            ("latest_block_height", json!("0x1")),
            ("latest_block_height", json!(null)),
            ("earliest_block_height", json!([])),
            ("catching_up", json!("no")),
        ];
        for (field, value) in parts {
            let mut bad = status("0.38.0");
            bad["sync_info"][field] = value;
            assert!(matches!(Status::read(&bad), Err(RpcError::Shape { .. })), "{bad}");
        }
        for bad in [json!(null), json!([]), json!({}), json!({ "node_info": {} })] {
            assert!(Status::read(&bad).is_err(), "{bad}");
        }
    }
}
