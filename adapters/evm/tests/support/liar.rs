//! A node that answers as a test wants: it has an honest chain behind it and may change, withhold or garble answers.
#![allow(dead_code, clippy::unwrap_used)]

use adapter_devchain::{NodeHandle, Reply, Rpc};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use serde_json::Value;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// Changes an answer: method, parameters, the answer itself.
type Change = Box<dyn Fn(&str, &Value, &mut Value) + Send + Sync>;

/// What the node does with a request.
pub(crate) enum Act {
    /// Changes the honest result of each call: method, parameters, answer (with `result` or `error`).
    Change(Change),
    /// Answers with these bytes, this status and type, whatever is asked.
    Say(u16, &'static str, Vec<u8>),
    /// Changes the bytes of the honest answer.
    Garble(fn(Vec<u8>) -> Vec<u8>),
    /// Never answers.
    Hang,
    /// Never ends its answer.
    Flood,
}

impl Act {
    pub(crate) fn honest() -> Self {
        Self::Change(Box::new(|_, _, _| {}))
    }

    pub(crate) fn change(change: impl Fn(&str, &Value, &mut Value) + Send + Sync + 'static) -> Self {
        Self::Change(Box::new(change))
    }
}

/// The running node.
pub(crate) struct Liar {
    pub(crate) url: String,
    state: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    rpc: Rpc,
    act: Mutex<Arc<Act>>,
    requests: AtomicUsize,
}

impl Liar {
    pub(crate) async fn start(honest: &NodeHandle, act: Act) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let act = Mutex::new(Arc::new(act));
        let state = Arc::new(Shared { rpc: honest.rpc().clone(), act, requests: AtomicUsize::new(0) });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, task }
    }

    /// From now on does this.
    pub(crate) fn set(&self, act: Act) {
        *self.state.act.lock().unwrap() = Arc::new(act);
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(state): State<Arc<Shared>>, body: Bytes) -> Response {
    state.requests.fetch_add(1, Ordering::SeqCst);
    let act = Arc::clone(&state.act.lock().unwrap());
    let honest = || match state.rpc.handle(&body) {
        Reply::Answer { body, .. } => body,
        _ => panic!("the honest chain has no faults"),
    };
    let json = |bytes: Vec<u8>| response(200, "application/json", Body::from(bytes));
    match act.as_ref() {
        Act::Hang => std::future::pending().await,
        Act::Say(status, kind, bytes) => response(*status, kind, Body::from(bytes.clone())),
        Act::Garble(garble) => json(garble(honest())),
        Act::Flood => {
            let chunk = Bytes::from(vec![b'['; 64 * 1024]);
            let endless = futures::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
            response(200, "application/json", Body::from_stream(endless))
        }
        Act::Change(change) => {
            let request: Value = serde_json::from_slice(&body).unwrap();
            let mut answer: Value = serde_json::from_slice(&honest()).unwrap();
            let one = |request: &Value, answer: &mut Value| {
                change(request["method"].as_str().unwrap(), &request["params"], answer);
            };
            match (request.as_array(), answer.as_array_mut()) {
                (Some(requests), Some(answers)) => {
                    for request in requests {
                        let answer = answers.iter_mut().find(|answer| answer["id"] == request["id"]).unwrap();
                        one(request, answer);
                    }
                }
                _ => one(&request, &mut answer),
            }
            json(serde_json::to_vec(&answer).unwrap())
        }
    }
}

fn response(status: u16, kind: &str, body: Body) -> Response {
    Response::builder().status(status).header("content-type", kind).body(body).unwrap()
}
