//! What people told a hosted client: the transactions behind its events.

use super::{
    events::number_topic,
    hosted,
    query::{self, Filter},
    view::View,
};
use crate::{
    EvmConfig,
    abi::calls::{self, ToClient},
    logs::Log,
    rpc::{Fields, RpcError, hex_data},
};
use adapter::{AdapterError, At, Submitted, TransactionHash};
use alloy_primitives::{Address, B256, keccak256};
use light_client::{ClientId, Height};
use serde_json::{Value, json};

/// The event with which every kind of client says what it stored.
const STORED: &str = "ConsensusState(uint64,bytes32,uint64,bytes32)";
/// The events with which clients say that they are frozen: of QBFT and of Tendermint.
const FROZEN: [&str; 2] = ["Frozen(uint64,bytes32,bytes32)", "Frozen(uint64,uint64,bytes32,bytes32)"];
/// The first range in which an event is looked for, from the latest block backwards; doubled each time.
const FIRST_RANGE_BLOCKS: u64 = 2_000;
/// The greatest calldata that is read. Nodes refuse larger transactions long before.
const MAX_CALLDATA_BYTES: usize = 1 << 20;

/// With which transaction a client came to store the state at a height.
pub(super) async fn updates(
    view: &View<'_>,
    config: &EvmConfig,
    router: Address,
    id: &ClientId,
    height: Height,
) -> Result<At<Option<Submitted>>, AdapterError> {
    let topics = vec![vec![keccak256(STORED)], vec![number_topic(height.number())]];
    submitted(view, config, router, id, topics, ToClient::Update).await
}

/// What nodes know of, each answer once.
pub(super) fn distinct(told: Vec<At<Option<Submitted>>>) -> Vec<At<Submitted>> {
    let mut distinct = Vec::new();
    for At { height, value } in told {
        let Some(submitted) = value.map(|value| At { height, value }) else { continue };
        if !distinct.contains(&submitted) {
            distinct.push(submitted);
        }
    }
    distinct
}

/// By which transaction a client was frozen.
pub(super) async fn misbehaviour(
    view: &View<'_>,
    config: &EvmConfig,
    router: Address,
    id: &ClientId,
) -> Result<At<Option<Submitted>>, AdapterError> {
    let topics = vec![FROZEN.map(keccak256).to_vec()];
    submitted(view, config, router, id, topics, ToClient::Misbehaviour).await
}

async fn submitted(
    view: &View<'_>,
    config: &EvmConfig,
    router: Address,
    id: &ClientId,
    topics: Vec<Vec<B256>>,
    kind: ToClient,
) -> Result<At<Option<Submitted>>, AdapterError> {
    let none = At { height: config.height(view.height), value: None };
    let Some(verifier) = hosted::verifier(view, router, id).await? else { return Ok(none) };
    let filter = Filter { address: verifier, topics };
    let Some(log) = latest_log(view, &filter, config.router_height).await? else { return Ok(none) };
    let call = Transaction::read(view, log.transaction).await?;
    let messages = match call.to {
        Some(to) if to == router => calls::to_client(&call.input, id, kind),
        Some(to) if to == verifier => calls::to_verifier(&call.input, kind),
        // Another contract's call, or the client's own creation.
        _ => Vec::new(),
    };
    let submitter = call.from.to_checksum(None);
    let transaction = TransactionHash(log.transaction.0);
    Ok(At { height: config.height(log.height), value: Some(Submitted { transaction, submitter, messages }) })
}

/// The latest event that fits, wherever in the Router's life.
async fn latest_log(view: &View<'_>, filter: &Filter, first_height: u64) -> Result<Option<Log>, AdapterError> {
    let mut to = view.height;
    let mut range = FIRST_RANGE_BLOCKS;
    loop {
        let from = to.saturating_sub(range - 1).max(first_height.min(to));
        if let Some(log) = query::logs(view.endpoint, filter, from, to).await?.pop() {
            return Ok(Some(log));
        }
        if from <= first_height {
            return Ok(None);
        }
        to = from - 1;
        range = range.saturating_mul(2);
    }
}

/// A transaction as a node tells of it.
struct Transaction {
    from: Address,
    /// `None` creates a contract.
    to: Option<Address>,
    input: Vec<u8>,
}

impl Transaction {
    async fn read(view: &View<'_>, hash: B256) -> Result<Self, AdapterError> {
        const OPERATION: &str = "eth_getTransactionByHash";
        let answer = view.endpoint.call(OPERATION, json!([hex_data(hash.as_slice())])).await;
        let read = |value: Value| {
            let fields = Fields::of("transaction", &value)?;
            let said = B256::from(fields.fixed::<32>("hash")?);
            if said != hash {
                let found = said.to_string();
                return Err(RpcError::Shape { field: "hash", expected: "the transaction asked for", found });
            }
            let to = match fields.optional("to") {
                Some(value) => Some(Address::from(crate::rpc::fixed::<20>("to", value)?)),
                None => None,
            };
            let from = Address::from(fields.fixed::<20>("from")?);
            Ok(Self { from, to, input: fields.bytes("input", MAX_CALLDATA_BYTES)? })
        };
        answer.and_then(read).map_err(|e| e.into_adapter(view.endpoint.label(), OPERATION))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::artefact::Artefact;

    #[test]
    fn events_are_of_the_contracts() {
        let client = Artefact::qbft_light_client();
        assert_eq!(client.event_hash("ConsensusState"), Some(keccak256(STORED)));
        assert_eq!(client.event_hash("Frozen"), Some(keccak256(FROZEN[0])));
    }
}
