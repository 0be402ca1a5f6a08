//! Calls that change nothing, at one height of one node.

use crate::{
    abi::{reason, strict},
    rpc::{Endpoint, Request, RpcError, bytes, fixed, hex_data, quantity},
    writer::estimate::MAX_RETURN_BYTES,
};
use adapter::AdapterError;
use alloy_primitives::Address;
use ethers_core::abi::{AbiEncode, AbiType, Tokenizable};
use serde_json::{Value, json};

/// One node at one height: what is read through it belongs together.
pub(crate) struct View<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) height: u64,
}

/// A call's answer, or what it reverted with.
pub(crate) enum Answer {
    Returned(Vec<u8>),
    Reverted(Vec<u8>),
}

impl<'a> View<'a> {
    /// The node at its latest block.
    pub(crate) async fn latest(endpoint: &'a Endpoint) -> Result<Self, AdapterError> {
        let answer = endpoint.call("eth_blockNumber", json!([])).await;
        let height = answer
            .and_then(|value| quantity("block number", &value))
            .map_err(|e| e.into_adapter(endpoint.label(), "eth_blockNumber"))?;
        endpoint.saw_head(height);
        Ok(Self { endpoint, height })
    }

    /// Calls one function.
    ///
    /// # Errors
    /// [`AdapterError::Refused`] with the reason when it reverts.
    pub(crate) async fn call<R: AbiType + Tokenizable>(
        &self,
        what: &'static str,
        to: Address,
        call: impl AbiEncode,
    ) -> Result<R, AdapterError> {
        let [answer] = self.calls::<1>(to, [call.encode()]).await?;
        self.read(what, answer)
    }

    /// Calls several functions of one contract in one request.
    pub(crate) async fn calls<const N: usize>(
        &self,
        to: Address,
        calls: [Vec<u8>; N],
    ) -> Result<[Answer; N], AdapterError> {
        let answers = self.call_list(to, calls.into()).await?;
        <[Answer; N]>::try_from(answers).map_err(|answers| {
            let wrong = RpcError::BatchLength { expected: N, found: answers.len() };
            wrong.into_adapter(self.endpoint.label(), "eth_call")
        })
    }

    /// As [`View::calls`], any number of them.
    pub(crate) async fn call_list(&self, to: Address, calls: Vec<Vec<u8>>) -> Result<Vec<Answer>, AdapterError> {
        let (to, at) = (hex_data(to.as_slice()), format!("{:#x}", self.height));
        let request = |data: Vec<u8>| Request::new("eth_call", json!([{ "to": to, "data": hex_data(&data) }, at]));
        let broken = |e: RpcError| e.into_adapter(self.endpoint.label(), "eth_call");
        let answers = self.endpoint.batch(calls.into_iter().map(request).collect()).await.map_err(broken)?;
        let open = |answer: Result<Value, RpcError>| match answer {
            Ok(value) => bytes("result", &value, MAX_RETURN_BYTES).map(Answer::Returned).map_err(broken),
            Err(RpcError::Node { data: Some(data), .. }) => Ok(Answer::Reverted(data)),
            Err(other) => Err(broken(other)),
        };
        answers.into_iter().map(open).collect()
    }

    /// Decodes what a call returned.
    pub(crate) fn read<R: AbiType + Tokenizable>(&self, what: &'static str, answer: Answer) -> Result<R, AdapterError> {
        let data = self.returned(what, answer)?;
        strict::decode(what, &data).map_err(|e| e.into_adapter(self.endpoint.label()))
    }

    /// What a call returned, as it is.
    pub(crate) fn returned(&self, what: &'static str, answer: Answer) -> Result<Vec<u8>, AdapterError> {
        match answer {
            Answer::Returned(data) => Ok(data),
            Answer::Reverted(data) => Err(AdapterError::Refused { operation: what, reason: reason::of_revert(&data) }),
        }
    }

    /// The word in a contract's slot.
    pub(crate) async fn slot(&self, of: Address, slot: &[u8; 32]) -> Result<[u8; 32], AdapterError> {
        let parameters = json!([hex_data(of.as_slice()), hex_data(slot), format!("{:#x}", self.height)]);
        let answer = self.endpoint.call("eth_getStorageAt", parameters).await;
        answer
            .and_then(|value| fixed::<32>("storage", &value))
            .map_err(|e| e.into_adapter(self.endpoint.label(), "eth_getStorageAt"))
    }
}
