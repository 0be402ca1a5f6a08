//! GoQuorum counts 2F + 1 seals unless its genesis says otherwise, and our clients demand ⌈2N/3⌉ whatever the chain does.
//! Where a node tells its setting, the operator learns of a difference before the clients would stand still.

use super::End;
use crate::{config::EndpointUrl, output::tell as say};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the node may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The greatest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// Tells what the chain's own quorum is, where it can be read; says nothing about nodes that do not know the setting.
pub(super) async fn tell(end: &End) {
    let Some(protocols) = protocols(end).await else { return };
    let Some(bft) = ["istanbul", "qbft", "ibft"].iter().find_map(|name| find(&protocols, name)) else { return };
    match bft.get("ceil2Nby3Block").and_then(Value::as_u64) {
        Some(height) => say(format_args!("  {}: its nodes count ⌈2N/3⌉ seals from height {height} on", end.name)),
        None => say(format_args!(
            "  {}: its nodes count 2F + 1 seals (ceil2Nby3Block is not set); the client demands ⌈2N/3⌉: with N = 3, 6, 9 … \
             blocks may carry one seal too few to be accepted",
            end.name
        )),
    }
}

async fn protocols(end: &End) -> Option<Value> {
    let url = end.config.endpoints.iter().find_map(|endpoint| match &endpoint.url {
        EndpointUrl::Plain(url) => Some(url.clone()),
        EndpointUrl::Variable(_) => None,
    })?;
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .ok()?;
    let question = json!({ "jsonrpc": "2.0", "id": 1, "method": "admin_nodeInfo", "params": [] });
    let mut answer = client.post(url).json(&question).send().await.ok()?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > MAX_ANSWER_BYTES {
            return None;
        }
    }
    let answer: Value = serde_json::from_slice(&body).ok()?;
    Some(answer.get("result")?.get("protocols")?.clone())
}

/// The first object of this name, however deep; the answer is small.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    if let Some(found) = object.get(name).filter(|found| found.get("policy").is_some() || found.get("epoch").is_some())
    {
        return Some(found);
    }
    object.values().find_map(|inner| find(inner, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_found_where_goquorum_has_it() {
        // Source: GoQuorum's admin_nodeInfo; `protocols.istanbul.config` is the genesis configuration.
        let node =
            json!({ "istanbul": { "config": { "istanbul": { "epoch": 30000, "policy": 0, "ceil2Nby3Block": 0 } } } });
        assert_eq!(find(&node, "istanbul").and_then(|bft| bft.get("ceil2Nby3Block")), Some(&json!(0)));
        assert_eq!(find(&json!({ "eth": { "network": 7 } }), "istanbul"), None);
    }
}
