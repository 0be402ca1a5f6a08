//! One more endpoint of a development chain, with what it shows in the test's hands.

use adapter_devchain::{Chain, ExtraData, FaultRule, Forgery, NodeHandle, Reply, Rpc, block_hash};
use axum::{Router, body::Bytes, extract::State, http::header, response::IntoResponse};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::{net::TcpListener, task::JoinHandle};

/// The running endpoint.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    rpc: Rpc,
    /// Which of the chain's methods it answers.
    handle: fn(&Rpc, &[u8]) -> Reply,
    /// What the blocks that it shows are, in place of the chain's.
    forgery: Mutex<Option<Forgery>>,
    /// What stands in its answers, and what it puts there instead.
    lies: Mutex<Vec<(String, String)>>,
}

impl Endpoint {
    /// An honest one, of the methods of Ethereum.
    pub(crate) async fn start(node: &NodeHandle) -> Self {
        Self::answering(node, Rpc::handle).await
    }

    /// An honest one, of the methods of Tendermint.
    pub(crate) async fn of_tendermint(node: &NodeHandle) -> Self {
        Self::answering(node, Rpc::handle_tendermint).await
    }

    async fn answering(node: &NodeHandle, handle: fn(&Rpc, &[u8]) -> Reply) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rpc = Rpc::new(Arc::clone(node.chain()), false, Vec::new());
        let shared = Arc::new(Shared { rpc, handle, forgery: Mutex::new(None), lies: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    /// From now on has these faults.
    pub(crate) fn set_faults(&self, rules: Vec<FaultRule>) {
        self.shared.rpc.set_faults(rules);
    }

    /// From now on shows these blocks.
    pub(crate) fn forge(&self, forgery: Option<Forgery>) {
        *self.shared.forgery.lock().unwrap() = forgery;
    }

    /// From now on says the second wherever it would say the first.
    pub(crate) fn lie(&self, lies: Vec<(String, String)>) {
        *self.shared.lies.lock().unwrap() = lies;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> impl IntoResponse {
    let Reply::Answer { body: bytes, .. } = (shared.handle)(&shared.rpc, &body) else { panic!("it always answers") };
    let forgery = shared.forgery.lock().unwrap().clone();
    let bytes = match forgery {
        None => bytes,
        Some(forgery) => {
            let request: Value = serde_json::from_slice(&body).unwrap();
            let mut answers: Value = serde_json::from_slice(&bytes).unwrap();
            let chain = shared.rpc.chain();
            match (request.as_array(), answers.as_array_mut()) {
                (Some(requests), Some(answers)) => {
                    for answer in answers {
                        let request = requests.iter().find(|request| request["id"] == answer["id"]).unwrap();
                        forge(chain, &forgery, request, answer);
                    }
                }
                _ => forge(chain, &forgery, &request, &mut answers),
            }
            serde_json::to_vec(&answers).unwrap()
        }
    };
    let lies = shared.lies.lock().unwrap().clone();
    let text = lies.iter().fold(String::from_utf8(bytes).unwrap(), |text, (truth, lie)| text.replace(truth, lie));
    ([(header::CONTENT_TYPE, "application/json")], text)
}

/// Another block in place of the one that is shown; only what a forgery changes is changed.
fn forge(chain: &Chain, forgery: &Forgery, request: &Value, answer: &mut Value) {
    let Some(block) = answer.get_mut("result").filter(|_| request["method"] == "eth_getBlockByNumber") else { return };
    let Some(number) = block["number"].as_str() else { return };
    let number = u64::from_str_radix(number.trim_start_matches("0x"), 16).unwrap();
    if number == 0 {
        return;
    }
    let header = chain.forge(number, forgery).unwrap();
    let hash = block_hash(&header, &ExtraData::decode(&header.extra_data).unwrap());
    block["hash"] = format!("{hash:?}").into();
    block["timestamp"] = format!("{:#x}", header.timestamp).into();
    block["receiptsRoot"] = format!("{:?}", header.receipts_root).into();
    block["extraData"] = header.extra_data.to_string().into();
}
