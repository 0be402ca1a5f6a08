use crate::{
    Extension, StatusReport, events, host, metrics, packets,
    page::Page,
    server::{Shared, report},
};
use axum::{
    Json, Router,
    extract::{FromRef, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use relayer_engine::NodeState;
use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

impl FromRef<Shared> for Arc<dyn crate::Backend> {
    fn from_ref(shared: &Shared) -> Self {
        Arc::clone(&shared.backend)
    }
}

pub(crate) fn routes(shared: Shared, extensions: &[Arc<dyn Extension>], address: SocketAddr) -> Router {
    let mut routes = Router::new()
        .route("/", get(page))
        .route("/api/status", get(status))
        .route("/api/packets", get(packets::list))
        .route("/api/packets/{path}/{direction}/{sequence}", get(packets::one))
        .route("/api/events", get(events::events))
        .route("/metrics", get(scrape))
        .route("/healthz", get(health))
        .with_state(shared);
    for extension in extensions {
        routes = routes.merge(extension.routes());
    }
    routes = routes.layer(middleware::from_fn(headers));
    if address.ip().is_loopback() {
        // Where other machines are let in, they come by names that only the operator knows.
        routes = routes.layer(middleware::from_fn(host::require_own_host));
    }
    routes
}

async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    }
    response
}

async fn page(State(shared): State<Shared>) -> Response {
    let Page { html, policy } = shared.page.as_ref();
    ([(header::CONTENT_SECURITY_POLICY, policy.clone())], Html(html.clone())).into_response()
}

async fn status(State(shared): State<Shared>) -> Json<StatusReport> {
    Json(report(shared.backend.as_ref()))
}

async fn scrape(State(shared): State<Shared>) -> Response {
    match metrics::text(&report(shared.backend.as_ref())) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn health(State(shared): State<Shared>) -> Response {
    let status = shared.backend.status();
    let mut reasons = String::new();
    if !status.running {
        reasons.push_str("the relayer does not run\n");
    }
    for chain in status.chains.iter().filter(|chain| chain.node != NodeState::Ok) {
        // Writing to a String cannot fail.
        let _ = writeln!(reasons, "chain {}: its nodes are {}", chain.name, node_word(chain.node));
    }
    if reasons.is_empty() {
        return (StatusCode::OK, "ok\n").into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, reasons).into_response()
}

fn node_word(node: NodeState) -> &'static str {
    match node {
        NodeState::Unknown => "not heard of yet",
        NodeState::Ok => "well",
        NodeState::Unreachable => "unreachable",
        NodeState::Inconsistent => "contradicting what is proven",
        NodeState::Misconfigured => "not what the configuration says",
    }
}
