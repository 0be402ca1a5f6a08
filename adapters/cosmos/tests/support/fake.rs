//! A node, or a gateway before one, that answers as a test wants.
#![allow(dead_code, clippy::unwrap_used)]

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// What a node answers: a result, or an error's code and data.
pub(crate) type Answer = Result<Value, (i64, String)>;
type Handler = Arc<dyn Fn(&str, &Value) -> Answer + Send + Sync>;

/// What is answered whatever is asked: status, headers, body.
#[derive(Clone)]
pub(crate) struct Raw(pub(crate) u16, pub(crate) Vec<(&'static str, &'static str)>, pub(crate) &'static str);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) method: String,
    pub(crate) params: Value,
}

/// The running node.
pub(crate) struct Fake {
    pub(crate) url: String,
    state: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    handler: Mutex<Handler>,
    raw: Mutex<Option<Raw>>,
    takes_batches: Mutex<bool>,
    asked: Mutex<Vec<Asked>>,
}

impl Fake {
    pub(crate) async fn start(handler: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Shared {
            handler: Mutex::new(Arc::new(handler)),
            raw: Mutex::new(None),
            takes_batches: Mutex::new(true),
            asked: Mutex::new(Vec::new()),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, task }
    }

    /// A node of this chain.
    pub(crate) async fn of(chain: &Arc<Chain>) -> Self {
        let chain = Arc::clone(chain);
        Self::start(move |method, params| chain.answer(method, params)).await
    }

    /// A node of this chain that changes its answers.
    pub(crate) async fn liar(
        chain: &Arc<Chain>,
        change: impl Fn(&str, &Value, &mut Value) + Send + Sync + 'static,
    ) -> Self {
        let chain = Arc::clone(chain);
        Self::start(move |method, params| {
            let mut answer = chain.answer(method, params)?;
            change(method, params, &mut answer);
            Ok(answer)
        })
        .await
    }

    /// From now on answers so.
    pub(crate) fn set(&self, handler: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) {
        *self.state.handler.lock().unwrap() = Arc::new(handler);
    }

    /// From now on says this whatever is asked, or answers again.
    pub(crate) fn say(&self, raw: Option<Raw>) {
        *self.state.raw.lock().unwrap() = raw;
    }

    pub(crate) fn refuse_batches(&self) {
        *self.state.takes_batches.lock().unwrap() = false;
    }

    /// What was asked since this was last called.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.asked.lock().unwrap())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(state): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let requests = request.as_array().cloned().unwrap_or_else(|| vec![request.clone()]);
    let headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned())).collect();
    for request in &requests {
        state.asked.lock().unwrap().push(Asked {
            path: uri.path().to_owned(),
            headers: headers.clone(),
            method: request["method"].as_str().unwrap().to_owned(),
            params: request["params"].clone(),
        });
    }
    if let Some(Raw(status, headers, body)) = state.raw.lock().unwrap().clone() {
        let response = headers.into_iter().fold(Response::builder().status(status), |r, (k, v)| r.header(k, v));
        return response.body(Body::from(body)).unwrap();
    }
    let handler = Arc::clone(&state.handler.lock().unwrap());
    let one = |request: &Value| {
        let mut answer = json!({ "jsonrpc": "2.0", "id": request["id"] });
        match handler(request["method"].as_str().unwrap(), &request["params"]) {
            Ok(result) => answer["result"] = result,
            Err((code, data)) => {
                answer["error"] = json!({ "code": code, "message": "Internal error", "data": data });
            }
        }
        answer
    };
    let answer = if !request.is_array() {
        one(&request)
    } else if *state.takes_batches.lock().unwrap() {
        requests.iter().map(one).collect()
    } else {
        json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32600, "message": "Invalid Request" } })
    };
    Response::builder().header("content-type", "application/json").body(Body::from(answer.to_string())).unwrap()
}

/// Some blocks and stored values of a chain, recorded.
#[derive(Clone, Default)]
pub(crate) struct Chain {
    pub(crate) name: String,
    /// `{"signed_header", "validators", "next_validators"}` by height.
    pub(crate) blocks: BTreeMap<u64, Value>,
    /// The answer of `abci_query` by the store's path, key in hexadecimal and height of the state.
    pub(crate) values: BTreeMap<(String, String, u64), Value>,
    pub(crate) latest: u64,
    pub(crate) earliest: u64,
}

impl Chain {
    pub(crate) fn new(name: &str, blocks: BTreeMap<u64, Value>) -> Self {
        let (earliest, latest) = (*blocks.keys().next().unwrap(), *blocks.keys().next_back().unwrap());
        Self { name: name.to_owned(), blocks, values: BTreeMap::new(), latest, earliest }
    }

    pub(crate) fn status(&self) -> Value {
        json!({
            "node_info": { "network": self.name, "version": "0.38.17" },
            "sync_info": {
                "latest_block_height": self.latest.to_string(),
                "earliest_block_height": self.earliest.to_string(),
                "catching_up": false,
            },
        })
    }

    /// The set of a height, as far as a block or the one before tells it.
    pub(crate) fn validators(&self, height: u64) -> Option<&Vec<Value>> {
        let own = self.blocks.get(&height).map(|block| &block["validators"]);
        let named = self.blocks.get(&(height - 1)).map(|block| &block["next_validators"]);
        own.or(named).and_then(Value::as_array)
    }

    pub(crate) fn answer(&self, method: &str, params: &Value) -> Answer {
        let height = params["height"].as_str().and_then(|height| height.parse::<u64>().ok());
        let missing = || match height {
            Some(height) if height > self.latest => (-32603, format!("height {height} must be less than or equal …")),
            Some(height) => (-32603, format!("height {height} is not available, lowest height is {}", self.earliest)),
            None => (-32603, "no height".to_owned()),
        };
        match method {
            "status" => Ok(self.status()),
            "commit" => {
                let block = self.blocks.get(&height.unwrap()).ok_or_else(missing)?;
                Ok(json!({ "signed_header": block["signed_header"], "canonical": true }))
            }
            "header" => {
                let block = self.blocks.get(&height.unwrap()).ok_or_else(missing)?;
                Ok(json!({ "header": block["signed_header"]["header"] }))
            }
            "validators" => {
                let all = self.validators(height.unwrap()).ok_or_else(missing)?;
                let number = |name: &str| params[name].as_str().unwrap().parse::<usize>().unwrap();
                let (page, per_page) = (number("page"), number("per_page").min(100));
                let part: Vec<Value> = all.iter().skip((page - 1) * per_page).take(per_page).cloned().collect();
                Ok(json!({
                    "block_height": height.unwrap().to_string(),
                    "count": part.len().to_string(),
                    "total": all.len().to_string(),
                    "validators": part,
                }))
            }
            "abci_query" => {
                let text = |name: &str| params[name].as_str().unwrap().to_lowercase();
                let found = self.values.get(&(text("path"), text("data"), height.unwrap()));
                let failed = json!({ "response": { "code": 38, "codespace": "sdk", "log": "version does not exist" } });
                Ok(found.map_or(failed, |response| json!({ "response": response })))
            }
            other => Err((-32601, format!("{other} not found"))),
        }
    }
}
