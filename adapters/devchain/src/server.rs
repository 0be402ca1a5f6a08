//! HTTP transport of the JSON-RPC, bounded in every direction. Ethereum's methods are at `/`, those of Tendermint below
//! [`TENDERMINT_PATH`], posted or as URIs.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::consensus::Consensus;
use crate::rpc::{MAX_REQUEST_BYTES, Reply, Rpc};

/// Where the methods of Tendermint are.
pub const TENDERMINT_PATH: &str = "/tendermint";

/// Most connections at one time; further ones wait to be accepted.
pub const MAX_CONNECTIONS: usize = 256;

/// Most requests computed at one time; further ones wait.
pub const MAX_CONCURRENT_REQUESTS: usize = 16;

/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request without an answer is held before its connection ends.
const NO_ANSWER_HOLD: Duration = Duration::from_secs(300);

/// How soon accepting is tried again after the system refused.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Service {
    rpc: Rpc,
    computing: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

/// Serves until `stopped` becomes true, then finishes the requests that are under way.
pub(crate) async fn serve(listener: TcpListener, rpc: Rpc, stopped: watch::Receiver<bool>) {
    let computing = Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS));
    let mut router = Router::new().route("/", post(answer));
    if rpc.chain().config().consensus != Consensus::Qbft {
        router = router
            .route(TENDERMINT_PATH, post(answer_tendermint))
            .route(&format!("{TENDERMINT_PATH}/"), post(answer_tendermint))
            .route(&format!("{TENDERMINT_PATH}/{{method}}"), get(answer_uri));
    }
    let router = router.with_state(Service { rpc, computing, stopped: stopped.clone() });
    let listener = Limited { listener, connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)) };
    let served = axum::serve(listener, router).with_graceful_shutdown(until(stopped)).await;
    if let Err(error) = served {
        warn!(%error, "devchain's server ended");
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the handle is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn answer(State(service): State<Service>, request: Request) -> Response {
    answer_body(service, request, Rpc::handle).await
}

async fn answer_tendermint(State(service): State<Service>, request: Request) -> Response {
    answer_body(service, request, Rpc::handle_tendermint).await
}

async fn answer_uri(
    State(service): State<Service>,
    Path(method): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    match check_host(&headers) {
        Ok(()) => compute(service, move |rpc| rpc.handle_tendermint_uri(&method, &query)).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer_body(service: Service, request: Request, handle: fn(&Rpc, &[u8]) -> Reply) -> Response {
    if let Err(refusal) = check_content_type(request.headers()).and_then(|()| check_host(request.headers())) {
        return refusal.into_response();
    }
    let body = match timeout(BODY_TIMEOUT, to_bytes(request.into_body(), MAX_REQUEST_BYTES)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let text = format!("request too large: expected at most {MAX_REQUEST_BYTES} bytes\n");
            return (StatusCode::PAYLOAD_TOO_LARGE, text).into_response();
        }
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    compute(service, move |rpc| handle(rpc, &body)).await
}

/// Computes a reply, when it is its turn, and sends it.
async fn compute(service: Service, reply: impl FnOnce(&Rpc) -> Reply + Send + 'static) -> Response {
    let Ok(permit) = service.computing.clone().acquire_owned().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let rpc = service.rpc.clone();
    let computed = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        reply(&rpc)
    });
    match computed.await {
        Ok(Reply::Answer { body, delay }) => {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
        }
        Ok(Reply::Nothing) => StatusCode::OK.into_response(),
        Ok(Reply::NoAnswer) => {
            tokio::select! {
                () = sleep(NO_ANSWER_HOLD) => {}
                () = until(service.stopped) => {}
            }
            reset()
        }
        Ok(Reply::Reset) => reset(),
        Err(error) => {
            warn!(%error, "a request failed inside the node");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page in a browser can reach 127.0.0.1, but cannot send this content type to another origin unasked.
fn check_content_type(headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
    let content_type = text(headers, &header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    if !content_type.eq_ignore_ascii_case("application/json") {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid content type, only application/json is supported\n"));
    }
    Ok(())
}

/// Nor can it choose the host name, under which alone it could read an answer.
fn check_host(headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
    let host = text(headers, &header::HOST);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !(name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost")) {
        return Err((StatusCode::FORBIDDEN, "invalid host specified\n"));
    }
    Ok(())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// An answer that breaks off, so that the connection is closed in the middle of it.
fn reset() -> Response {
    let broken = futures::stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    Body::from_stream(broken).into_response()
}

/// Accepts no more connections than allowed.
struct Limited {
    listener: TcpListener,
    connections: Arc<Semaphore>,
}

impl Listener for Limited {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let permit = self.connections.clone().acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Small answers must not wait for more to send.
                    let _ = stream.set_nodelay(true);
                    return (Connection { stream, _permit: permit }, address);
                }
                Err(error) => {
                    warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that gives its place back when it ends.
struct Connection {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
