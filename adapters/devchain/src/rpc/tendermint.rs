//! The methods of CometBFT's RPC that a light client, its prover and an operator ask.
//!
//! Source: CometBFT 0.38, `rpc/core`, and Cosmos SDK 0.50, `baseapp/abci.go` and `store/rootmulti/store.go` (what `abci_query` answers).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::{B256, hex};
use serde_json::{Map, Value, json};

use crate::chain::Forgery;
use crate::consensus::tendermint::json::{base64, hexadecimal, public_key, validators};
use crate::consensus::tendermint::{Certified, Sealed};
use crate::consensus::{Consensus, Seal};
use crate::index::{Block, read};
use crate::rpc::error::RpcError;
use crate::rpc::{Request, pick, search};
use crate::store::EVM_STORE;

/// Most validators or blocks on one page.
pub const MAX_PER_PAGE: u64 = 100;

/// Longest key of a query, bytes.
pub const MAX_KEY_BYTES: usize = 1_024;

/// The id of answers to URIs, which have none.
pub(super) const URI_ID: i64 = -1;

const DEFAULT_PER_PAGE: u64 = 30;

/// What the SDK answers to a query for an unknown path or store, and for a state that is gone.
const UNKNOWN_REQUEST: u32 = 6;
const INVALID_REQUEST: u32 = 18;

/// The methods, each with the names of its parameters in their order.
const METHODS: [(&str, &[&str]); 9] = [
    ("abci_info", &[]),
    ("abci_query", &["path", "data", "height", "prove"]),
    ("block", &["height"]),
    ("block_search", &["query", "page", "per_page", "order_by"]),
    ("commit", &["height"]),
    ("header", &["height"]),
    ("health", &[]),
    ("status", &[]),
    ("validators", &["height", "page", "per_page"]),
];

/// Parameters by their names.
#[derive(Debug, Default)]
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Reads the parameters of a call: an object, or a list in the method's order.
    pub(super) fn from_params(method: &str, params: Value) -> Result<Self, RpcError> {
        match params {
            Value::Null => Ok(Self::default()),
            Value::Object(named) => Ok(Self(named)),
            Value::Array(values) => {
                let names = METHODS.iter().find(|(name, _)| *name == method).map_or(&[][..], |(_, names)| names);
                if values.len() > names.len() {
                    let (expected, found) = (names.len(), values.len());
                    return Err(RpcError::invalid_params(format!("expected {expected} parameters, found {found}")));
                }
                Ok(Self(names.iter().map(|name| (*name).to_owned()).zip(values).collect()))
            }
            _ => Err(RpcError::invalid_params("expected an object or a list")),
        }
    }

    /// Reads the query of a URI, where texts may stand in quotation marks.
    pub(super) fn from_query(query: &BTreeMap<String, String>) -> Self {
        let text = |value: &String| {
            let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            Value::String(inner.unwrap_or(value).to_owned())
        };
        Self(query.iter().map(|(name, value)| (name.clone(), text(value))).collect())
    }

    /// A number, as such or as a text; none when it is left out or empty.
    fn number(&self, name: &str) -> Result<Option<i64>, RpcError> {
        let wrong = || RpcError::invalid_params(format!("{name}: expected a number of 64 bits"));
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| wrong()),
            Some(value) => value.as_i64().map(Some).ok_or_else(wrong),
        }
    }

    fn text(&self, name: &str) -> Result<&str, RpcError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(RpcError::invalid_params(format!("{name}: expected a text"))),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, RpcError> {
        match self.0.get(name) {
            None | Some(Value::Null | Value::Bool(false)) => Ok(false),
            Some(Value::Bool(true)) => Ok(true),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text.is_empty() || text == "false" => Ok(false),
            Some(_) => Err(RpcError::invalid_params(format!("{name}: expected true or false"))),
        }
    }

    /// What comes before the page asked for, and how much is on it, of so many in all.
    fn page_of(&self, total: usize) -> Result<(usize, usize), RpcError> {
        let per_page = match self.number("per_page")? {
            Some(count) if count > 0 => count.unsigned_abs().min(MAX_PER_PAGE),
            _ => DEFAULT_PER_PAGE,
        };
        let pages = (total as u64).div_ceil(per_page).max(1);
        let page = self.number("page")?.unwrap_or(1);
        let skipped = u64::try_from(page)
            .ok()
            .filter(|page| (1..=pages).contains(page))
            .map(|page| (page - 1).saturating_mul(per_page))
            .ok_or_else(|| RpcError::internal(format!("page should be within [1, {pages}] range, given {page}")))?;
        Ok((skipped as usize, per_page as usize))
    }

    /// Bytes in hexadecimal.
    fn bytes(&self, name: &str) -> Result<Vec<u8>, RpcError> {
        let text = self.text(name)?;
        if text.len() > 2 * MAX_KEY_BYTES + 2 {
            return Err(RpcError::invalid_params(format!("{name}: expected at most {MAX_KEY_BYTES} bytes")));
        }
        hex::decode(text).map_err(|_| RpcError::invalid_params(format!("{name}: expected hexadecimal digits")))
    }
}

impl Request<'_> {
    pub(super) fn tendermint(&self, method: &str, arguments: &Arguments) -> Result<Value, RpcError> {
        let head = self.sealed(self.latest()).ok_or_else(|| RpcError::method_not_found(method))?;
        match method {
            "health" => Ok(json!({})),
            "status" => Ok(self.status(&head)),
            "abci_info" => Ok(json!({"response": {
                "data": "devchain",
                "version": env!("CARGO_PKG_VERSION"),
                "app_version": "1",
                "last_block_height": self.latest().to_string(),
                "last_block_app_hash": base64(head.app_hash.as_slice()),
            }})),
            "header" => {
                let (_, block, sealed) = self.found(arguments)?;
                Ok(json!({"header": self.shown_certified(&block, &sealed)?.header()}))
            }
            "commit" => {
                let (number, block, sealed) = self.found(arguments)?;
                let signed_header = self.shown_certified(&block, &sealed)?.signed_header();
                // The next block is what makes a commit canonical.
                Ok(json!({"signed_header": signed_header, "canonical": number < self.latest()}))
            }
            "block" => {
                let (number, block, sealed) = self.found(arguments)?;
                self.shown_block(number, &block, &sealed)
            }
            "block_search" => self.block_search(arguments),
            "validators" => self.validators(arguments),
            "abci_query" => self.abci_query(arguments),
            other => Err(RpcError::method_not_found(other)),
        }
    }

    fn sealed(&self, number: u64) -> Option<Arc<Sealed>> {
        match &self.chain.block(number)?.seal {
            Seal::Tendermint(sealed) => Some(sealed.clone()),
            Seal::Qbft(_) => None,
        }
    }

    /// The height asked for, up to `latest`; that one when none is asked for.
    fn height(&self, arguments: &Arguments, latest: u64) -> Result<u64, RpcError> {
        let Some(asked) = arguments.number("height")? else { return Ok(latest) };
        match u64::try_from(asked) {
            Ok(number) if number > latest => Err(RpcError::internal(format!(
                "height {number} must be less than or equal to the current blockchain height {latest}"
            ))),
            Ok(number) if number > 0 => Ok(number),
            _ => Err(RpcError::internal(format!("height must be greater than 0, but got {asked}"))),
        }
    }

    /// The block at the height asked for.
    fn found(&self, arguments: &Arguments) -> Result<(u64, Arc<Block>, Arc<Sealed>), RpcError> {
        let number = self.height(arguments, self.latest())?;
        let block = self.chain.block(number).zip(self.sealed(number));
        let (block, sealed) = block.ok_or_else(|| RpcError::internal("no block yet"))?;
        Ok((number, block, sealed))
    }

    /// The header and the votes that the caller is shown for a block.
    fn shown_certified<'b>(&self, block: &'b Block, sealed: &'b Sealed) -> Result<Cow<'b, Certified>, RpcError> {
        let real = sealed.certified.as_ref().ok_or_else(|| RpcError::internal("no block yet"))?;
        let state_root = self.faults.false_root(block.header.number);
        if self.drawn.equivocate {
            let forgery = Forgery { state_root: Some(state_root), ..Forgery::default() };
            return Ok(Cow::Owned(self.chain.forge_certified(block, &forgery)?.certified));
        }
        if self.drawn.altered_state_root {
            return Ok(Cow::Owned(real.with_app_hash(state_root)));
        }
        if self.drawn.altered_commit {
            return Ok(Cow::Owned(real.with_altered_vote(self.drawn.salt)));
        }
        Ok(Cow::Borrowed(real))
    }

    fn shown_block(&self, number: u64, block: &Block, sealed: &Sealed) -> Result<Value, RpcError> {
        let parent = number.checked_sub(1).and_then(|parent| self.chain.block(parent));
        let parent = parent.ok_or_else(|| RpcError::internal("no block before"))?;
        Ok(self.shown_certified(block, sealed)?.block(&parent, block))
    }

    /// One page of the blocks that match, the latest first unless asked otherwise.
    fn block_search(&self, arguments: &Arguments) -> Result<Value, RpcError> {
        let mut heights = search::heights(arguments.text("query")?, self.latest())?;
        match arguments.text("order_by")? {
            "asc" => {}
            "" | "desc" => heights.reverse(),
            _ => return Err(RpcError::internal("expected order_by to be either `asc` or `desc` or empty")),
        }
        let (skipped, per_page) = arguments.page_of(heights.len())?;
        let shown = heights.iter().skip(skipped).take(per_page).map(|number| {
            let block = self.chain.block(*number).zip(self.sealed(*number));
            let (block, sealed) = block.ok_or_else(|| RpcError::internal("no block yet"))?;
            self.shown_block(*number, &block, &sealed)
        });
        let shown = shown.collect::<Result<Vec<_>, _>>()?;
        Ok(json!({"blocks": shown, "total_count": heights.len().to_string()}))
    }

    fn status(&self, head: &Sealed) -> Value {
        let at = |sealed: Option<&Sealed>| {
            let certified = sealed.and_then(|sealed| sealed.certified.as_ref());
            certified.map(|certified| {
                let header = certified.header();
                let hash = json!(certified.id.hash);
                (hash, header["app_hash"].clone(), header["height"].clone(), header["time"].clone())
            })
        };
        let none = || (json!(""), json!(""), json!("0"), json!("1970-01-01T00:00:00Z"));
        let (hash, app_hash, height, time) = at(Some(head)).unwrap_or_else(none);
        let (first_hash, first_app_hash, first_height, first_time) = at(self.sealed(1).as_deref()).unwrap_or_else(none);
        let network = match &self.chain.config().consensus {
            Consensus::Tendermint(settings) => settings.chain_id.as_str(),
            Consensus::Qbft => "",
        };
        // One node stands for all validators; it shows the one whose turn is next.
        let myself = head.next.proposer();
        json!({
            "node_info": {
                "protocol_version": {"p2p": "8", "block": "11", "app": "1"},
                "id": hex::encode(myself.address),
                "listen_addr": "",
                "network": network,
                "version": "0.38.17",
                "channels": "",
                "moniker": "devchain",
                "other": {"tx_index": "off", "rpc_address": ""},
            },
            "sync_info": {
                "latest_block_hash": hash,
                "latest_app_hash": app_hash,
                "latest_block_height": height,
                "latest_block_time": time,
                "earliest_block_hash": first_hash,
                "earliest_app_hash": first_app_hash,
                "earliest_block_height": first_height,
                "earliest_block_time": first_time,
                "catching_up": false,
            },
            "validator_info": {
                "address": hexadecimal(myself.address.as_slice()),
                "pub_key": public_key(&myself.key),
                "voting_power": myself.power.to_string(),
            },
        })
    }

    /// One page of a height's set. The set of the height to come is known as well.
    fn validators(&self, arguments: &Arguments) -> Result<Value, RpcError> {
        let number = self.height(arguments, self.latest() + 1)?;
        let set = match self.sealed(number).filter(|_| number <= self.latest()) {
            Some(sealed) => sealed.set.clone(),
            None => self.sealed(number - 1).ok_or_else(|| RpcError::internal("no block yet"))?.next.clone(),
        };
        let all = validators(&set);
        let total = all.len();
        let (skipped, per_page) = arguments.page_of(total)?;
        let shown: Vec<Value> = all.into_iter().skip(skipped).take(per_page).collect();
        Ok(json!({
            "block_height": number.to_string(),
            "count": shown.len().to_string(),
            "total": total.to_string(),
            "validators": shown,
        }))
    }

    /// What the store `evm` holds after a block, with the proof under the next header's application hash.
    fn abci_query(&self, arguments: &Arguments) -> Result<Value, RpcError> {
        let (path, key) = (arguments.text("path")?, arguments.bytes("data")?);
        let latest = self.latest();
        let number = match arguments.number("height")? {
            None | Some(0) => latest,
            Some(asked) => u64::try_from(asked)
                .map_err(|_| RpcError::internal("cannot query with height < 0; please provide a valid height"))?,
        };
        let store = path.strip_prefix("/store/").and_then(|rest| rest.strip_suffix("/key"));
        match store {
            None => return Ok(refused(UNKNOWN_REQUEST, "unknown query path: unknown request")),
            Some(EVM_STORE) => {}
            Some(_) => return Ok(refused(UNKNOWN_REQUEST, "no such store: unknown request")),
        }
        let state = (number <= latest).then(|| read(self.chain.index()).state(number)).flatten();
        let Some((mut value, mut operations)) = state.and_then(|state| state.prove(&key)) else {
            let text = "proof is unexpectedly empty; ensure height has not been pruned: invalid request";
            return Ok(refused(INVALID_REQUEST, text));
        };
        if self.drawn.altered_proof {
            alter_answer(&mut value, &mut operations, self.drawn.salt);
        }
        let [inner, outer] = operations;
        let proof = arguments.flag("prove")?.then(|| {
            json!({"ops": [
                {"type": "ics23:jmt", "key": base64(&key), "data": base64(&inner)},
                {"type": "ics23:simple", "key": base64(EVM_STORE.as_bytes()), "data": base64(&outer)},
            ]})
        });
        Ok(json!({"response": {
            "code": 0,
            "log": "",
            "info": "",
            "index": "0",
            "key": base64(&key),
            "value": value.map(|value| base64(value.as_slice())),
            "proofOps": proof,
            "height": number.to_string(),
            "codespace": "",
        }}))
    }
}

/// An answer of the application that is none.
fn refused(code: u32, log: &str) -> Value {
    json!({"response": {
        "code": code,
        "log": log,
        "info": "",
        "index": "0",
        "key": null,
        "value": null,
        "proofOps": null,
        "height": "0",
        "codespace": "sdk",
    }})
}

/// Changes the value, or flips one bit of one of the proofs.
fn alter_answer(value: &mut Option<B256>, operations: &mut [Vec<u8>; 2], salt: u64) {
    if salt.is_multiple_of(2)
        && let Some(value) = value
    {
        value[31] ^= 1;
        return;
    }
    let operation = &mut operations[pick(2, salt >> 1)];
    let at = pick(operation.len(), salt >> 16);
    if let Some(byte) = operation.get_mut(at) {
        *byte ^= 1 << (salt >> 4 & 7);
    }
}
