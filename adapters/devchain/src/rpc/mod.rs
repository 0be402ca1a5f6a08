//! JSON-RPC on a chain, without transport: bytes in, bytes out. A chain under Tendermint has a second face, with methods of its own.

mod call;
mod error;
mod eth;
mod lab;
mod logs;
mod params;
mod search;
mod shape;
mod tendermint;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::chain::Chain;
use crate::fault::{Drawn, FaultRule, Faults, Loss};

pub use call::MAX_REVERT_REASON_BYTES;
pub use error::RpcError;
pub use eth::{MAX_FEE_HISTORY_BLOCKS, MAX_PROOF_SLOTS};
pub use logs::{MAX_LOG_ALTERNATIVES, MAX_LOG_RANGE_BLOCKS, MAX_LOGS};
pub use tendermint::{MAX_KEY_BYTES, MAX_PER_PAGE};

use params::Params;

/// Largest request, bytes.
pub const MAX_REQUEST_BYTES: usize = 5 * 1024 * 1024;

/// Most calls in one batch.
pub const MAX_BATCH_CALLS: usize = 1_000;

/// Answers of a batch stop growing here, bytes; later calls of it get an error.
pub const MAX_BATCH_RESPONSE_BYTES: usize = 25 * 1024 * 1024;

/// The JSON-RPC face of a chain.
#[derive(Clone, Debug)]
pub struct Rpc {
    chain: Arc<Chain>,
    faults: Arc<Faults>,
    levers: bool,
}

/// What a transport does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Send these bytes after the delay.
    Answer {
        /// JSON.
        body: Vec<u8>,
        /// Caused by a fault.
        delay: Duration,
    },
    /// Everything was a notification: send an empty answer.
    Nothing,
    /// Fault: never answer.
    NoAnswer,
    /// Fault: reset the connection.
    Reset,
}

/// Whose methods a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    Ethereum,
    Tendermint,
}

/// One call as it is handled: the chain as the caller is shown it.
pub(crate) struct Request<'a> {
    chain: &'a Chain,
    faults: &'a Faults,
    drawn: Drawn,
}

impl Rpc {
    /// `levers` allows the `lab_*` methods; `faults` are in force from the first request on.
    #[must_use]
    pub fn new(chain: Arc<Chain>, levers: bool, faults: Vec<FaultRule>) -> Self {
        let faults = Arc::new(Faults::new(&chain.config().seed, faults));
        Self { chain, faults, levers }
    }

    /// The chain below.
    #[must_use]
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// Replaces the faults in force.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.faults.set(rules);
    }

    /// Draws whether the next block is held back by a fault.
    #[must_use]
    pub fn stalls(&self) -> bool {
        self.faults.stalls(self.chain.latest())
    }

    /// Answers one HTTP body with calls of Ethereum's methods: a call or a batch.
    #[must_use]
    pub fn handle(&self, body: &[u8]) -> Reply {
        self.answer_body(Face::Ethereum, body)
    }

    /// Answers one HTTP body with calls of Tendermint's methods: a call or a batch.
    #[must_use]
    pub fn handle_tendermint(&self, body: &[u8]) -> Reply {
        self.answer_body(Face::Tendermint, body)
    }

    /// Answers a method of Tendermint with its parameters as they stand in the query of a URI.
    #[must_use]
    pub fn handle_tendermint_uri(&self, method: &str, query: &BTreeMap<String, String>) -> Reply {
        let drawn = self.faults.request(self.chain.latest());
        if let Some(lost) = lost(&drawn) {
            return lost;
        }
        let outcome = self.request(&drawn).tendermint(method, &tendermint::Arguments::from_query(query));
        let body = envelope(json!(tendermint::URI_ID), outcome).to_string().into_bytes();
        Reply::Answer { body, delay: Duration::from_millis(drawn.delay_ms) }
    }

    fn answer_body(&self, face: Face, body: &[u8]) -> Reply {
        let drawn = self.faults.request(self.chain.latest());
        if let Some(lost) = lost(&drawn) {
            return lost;
        }
        let delay = Duration::from_millis(drawn.delay_ms);
        let answer = if body.len() > MAX_REQUEST_BYTES {
            Some(failure(Value::Null, RpcError::request_too_large(body.len())))
        } else {
            match serde_json::from_slice::<Value>(body) {
                Ok(Value::Array(calls)) => return self.batch(face, calls, &drawn, delay),
                Ok(call) => self.answer(face, call, &drawn),
                Err(error) => Some(failure(Value::Null, RpcError::parse(&error))),
            }
        };
        match answer {
            Some(answer) => Reply::Answer { body: answer.to_string().into_bytes(), delay },
            None => Reply::Nothing,
        }
    }

    /// One call of a method of Ethereum, with the faults in force except loss and delay.
    ///
    /// # Errors
    /// As the method.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let drawn = self.faults.request(self.chain.latest());
        self.dispatch(Face::Ethereum, method, params, &drawn)
    }

    /// One call of a method of Tendermint, the same way.
    ///
    /// # Errors
    /// As the method.
    pub fn call_tendermint(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let drawn = self.faults.request(self.chain.latest());
        self.dispatch(Face::Tendermint, method, params, &drawn)
    }

    fn batch(&self, face: Face, calls: Vec<Value>, drawn: &Drawn, delay: Duration) -> Reply {
        if calls.is_empty() || calls.len() > MAX_BATCH_CALLS {
            let body = failure(Value::Null, RpcError::batch_size(calls.len())).to_string().into_bytes();
            return Reply::Answer { body, delay };
        }
        let mut body = vec![b'['];
        for call in calls {
            let answer = if body.len() > MAX_BATCH_RESPONSE_BYTES {
                Some(failure(id_of(&call), RpcError::response_too_large()))
            } else {
                self.answer(face, call, drawn)
            };
            if let Some(answer) = answer {
                if body.len() > 1 {
                    body.push(b',');
                }
                body.extend_from_slice(answer.to_string().as_bytes());
            }
        }
        if body.len() == 1 {
            return Reply::Nothing;
        }
        body.push(b']');
        Reply::Answer { body, delay }
    }

    /// `None` for a notification.
    fn answer(&self, face: Face, mut call: Value, drawn: &Drawn) -> Option<Value> {
        let id = id_of(&call);
        let Some(call) = call.as_object_mut() else {
            return Some(failure(id, RpcError::invalid_request()));
        };
        let is_call = call.get("jsonrpc").and_then(Value::as_str) == Some("2.0");
        let (Some(Value::String(method)), true) = (call.remove("method"), is_call) else {
            return Some(failure(id, RpcError::invalid_request()));
        };
        let params = call.remove("params").unwrap_or(Value::Null);
        let outcome = self.dispatch(face, &method, params, drawn);
        call.contains_key("id").then(|| envelope(id, outcome))
    }

    fn dispatch(&self, face: Face, method: &str, params: Value, drawn: &Drawn) -> Result<Value, RpcError> {
        if face == Face::Tendermint {
            return self.request(drawn).tendermint(method, &tendermint::Arguments::from_params(method, params)?);
        }
        let params = Params::new(params)?;
        if method.starts_with("lab_") {
            if !self.levers {
                return Err(RpcError::method_not_found(method));
            }
            return lab::dispatch(&self.chain, &self.faults, method, &params);
        }
        self.request(drawn).dispatch(method, &params)
    }

    fn request(&self, drawn: &Drawn) -> Request<'_> {
        Request { chain: &self.chain, faults: &self.faults, drawn: drawn.clone() }
    }
}

/// What becomes of a request that a fault loses.
fn lost(drawn: &Drawn) -> Option<Reply> {
    drawn.loss.map(|loss| match loss {
        Loss::NoAnswer => Reply::NoAnswer,
        Loss::Reset => Reply::Reset,
    })
}

/// A place in something of that length, chosen by a fault's salt.
fn pick(length: usize, salt: u64) -> usize {
    (salt % (length.max(1) as u64)) as usize
}

fn envelope(id: Value, outcome: Result<Value, RpcError>) -> Value {
    match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => failure(id, error),
    }
}

fn id_of(call: &Value) -> Value {
    match call.get("id") {
        Some(id @ (Value::String(_) | Value::Number(_))) => id.clone(),
        _ => Value::Null,
    }
}

fn failure(id: Value, error: RpcError) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": error.into_value()})
}
