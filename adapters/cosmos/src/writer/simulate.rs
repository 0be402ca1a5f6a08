//! What a transaction would come to, asked of a node.

use crate::{
    proto::{MsgRecvPacketResponse, ResponseResultType},
    rpc::{Base64, Node},
    writer::messages,
};
use adapter::AdapterError;
use adapter_json_rpc::{RpcError, printable};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ibc_proto::{cosmos::base::abci::v1beta1::TxMsgData, google::protobuf::Any};
use prost::Message as _;
use prost_13::Message as _;
use serde::Deserialize;
use serde_json::{Value, json};

/// Simulation by the application itself. The gRPC service of the same name loses the code of an error.
///
/// Source: cosmos-sdk 0.53, `baseapp/abci.go` (`handleQueryApp`).
const SIMULATE: &str = "/app/simulate";

/// Codes of the SDK's own codespace.
///
/// Source: cosmos-sdk 0.53, `types/errors/errors.go`.
pub(crate) const SDK: &str = "sdk";
pub(super) const INSUFFICIENT_FEE: u32 = 13;
pub(super) const IN_MEMPOOL: u32 = 19;
pub(super) const MEMPOOL_FULL: u32 = 20;
pub(crate) const KEY_NOT_FOUND: u32 = 22;
pub(super) const WRONG_SEQUENCE: u32 = 32;

/// What a simulated transaction came to.
#[derive(Debug, PartialEq)]
pub(super) enum Simulated {
    /// It would succeed.
    Success {
        /// The gas that it used.
        gas_used: u64,
        /// What each message returned.
        responses: Vec<Any>,
    },
    /// The node expects another sequence of the account: something before it has not arrived, or it is used up.
    OtherSequence,
}

/// Simulates a transaction, signed or not, in the state that the node checks new transactions in.
///
/// # Errors
/// [`AdapterError::Refused`] with the chain's words when it would fail.
pub(super) async fn simulate(node: &Node, transaction: Vec<u8>) -> Result<Simulated, AdapterError> {
    const OPERATION: &str = "simulate";
    let params = json!({ "path": SIMULATE, "data": hex::encode(transaction), "prove": false });
    let answer = node.endpoint().call_for::<Simulation>("abci_query", params).await;
    let answer = answer.map_err(|e| node.failed(e, OPERATION))?;
    let Some(Simulation { response: Response { code, codespace, log, value } }) = answer else {
        return Err(node.inconsistent("result", "an answer".to_owned(), "null".to_owned()));
    };
    match (codespace.as_str(), code) {
        (_, 0) => read(&value.0).map_err(|e| node.failed(e, OPERATION)),
        (SDK, WRONG_SEQUENCE) => Ok(Simulated::OtherSequence),
        (codespace, code) => Err(AdapterError::Refused { operation: OPERATION, reason: reason(codespace, code, &log) }),
    }
}

/// Whether every message about a packet would do nothing, there being at least one: nodes refuse such a transaction before
/// it comes into a block.
///
/// Source: ibc-go v10.3.0, `modules/core/ante/ante.go`.
pub(super) fn is_redundant(messages: &[Any], responses: &[Any]) -> bool {
    let mut about_packets = messages
        .iter()
        .zip(responses)
        .filter(|(message, _)| messages::is_about_packet(&message.type_url))
        .map(|(_, response)| {
            // The three answers have one form.
            let response = MsgRecvPacketResponse::decode(response.value.as_slice()).unwrap_or_default();
            response.result() == ResponseResultType::Noop
        })
        .peekable();
    about_packets.peek().is_some() && about_packets.all(|noop| noop)
}

/// A failure in words: the chain's own, and the code that decides.
pub(super) fn reason(codespace: &str, code: u32, log: &str) -> String {
    format!("code {code} of {}: {}", printable(codespace), printable(log))
}

/// What a node says of a simulation. The answer tells of every event twice: it is long, and little of it is read.
#[derive(Deserialize)]
struct Simulation {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    codespace: String,
    #[serde(default)]
    log: String,
    #[serde(default)]
    value: Base64,
}

/// What is read of the application's answer; its events, which are most of it, are passed over.
#[derive(Deserialize)]
struct Answer {
    gas_info: GasInfo,
    result: Option<ExecutionResult>,
}

#[derive(Deserialize)]
struct GasInfo {
    /// A text with a number in it, since JSON's are not of 64 bits; a number in older versions.
    gas_used: Value,
}

#[derive(Deserialize)]
struct ExecutionResult {
    #[serde(default)]
    data: Option<String>,
}

/// Reads the application's answer: JSON, as the SDK writes it since 0.40.
fn read(answer: &[u8]) -> Result<Simulated, RpcError> {
    let shape = |field, expected, found: &dyn std::fmt::Display| RpcError::Shape {
        field,
        expected,
        found: printable(&found.to_string()),
    };
    let Answer { gas_info, result } = serde_json::from_slice(answer).map_err(|e| shape("simulation", "json", &e))?;
    let gas = gas_info.gas_used;
    let gas_used = gas.as_str().and_then(|text| text.parse().ok()).or_else(|| gas.as_u64());
    let gas_used = gas_used.ok_or_else(|| shape("gas_used", "a number", &gas))?;
    let data = result.and_then(|result| result.data).unwrap_or_default();
    let data = BASE64_STANDARD.decode(data).map_err(|e| shape("data", "base64", &e))?;
    let data = TxMsgData::decode(data.as_slice()).map_err(|e| shape("data", "what messages returned", &e))?;
    Ok(Simulated::Success { gas_used, responses: data.msg_responses })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(result: ResponseResultType) -> Any {
        let value = MsgRecvPacketResponse { result: result.into() }.encode_to_vec();
        messages::any("/ibc.core.channel.v2.MsgRecvPacketResponse", value)
    }

    #[test]
    fn only_what_does_nothing_at_all_is_redundant() {
        let update = messages::any(messages::UPDATE_CLIENT, Vec::new());
        let receive = messages::any(messages::RECV_PACKET, Vec::new());
        let (noop, success) = (response(ResponseResultType::Noop), response(ResponseResultType::Success));
        let nothing = messages::any("", Vec::new());
        for (messages, responses, expected) in [
            (vec![&receive], vec![&noop], true),
            (vec![&update, &receive, &receive], vec![&nothing, &noop, &noop], true),
            (vec![&update, &receive, &receive], vec![&nothing, &noop, &success], false),
            (vec![&receive], vec![&success], false),
            (vec![&update], vec![&nothing], false),
            (vec![], vec![], false),
        ] {
            let list = |list: Vec<&Any>| list.into_iter().cloned().collect::<Vec<_>>();
            assert_eq!(is_redundant(&list(messages.clone()), &list(responses)), expected, "{messages:?}");
        }
    }

    #[test]
    fn an_answer_is_read_or_refused() {
        let data = TxMsgData { msg_responses: vec![response(ResponseResultType::Success)], ..Default::default() };
        let json = |gas: Value, data: Value| serde_json::json!({ "gas_info": { "gas_wanted": "0", "gas_used": gas }, "result": { "data": data } });
        let encoded = Value::from(BASE64_STANDARD.encode(prost_13::Message::encode_to_vec(&data)));
        let good = json("81234".into(), encoded.clone()).to_string();
        let expected = Simulated::Success { gas_used: 81_234, responses: data.msg_responses };
        assert_eq!(read(good.as_bytes()).unwrap(), expected);
        for bad in [
            json(Value::Null, encoded.clone()),
            json("-1".into(), encoded.clone()),
            json("1".into(), "?".into()),
            json("1".into(), "/w==".into()),
        ] {
            assert!(read(bad.to_string().as_bytes()).is_err(), "{bad}");
        }
        assert!(read(b"<html>").is_err());
    }
}
