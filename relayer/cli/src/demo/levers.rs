//! What a visitor of the demo can do. These routes are added by the demo alone; a relayer has none that changes anything.

use super::{
    Demo,
    stage::{Chain, LANE_TIMEOUT, Stage},
};
use crate::{
    error::{Chain as Words, CliError},
    receipts::Followed,
};
use adapter_evm::receipts::Location;
use alloy_primitives::Address;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// The greatest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 4096;
/// How long a visitor waits for a chain that may stand still.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most that one receipt of the demo is for.
const MAX_QUANTITY: u64 = 1_000_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Issue {
    chain: String,
    quantity: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    uid: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfReceipt {
    uid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Online {
    chain: String,
    address: Address,
    online: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Running {
    running: bool,
}

const UNKNOWN_CHAIN: Stuck = Stuck::Wrong("chain: expected one of the demo's");

/// Why a lever did nothing.
enum Stuck {
    NotReady,
    Wrong(&'static str),
    Late,
    Failed(CliError),
}

/// The levers' routes.
pub(super) fn routes(demo: Arc<Demo>) -> Router {
    Router::new()
        .route("/demo/issue", post(issue))
        .route("/demo/send", post(send))
        .route("/demo/return", post(send_back))
        .route("/demo/redeem", post(redeem))
        .route("/demo/validator", post(validator))
        .route("/demo/relayer", post(relayer))
        .route_layer(middleware::from_fn(require_same_origin))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(demo)
}

/// Lets a request through when it comes from this very page. A browser always says where a POST comes from.
async fn require_same_origin(request: Request, next: Next) -> Response {
    let same = is_same_origin(request.headers());
    if same {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, Json(json!({ "error": "origin: expected this page's own, found another or none" })))
        .into_response()
}

async fn issue(State(demo): State<Arc<Demo>>, Json(wish): Json<Issue>) -> Result<Json<Value>, Stuck> {
    if wish.quantity == 0 || wish.quantity > MAX_QUANTITY {
        return Err(Stuck::Wrong("quantity: expected 1 to 1000000000"));
    }
    let stage = stage(&demo)?;
    let chain = stage.chain(&wish.chain).ok_or(UNKNOWN_CHAIN)?;
    let number = patient(stage.issue(chain, u128::from(wish.quantity))).await?.1;
    let name = chain.name;
    demo.say(&format!("A visitor issues {number} on {name}"), &format!("访客在 {name} 签发 {number}"))?;
    Ok(Json(json!({ "issued": number })))
}

async fn send(State(demo): State<Arc<Demo>>, Json(wish): Json<Send>) -> Result<Json<Value>, Stuck> {
    let stage = stage(&demo)?;
    let abroad = stage.chain(&wish.to).ok_or(UNKNOWN_CHAIN)?;
    let (receipt, home) = find(stage, &wish.uid, Location::Active).await?;
    let sequence =
        patient(async { home.lock(abroad, &receipt.content, home.later(LANE_TIMEOUT).await?).await }).await?;
    let abroad = abroad.name;
    demo.say(
        &format!("A visitor sends a receipt to {abroad}, packet {sequence}"),
        &format!("访客将仓单转往 {abroad}，数据包 {sequence}"),
    )?;
    Ok(Json(json!({ "sequence": sequence })))
}

async fn send_back(State(demo): State<Arc<Demo>>, Json(wish): Json<OfReceipt>) -> Result<Json<Value>, Stuck> {
    let stage = stage(&demo)?;
    let (receipt, abroad) = find(stage, &wish.uid, Location::Live).await?;
    let home = stage.receipts.home_of(&receipt).await.and_then(|name| stage.chain(&name));
    let home = home.ok_or(Stuck::Wrong("uid: expected a receipt whose home is one of the demo's chains"))?;
    let sequence =
        patient(async { abroad.send_back(home, &receipt.content, abroad.later(LANE_TIMEOUT).await?).await }).await?;
    let home = home.name;
    demo.say(
        &format!("A visitor sends a receipt home to {home}, packet {sequence}"),
        &format!("访客将仓单退回 {home}，数据包 {sequence}"),
    )?;
    Ok(Json(json!({ "sequence": sequence })))
}

async fn redeem(State(demo): State<Arc<Demo>>, Json(wish): Json<OfReceipt>) -> Result<Json<Value>, Stuck> {
    let stage = stage(&demo)?;
    let (receipt, home) = find(stage, &wish.uid, Location::Active).await?;
    // At home a receipt's key is its uid.
    patient(home.redeem(receipt.content.lineage.uid)).await?;
    let home = home.name;
    demo.say(&format!("A visitor redeems a receipt on {home}"), &format!("访客在 {home} 提货注销一张仓单"))?;
    Ok(Json(json!({})))
}

async fn validator(State(demo): State<Arc<Demo>>, Json(wish): Json<Online>) -> Result<Json<Value>, Stuck> {
    let stage = stage(&demo)?;
    let chain = stage.chain(&wish.chain).ok_or(UNKNOWN_CHAIN)?;
    chain.set_online(wish.address, wish.online)?;
    let (name, address) = (chain.name, wish.address);
    if wish.online {
        demo.say(&format!("Validator {address} of {name} is back"), &format!("{name} 的验证者 {address} 恢复"))?;
    } else {
        demo.say(&format!("Validator {address} of {name} is stopped"), &format!("{name} 的验证者 {address} 已停止"))?;
    }
    Ok(Json(json!({})))
}

async fn relayer(State(demo): State<Arc<Demo>>, Json(wish): Json<Running>) -> Result<Json<Value>, Stuck> {
    let stage = stage(&demo)?;
    if wish.running {
        stage.start_relayer().await?;
        demo.say("The relayer is started", "中继已启动")?;
    } else {
        stage.stop_relayer().await;
        demo.say("The relayer is stopped", "中继已停止")?;
    }
    Ok(Json(json!({})))
}

fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.strip_prefix("http://") == Some(host),
        _ => false,
    }
}

fn stage(demo: &Demo) -> Result<&Stage, Stuck> {
    demo.stage.get().filter(|_| demo.is_ready()).ok_or(Stuck::NotReady)
}

/// A receipt that is somewhere in this way, and the chain it is on.
async fn find<'a>(stage: &'a Stage, uid: &str, expected: Location) -> Result<(Followed, &'a Chain), Stuck> {
    let mut bytes = [0; 32];
    let digits = uid.strip_prefix("0x").unwrap_or(uid);
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| Stuck::Wrong("uid: expected 64 hex digits"))?;
    let found = stage.receipts.find(bytes).await;
    let found = found.map_err(|source| CliError::Chain { chain: "the demo's".to_owned(), source })?;
    let (receipt, names) = found.ok_or(Stuck::Wrong("uid: expected a receipt of the demo"))?;
    let here = receipt.records.iter().zip(&names).find(|((location, _), _)| *location == expected);
    let here = here.and_then(|(_, name)| stage.chain(name));
    let here = here.ok_or(Stuck::Wrong("uid: expected a receipt that is there now"))?;
    Ok((receipt, here))
}

async fn patient<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, Stuck> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(result) => result.map_err(Stuck::Failed),
        Err(_) => Err(Stuck::Late),
    }
}

impl From<CliError> for Stuck {
    fn from(error: CliError) -> Self {
        Self::Failed(error)
    }
}

impl IntoResponse for Stuck {
    fn into_response(self) -> Response {
        let (status, words) = match self {
            Self::NotReady => (StatusCode::CONFLICT, "the story is still being told".to_owned()),
            Self::Wrong(words) => (StatusCode::BAD_REQUEST, words.to_owned()),
            Self::Late => {
                (StatusCode::GATEWAY_TIMEOUT, "the chain has not taken it within 20 s; it may still do".to_owned())
            }
            Self::Failed(error) => (StatusCode::UNPROCESSABLE_ENTITY, Words(&error).to_string()),
        };
        (status, Json(json!({ "error": words }))).into_response()
    }
}
